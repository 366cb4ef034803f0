import AloraSchemas
import AloraTestSupport
import Testing

@testable import AloraGeneration

/// The greatest logit among those that a schema allows.
@Suite struct SchemaDecodingTests {
  private func mask(_ tokens: [String], _ schema: String, after path: [Int] = []) throws -> TokenMask {
    let vocabulary = try SchemaVocabulary(tokens.map { Array($0.utf8) }, endTokens: [])
    let masks = SchemaMasks(try CompiledSchema(parseJSON(schema)), vocabulary)
    var place = try masks.start()
    for token in path { place = try #require(try masks.place(after: token, from: place)) }
    return try masks.mask(at: place)
  }

  @Test func theGreatestAllowedLogitWins() throws {
    let mask = try mask(["1", "x", "2", "33", "-"], #"{"type":"integer","minimum":1,"maximum":9}"#)
    var sampler = Sampler(.greedy)
    let sampled = sampler.sample([1, 9, 2, 8, 7], allowed: mask)
    let choice = try #require(sampled)
    #expect(choice.token == 2 && choice.top == [2, 0] && choice.margin == 1)
  }

  @Test func disallowedTokensAreNeverDrawn() throws {
    let mask = try mask(["1", "x", "2"], #"{"enum":[1,2]}"#)
    var sampler = Sampler(SamplingOptions(temperature: 50), seed: 3)
    for _ in 0..<200 {
      let sampled = sampler.sample([0, 500, -500], allowed: mask)
      let choice = try #require(sampled)
      #expect(choice.token != 1)
    }
    let undefined = sampler.sample([.nan, 1, -.infinity], allowed: mask)
    #expect(undefined != nil)
  }

  @Test func aVocabularyWithoutTheNextTokenIsReported() throws {
    let mask = try mask(["x", "y"], #"{"type":"integer"}"#)
    var sampler = Sampler(.greedy)
    let none = sampler.sample([1, 2], allowed: mask)
    #expect(mask.isEmpty && none == nil)
  }
}
