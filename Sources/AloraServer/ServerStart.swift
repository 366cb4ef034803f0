internal import AloraGeneration
package import AloraInference
internal import AloraModels
package import AloraServing
package import AloraSystem

/// Why a server can't begin.
package struct ServerStartError: DiagnosedError {
  package let path: String?
  package let problem: String
  package var place: String? { nil }
  package var remedy: Remedy? { nil }
  package var category: ErrorCategory { .refusedInput }
}

extension ServerSettings {
  /// Takes the keys in a file: one in each line; empty lines and those that begin with # don't count.
  ///
  /// - Throws: ``ServerStartError`` for a file without a key; errors of reading it.
  package mutating func readKeys(path: String) throws {
    let file = try MappedFile(path: path)
    let lines = String(decoding: try file.read(0..<file.byteCount), as: UTF8.self).split(whereSeparator: \.isNewline)
    apiKeys = lines.map { line in
      String(line.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }.filter { !$0.isEmpty && !$0.hasPrefix("#") }
    guard !apiKeys.isEmpty else { throw ServerStartError(path: path, problem: "the file contains no key") }
  }

  /// Lets callers load adapters from a directory.
  ///
  /// - Throws: ``ServerStartError`` if it isn't one.
  package mutating func openRoot(_ path: String) throws {
    guard let root = FileSystem.canonicalPath(path), FileSystem.kind(of: root) == .directory else {
      throw ServerStartError(path: path, problem: "not a directory")
    }
    adapterRoot = root
  }
}

extension ServerState {
  /// Makes the engine that a server answers with, its cache, and the list of its adapters.
  ///
  /// - Parameters:
  ///   - baseNames: the names by which callers may ask for the base; if there are none, the file's name.
  ///   - limits: ``ServingEngine/Limits/tokenCount`` is filled in: no more than the cache can hold.
  ///   - isContextIgnored: whether texts may go beyond the context that the model was made for.
  /// - Throws: ``AdapterNameError``; errors of reading the model's tokenizer, chat template and end tokens.
  package init(
    _ loaded: sending LoadedModel, baseNames: [String], cacheByteLimit: Int, limits: ServingEngine.Limits,
    isContextIgnored: Bool, settings: ServerSettings
  ) throws {
    let (model, adapters) = (loaded.model, loaded.allAdapters)
    let encoder = try ConversationEncoder(
      tokenizer: model.source.tokenizer(), template: model.source.chatTemplate(), path: model.path)
    let registry = AdapterRegistry(baseNames: baseNames.isEmpty ? [ModelSource.name(ofPath: model.path)] : baseNames)
    for (name, adapter) in adapters { try registry.add(adapter, named: name) }
    var limits = limits
    limits.tokenCount = model.cachedTokenCount(byteLimit: cacheByteLimit)
    let engine = ServingEngine(
      evaluator: loaded.evaluator, cache: PrefixCache(model: model, byteLimit: cacheByteLimit),
      limits: limits)
    try self.init(
      engine: engine, registry: registry, encoder: encoder, model: model,
      contextLimit: ContextLimit(model, isIgnored: isContextIgnored), settings: settings, created: WallClock.seconds)
  }
}

extension ServerState {
  /// The names by which callers can ask for the base.
  package var baseNames: [String] { registry.baseNames }
  package var adapterNames: [String] { registry.adapters.map(\.name) }
  package var hasChatTemplate: Bool { encoder.template != nil }
}

extension ServerSettings {
  /// Takes no more connections than this process has files for.
  ///
  /// - Throws: ``ServerStartError`` if a server can't run here; ``TooFewFilesError``.
  package mutating func fitToSystem() throws {
    #if os(Linux)
      // Swift's threads look there how many of them are busy, and end the process if they can't.
      guard FileSystem.kind(of: "/proc/self/task") == .directory else {
        throw ServerStartError(path: "/proc", problem: "not mounted, and a server needs it")
      }
    #endif
    connectionLimit = try ConnectionCount.available(wanted: connectionLimit)
  }
}
