internal import AloraInference
internal import AloraJSON
internal import AloraRegex
internal import AloraServing
internal import AloraSystem
internal import HTTPTypes
internal import Hummingbird

/// Loading and unloading while the server runs, as vLLM has it, and the choice of an adapter for all requests, as llama-server
/// has it.
///
/// Source: vLLM's "LoRA adapters", "Dynamically serving LoRA adapters"; llama.cpp's tools/server/README.md.
struct LoadingRoutes: Sendable {
  let state: ServerState
  /// Nothing outside of this directory is loaded.
  let root: String

  func add(to router: Router<ServerContext>) {
    router.post("v1/load_lora_adapter") { request, _ in try await load(request) }
    router.post("v1/unload_lora_adapter") { request, _ in try await unload(request) }
    router.post("lora-adapters") { request, _ in try await choose(request) }
  }

  private func load(_ request: Request) async throws -> Response {
    let (_, fields) = try await state.fields(of: request)
    guard let name = try fields.string("lora_name"), (1...256).contains(name.utf8.count) else {
      throw ServerError.wrong("lora_name", "a name of 1 to 256 bytes")
    }
    guard let path = try fields.string("lora_path") else { throw ServerError.wrong("lora_path", "a path") }
    try state.registry.checkRoom(for: name)
    let adapter = try await adapter(at: place(of: path))
    try state.registry.add(adapter, named: name)
    return .json(["status": "loaded", "lora_name": .string(name)])
  }

  /// The place inside of the root that a path leads to, after all links.
  private func place(of path: String) throws -> String {
    let place = path.utf8.contains(0) ? nil : FileSystem.canonicalPath(path.hasPrefix("/") ? path : "\(root)/\(path)")
    // The same answer whether or not something exists outside.
    guard let place, place.hasPrefix(root + "/") else { throw notFound }
    return place
  }

  private var notFound: ServerError {
    ServerError(
      .badRequest, "'lora_path' is not an adapter in the directory of adapters", code: "invalid_path",
      parameter: "lora_path")
  }

  private func adapter(at place: String) async throws -> Adapter {
    let model = state.model
    do {
      return try await state.engine.perform { evaluator, _ in
        try MatchingBudget.withOwn { try Adapter(path: place, model: model, pool: evaluator.pool) }
      }
    } catch let error as any DiagnosedError where error.category == .inputOutput { throw notFound }
  }

  private func unload(_ request: Request) async throws -> Response {
    let (_, fields) = try await state.fields(of: request)
    guard let name = try fields.string("lora_name") else { throw ServerError.wrong("lora_name", "a name") }
    try state.registry.remove(named: name)
    state.use.forget(name)
    return .json(["status": "unloaded", "lora_name": .string(name)])
  }

  private func choose(_ request: Request) async throws -> Response {
    let (_, body) = try await state.body(of: request)
    state.registry.setStanding(try state.adapter(list: body))
    return .json(["success": true])
  }
}
