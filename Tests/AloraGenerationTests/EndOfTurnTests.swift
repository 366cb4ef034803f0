import AloraGeneration
import AloraModels
import AloraTemplates
import AloraTestSupport
import AloraTokenization
import Testing

/// What ends an assistant's turn.
@Suite struct EndOfTurnTests {
  private func end(_ template: String) throws -> String? {
    let tokenizer = try Tokenizer(path: testData("adapters/answerability/base-config"))
    let encoder = ConversationEncoder(tokenizer: tokenizer, template: try ChatTemplate(template), path: "model")
    return encoder.endOfTurn().flatMap(tokenizer.piece(of:))
  }

  /// The vocabulary is SmolLM2's.
  @Test func theTemplateSaysWhatEndsATurn() throws {
    let loop = { (turn: String) in "{% for m in messages %}" + turn + "{% endfor %}" }
    #expect(try end(loop("<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n")) == "<|im_end|>")
    #expect(try end(loop("{{ m.content }} <|endoftext|>")) == "<|endoftext|>")
    #expect(try end(loop("{{ m.role }}: {{ m.content }}\n")) == nil)
    // Where the next turn's beginning is all that ends one, it does.
    #expect(try end(loop("<|im_start|>{{ m.content }}")) == "<|im_start|>")
    // A template that refuses the conversation says nothing, and so does one that drops answers.
    #expect(try end("{{ raise_exception('no') }}") == nil)
    #expect(try end("{{ messages[0].content }}<|im_end|>") == nil)
  }
}
