import AloraSystem
import AloraModels
import AloraTestSupport
import Testing

/// What configurations call an architecture, and what they leave out.
@Suite struct ArchitectureTests {
  private static let sizes =
    #""hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 96"#

  private func base(_ text: String) throws -> BaseModel { try BaseModel(configuration: parseJSON(text)) }

  @Test(arguments: [
    ("LlamaForCausalLM", "llama"), ("LlamaModel", "llama"), ("LlamaForSequenceClassification", "llama"),
    ("MistralForTokenClassification", "llama"), ("Qwen3Model", "qwen3"), ("Gemma3ForCausalLM", "gemma3"),
    ("GraniteForSequenceClassification", "granite"),
  ]) func aClassIsKnownByItsFamily(_ name: String, _ architecture: String) throws {
    #expect(try base(#"{"architectures": ["\#(name)"], \#(Self.sizes)}"#).architectureName == architecture)
  }

  @Test(arguments: ["LlamaForCausalLMEagle3", "MyLlamaForCausalLM", "Llama"])
  func anotherClassIsNot(_ name: String) {
    let error = caught(ArchitectureError.self) {
      _ = try base(#"{"architectures": ["\#(name)"], "model_type": "llama", \#(Self.sizes)}"#)
    }
    #expect(error?.code == .unknownArchitecture)
  }

  @Test(arguments: [
    ("Gemma3ForConditionalGeneration", "gemma3", "gemma3_text", "gemma3"),
    ("Mistral3ForConditionalGeneration", "mistral3", "mistral", "mistral3"),
    ("Gemma4ForConditionalGeneration", "gemma4", "gemma4_text", "gemma4"),
    ("Qwen3VLForConditionalGeneration", "qwen3_vl", "qwen3_vl_text", "qwen3vl"),
    ("Qwen2_5_VLForConditionalGeneration", "qwen2_5_vl", "qwen2_5_vl_text", "qwen2vl"),
    ("Qwen2VLModel", "qwen2_vl", "qwen2_vl_text", "qwen2vl"),
    ("LlavaForConditionalGeneration", "llava", "llama", "llama"),
    ("LlavaNextForConditionalGeneration", "llava_next", "granite", "granite"),
    ("Idefics3ForConditionalGeneration", "idefics3", "llama", "llama"),
  ]) func aMultimodalModelIsReadByItsTextPart(_ name: String, _ outer: String, _ inner: String, _ expected: String)
    throws
  {
    let text = #"{"model_type": "\#(inner)", \#(Self.sizes)}"#
    let base = try base(
      #"{"architectures": ["\#(name)"], "model_type": "\#(outer)", "text_config": \#(text), "vision_config": {}}"#)
    #expect(base.architectureName == expected && base.hyperparameters.hiddenSize == 64)
    #expect(base.module(named: "model.layers.1.self_attn.q_proj") != nil)
  }

  @Test(arguments: [
    ("PaliGemmaForConditionalGeneration", "paligemma", "gemma2"), ("NewForConditionalGeneration", "new", "new_text"),
  ]) func anUnknownTextPartIsNamed(_ name: String, _ outer: String, _ inner: String) {
    let error = caught(ArchitectureError.self) {
      _ = try base(
        #"{"architectures": ["\#(name)"], "model_type": "\#(outer)", "text_config": {"model_type": "\#(inner)", \#(Self.sizes)}}"#
      )
    }
    #expect(error?.code == .unknownArchitecture && error?.problem.contains(inner) == true)
  }

  /// A wrapper that is new: what its text part says counts, for models that only the table describes too.
  @Test func anUnknownWrapperOfATabledModelIsReadByItsTextPart() throws {
    let text = #"{"model_type": "starcoder2", \#(Self.sizes)}"#
    let base = try base(
      #"{"architectures": ["NewForConditionalGeneration"], "model_type": "new", "text_config": \#(text)}"#)
    #expect(base.architectureName == "starcoder2")
    #expect(base.module(named: "model.language_model.layers.1.self_attn.q_proj") != nil)
  }

  /// As Google published Gemma 3 4B: the class says the rest.
  @Test func aTerseTextPartHasItsClassesDefaults() throws {
    let h = try base(
      #"""
      {"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "text_config": {"hidden_size": 2560,
       "intermediate_size": 10240, "model_type": "gemma3_text", "num_hidden_layers": 34, "sliding_window": 1024,
       "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}}
      """#
    ).hyperparameters
    #expect(h.headCount == 8 && h.keyValueHeadCount == 4 && h.headDimension == 256 && h.vocabularySize == 262_208)
    #expect(h.layerCount == 34 && h.tiesEmbeddings)
  }

  @Test(arguments: [
    ("Qwen3ForCausalLM", 128), ("Gemma2ForCausalLM", 256), ("LlamaForCausalLM", 16), ("MistralForCausalLM", 16),
  ]) func headsHaveTheirClassesSize(_ name: String, _ expected: Int) throws {
    let h = try base(#"{"architectures": ["\#(name)"], \#(Self.sizes)}"#).hyperparameters
    #expect(h.headDimension == expected)
  }

  @Test func aConfigurationOfTextAloneHasToGiveItsSizes() {
    #expect(
      caught { _ = try base(#"{"architectures": ["LlamaForCausalLM"], "hidden_size": 64}"#) } as (any Error)? != nil)
  }

  @Test(arguments: [
    (#""tie_word_embeddings": true"#, "", true), ("", #""tie_word_embeddings": true"#, true), ("", "", false),
    (#""tie_word_embeddings": false"#, #""tie_word_embeddings": true"#, false),
  ]) func theTextPartSaysFirstWhetherItTies(_ inner: String, _ outer: String, _ expected: Bool) throws {
    func list(_ field: String) -> String { field.isEmpty ? "" : ", " + field }
    let base = try base(
      #"{"architectures": ["Qwen3VLForConditionalGeneration"], "text_config": {"model_type": "qwen3_vl_text", \#(Self.sizes)\#(list(inner))}\#(list(outer))}"#
    )
    #expect(base.hyperparameters.tiesEmbeddings == expected)
  }
}
