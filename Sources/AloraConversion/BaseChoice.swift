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

    /// The last component of the path, without what a file's name adds, and what the model calls itself.
    fileprivate var names: [String] {
      var parts = path.split(separator: "/").filter { $0 != "." }
      if parts.last == ModelFiles.configuration[...] { parts.removeLast() }
      let folder = HubCache.repository(ofPath: path).map(Self.name) ?? parts.last
      return [folder, model.statedName.map { Self.name($0.name) }].compactMap { $0 }.map(BaseChoice.normalized)
    }

    /// The name without its organization.
    private static func name(_ identifier: String) -> Substring { identifier.split(separator: "/").last ?? "" }
  }

  package let candidates: [Candidate]

  package init(_ candidates: [Candidate]) { self.candidates = candidates }

  /// The index of the base for an adapter.
  ///
  /// With one base, it is that one. Else it is the one with the adapter's base name; if several or none have it, the only
  /// one that the adapter fits.
  ///
  /// - Throws: ``AdapterError`` `wrongBase`.
  package func index(for adapter: AdapterDirectory, options: BoundAdapter.Options) throws -> Int {
    guard candidates.count > 1 else { return 0 }
    let name = adapter.configuration.baseModelName ?? ""
    let wanted = Self.normalized(name.split(separator: "/").last ?? "")
    var found = candidates.indices.filter { !wanted.isEmpty && candidates[$0].names.contains(wanted) }
    if found.count != 1 {
      found = (found.isEmpty ? Array(candidates.indices) : found).filter { index in
        (try? BoundAdapter(adapter, base: candidates[index].model, options: options)) != nil
      }
    }
    if let index = found.first, found.count == 1 { return index }
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
