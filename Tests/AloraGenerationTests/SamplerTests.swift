import AloraTestSupport
import Foundation
import Testing

@testable import AloraGeneration

/// Each rule alone, and that the numbers are the same everywhere.
@Suite struct SamplerTests {
  private func tokens(_ options: SamplingOptions, _ logits: [Float], count: Int = 4000) -> [Int: Int] {
    var sampler = Sampler(options, seed: 7)
    return (0..<count).reduce(into: [:]) { found, _ in found[sampler.sample(logits[...]).token, default: 0] += 1 }
  }

  @Test func greedyTakesTheGreatestAndOfEqualOnesTheLower() {
    var sampler = Sampler(.greedy)
    for (logits, token, runnerUp, margin) in [
      ([1, 3, 2], 1, 2, 1), ([3, 3, 1], 0, 1, 0), ([1, 3, 3], 1, 2, 0), ([.nan, -5, .nan], 1, 0, .infinity),
      ([2], 0, 0, 0),
      ([5, 1, 4], 0, 2, 1), ([1, 5, 4], 1, 2, 1), ([4, 1, 5, 4.5], 2, 3, 0.5),
    ] as [([Float], Int, Int, Float)] {
      let found = sampler.sample(logits[...])
      #expect(found == SampledToken(token: token, top: [token, runnerUp], margin: margin), "\(logits)")
    }
  }

  /// Against sorting, with many equal logits, infinities and NaN.
  @Test func theGreatestTwoAreThoseOfSorting() {
    var (sampler, random) = (Sampler(.greedy), SeededRandom(seed: 11))
    for _ in 0..<2000 {
      let values: [Float] = [-.infinity, -2, -0.0, 0, 1, 1.5, .infinity, .nan]
      let logits = (0..<Int.random(in: 2...40, using: &random)).map { _ in
        values[Int.random(in: 0..<values.count, using: &random)]
      }
      let known = logits.map { $0.isNaN ? -.infinity : $0 }
      let sorted = known.indices.sorted { known[$0] != known[$1] ? known[$0] > known[$1] : $0 < $1 }
      #expect(sampler.sample(logits[...]).top == Array(sorted.prefix(2)), "\(logits)")
    }
  }

  /// Of a slice that does not begin at 0, tokens are still counted from 0.
  @Test func tokensAreCountedFromTheSlicesStart() {
    var sampler = Sampler(.greedy)
    #expect(sampler.sample([9, 9, 1, 5, 2][2...]).token == 1)
  }

  /// Sorted falling: tokens 2, 0, 3, 1 with probabilities 0.6439, 0.2369, 0.0871, 0.0321 (logits 1 apart).
  @Test(arguments: [
    (SamplingOptions(temperature: 1), [0, 1, 2, 3]), (SamplingOptions(temperature: 1, topCount: 2), [0, 2]),
    (SamplingOptions(temperature: 1, topCount: 1), [2]), (SamplingOptions(temperature: 1, topCount: 9), [0, 1, 2, 3]),
    (SamplingOptions(temperature: 1, topProbability: 0.64), [2]),
    (SamplingOptions(temperature: 1, topProbability: 0.65), [0, 2]),
    (SamplingOptions(temperature: 1, topProbability: 0.89), [0, 2, 3]),
    (SamplingOptions(temperature: 1, topProbability: 0), [2]),
    (SamplingOptions(temperature: 1, minimumProbability: 0.36), [0, 2]),
    (SamplingOptions(temperature: 1, minimumProbability: 0.37), [2]),
    (SamplingOptions(temperature: 1, minimumProbability: 1), [2]),
    // Temperature comes first: at 0.5 the probabilities fall by e² each.
    (SamplingOptions(temperature: 0.5, minimumProbability: 0.14), [2]),
    (SamplingOptions(temperature: 0.5, minimumProbability: 0.13), [0, 2]),
    // Top-p is of what top-k left: 0.731 of two.
    (SamplingOptions(temperature: 1, topCount: 2, topProbability: 0.72), [2]),
  ]) func eachRuleLeavesItsTokens(_ options: SamplingOptions, _ expected: [Int]) {
    #expect(tokens(options, [3, 1, 4, 2]).keys.sorted() == expected)
  }

  private struct Recorded: Decodable {
    struct Case: Decodable {
      let logits: [Float]
      let options: [String: Double]
      let tokens: [Int]
      let probabilities: [Double]
    }
    let cases: [Case]
  }

  /// What transformers leaves to be drawn from, and how probable it makes each.
  @Test func theRulesAreThoseOfTransformers() throws {
    let file = try testData("generation/sampling.json")
    let recorded = try JSONDecoder().decode(Recorded.self, from: Data(readFile(file)))
    #expect(recorded.cases.count == 60)
    for (index, item) in recorded.cases.enumerated() {
      let options = SamplingOptions(
        temperature: item.options["temperature"] ?? 1, topCount: item.options["top_k"].map { Int($0) },
        topProbability: item.options["top_p"], minimumProbability: item.options["min_p"])
      let greatest = item.logits.max() ?? 0
      let found = Sampler(options).candidates(item.logits[...], greatest: greatest)
      #expect(found.map(\.token) == item.tokens, "case \(index), \(item.options)")
      let sum = found.reduce(0) { $0 + $1.weight }
      // Twelve digits were recorded.
      let worst = zip(found, item.probabilities).map { abs($0.weight / sum - $1) }.max() ?? 1
      #expect(worst < 1e-11, "case \(index), \(item.options)")
    }
  }

  /// Within five standard deviations of the softmax, of 4000 draws.
  @Test func drawsFollowTheSoftmax() {
    let found = tokens(SamplingOptions(temperature: 1), [3, 1, 4, 2])
    for (token, probability) in [(2, 0.6439), (0, 0.2369), (3, 0.0871), (1, 0.0321)] {
      let deviation = (4000 * probability * (1 - probability)).squareRoot()
      #expect(abs(Double(found[token] ?? 0) - 4000 * probability) < 5 * deviation)
    }
  }

  /// Numbers of the generator's reference implementation for seed 1234567.
  @Test func theGeneratorGivesItsReferenceNumbers() {
    var generator = SeededGenerator(seed: 1_234_567)
    let found = (0..<5).map { _ in generator.next() }
    #expect(
      found == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
      ])
  }

  /// Written down on x86-64; the same on every machine.
  @Test func theSameSeedGivesTheSameTokensEverywhere() {
    var random = SeededRandom(seed: 5)
    let logits = (0..<300).map { _ in Float(Int.random(in: -4000...4000, using: &random)) / 512 }
    var sampler = Sampler(SamplingOptions(temperature: 0.8, topCount: 50, topProbability: 0.95), seed: 42)
    let found = (0..<12).map { _ in sampler.sample(logits[...]).token }
    #expect(found == Self.written)
  }
  private static let written = [164, 21, 216, 217, 117, 214, 94, 87, 6, 123, 21, 32]

  @Test func infiniteLogitsTrapNothing() {
    for logits in [[Float.infinity, 1], [-.infinity, -.infinity], [.nan, .nan], [.infinity, .infinity, -.infinity]] {
      #expect(tokens(SamplingOptions(temperature: 1), logits, count: 10).keys.allSatisfy { $0 < logits.count })
    }
    #expect(tokens(SamplingOptions(temperature: 1e-300), [1, 2], count: 10) == [1: 10])
  }
}
