internal import AloraSystem
package import AloraAdapters
package import AloraModels

/// Which of several bases an adapter was trained on, by the name that its configuration gives.
package struct BaseChoice: Sendable {
  /// A base that the user gave, under every name that it may be called by.
  package struct Candidate: Sendable {
    package let path: String
    package let model: BaseModel

    package init(path: String, model: BaseModel) {
      self.path = path
      self.model = model
    }

    /// The last components of the path, without a file's ending, and the name that the model gives itself. A model is often in
    /// a folder `base` or `hf` inside one with its name.
    fileprivate var names: [String] {
      var parts = path.split(separator: "/").filter { $0 != "." }
      if parts.last == ModelFiles.configuration[...] { parts.removeLast() }
      let folders = HubCache.repository(ofPath: path).map { [Self.name($0)] } ?? Array(parts.suffix(2))
      let stated = model.statedName.map { Self.name($0.name) }
      return (folders + [stated].compactMap { $0 }).map { BaseChoice.normalized(Self.withoutQuantization($0)) }
    }

    /// `Qwen3-8B-Q4_K_M.gguf` is Qwen3-8B.
    private static func withoutQuantization(_ name: Substring) -> Substring {
      let stem = name.hasSuffix(".gguf") ? name.dropLast(5) : name
      guard let mark = stem.lastIndex(where: { $0 == "-" || $0 == "." }) else { return stem }
      let suffix = stem[stem.index(after: mark)...].uppercased()
      let isType =
        ["F16", "F32", "BF16", "MXFP4"].contains(suffix) || suffix.hasPrefix("IQ") || suffix.hasPrefix("TQ")
        || (suffix.hasPrefix("Q") && suffix.dropFirst().first?.isNumber == true)
      return isType ? stem[..<mark] : stem
    }

    /// The name without its organization.
    private static func name(_ identifier: String) -> Substring { identifier.split(separator: "/").last ?? "" }
  }

  package let candidates: [Candidate]

  package init(_ candidates: [Candidate]) { self.candidates = candidates }

  /// The base for an adapter.
  ///
  /// With one base, it is that one. Else it is the one with the adapter's base name; if several or none have it, the only
  /// one that the adapter fits.
  ///
  /// - Returns: its index, and whether the name played no part.
  /// - Throws: ``AdapterError`` `wrongBase`.
  package func choice(
    for adapter: AdapterDirectory, options: BoundAdapter.Options
  ) throws -> (index: Int, isByFit: Bool) {
    guard candidates.count > 1 else { return (0, false) }
    let name = adapter.configuration.baseModelName ?? ""
    let wanted = Self.normalized(name.split(separator: "/").last ?? "")
    var found = candidates.indices.filter { !wanted.isEmpty && candidates[$0].names.contains(wanted) }
    let isByFit = found.isEmpty
    if found.count != 1 {
      found = (found.isEmpty ? Array(candidates.indices) : found).filter { index in
        (try? BoundAdapter(adapter, base: candidates[index].model, options: options)) != nil
      }
    }
    if let index = found.first, found.count == 1 { return (index, isByFit) }
    if let obstacle = adapter.obstacles.first { throw obstacle }
    let named = name.isEmpty ? "the adapter doesn't name its base" : "the adapter's base is '\(name)'"
    throw AdapterError(
      .wrongBase, path: adapter.configurationPath, place: "$.base_model_name_or_path",
      problem: found.isEmpty
        ? "\(named), and none of the \(candidates.count) bases given is called that or fits"
        : "\(named), and \(found.count) of the bases given fit: \(found.map { candidates[$0].path }.joined(separator: ", "))",
      remedy: "give that base too, or one base only")
  }

  /// Lowercase letters and digits only, without the ending of a GGUF's name.
  private static func normalized(_ text: Substring) -> String {
    let text = text.lowercased()
    let head = text.hasSuffix(".gguf") ? text.dropLast(5) : text[...]
    return String(head.filter { $0.isLetter || $0.isNumber })
  }
}
