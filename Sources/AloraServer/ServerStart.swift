package import AloraGeneration
package import AloraInference
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
  /// Makes the engine that a server answers with, and its cache.
  ///
  /// - Parameters:
  ///   - limits: ``ServingEngine/Limits/tokenCount`` is filled in: no more than the cache can hold.
  ///   - isContextIgnored: whether texts may go beyond the context that the model was made for.
  /// - Throws: errors of reading the model's end tokens; ``TokenizationError``.
  package init(
    model: Model, pool: sending ThreadPool, encoder: ConversationEncoder, registry: AdapterRegistry,
    cacheByteLimit: Int, limits: ServingEngine.Limits, isContextIgnored: Bool, settings: ServerSettings
  ) throws {
    var limits = limits
    limits.tokenCount = model.cachedTokenCount(byteLimit: cacheByteLimit)
    let engine = ServingEngine(
      evaluator: Evaluator(model: model, pool: pool), cache: PrefixCache(model: model, byteLimit: cacheByteLimit),
      limits: limits)
    try self.init(
      engine: engine, registry: registry, encoder: encoder, model: model,
      contextLimit: ContextLimit(model, isIgnored: isContextIgnored), settings: settings, created: WallClock.seconds)
  }
}

extension Server {
  /// - Throws: ``ServerStartError`` if a server can't run here.
  package static func checkSurroundings() throws {
    #if os(Linux)
      // Swift's threads look there how many of them are busy, and end the process if they can't.
      guard FileSystem.kind(of: "/proc/self/task") == .directory else {
        throw ServerStartError(path: "/proc", problem: "not mounted, and a server needs it")
      }
    #endif
  }
}
