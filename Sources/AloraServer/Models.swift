internal import AloraGeneration
internal import AloraJSON
internal import AloraServing
internal import AloraTokenization
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

extension ServerState {
  /// The body of a request, read and parsed.
  ///
  /// - Returns: the request, whose body can still tell whether the caller goes away.
  func fields(of request: Request) async throws -> (Request, RequestFields) {
    var request = request
    let buffer: ByteBuffer
    do { buffer = try await request.collectBody(upTo: options.bodyByteLimit) } catch is NIOTooManyBytesError {
      throw ServerError(.contentTooLarge, "the body is longer than \(options.bodyByteLimit) bytes", code: "too_large")
    }
    return (request, try RequestFields(Array(buffer.readableBytesView)))
  }

  /// Which adapter a request names, by the template's variable, by the model's name, or by llama-server's list.
  ///
  /// - Returns: nil for the base.
  func adapter(_ fields: RequestFields, adapterName: String? = nil) throws -> NamedAdapter? {
    let model = try fields.string("model")
    let named = try model.flatMap { try registry.resolve($0) }
    if let adapterName {
      guard let found = try registry.resolve(adapterName) else { return named }
      return found
    }
    return try listed(fields) ?? named
  }

  /// `lora: [{"id": 0, "scale": 1.0}]`: one of them at most may have a scale.
  ///
  /// Source: llama.cpp's tools/server/README.md, `/completion`.
  private func listed(_ fields: RequestFields) throws -> NamedAdapter? {
    guard let list = try fields["lora"] else { return nil }
    guard list.kind == .array else { throw fields.wrong("lora", "a list of objects with id and scale") }
    var chosen: NamedAdapter?
    for element in try list.elements() {
      let entry = try RequestFields(element)
      guard let id = try entry.integer("id", in: 0...Int.max) else { throw fields.wrong("lora", "a list of objects with id and scale") }
      let adapter = try registry.adapter(id: id)
      let scale = try entry.number("scale", in: -1000...1000) ?? 1
      guard scale != 0 else { continue }
      guard chosen == nil else {
        throw ServerError(
          .badRequest, "only one adapter can be active in a request", code: "several_adapters", parameter: "lora")
      }
      chosen = NamedAdapter(id: adapter.id, name: adapter.name, adapter: adapter.adapter.scaled(by: Float(scale)))
    }
    return chosen
  }

  /// The text of a token by itself.
  func text(of token: Int) -> String {
    (try? encoder.tokenizer.decode([token], skipsSpecialTokens: false)) ?? ""
  }

  func bytes(of token: Int) -> JSONValue { .array(text(of: token).utf8.map { .integer(Int($0)) }) }

  /// `/v1/models`: the base, and the adapters with the base as their parent, as vLLM lists them.
  func models() -> JSONValue { ["object": "list", "data": .array(modelEntries())] }

  /// One of them.
  ///
  /// - Throws: `unknown`.
  func model(named name: String) throws -> JSONValue {
    _ = try registry.resolve(name)
    let found = modelEntries().first { entry in
      if case .object(let members) = entry { members.contains(.init("id", .string(name))) } else { false }
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
      entry(name, [
        .init("root", .string(registry.baseName)), .init("parent", .null),
        .init("max_model_len", contextLimit.length.map { .integer($0) } ?? .null),
      ])
    }
    let adapters = registry.adapters.map { adapter in
      entry(adapter.name, [
        .init("root", .string(adapter.name)), .init("parent", .string(registry.baseName)),
        .init("invocation", adapter.adapter.invocationTokens.map { .array($0.map { .integer($0) }) } ?? .null),
      ])
    }
    return base + adapters
  }
}
