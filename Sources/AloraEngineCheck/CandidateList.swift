internal import AloraJSON

/// The tokens of an answer with their log-probabilities, as they are read.
struct CandidateList {
  /// The list, for errors about it.
  private let list: JSON
  private var candidates: [CompletionAnswer.Candidate] = []
  private var seen: Set<Int> = []

  init(_ list: JSON) { self.list = list }

  /// - Parameter item: named by the error if the token occurs twice.
  /// - Throws: ``JSONError`` if the value isn't the logarithm of a probability, or the token occurs twice.
  mutating func add(_ token: Int, _ logProbability: JSON, _ item: JSON) throws(JSONError) {
    let value = try logProbability.logProbability()
    guard seen.insert(token).inserted else { throw item.error(.duplicateKey, "token \(token) occurs twice") }
    // A probability that the server rounded to zero is useless.
    if value > -80 { candidates.append(.init(token: token, logProbability: value)) }
  }

  /// - Throws: ``JSONError`` if no token is left.
  func read() throws(JSONError) -> [CompletionAnswer.Candidate] {
    guard !candidates.isEmpty else { throw list.error(.missing, "it has no token") }
    return candidates
  }
}

/// A token as a server names it, with its log-probability.
package struct NamedCandidate: Hashable, Sendable {
  package enum Name: Hashable, Sendable {
    case number(Int)
    case text(String)
  }

  package let name: Name
  /// Units: nats.
  package let logProbability: Double
}

extension JSON {
  /// The logarithm of a probability.
  func logProbability() throws(JSONError) -> Double {
    let value = try number()
    // A little above 0 is rounding.
    guard value <= 1e-3 else { throw error(.outOfRange, "\(value) is not the logarithm of a probability") }
    return value
  }

  /// The first token of `{"content": [{"token": …, "top_logprobs": [{"token": …, "id": …, "logprob": …}]}]}`; nil if there is
  /// none.
  ///
  /// Source: OpenAI's API reference, "Create chat completion". llama-server adds `id`; Ollama has the same elements.
  func firstTokenCandidates() throws(JSONError) -> [NamedCandidate]? {
    guard let first = try elements().first else { return nil }
    var candidates: [NamedCandidate] = []
    for item in try first["top_logprobs"].elements() {
      let number = try item[optional: "id"]?.integer(in: 0...Int(Int32.max))
      let name: NamedCandidate.Name = if let number { .number(number) } else { .text(try item["token"].string()) }
      candidates.append(NamedCandidate(name: name, logProbability: try item["logprob"].logProbability()))
    }
    return candidates
  }
}
