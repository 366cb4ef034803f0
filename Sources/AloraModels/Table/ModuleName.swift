/// A module's path without wrappers, and with placeholders for its layer and expert.
///
/// `model.language_model.layers.3.mlp.experts.7.w1` is `layers.{layer}.mlp.experts.{expert}.w1` of layer 3, expert 7.
/// Adapters name their modules by the class they were trained on, whose wrappers come and go between versions.
struct ModuleName: Hashable {
  let pattern: String
  let layer: Int?
  let expert: Int?

  private static let wrappers: Set<String> = ["model", "language_model", "transformer", "backbone", "llm", "thinker"]

  init(_ path: String) {
    var parts = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    while parts.count > 1, Self.wrappers.contains(parts[0]) { parts.removeFirst() }
    var layer: Int?
    var expert: Int?
    for (index, part) in parts.enumerated() where part.utf8.first.map({ (0x30...0x39).contains($0) }) ?? false {
      guard let number = Int(part), String(number) == part else { continue }
      if layer == nil {
        layer = number
        parts[index] = "{layer}"
      } else if expert == nil {
        expert = number
        parts[index] = "{expert}"
      }
    }
    pattern = parts.joined(separator: ".")
    self.layer = layer
    self.expert = expert
  }

  /// A path of the table, which already has placeholders.
  init(table path: String) { self.init(path) }

  static func path(_ pattern: String, layer: Int?, expert: Int?) -> String {
    pattern.split(separator: ".", omittingEmptySubsequences: false).map { part in
      switch part {
      case "{layer}": layer.map(String.init) ?? String(part)
      case "{expert}": expert.map(String.init) ?? String(part)
      default: String(part)
      }
    }.joined(separator: ".")
  }
}
