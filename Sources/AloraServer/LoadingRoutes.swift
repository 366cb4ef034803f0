internal import AloraInference
internal import AloraJSON
internal import AloraServing
internal import AloraSystem
internal import HTTPTypes
internal import Hummingbird

/// Loading and unloading while the server runs, as vLLM has it.
///
/// Source: vLLM's "LoRA adapters", "Dynamically serving LoRA adapters".
struct LoadingRoutes: Sendable {
  let state: ServerState
  /// Nothing outside of it is loaded.
  let root: String

  func add(to router: Router<BasicRequestContext>) {
    router.post("v1/load_lora_adapter") { request, _ in try await load(request) }
    router.post("v1/unload_lora_adapter") { request, _ in try await unload(request) }
  }

  private func load(_ request: Request) async throws -> Response {
    let (_, fields) = try await state.fields(of: request)
    guard let name = try fields.string("lora_name"), !name.isEmpty, name.utf8.count <= 256 else {
      throw fields.wrong("lora_name", "a name of 1 to 256 bytes")
    }
    guard let path = try fields.string("lora_path") else { throw fields.wrong("lora_path", "a path") }
    let place = FileSystem.canonicalPath(path.hasPrefix("/") ? path : "\(root)/\(path)")
    guard let inside = place, inside.hasPrefix(root + "/") else {
      throw ServerError(
        .badRequest, "'lora_path' has to lead to an adapter inside the directory of adapters", code: "invalid_path",
        parameter: "lora_path")
    }
    let model = state.model
    let tokenizer = state.encoder.tokenizer
    let adapter = try await state.engine.perform { evaluator, _ in
      try Adapter(path: inside, model: model, pool: evaluator.pool) {
        try tokenizer.encode($0, addsSpecialTokens: false)
      }
    }
    try state.registry.add(adapter, named: name)
    return .json(["status": "loaded", "lora_name": .string(name)])
  }

  private func unload(_ request: Request) async throws -> Response {
    let (_, fields) = try await state.fields(of: request)
    guard let name = try fields.string("lora_name") else { throw fields.wrong("lora_name", "a name") }
    try state.registry.remove(named: name)
    return .json(["status": "unloaded", "lora_name": .string(name)])
  }
}
