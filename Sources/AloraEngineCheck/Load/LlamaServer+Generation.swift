internal import AloraJSON
internal import AloraSystem

/// An answer that a server has streamed.
package struct StreamedAnswer: Hashable, Sendable {
  package var tokens: [Int] = []
  /// From the request to the first token.
  ///
  /// Units: seconds.
  package var secondsToFirstToken = 0.0
  /// How many of the prompt's tokens the server took from its cache; nil if it doesn't say.
  package var cachedTokenCount: Int?
}

extension LlamaServer {
  /// The tokens of a text, without special tokens around them.
  ///
  /// - Throws: ``ServerError``.
  package func tokens(of text: String) throws(ServerError) -> [Int] {
    try endpoint.ask("POST", "/tokenize", ["content": .string(text), "add_special": false]) { root throws(JSONError) in
      var tokens: [Int] = []
      for token in try root["tokens"].elements() { tokens.append(try token.integer(in: 0...Int(Int32.max))) }
      return tokens
    }
  }

  /// Continues a prompt greedily, and goes on after end tokens.
  ///
  /// - Parameters:
  ///   - scales: of all of the server's adapters.
  ///   - limit: how many tokens to generate.
  /// - Throws: ``ServerError``, also if the server generates nothing.
  package func generate(
    _ prompt: [Int], scales: [Int: Double], limit: Int
  ) throws(ServerError) -> StreamedAnswer {
    let list = scales.sorted { $0.key < $1.key }.map {
      ["id": .integer($0.key), "scale": .number($0.value)] as JSONValue
    }
    let start = MonotonicClock.seconds
    var answer = StreamedAnswer()
    try endpoint.stream(
      "/completion",
      [
        "prompt": .array(prompt.map { .integer($0) }), "n_predict": .integer(limit), "temperature": 0, "stream": true,
        "ignore_eos": true, "cache_prompt": true, "return_tokens": true, "lora": .array(list),
      ]
    ) { event, seconds throws(JSONError) in
      guard try event[optional: "stop"]?.boolean() != true else {
        answer.cachedTokenCount = try event[optional: "timings"]?[optional: "cache_n"]?.integer()
        return
      }
      for token in try event["tokens"].elements() {
        if answer.tokens.isEmpty { answer.secondsToFirstToken = seconds - start }
        answer.tokens.append(try token.integer(in: 0...Int(Int32.max)))
      }
    }
    guard !answer.tokens.isEmpty else { throw endpoint.malformed("/completion", "the answer has no tokens") }
    return answer
  }
}
