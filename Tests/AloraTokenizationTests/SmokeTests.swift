import AloraTestSupport
import AloraTokenization
import Testing

@Suite struct SmokeTests {
  @Test func tinyTokenizerEncodes() throws {
    let tokenizer = try Tokenizer(jsonPath: testData("conversion/bases/llama-bos/tokenizer.json"))
    let tokens = try tokenizer.encode("<|start_of_role|>check the<|end_of_role|>", addsSpecialTokens: false)
    #expect(tokens == [3, 273, 264, 4])
    #expect(try tokenizer.encode("a").first == 1)
    #expect(try tokenizer.decode(tokens) == "<|start_of_role|>check the<|end_of_role|>")
  }
}
