internal import AloraInference
internal import AloraJSON
internal import AloraServing
internal import HTTPTypes

/// The adapter that answers a request.
struct AdapterChoice: Sendable {
  /// Nil: the base.
  let named: NamedAdapter?
  /// Whether the request names it. It has to become active then.
  let isRequested: Bool

  /// The tokens that a chat has to contain.
  var invocation: [Int]? { isRequested ? named?.adapter.invocationTokens : nil }

  /// The adapter's name for the template, if it is in a slot of a Granite Switch.
  var slot: String? { isRequested && named?.adapter.controlToken != nil ? named?.name : nil }
}

extension ServerState {
  /// Which adapter a request names: by the template's variable, as the model, or by llama-server's list.
  ///
  /// - Throws: ``AdapterNameError`` for a name that doesn't exist; ``ServerError`` if the request names two adapters.
  func adapter(_ fields: RequestFields, adapterName: String? = nil) throws -> AdapterChoice {
    let list = try fields["lora"]
    let named = [
      try adapterName.flatMap { try registry.resolve($0) },
      try fields.string("model").flatMap { try registry.resolve($0) },
      try list.flatMap { try adapter(list: $0) },
    ].compactMap { $0 }
    guard let last = named.last else {
      return AdapterChoice(named: list == nil && adapterName == nil ? registry.standing : nil, isRequested: false)
    }
    guard named.allSatisfy({ $0.id == last.id }) else { throw Self.severalAdapters }
    // The list's comes last, because it may have a scale.
    return AdapterChoice(named: last, isRequested: true)
  }

  private static var severalAdapters: ServerError {
    ServerError(.badRequest, "only one adapter can be active in a request", code: "several_adapters", parameter: "lora")
  }

  /// The adapter of `lora: [{"id": 0, "scale": 1.0}]`. One adapter at most may have a scale that isn't 0.
  ///
  /// Source: llama.cpp's tools/server/README.md, `/completion`.
  /// - Returns: nil if every scale is 0.
  func adapter(list: JSON) throws -> NamedAdapter? {
    let expected = "a list of objects with id and scale"
    guard list.kind == .array else { throw ServerError.wrong("lora", expected) }
    var chosen: NamedAdapter?
    for element in try list.elements() {
      guard element.kind == .object else { throw ServerError.wrong("lora", expected) }
      let entry = try RequestFields(element)
      guard let id = try entry.integer("id", in: 0...Int.max) else { throw ServerError.wrong("lora", expected) }
      let adapter = try registry.adapter(id: id)
      let scale = try entry.number("scale", in: -1000...1000) ?? 1
      guard scale != 0 else { continue }
      guard chosen == nil else { throw Self.severalAdapters }
      chosen = adapter.scaled(by: Float(scale))
    }
    return chosen
  }
}
