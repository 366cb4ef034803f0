internal import AloraGeneration
internal import AloraInference
internal import AloraJSON
internal import AloraServing
internal import AloraTokenization
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

extension ServerState {
  /// The body of a request, read and parsed.
  ///
  /// - Returns: the request, whose body still shows whether the caller goes away.
  func fields(of request: Request) async throws -> (Request, RequestFields) {
    let (request, root) = try await body(of: request)
    return (request, try RequestFields(root))
  }

  func body(of request: Request) async throws -> (Request, JSON) {
    var request = request
    let limit = settings.bodyByteLimit
    let body = request.body
    let buffer: ByteBuffer
    do {
      buffer = try await withTimeLimit(seconds: settings.bodySeconds) { try await body.collect(upTo: limit) }
    } catch is NIOTooManyBytesError {
      throw ServerError(.contentTooLarge, "the body is longer than \(limit) bytes", code: "too_large")
    } catch let error where !(error is ServerError || error is CancellationError) {
      // The connection ended, or a chunk isn't one.
      throw ServerError(.badRequest, "the body didn't arrive complete", code: "incomplete_body")
    }
    request.body = .init(buffer: buffer)
    let bytes = Array(buffer.readableBytesView)
    // Safe: the document copies what it keeps.
    return (request, try JSONDocument(parsing: unsafe bytes.span.bytes).root)
  }

  /// The text of a token by itself.
  func text(of token: Int) -> String {
    (try? encoder.tokenizer.decode([token], skipsSpecialTokens: false)) ?? ""
  }

  /// The text of an Activated LoRA's invocation; nil for an ordinary LoRA.
  func invocationText(of adapter: NamedAdapter) -> String? {
    adapter.adapter.invocationTokens.flatMap { try? encoder.tokenizer.decode($0, skipsSpecialTokens: false) }
  }

  /// `/v1/models`: the base, and the adapters with the base as their parent, as vLLM lists them.
  func models() -> JSONValue { ["object": "list", "data": .array(modelEntries())] }

  /// One of them.
  ///
  /// - Throws: `unknown`.
  func model(named name: String) throws -> JSONValue {
    let resolved = try registry.resolve(name)?.name ?? registry.baseName
    let found = modelEntries().first { entry in
      if case .object(let members) = entry { members.contains(.init("id", .string(resolved))) } else { false }
    }
    guard let found else { throw AdapterNameError.unknown(name) }
    return found
  }

  private func modelEntries() -> [JSONValue] {
    func entry(_ id: String, _ more: [JSONValue.Member]) -> JSONValue {
      .object(
        [
          .init("id", .string(id)), .init("object", "model"), .init("created", .integer(created)),
          .init("owned_by", "alora"),
        ] + more)
    }
    let base = registry.baseNames.map { name in
      entry(
        name,
        [
          .init("root", .string(registry.baseName)), .init("parent", .null),
          .init("max_model_len", contextLimit.length.map { .integer($0) } ?? .null),
        ])
    }
    let adapters = registry.adapters.map { adapter in
      entry(
        adapter.name,
        [
          .init("root", .string(adapter.name)), .init("parent", .string(registry.baseName)),
          .init("invocation", adapter.adapter.invocationTokens.map { .array($0.map { .integer($0) }) } ?? .null),
          .init("invocation_text", invocationText(of: adapter).map { .string($0) } ?? .null),
        ])
    }
    return base + adapters
  }
}
