import AloraAdapters
import AloraInference
import AloraTestSupport
import Foundation
import Testing

/// Against PEFT and transformers in f32, on tiny models of every architecture.
///
/// PyTorch sums in another order, so bits differ: 2e-5 of the largest logit is what is allowed for that.
@Suite struct GoldenTests {
  static let tolerance: Float = 2e-5

  @Test(arguments: Fixture.all) func logitsAgreeWithPEFT(_ fixture: Fixture) throws {
    try check(fixture, base: fixture.base)
  }

  @Test(arguments: Fixture.withGGUF) func logitsOfGGUFAgreeWithPEFT(_ fixture: Fixture) throws {
    try check(fixture, base: fixture.gguf)
  }

  @Test(arguments: Fixture.withGGUF) func bothFilesOfAModelGiveTheSameBits(_ fixture: Fixture) throws {
    let pool = ThreadPool(threadCount: 2)
    let first = try Evaluator(model: Model(path: fixture.base, pool: pool), pool: pool)
    let second = try Evaluator(model: Model(path: fixture.gguf, pool: pool), pool: pool)
    let adapters = try [first, second].map { try Adapter(path: fixture.adapter, model: $0.model, pool: pool) }
    for item in try fixture.golden.cases {
      let (a, b) = try (logits(first, item.tokens), logits(second, item.tokens))
      let isSameBase = sameBits(a, b)
      #expect(isSameBase)
      let start = item.activationStart
      let c = try logits(first, item.tokens, adapter: adapters[0], start: start)
      let d = try logits(second, item.tokens, adapter: adapters[1], start: start)
      let isSameAdapted = sameBits(c, d)
      #expect(isSameAdapted)
    }
  }

  private func check(_ fixture: Fixture, base: String) throws {
    let pool = ThreadPool(threadCount: 2)
    let model = try Model(path: base, pool: pool)
    let adapter = try Adapter(path: fixture.adapter, model: model, pool: pool)
    let evaluator = Evaluator(model: model, pool: pool)
    var worst = (base: Float(0), adapted: Float(0))
    for (index, item) in try fixture.golden.cases.enumerated() {
      let start = ActivationRule.peft.start(in: item.tokens, invocation: adapter.invocationTokens)
      #expect(start == item.activationStart, "case \(index)")
      let plain = relativeError(try logits(evaluator, item.tokens), item.base)
      let adapted = relativeError(try logits(evaluator, item.tokens, adapter: adapter, start: start), item.adapted)
      #expect(plain <= Self.tolerance, "case \(index), base")
      #expect(adapted <= Self.tolerance, "case \(index), adapted")
      worst = (max(worst.base, plain), max(worst.adapted, adapted))
    }
    print("\(fixture.name): base \(worst.base), adapted \(worst.adapted) of the largest logit")
  }
}
