/// How Hugging Face's files hold the experts of a layer.
struct ExpertFiles {
  /// The parameters with the weights of all experts.
  struct Parameters {
    /// Of a layer's `module`: `experts.gate_up_proj`.
    var gateUp = "experts.gate_up_proj"
    var down = "experts.down_proj"
    /// False: an expert's gate, then its up. True: the rows of both alternate, and the parameters are [experts, in, out].
    var isInterleaved = false
    /// With an expert's gate before its up.
    var layout = Layout.rows
  }

  enum Layout {
    /// [experts, out, in].
    case rows
    /// [experts, in, out].
    case columns
    /// Rows if the parameter's shape can be that, and otherwise columns.
    case rowsOrColumns
  }

  /// The projections of one expert, below `experts.{number}`.
  struct Projections {
    var gate = "gate_proj"
    var up = "up_proj"
    var down = "down_proj"
  }

  /// Below the layer: `mlp`. Empty if the parameters are the layer's own.
  var module = "mlp"
  var parameters = Parameters()
  /// The modules of one expert, and where they are; nil for files that never have them.
  var projections: (module: String, names: Projections)?
  /// Another module whose router has the same weights.
  var otherRouter: String?
  /// Whether the router and the experts have biases.
  var hasBias = false
  /// What is added to the experts' scores for their choice.
  var correction: Correction?

  struct Correction {
    /// Below the layer: `mlp.gate.e_score_correction_bias`.
    var name: String
    var otherNames: [String] = []
    /// Whether a file without it means zeros.
    var isOptional = false
  }
}

extension LayerBuilder {
  /// A mixture of experts.
  ///
  /// - Parameter sharedSuffix: what follows the usual names of the shared network's tensors in GGUF.
  func mixture(
    _ files: ExpertFiles = ExpertFiles(), sharedSuffix: String = "_shexp", expertScales: GraphVector? = nil,
    norms: ExpertNorms<GraphVector>? = nil
  ) throws -> GraphBlock.Operation {
    var router = try matrix("ffn_gate_inp", hasBias: files.hasBias)
    if let other = files.otherRouter {
      router.otherHuggingFace = [
        .init(name: "\(layerName).\(other).weight", rows: 0..<h.expertCount, rowCount: h.expertCount)
      ]
    }
    let hasSharedGate = h.sharedFeedForwardSize > 0 && tables.has("blk.\(index).ffn_gate_inp_shexp.weight")
    return .feedForward(
      .experts(
        ExpertMixture(
          router: router, experts: (0..<h.expertCount).map { expert($0, files) },
          shared: h.sharedFeedForwardSize > 0 ? try network(sharedSuffix) : nil,
          sharedGate: hasSharedGate ? try matrix("ffn_gate_inp_shexp", hasBias: false) : nil,
          routing: ExpertRouting(
            expertsPerToken: min(h.expertsPerToken, h.expertCount), weights: numbers.routingWeights),
          correction: files.correction.map(correction), expertScales: expertScales, norms: norms)))
  }

  private func correction(_ files: ExpertFiles.Correction) -> GraphVector {
    var vector = GraphVector(
      ggufName: "blk.\(index).exp_probs_b.bias", huggingFaceName: "\(layerName).\(files.name)", count: h.expertCount)
    vector.otherHuggingFaceNames = files.otherNames.map { "\(layerName).\($0)" }
    vector.extents = [h.expertCount]
    vector.isOptional = files.isOptional
    return vector
  }

  private var layerName: String { "model.layers.\(index)" }

  private func expert(_ number: Int, _ files: ExpertFiles) -> GatedNetwork<GraphMatrix> {
    let (width, hidden) = (h.feedForwardSize, h.hiddenSize)
    func joined(_ half: Int) -> ExpertPart {
      ExpertPart(number: number, rowCount: width, partCount: 2, part: half, columnCount: hidden)
    }
    let down = ExpertPart(number: number, rowCount: hidden, partCount: 1, part: 0, columnCount: width)
    return GatedNetwork(
      gate: matrix(joined(0), "gate", files, files.parameters.gateUp, \.gate),
      up: matrix(joined(1), "up", files, files.parameters.gateUp, \.up),
      down: matrix(down, "down", files, files.parameters.down, \.down), activation: numbers.activation)
  }

  /// A projection of one expert: a part of what a parameter has for the expert.
  private struct ExpertPart {
    let number: Int
    let rowCount: Int
    /// How many projections the parameter holds, and which of them this is.
    let partCount: Int
    let part: Int
    let columnCount: Int
  }

  private func matrix(
    _ part: ExpertPart, _ name: String, _ files: ExpertFiles, _ parameter: String,
    _ projection: KeyPath<ExpertFiles.Projections, String>
  ) -> GraphMatrix {
    let (rows, count) = (part.rowCount, h.expertCount)
    let own = part.number * rows
    let start = part.number * part.partCount * rows
    let all = count * part.partCount * rows
    func ggufPlace(_ name: String, first: Int, of total: Int) -> GraphMatrix.Place {
      .init(name: "blk.\(index).\(name).weight", rows: first..<(first + rows), rowCount: total)
    }
    let joined = start + part.part * rows
    let path = files.module.isEmpty ? "\(layerName).\(parameter)" : "\(layerName).\(files.module).\(parameter)"
    var places: [GraphMatrix.Place] = []
    if files.parameters.isInterleaved {
      let first = start + part.part
      let bias = files.hasBias ? path + "_bias" : nil
      places = [
        .init(
          name: path, rows: first..<(first + rows), rowCount: all, step: part.partCount,
          form: .columns(matrixCount: count), biasName: bias),
        .init(
          name: path + "_blocks", rows: first..<(first + rows), rowCount: all, step: part.partCount,
          form: .mxfp4(exponents: path + "_scales"), biasName: bias),
      ]
    } else {
      let forms: [GraphMatrix.Place.Form] =
        switch files.parameters.layout {
        case .rows: [.rows]
        case .columns: [.columns(matrixCount: count)]
        case .rowsOrColumns: [.rows, .columns(matrixCount: count)]
        }
      places = forms.map { .init(name: path, rows: joined..<(joined + rows), rowCount: all, form: $0) }
    }
    if let (module, names) = files.projections {
      places.append(
        .init(
          name: "\(layerName).\(module).experts.\(part.number).\(names[keyPath: projection]).weight", rows: 0..<rows,
          rowCount: rows))
    }
    return GraphMatrix(
      gguf: ggufPlace("ffn_\(name)_exps", first: own, of: count * rows),
      otherGGUF: part.partCount > 1 ? [ggufPlace("ffn_gate_up_exps", first: joined, of: all)] : [],
      permutation: .none, huggingFace: places[0], otherHuggingFace: Array(places.dropFirst()),
      columnCount: part.columnCount, hasBias: files.hasBias)
  }
}
