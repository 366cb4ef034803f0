package import AloraInference
internal import AloraSystem

extension NamedPrompt {
  /// Prompts for a run without a golden file, with the invocation in the middle, twice, first, last, and not at all.
  ///
  /// The other tokens come from a fixed generator: the proofs compare bits, so the text needn't make sense.
  package static func standard(invocation: [Int]?, vocabularySize: Int) -> [NamedPrompt] {
    var numbers = FixedSequence()
    func filler(_ count: Int) -> [Int] { (0..<count).map { _ in numbers.next(below: vocabularySize) } }
    guard let invocation else { return [.init(name: "plain", tokens: filler(40))] }
    return [
      .init(name: "middle", tokens: filler(37) + invocation + filler(5)),
      .init(name: "twice", tokens: filler(9) + invocation + filler(11) + invocation + filler(3)),
      .init(name: "first", tokens: invocation + filler(6)), .init(name: "last", tokens: filler(33) + invocation),
      .init(name: "none", tokens: filler(20)),
    ]
  }
}
