internal import AloraJSON

/// Members of requests that would change an answer in a way that this server doesn't know. A value that asks for what
/// happens anyway is accepted.
enum Refusals {
  private enum Harmless {
    case zero, one, minusOne, no, yes, empty, emptyText, nothing
  }

  private static let ofSampling: KeyValuePairs<String, Harmless> = [
    "frequency_penalty": .zero, "presence_penalty": .zero, "mirostat": .zero, "dynatemp_range": .zero,
    "xtc_probability": .zero, "dry_multiplier": .zero, "min_tokens": .zero, "top_a": .zero,
    "repetition_penalty": .one, "repeat_penalty": .one, "typical_p": .one, "tfs_z": .one, "length_penalty": .one,
    "top_n_sigma": .minusOne, "logit_bias": .empty, "bad_words": .empty, "allowed_token_ids": .empty,
    "use_beam_search": .no, "prompt_logprobs": .zero, "post_sampling_probs": .no, "include_stop_str_in_output": .no,
    "skip_special_tokens": .yes, "truncate_prompt_tokens": .nothing,
  ]

  private static let ofChats: KeyValuePairs<String, Harmless> = [
    "audio": .nothing, "functions": .empty, "function_call": .nothing, "prediction": .nothing,
    "web_search_options": .nothing, "continue_final_message": .no, "add_generation_prompt": .yes, "echo": .no,
  ]

  private static let ofTexts: KeyValuePairs<String, Harmless> = ["suffix": .emptyText, "echo": .no]

  private static let ofOllama: KeyValuePairs<String, Harmless> = [
    "suffix": .emptyText, "template": .emptyText, "think": .no,
  ]

  private static let ofForms: KeyValuePairs<String, Harmless> = [
    "guided_regex": .emptyText, "guided_choice": .emptyText, "guided_grammar": .emptyText,
    "guided_decoding_backend": .emptyText, "grammar": .emptyText,
  ]

  static func check(sampling fields: RequestFields) throws { try check(fields, ofSampling) }

  static func check(chat fields: RequestFields) throws {
    try check(fields, ofChats)
    try fields.refuse("tool_choice") { $0.kind == .string ? try ["auto", "none"].contains($0.string()) : false }
    try fields.refuse("modalities") { try $0.elements().allSatisfy { try $0.string() == "text" } }
  }

  static func check(text fields: RequestFields) throws {
    try check(fields, ofTexts)
    try fields.refuse("best_of") { $0.kind == .integer ? try $0.integer() == 1 : false }
  }

  static func check(ollama fields: RequestFields) throws {
    try check(fields, ofOllama)
    try fields.refuse("images") { try $0.elements().isEmpty }
  }

  static func check(form fields: RequestFields) throws { try check(fields, ofForms) }

  private static func check(_ fields: RequestFields, _ list: KeyValuePairs<String, Harmless>) throws {
    for (name, harmless) in list { try fields.refuse(name) { try isHarmless($0, harmless) } }
  }

  private static func isHarmless(_ value: JSON, _ harmless: Harmless) throws -> Bool {
    func isNumber(_ number: Double) throws -> Bool {
      value.kind == .integer || value.kind == .number ? try value.number() == number : false
    }
    switch harmless {
    case .zero: return try isNumber(0)
    case .one: return try isNumber(1)
    case .minusOne: return try isNumber(-1)
    case .no: return value.kind == .boolean ? try !value.boolean() : false
    case .yes: return value.kind == .boolean ? try value.boolean() : false
    case .emptyText: return value.kind == .string ? try value.string().isEmpty : false
    case .nothing: return false
    case .empty:
      return value.kind == .object
        ? try value.members().isEmpty : value.kind == .array ? try value.elements().isEmpty : false
    }
  }
}
