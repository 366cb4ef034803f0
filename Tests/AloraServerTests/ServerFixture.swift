import AloraGeneration
import AloraInference
import AloraModels
import AloraServing
import AloraTestSupport
import AloraTokenization
import Foundation
import ServiceLifecycle

@testable import AloraServer

/// Calls `body` with a client of a server in this process. The server has a tiny model, `tiny`, with the Activated LoRAs
/// `check` and `other` (invocation "HJH") and the ordinary LoRA `plain`.
func withServer(
  _ change: (inout ServerSettings, inout ServingEngine.Limits) -> Void = { _, _ in },
  adapterLimit: Int = 100,
  _ body: (LoopbackClient, RunningServer) async throws -> Void
) async throws {
  let directory = NSTemporaryDirectory() + "alora-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: directory) }
  try writeSpellingModel(to: directory)
  var settings = ServerSettings()
  settings.version = "1.2.3"
  settings.graceSeconds = 20
  var limits = ServingEngine.Limits()
  change(&settings, &limits)
  if settings.adapterRoot == "" { settings.adapterRoot = try realPath(directory) }
  let pool = ThreadPool(threadCount: 2)
  let model = try Model(path: directory + "/base", pool: pool)
  let registry = AdapterRegistry(baseNames: ["tiny"], limit: adapterLimit)
  for (name, path) in [("check", "llama-output"), ("other", "llama-linear"), ("plain", "llama-lora")] {
    try registry.add(Adapter(path: "\(directory)/\(path)", model: model, pool: pool), named: name)
  }
  let encoder = ConversationEncoder(
    tokenizer: try model.source.tokenizer(), template: try model.source.chatTemplate(), path: directory)
  try await withServer(
    directory: directory, model: model, registry: registry, encoder: encoder, settings: settings, limits: limits, body)
}

/// Calls `body` with a client of a server of a model in this process.
func withServer(
  directory: String, model: Model, registry: AdapterRegistry, encoder: ConversationEncoder,
  settings: ServerSettings? = nil, limits: ServingEngine.Limits = ServingEngine.Limits(),
  _ body: (LoopbackClient, RunningServer) async throws -> Void
) async throws {
  var settings = settings ?? ServerSettings()
  settings.port = 0
  let engine = ServingEngine(
    evaluator: Evaluator(model: model, pool: ThreadPool(threadCount: 2)),
    cache: PrefixCache(model: model, byteLimit: 1 << 26), limits: limits)
  let state = try ServerState(
    engine: engine, registry: registry, encoder: encoder, model: model, contextLimit: ContextLimit(model),
    settings: settings, created: 0)
  let (ports, continuation) = AsyncStream<Int>.makeStream()
  let group = Server(state).group(endSignals: []) { continuation.yield($0) }
  let task = Task { try await group.run() }
  var iterator = ports.makeAsyncIterator()
  guard let port = await iterator.next() else { throw POSIXError(.EADDRINUSE) }
  let server = RunningServer(state: state, directory: directory, group: group)
  do { try await body(LoopbackClient(port: port), server) } catch {
    await group.triggerGracefulShutdown()
    throw error
  }
  await group.triggerGracefulShutdown()
  try await task.value
}

struct RunningServer: Sendable {
  let state: ServerState
  let directory: String
  let group: ServiceGroup

  /// What `alora run` answers, alone and without a cache.
  func alone(_ tokens: [Int], adapter: String?, limit: Int) throws -> String {
    try aloneTokens(tokens, adapter: adapter, limit: limit).text
  }

  func aloneTokens(_ tokens: [Int], adapter: String?, limit: Int) throws -> (text: String, count: Int) {
    let model = state.model
    let named = try adapter.flatMap { try state.registry.resolve($0) }
    var request = GenerationRequest(tokens: tokens, adapter: named?.adapter, limit: limit)
    request.endTokens = state.endTokens
    let generator = Generator(
      evaluator: Evaluator(model: model, pool: ThreadPool(threadCount: 1)),
      cache: PrefixCache(model: model, byteLimit: 0))
    let result = try generator.generate([request])[0].tokens
    return (try state.encoder.tokenizer.decode(result.filter { !state.endTokens.contains($0) }), result.count)
  }
}

func realPath(_ path: String) throws -> String {
  guard let found = realpath(path, nil) else { throw POSIXError(.ENOENT) }
  defer { free(found) }
  return String(cString: found)
}
