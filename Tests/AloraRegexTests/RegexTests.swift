import AloraRegex
import Testing

@Suite struct RegexTests {
  @Test func prefixMatchesAreAnchoredAtTheStartOnly() throws {
    let regex = try CompiledRegex(#"(.*\.)?(q_proj|v_proj)$"#, syntax: .python)
    #expect(try regex.matchesPrefix(of: "model.layers.0.self_attn.q_proj"))
    #expect(try regex.matchesPrefix(of: "q_proj"))
    #expect(try !regex.matchesPrefix(of: "model.q_proj.x"))
    #expect(try !regex.matchesPrefix(of: "model.xq_proj"))
    #expect(try !regex.matchesPrefix(of: ""))
  }

  @Test func searchFindsByteRanges() throws {
    let regex = try CompiledRegex(#"\p{L}+"#, syntax: .oniguruma)
    let text = [UInt8]("1 é2 ab".utf8)
    #expect(try regex.firstMatch(in: text) == 2..<4)
    #expect(try regex.firstMatch(in: text, from: 4) == 6..<8)
    #expect(try regex.firstMatch(in: [], from: 0) == nil)
  }

  @Test(arguments: ["(", "[", "a{2,1}(", "(?P<x>a", "*"]) func malformedPatternsThrow(_ pattern: String) {
    #expect(throws: RegexError.self) { try CompiledRegex(pattern, syntax: .python) }
  }

  @Test func aHostilePatternThrowsInsteadOfHanging() throws {
    let regex = try CompiledRegex(#"(a|aa|b?a)+(x+x+)+(a|aa)+$"#, syntax: .python)
    let text = [UInt8](String(repeating: "a", count: 40).utf8) + [UInt8](String(repeating: "x", count: 4000).utf8)
    #expect(throws: RegexError.self) { try regex.matchEnd(in: text + [0x21]) }
  }
}
