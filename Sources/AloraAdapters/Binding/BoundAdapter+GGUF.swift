internal import AloraSystem
package import AloraModels
internal import AloraGGUF

extension GGUFAdapter {
  /// The first reason why llama.cpp, or anything else, can't use the file by itself.
  package func check() throws(AdapterError) {
    if let finding = findings.first(where: \.isFatal) { throw finding.error(path: path) }
  }

  /// Whether the base has all of the invocation's tokens.
  ///
  /// - Throws: `tokenOutsideVocabulary`.
  package func checkTokens(of base: BaseModel) throws(AdapterError) {
    let vocabularySize = base.hyperparameters.vocabularySize
    guard let outside = invocationTokens?.first(where: { !(0..<vocabularySize).contains($0) }) else { return }
    throw AdapterError(
      .tokenOutsideVocabulary, path: path, place: "key \(GGUFAdapterFormat.Key.invocationTokens)",
      problem: "\(outside) is not a token of the base, which has \(vocabularySize)",
      remedy: "give the base that the adapter was trained on")
  }
}

extension BoundAdapter {
  /// Locates a GGUF adapter in a base. Every rule of llama.cpp's loader is checked.
  ///
  /// - Throws: ``AdapterError``: `brokenLoaderRule`, `wrongBase`, `unknownModule`, `wrongShape`, `incompletePair`,
  ///   `noTensors`, `tokenOutsideVocabulary`; ``GGUFError`` for big-endian data.
  package init(_ adapter: GGUFAdapter, base: BaseModel, use: AdapterUse = .factors) throws {
    // What llama.cpp loads and doesn't apply, merging applies.
    let findings = (adapter.findings + adapter.findings(for: base)).filter {
      use != .merging || $0.rule != .neverApplied
    }
    if let finding = findings.first(where: \.isFatal) { throw finding.error(path: adapter.path) }
    try adapter.checkTokens(of: base)
    let targets = GGUFAdapter.Targets(base)
    path = adapter.path
    members = try adapter.pairs.compactMap { pair in
      guard let (module, target) = targets[pair] else { return nil }
      return Member(
        module: module, targets: [target], pair: pair, rank: pair.rank,
        scaling: ModuleMatcher.Scaling(
          rank: pair.rank, alpha: Double(adapter.alpha ?? 0), value: Double(adapter.scale(of: pair))),
        fileOfA: try adapter.file.file(of: pair.a), fileOfB: try adapter.file.file(of: pair.b), isInGGUFOrder: true)
    }
    invocationTokens = adapter.invocationTokens
    notes = findings.map(AdapterNote.loader)
    peftVersion = nil
    expertOrders = [:]
  }
}
