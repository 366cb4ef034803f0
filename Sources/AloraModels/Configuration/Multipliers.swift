extension Hyperparameters {
  /// What Falcon-H1 multiplies activations by. llama.cpp's converter multiplies the weights.
  package struct Multipliers: Hashable, Sendable {
    package var embedding: Double
    package var output: Double
    package var attentionInput: Double
    package var key: Double
    package var attentionOutput: Double
    package var mambaInput: Double
    /// Of the parts of Mamba's projected row: gate, x, B, C and time steps.
    package var mambaParts: [Double]
    package var mambaOutput: Double
    package var gate: Double
    package var down: Double

    var attention: AttentionMultipliers? {
      attentionInput == 1 && key == 1
        ? nil
        : AttentionMultipliers(
          query: Float(attentionInput), key: Float(attentionInput * key), value: Float(attentionInput))
    }

    var mamba2: Mamba2Multipliers? {
      let parts = mambaParts.map { Float(mambaInput * $0) }
      guard parts.contains(where: { $0 != 1 }) else { return nil }
      return Mamba2Multipliers(gate: parts[0], x: parts[1], b: parts[2], c: parts[3], step: parts[4])
    }
  }
}
