package import AloraInference

extension NamedPrompt {
  /// Prompts for a run without a golden file, with the invocation in the middle, twice, first, last, and not at all.
  ///
  /// The other tokens come from a fixed generator: the proofs compare bits, so the text needn't make sense.
  package static func standard(invocation: [Int]?, vocabularySize: Int) -> [NamedPrompt] {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    func filler(_ count: Int) -> [Int] {
      (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(vocabularySize))
      }
    }
    guard let invocation else { return [.init(name: "plain", tokens: filler(40))] }
    return [
      .init(name: "middle", tokens: filler(37) + invocation + filler(5)),
      .init(name: "twice", tokens: filler(9) + invocation + filler(11) + invocation + filler(3)),
      .init(name: "first", tokens: invocation + filler(6)), .init(name: "last", tokens: filler(33) + invocation),
      .init(name: "none", tokens: filler(20)),
    ]
  }
}
