import AloraModels
import AloraAdapters
import AloraTestSupport
import AloraTokenization
import Testing

@Suite struct InvocationSearchTests {
  /// The worked examples of docs/gguf-adapter-keys.md, section 5.
  @Test(
    arguments: [
      ([7, 9], [1, 2, 7, 9, 3], 2, 2), ([7, 9], [7, 9, 1, 7, 9, 4], 3, 3), ([7, 9], [7, 9, 4], 0, 0),
      ([7, 9], [1, 2, 3], nil, nil), ([7, 9], [1, 2, 7], nil, nil), ([7, 9], [4, 7, 9, 1, 9], 1, 1),
      ([7, 9], [1, 2, 7, 9, 9], 2, nil), ([5, 5], [1, 2, 5, 5, 5, 3], 3, 3), ([7, 8, 7], [1, 7, 8, 7, 8, 7], 3, 3),
    ] as [([Int], [Int], Int?, Int?)])
  func workedExamples(_ invocation: [Int], _ tokens: [Int], _ last: Int?, _ server: Int?) {
    #expect(InvocationSearch.lastOccurrence(of: invocation, in: tokens) == last)
    #expect(InvocationSearch.serverOccurrence(of: invocation, in: tokens) == server)
  }

  private func sequences(_ count: Int) -> [[Int]] {
    count == 0 ? [[]] : sequences(count - 1).flatMap { head in (0..<3).map { head + [$0] } }
  }

  /// Over three symbols: what the server finds is an occurrence, and where a miss is reported there is one.
  @Test func searchesAgreeWithTheirDefinitions() {
    for length in 1...3 {
      for invocation in sequences(length) {
        for tokens in (0...6).flatMap({ sequences($0) }) {
          let starts = tokens.indices.filter { tokens[$0...].starts(with: invocation) }
          #expect(InvocationSearch.lastOccurrence(of: invocation, in: tokens) == starts.last)
          if let server = InvocationSearch.serverOccurrence(of: invocation, in: tokens) {
            #expect(starts.contains(server))
          }
        }
        let canBeMissed = (0...6).flatMap { sequences($0) }.contains { tokens in
          InvocationSearch.serverOccurrence(of: invocation, in: tokens)
            != InvocationSearch.lastOccurrence(of: invocation, in: tokens)
        }
        let miss = InvocationSearch.serverMiss(of: invocation)
        #expect((miss != nil) == canBeMissed, "\(invocation)")
        if let miss {
          let prompt = invocation + miss
          #expect(
            InvocationSearch.serverOccurrence(of: invocation, in: prompt)
              != InvocationSearch.lastOccurrence(of: invocation, in: prompt))
        }
      }
    }
    #expect(InvocationSearch.lastOccurrence(of: [], in: [1]) == nil)
    #expect(InvocationSearch.serverOccurrence(of: [], in: [1]) == nil)
    #expect(InvocationSearch.serverMiss(of: []) == nil)
  }
}

@Suite struct InvocationLintTests {
  private func tokenizer(_ name: String) throws -> Tokenizer {
    try Tokenizer(path: testData("tokenizers/cases/\(name)"))
  }

  private func findings(
    _ tokens: [Int], _ name: String = "smollm2", adapter: String? = nil, prompts: [String] = []
  ) throws -> [InvocationFinding] {
    let base = try tokenizer(name)
    let lint = InvocationLint(
      tokenizer: base, adapterTokenizer: try adapter.map { try tokenizer($0) }, generationPrompts: prompts)
    return try lint.findings(try Invocation(tokens: tokens, tokenizer: base))
  }

  /// A sequence between control tokens has nothing but llama-server's search against it.
  @Test func controlTokensAreSafe() throws {
    let base = try tokenizer("smollm2")
    let tokens = try base.encode("<|im_start|>check<|im_end|>", addsSpecialTokens: false)
    let found = try findings(tokens, prompts: ["<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"])
    #expect(found.map(\.identifier) == [.serverMisses])
    #expect(found.first?.severity == .info)
    #expect(try findings([1, 1]).map(\.identifier).isEmpty)
  }

  @Test func unknownTokensAreErrors() throws {
    let found = try findings([1, 100_000])
    #expect(found.first?.identifier == .outsideVocabulary)
    #expect(found.first?.severity == .error)
    #expect(try findings([]).map(\.identifier) == [.empty])
  }

  @Test func textThatBecomesOtherTokensIsTold() throws {
    let base = try tokenizer("smollm2")
    // The letters one by one, where the text would merge.
    let tokens = try "the".map { try #require(base.token(of: String($0))) }
    let found = try findings(tokens)
    let whole = try base.encode("the", addsSpecialTokens: false)
    let finding = InvocationFinding.retokenizes(text: "the", tokens: whole)
    #expect(found.contains(finding) && finding.severity == .warning)
  }

  @Test func mergingNeighboursAreShown() throws {
    let base = try tokenizer("smollm2")
    let tokens = try base.encode("check", addsSpecialTokens: false)
    let found = try findings(tokens)
    #expect(
      found.contains { $0.identifier == .firstTokenMerges } && found.contains { $0.identifier == .lastTokenMerges })
    for finding in found {
      switch finding {
      case .firstTokenMerges(let neighbour, let text, let merged):
        #expect(try base.encode(neighbour + text, addsSpecialTokens: false) == merged)
        #expect(!merged.suffix(tokens.count).elementsEqual(tokens))
      case .lastTokenMerges(let text, let neighbour, let merged):
        #expect(try base.encode(text + neighbour, addsSpecialTokens: false) == merged)
        #expect(!merged.starts(with: tokens))
      default: break
      }
    }
    // The control token keeps the front safe, and only the front.
    let half = try findings(base.encode("<|im_start|>check", addsSpecialTokens: false)).map(\.identifier)
    #expect(half.contains(.lastTokenMerges) && !half.contains(.firstTokenMerges))
  }

  @Test func aTokenThatTheTokenizerAddsIsTold() throws {
    let base = try tokenizer("llama3")
    let found = try findings(base.encode("<|eot_id|>"), "llama3")
    #expect(found.contains { $0.identifier == .containsAddedToken })
    #expect(
      try !findings(base.encode("<|eot_id|>", addsSpecialTokens: false), "llama3").contains {
        $0.identifier == .containsAddedToken
      })
  }

  @Test func ordinaryPromptsThatHaveItAreTold() throws {
    let base = try tokenizer("smollm2")
    let tokens = try base.encode("<|im_start|>assistant\n", addsSpecialTokens: false)
    let prompts = ["<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n", "<|im_start|>assistant\n"]
    #expect(try findings(tokens, prompts: prompts).contains { $0.identifier == .inGenerationPrompt })
    #expect(try !findings(tokens, prompts: prompts + ["x"]).contains { $0.identifier == .inGenerationPrompt })
  }

  @Test func otherTokenizersAreErrors() throws {
    let base = try tokenizer("smollm2")
    let tokens = try base.encode("<|im_start|>check<|im_end|>", addsSpecialTokens: false)
    let found = try findings(tokens, adapter: "gemma2")
    #expect(found.first?.identifier == .tokenizersDiffer)
    #expect(found.first?.severity == .error)
    #expect(try !findings(tokens, adapter: "smollm2").contains { $0.identifier == .tokenizersDiffer })
  }

  @Test func legacyStringsLoseTheirFirstToken() throws {
    let base = try tokenizer("granite3")
    let string = "<|start_of_role|>check<|end_of_role|>"
    let invocation = try Invocation(legacyString: string, tokenizer: base)
    let whole = try base.encode(string, addsSpecialTokens: false)
    #expect(invocation.tokens == Array(whole.dropFirst()))
    #expect(invocation.text == string)
    let found = try InvocationLint(tokenizer: base).findings(invocation).map(\.identifier)
    #expect(found.contains(.legacy) && !found.contains(.retokenizes))
    #expect(!found.contains(.firstTokenMerges) && !found.contains(.lastTokenMerges))
  }
}
