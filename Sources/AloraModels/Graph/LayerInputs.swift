internal import AloraSystem

/// What every layer reads beside the stream: an embedding of the token for each layer, and a projection of the token's usual
/// embedding.
///
///     projected = norm (projectionScale · (projection · embedding)), in parts of `size`
///     input     = sumScale · (projected + tableScale · row of the table)
package struct LayerInputs<Matrix, Vector> {
  /// [tokens, layers · size]. It is read row by row, as the token embedding is.
  package var table: GraphMatrix
  package var tableScale: Float
  /// [layers · size, hidden]
  package var projection: Matrix
  package var projectionScale: Float
  package var norm: Norm<Vector>
  package var sumScale: Float
  package var shape: LayerInputShape

  package func map<NewMatrix, NewVector>(
    matrix: (Matrix) throws -> NewMatrix, vector: (Vector) throws -> NewVector
  ) rethrows -> LayerInputs<NewMatrix, NewVector> {
    LayerInputs<NewMatrix, NewVector>(
      table: table, tableScale: tableScale, projection: try matrix(projection), projectionScale: projectionScale,
      norm: try norm.map(vector), sumScale: sumScale, shape: shape)
  }
}

package struct LayerInputShape: Hashable, Sendable {
  /// What one layer reads.
  package var size: Int
  /// The tokens that the table has rows for. Of any other token, it has the row of token 0.
  package var tokenCount: Int

  /// The row of a token.
  package func row(ofToken token: Int) -> Int { token < tokenCount ? token : 0 }
}

/// output · (activation (gate · x) * layer input)
package struct LayerInputNetwork<Matrix> {
  package var gate: Matrix
  package var output: Matrix

  func map<NewMatrix>(_ matrix: (Matrix) throws -> NewMatrix) rethrows -> LayerInputNetwork<NewMatrix> {
    LayerInputNetwork<NewMatrix>(gate: try matrix(gate), output: try matrix(output))
  }
}

extension LayerInputs: Sendable where Matrix: Sendable, Vector: Sendable {}
extension LayerInputNetwork: Sendable where Matrix: Sendable {}

extension GraphTables {
  /// Nil if the model's layers read nothing but the stream.
  func layerInputs(_ numbers: GraphNumbers) -> LayerInputs<GraphMatrix, GraphVector>? {
    guard let shape = h.layerInputs else { return nil }
    let width = h.layerCount * shape.size
    return LayerInputs(
      table: matrix(
        "per_layer_token_embd.weight", "model.embed_tokens_per_layer.weight", rows: shape.tokenCount, columns: width),
      tableScale: Float(Double(shape.size).squareRoot()),
      projection: matrix(
        "per_layer_model_proj.weight", "model.per_layer_model_projection.weight", rows: width, columns: h.hiddenSize),
      projectionScale: Float(1 / Double(h.hiddenSize).squareRoot()),
      norm: Norm(
        weight: GraphVector(
          ggufName: "per_layer_proj_norm.weight", huggingFaceName: "model.per_layer_projection_norm.weight",
          count: shape.size), count: shape.size, epsilon: numbers.normEpsilon),
      sumScale: Float(0.5.squareRoot()), shape: shape)
  }
}

extension LayerBuilder {
  /// A layer's block for its own embedding, gated by the stream.
  func layerInput(_ input: GraphBlock.Input = .stream(nil)) throws -> GraphBlock {
    block(
      input,
      .feedForward(
        .layerInput(
          LayerInputNetwork(gate: try matrix("inp_gate", hasBias: false), output: try matrix("proj", hasBias: false)))),
      outputNorm: norm("post_norm", "post_per_layer_input_norm"))
  }

  /// The last layer before the sharing ones with the kind and the heads of this one; nil if this one has keys and values of
  /// its own.
  ///
  /// Source: transformers `models/gemma4/configuration_gemma4.py` (`kv_sharing_modes`).
  /// - Throws: ``ArchitectureError`` `unsupportedVariant` if there is no such layer.
  func sharedLayer() throws -> Int? {
    let all = tables.base.hyperparameters
    guard !all.hasOwnKeysAndValues(index) else { return nil }
    let own = numbers.layers[index]
    let found = (0..<(all.layerCount - all.sharingLayerCount)).last { other in
      let (layer, heads) = (numbers.layers[other], all.inLayer(other))
      return layer.window == own.window && layer.rotary == own.rotary && heads.headDimension == h.headDimension
        && heads.keyValueHeadCount == h.keyValueHeadCount
    }
    guard let found else {
      throw ArchitectureError(
        .unsupportedVariant, path: tables.base.path, place: nil,
        problem: "layer \(index) attends to the keys and values of another layer of its kind, and there is none")
    }
    return found
  }
}
