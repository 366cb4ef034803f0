internal import AloraGGUF
internal import AloraJSON
internal import AloraSystem

/// The order of the rows of queries and keys in GLM models with M-RoPE.
///
/// llama.cpp rotates halves if there are several positions, and these models rotate neighbours, so its converter
/// reorders the rotary rows of each head. The table's loops can't express that: a head has three runs of rows.
///
/// Source: llama.cpp `conversion/glm.py` (`Glm4Model`), `conversion/base.py` (`rope_parameters`).
extension RowPermutation {
  private static let reorderedArchitecture = "glm4"
  private static let defaultFraction = 0.5

  /// - Throws: `invalidHyperparameter` for a part of a head that can't be rotated.
  init(configuration json: JSON, _ fields: ConfigurationFields, architecture: String) throws {
    let isNew = try fields.json("rope_parameters") != nil
    let section = isNew ? "rope_parameters" : "rope_scaling"
    guard architecture == Self.reorderedArchitecture, try fields.json("\(section).mrope_section") != nil else {
      self = .none
      return
    }
    let name = "partial_rotary_factor"
    let fraction = fields.number("\(section).\(name)") ?? fields.number(name) ?? Self.defaultFraction
    guard let head = fields.headDimension, fraction > 0, fraction <= 1 else {
      throw json.error(.outOfRange, "it doesn't say which part of a head is rotated (\(name))")
    }
    try self.init(head: head, rotated: Int(Double(head) * fraction), path: json.filePath, place: "$.\(section).\(name)")
  }

  /// - Throws: as the other.
  init(gguf file: GGUFFileSet, _ fields: GGUFFields, architecture: String) throws {
    guard architecture == Self.reorderedArchitecture,
      file.metadata["\(architecture).rope.dimension_sections"] != nil,
      let head = fields.integer("head_dim", layer: nil)
    else {
      self = .none
      return
    }
    let key = "\(architecture).rope.dimension_count"
    let rotated = try file.metadata.integer(ifPresent: key, in: 0...Hyperparameters.extent.upperBound) ?? head
    try self.init(head: head, rotated: rotated, path: file.path, place: key)
  }

  private init(head: Int, rotated: Int, path: String?, place: String) throws {
    guard rotated > 0, rotated <= head, rotated.isMultiple(of: 2) else {
      throw ArchitectureError(
        .invalidHyperparameter, path: path, place: place,
        problem: "\(rotated) of a head's \(head) dimensions can't be rotated in pairs")
    }
    self = .pairsToHalves(headDimension: head, rotaryDimension: rotated)
  }
}

extension ConfigurationFields {
  fileprivate var headDimension: Int? {
    if let stated = integer("head_dim"), stated > 0 { return stated }
    guard let hidden = integer("hidden_size"), let heads = integer("num_attention_heads"), heads > 0 else { return nil }
    return hidden / heads
  }
}
