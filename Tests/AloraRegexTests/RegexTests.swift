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

  /// Matches are found as the onig crate finds them: one after another, skipping an empty one right after a match, and only
  /// within the range.
  @Test func allMatchesAreFoundInARange() throws {
    func matches(_ pattern: String, _ text: String, _ range: Range<Int>? = nil) throws -> [Range<Int>] {
      var found: [Range<Int>] = []
      let bytes = [UInt8](text.utf8)
      try CompiledRegex(pattern, syntax: .oniguruma).appendMatches(
        in: bytes, range: range ?? 0..<bytes.count, to: &found)
      return found
    }
    #expect(try matches(#"\p{L}+"#, "é1ab") == [0..<2, 3..<5])
    #expect(try matches("b*", "abé") == [0..<0, 1..<2, 4..<4])
    #expect(try matches("x", "") == [])
    #expect(try matches("x*", "") == [0..<0])
    // Bytes outside the range are invisible, also to anchors and lookarounds.
    #expect(try matches(#"^b|b$"#, "abb", 1..<3) == [1..<2, 2..<3])
    #expect(try matches(#"\s+(?!\S)"#, "  x", 0..<2) == [0..<2])
    #expect(try matches(#"(?<=a)b"#, "ab", 1..<2) == [])
  }

  @Test func hostileSearchesEnd() throws {
    let regex = try CompiledRegex("(a|aa)+$", syntax: .oniguruma)
    let text = [UInt8](String(repeating: "a", count: 5000).utf8) + [0x21]
    var found: [Range<Int>] = []
    #expect(throws: RegexError.self) { try regex.appendMatches(in: text, range: 0..<text.count, to: &found) }
  }

  @Test func longTextsWithoutMatchesAreSearched() throws {
    let regex = try CompiledRegex(#"\p{N}"#, syntax: .oniguruma)
    var found: [Range<Int>] = []
    try regex.appendMatches(in: [UInt8](repeating: 0x61, count: 8_000_000), range: 0..<8_000_000, to: &found)
    #expect(found.isEmpty)
  }
}
