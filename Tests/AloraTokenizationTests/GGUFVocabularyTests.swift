import AloraSystem
import AloraGGUF
import AloraTestSupport
import AloraTokenization
import Testing

@Suite struct GGUFVocabularyTests {
  private func bytePairs(_ change: (inout GGUFMetadata) -> Void = { _ in }) -> GGUFMetadata {
    var metadata = GGUFMetadata(path: "base.gguf")
    metadata["tokenizer.ggml.model"] = .string("gpt2")
    metadata["tokenizer.ggml.pre"] = .string("gpt-2")
    metadata["tokenizer.ggml.tokens"] = .array(GGUFArray(["<s>", "a", "b", "ab", "Ġ"]))
    metadata["tokenizer.ggml.token_type"] = .array(GGUFArray([3, 1, 1, 1, 1] as [Int32]))
    metadata["tokenizer.ggml.merges"] = .array(GGUFArray(["a b"]))
    metadata["tokenizer.ggml.bos_token_id"] = .uint32(0)
    change(&metadata)
    return metadata
  }

  private func scored(_ change: (inout GGUFMetadata) -> Void = { _ in }) -> GGUFMetadata {
    var metadata = GGUFMetadata(path: "base.gguf")
    metadata["tokenizer.ggml.model"] = .string("llama")
    metadata["tokenizer.ggml.tokens"] = .array(GGUFArray(["<unk>", "<s>", "</s>", "a", "b", "ab", "▁", "▁a"]))
    metadata["tokenizer.ggml.token_type"] = .array(GGUFArray([2, 3, 3, 1, 1, 1, 1, 1] as [Int32]))
    metadata["tokenizer.ggml.scores"] = .array(GGUFArray([0, 0, 0, -5, -6, -1, -7, -2] as [Float]))
    change(&metadata)
    return metadata
  }

  @Test func bytePairsAreRead() throws {
    let tokenizer = try Tokenizer(gguf: bytePairs())
    #expect(try tokenizer.encode("ab ba<s>") == [3, 4, 2, 1, 0])
    #expect(tokenizer.path == "base.gguf")
    let adding = try Tokenizer(
      gguf: bytePairs {
        $0["tokenizer.ggml.add_bos_token"] = .bool(true)
        $0["tokenizer.ggml.add_eos_token"] = .bool(true)
        $0["tokenizer.ggml.eos_token_id"] = .uint32(3)
      })
    #expect(try adding.encode("b") == [0, 2, 3])
    #expect(try adding.encode("b", addsSpecialTokens: false) == [2])
  }

  @Test func scoredPiecesAreRead() throws {
    // A BOS and a space come first; "ab" has the better score than "▁a".
    #expect(try Tokenizer(gguf: scored()).encode("ab a") == [1, 6, 5, 7])
    let bare = try Tokenizer(gguf: scored { $0["tokenizer.ggml.add_space_prefix"] = .bool(false) })
    #expect(try bare.encode("ab", addsSpecialTokens: false) == [5])
    #expect(try bare.decode([7, 5]) == " aab")
  }

  @Test func phiTakesTheWhiteSpaceAfterSpecialTokens() throws {
    let plain = try Tokenizer(gguf: scored())
    let phi = try Tokenizer(gguf: scored { $0["general.name"] = .string("Phi-3-mini") })
    #expect(try plain.encode("</s>  b", addsSpecialTokens: false) == [2, 6, 6, 6, 4])
    #expect(try phi.encode("</s>  b", addsSpecialTokens: false) == [2, 6, 4])
    #expect(try phi.encode("<s>  b", addsSpecialTokens: false) == [1, 6, 6, 6, 4])
  }

  @Test func whatIsMissingOrUnknownIsRefused() throws {
    func code(_ metadata: GGUFMetadata) -> TokenizationError.Code? {
      caught(TokenizationError.self) { _ = try Tokenizer(gguf: metadata) }?.code
    }
    #expect(code(bytePairs { $0["tokenizer.ggml.model"] = nil }) == .missingTokenizer)
    #expect(code(bytePairs { $0["tokenizer.ggml.model"] = .string("rwkv") }) == .unsupported)
    #expect(code(bytePairs { $0["tokenizer.ggml.pre"] = nil }) == .unsupported)
    #expect(code(bytePairs { $0["tokenizer.ggml.pre"] = .string("default") }) == .unsupported)
    #expect(code(bytePairs { $0["tokenizer.ggml.tokens"] = .array(GGUFArray(["a", "a"])) }) == .malformed)
    #expect(code(bytePairs { $0["tokenizer.ggml.token_type"] = .array(GGUFArray([1] as [Int32])) }) == .malformed)
    #expect(
      code(
        bytePairs {
          $0["tokenizer.ggml.bos_token_id"] = .uint32(5)
          $0["tokenizer.ggml.add_bos_token"] = .bool(true)
        }) == .malformed)
    #expect(code(scored { $0["tokenizer.ggml.scores"] = .array(GGUFArray([0] as [Float])) }) == .malformed)
    #expect(
      code(scored { $0["tokenizer.ggml.scores"] = .array(GGUFArray([Float](repeating: .nan, count: 8))) }) == .malformed
    )
    #expect(
      code(
        scored {
          $0["tokenizer.ggml.tokens"] = .array(GGUFArray((0..<8).map { "\($0)" + String(repeating: "x", count: 5000) }))
        }) == .tooLarge)
    #expect(caught(GGUFError.self) { _ = try Tokenizer(gguf: scored { $0["tokenizer.ggml.scores"] = nil }) } != nil)
    #expect(caught(GGUFError.self) { _ = try Tokenizer(gguf: bytePairs { $0["tokenizer.ggml.merges"] = nil }) } != nil)
  }
}
