import AloraTestSupport
import Testing

/// One thing wrong with an adapter, and what the one line of refusal must name.
struct RefusedAdapter: Sendable, CustomTestStringConvertible {
  let name: String
  let mention: String
  let change: @Sendable (inout AdapterBuilder) -> Void

  init(_ name: String, _ mention: String, _ change: @escaping @Sendable (inout AdapterBuilder) -> Void) {
    self.name = name
    self.mention = mention
    self.change = change
  }

  /// A member of the configuration with another value.
  static func field(_ name: String, _ json: String?, _ mention: String) -> RefusedAdapter {
    RefusedAdapter("\(name) = \(json ?? "missing")", mention) { $0.set(name, json) }
  }

  var testDescription: String { name }

  static let all: [RefusedAdapter] = configurationTexts + fields + containers + tensors

  private static let configurationTexts: [RefusedAdapter] = [
    RefusedAdapter("an empty configuration", "it is an empty file") { $0.configurationText = "" },
    RefusedAdapter("a configuration cut short", "not valid JSON") { $0.configurationText = "{\"r\": 4" },
    RefusedAdapter("a list as configuration", "expected an object") { $0.configurationText = "[]" },
    RefusedAdapter("an empty object", "peft_type") { $0.configurationText = "{}" },
    RefusedAdapter("a duplicate key", "'r'") { $0.configurationText = "{\"peft_type\": \"LORA\", \"r\": 4, \"r\": 8}" },
    RefusedAdapter("NaN in the configuration", "after 'lora_alpha'") {
      $0.configurationText = "{\"peft_type\": \"LORA\", \"lora_alpha\": NaN}"
    },
    RefusedAdapter("deep nesting", "not valid JSON") {
      $0.configurationText = String(repeating: "[", count: 5000) + String(repeating: "]", count: 5000)
    },
    RefusedAdapter("invalid UTF-8 in an escape", "surrogate") { $0.configurationText = "{\"peft_type\": \"\\ud800\"}" },
  ]

  private static let fields: [RefusedAdapter] = [
    .field("peft_type", "\"IA3\"", "IA3"), .field("peft_type", "\"ADALORA\"", "ADALORA"),
    .field("peft_type", nil, "peft_type"),
    .field("r", "0", "$.r"), .field("r", "-1", "$.r"), .field("r", "4.5", "$.r"), .field("r", "\"4\"", "$.r"),
    .field("r", "8", "rank is 4"),
    .field("r", "1e30", "$.r"), .field("r", "123456789012345678901234567890", "r"),
    .field("lora_alpha", "0", "alpha is 0"), .field("lora_alpha", "\"8\"", "$.lora_alpha"),
    .field("lora_alpha", "1e999", "$.lora_alpha"),
    .field("lora_alpha", "1e300", "f32"),
    .field("lora_alpha", "1e39", "folding the scaling into it"),
    .field("use_rslora", "\"yes\"", "$.use_rslora"),
    .field("rank_pattern", "{\"q_proj\": 0}", "rank_pattern"), .field("rank_pattern", "{\"q_proj\": 2}", "rank is 4"),
    .field("rank_pattern", "{\"(\": 2}", "regular expression"),
    .field("alpha_pattern", "{\"q_proj\": \"8\"}", "alpha_pattern"),
    .field("target_modules", "[\"v_proj\"]", "does not target"),
    .field("target_modules", "\"(\"", "regular expression"),
    .field("exclude_modules", "[\"q_proj\"]", "does not target"),
    .field("layers_to_transform", "[0]", "does not target"),
    .field("use_dora", "true", "DoRA"), .field("lora_bias", "true", "bias"),
    .field("modules_to_save", "[\"lm_head\"]", "modules_to_save"),
    .field("trainable_token_indices", "[1]", "token embeddings"),
    .field("layer_replication", "[[0, 1]]", "replicated"), .field("use_qalora", "true", "QALoRA"),
    .field("init_lora_weights", "\"pissa\"", "pissa"), .field("megatron_config", "{\"a\": 1}", "Megatron"),
    .field("future_field", "3", "--ignore-field future_field"),
    .field("alora_invocation_tokens", "[]", "empty"),
    .field(
      "alora_invocation_tokens", "[\(String(repeating: "5,", count: 70_000))5]", "an invocation of 70001 tokens"),
    .field("alora_invocation_tokens", "[5, -1]", "alora_invocation_tokens[1]"),
    .field("alora_invocation_tokens", "[5.5]", "alora_invocation_tokens[0]"),
    .field("alora_invocation_tokens", "[\"5\"]", "alora_invocation_tokens[0]"),
    .field("alora_invocation_tokens", "[5, 100000]", "100000 is not a token"),
    .field("alora_invocation_tokens", "5", "expected a list"),
    .field("alora_invocation_tokens", "[4294967301]", "not a token id"),
    .field("invocation_string", "\"\"", "invocation_string"),
  ]

  private static let containers: [RefusedAdapter] = [
    RefusedAdapter("no weights", "adapter_model.safetensors") { $0.weightsName = "other.safetensors" },
    RefusedAdapter("a pickle", "Python pickle") { $0.weightsName = "adapter_model.bin" },
    RefusedAdapter("empty weights", "adapter_model.safetensors") { $0.weights = [] },
    RefusedAdapter("seven bytes", "adapter_model.safetensors") { $0.weights = [1, 0, 0, 0, 0, 0, 0] },
    RefusedAdapter("a header beyond the end", "adapter_model.safetensors") {
      $0.weights = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]
    },
    RefusedAdapter("a negative header size", "adapter_model.safetensors") {
      $0.weights = [UInt8](repeating: 0xFF, count: 64)
    },
    RefusedAdapter("data cut short", "adapter_model.safetensors") { builder in
      builder.weights = builder.safetensors().dropLast(3)
    },
    RefusedAdapter("data left over", "adapter_model.safetensors") { $0.weights = $0.safetensors() + [0] },
    RefusedAdapter("a header that isn't an object", "adapter_model.safetensors") { $0.header = "[]" },
    RefusedAdapter("overlapping tensors", "adapter_model.safetensors") { $0.tensors[1].offsets = [0, 1024] },
    RefusedAdapter("a hole", "adapter_model.safetensors") { $0.tensors[7].offsets = [7172, 8196] },
    RefusedAdapter("offsets backwards", "adapter_model.safetensors") { $0.tensors[0].offsets = [1024, 0] },
    RefusedAdapter("negative offsets", "adapter_model.safetensors") { $0.tensors[0].offsets = [-4, 1020] },
    RefusedAdapter("a shape that does not fit", "adapter_model.safetensors") { $0.tensors[0].shape = [4, 63] },
    RefusedAdapter("an overflowing shape", "adapter_model.safetensors") { $0.tensors[0].shape = [1 << 40, 1 << 40] },
    RefusedAdapter("an unknown dtype", "F33") { $0.tensors[0].dtype = "F33" },
    RefusedAdapter("a duplicate tensor", "lora_A") { $0.tensors[2].name = $0.tensors[0].name },
  ]

  private static let tensors: [RefusedAdapter] = [
    RefusedAdapter("no tensors", "no LoRA factors") { $0.tensors = [] },
    RefusedAdapter("lora_B missing", "no lora_B") { $0.tensors.remove(at: 1) },
    RefusedAdapter("lora_A missing", "no lora_A") { $0.tensors.remove(at: 0) },
    RefusedAdapter("integers", "I32") { $0.tensors[0].dtype = "I32" },
    RefusedAdapter("NaN", "NaN or infinity") {
      $0.tensors[2] = .init($0.tensors[2].name, [4, 64], [.nan] + AdapterBuilder.values(255, seed: 1))
    },
    RefusedAdapter("infinity", "NaN or infinity") {
      $0.tensors[7] = .init($0.tensors[7].name, [64, 4], AdapterBuilder.values(255, seed: 1) + [-.infinity])
    },
    RefusedAdapter("A and B swapped", "swapped or transposed") {
      let names = $0.tensors.map(\.name)
      $0.tensors[0].name = names[1]
      $0.tensors[1].name = names[0]
    },
    RefusedAdapter("A transposed", "[r, in]") { $0.tensors[0].shape = [64, 4] },
    RefusedAdapter("both transposed", "transposed") {
      $0.tensors[0].shape = [64, 4]
      $0.tensors[1].shape = [4, 64]
    },
    RefusedAdapter("a wrong rank", "rank is 2") {
      $0.tensors[0] = .init($0.tensors[0].name, [2, 64], AdapterBuilder.values(128, seed: 1))
      $0.tensors[1] = .init($0.tensors[1].name, [64, 2], AdapterBuilder.values(128, seed: 2))
    },
    RefusedAdapter("another base's width", "80") {
      $0.tensors[0] = .init($0.tensors[0].name, [4, 80], AdapterBuilder.values(320, seed: 1))
    },
    RefusedAdapter("a layer that the base lacks", "layers.9") {
      for index in 0..<2 { $0.tensors[index].name = $0.tensors[index].name.replacing(".0.", with: ".9.") }
    },
    RefusedAdapter("a module that the base lacks", "x_proj") {
      for index in 0..<2 { $0.tensors[index].name = $0.tensors[index].name.replacing("q_proj", with: "x_proj") }
      $0.set("target_modules", "[\"q_proj\", \"o_proj\", \"x_proj\"]")
    },
    RefusedAdapter("a vector", "is a matrix") { $0.tensors[0].shape = [256] },
    RefusedAdapter("an empty factor", "empty") {
      $0.tensors[0] = .init($0.tensors[0].name, [0, 64], [])
    },
    RefusedAdapter("a trained norm", "norm") {
      $0.tensors.append(
        .init("base_model.model.model.layers.0.input_layernorm.weight", [64], AdapterBuilder.values(64, seed: 3)))
    },
    RefusedAdapter("a DoRA magnitude", "DoRA") {
      $0.tensors.append(
        .init(
          "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector", [64],
          AdapterBuilder.values(64, seed: 3)))
    },
    RefusedAdapter("a LoRA bias", "lora_bias") {
      $0.tensors.append(
        .init("base_model.model.model.layers.0.self_attn.q_proj.lora_B.bias", [64], AdapterBuilder.values(64, seed: 3)))
    },
    RefusedAdapter("a saved output layer", "whole embedding") {
      $0.tensors.append(.init("base_model.model.lm_head.weight", [2, 64], AdapterBuilder.values(128, seed: 3)))
    },
    RefusedAdapter("a stray tensor", "not a LoRA factor") { $0.tensors.append(.init("foo", [1], [1])) },
    RefusedAdapter("two adapters", "twice") {
      for index in 0..<2 {
        var copy = $0.tensors[index]
        copy.name = copy.name.replacing(".weight", with: ".other.weight")
        $0.tensors.append(copy)
      }
    },
    RefusedAdapter("an aLoRA that adapts the embedding", "before its activation") {
      $0.tensors.append(
        .init("base_model.model.model.embed_tokens.lora_embedding_A", [4, 96], AdapterBuilder.values(384, seed: 3)))
      $0.tensors.append(
        .init("base_model.model.model.embed_tokens.lora_embedding_B", [64, 4], AdapterBuilder.values(256, seed: 3)))
      $0.set("target_modules", "[\"q_proj\", \"o_proj\", \"embed_tokens\"]")
    },
  ]
}
