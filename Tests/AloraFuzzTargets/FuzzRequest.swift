import AloraGeneration
import AloraInference
import AloraModels
import AloraServer
import AloraServing
import AloraTestSupport
import AloraTokenization
import Foundation

/// The body of a request to a server with a tiny model and three adapters.
enum FuzzRequest {
  private static let state = Result { try makeState() }

  private static func makeState() throws -> ServerState {
    let directory = NSTemporaryDirectory() + "alora-fuzz-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try writeSpellingModel(to: directory)
    let pool = ThreadPool(threadCount: 1)
    let model = try Model(path: directory + "/base", pool: pool)
    let registry = AdapterRegistry(baseNames: ["tiny"])
    for (name, path) in [("check", "llama-output"), ("other", "llama-linear"), ("plain", "llama-lora")] {
      try registry.add(Adapter(path: "\(directory)/\(path)", model: model, pool: pool), named: name)
    }
    let encoder = ConversationEncoder(
      tokenizer: try model.source.tokenizer(), template: try model.source.chatTemplate(), path: directory)
    let engine = ServingEngine(
      evaluator: Evaluator(model: model, pool: ThreadPool(threadCount: 1)),
      cache: PrefixCache(model: model, byteLimit: 0))
    return try ServerState(
      engine: engine, registry: registry, encoder: encoder, model: model, contextLimit: ContextLimit(model),
      settings: ServerSettings(), created: 0)
  }

  /// Each route understands the body, or refuses it with a status of its caller's fault and a message of one line.
  static func read(_ bytes: [UInt8]) throws {
    let state = try state.get()
    for body in RequestBody.allCases {
      guard let (status, message) = body.refusal(of: bytes, state) else { continue }
      guard (400..<500).contains(status) else { fatalError("\(body): status \(status): \(message)") }
      guard !message.isEmpty, !message.contains("\n") else { fatalError("\(body): no single line: \(message)") }
    }
  }
}
