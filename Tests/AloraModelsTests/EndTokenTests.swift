import Testing

@testable import AloraModels

/// What ends the answer of a GGUF's model.
@Suite struct EndTokenTests {
  private func ends(_ pieces: [String], named: [String: Int] = [:]) -> Set<Int> {
    EndTokens.ofVocabulary(pieces.map { Array($0.utf8) }, named: named)
  }

  /// Expected from llama.cpp's sources, build 11434.
  @Test func aVocabularyEndsAsLlamaCppHasIt() {
    #expect(ends(["a", "<|im_end|>", "b"]) == [1])
    // Keys and texts together: a fine-tune of a base model has another eos than its chat.
    #expect(ends(["<|endoftext|>", "<|im_start|>", "<|im_end|>", "x"], named: ["eos": 3]) == [0, 2, 3])
    #expect(ends(["x"], named: ["eos": 4, "eot": 5, "eom": 6]) == [4, 5, 6])
    #expect(ends(["<end_of_turn>", "<eos>", "<｜end▁of▁sentence｜>", "[EOT]"]) == [0, 1, 2, 3])
    #expect(ends(["<|END|>", " <|end|>", "<|end|>x", ""]) == [])
  }

  @Test func aMessageEndIsNoAnswerEndInHarmonyAndSolar() {
    #expect(ends(["<|end|>", "<|call|>", "<|return|>"]) == [1, 2])
    #expect(ends(["<|end|>", "<|calls|>", "<|flush|>"]) == [1, 2])
    #expect(ends(["<|end|>", "<|call|>"]) == [0, 1])
    #expect(ends(["</s>", "<|tool_response>"]) == [1])
    #expect(ends(["</s>", "<|plamo:eos|>"], named: ["eos": 1]) == [1])
    #expect(ends(["</s>", "x"]) == [0])
  }

  @Test func aKeyForFillingInDecidesInsteadOfTheText() {
    #expect(ends(["<|file_sep|>", "<|fim_pad|>", "x"]) == [0, 1])
    #expect(ends(["<|file_sep|>", "<|fim_pad|>", "x"], named: ["fim_sep": 2]) == [1, 2])
  }
}
