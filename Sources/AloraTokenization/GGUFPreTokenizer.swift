/// The patterns and settings that `tokenizer.ggml.pre` stands for, from the original tokenizers.
///
/// Source: `llama_vocab::impl::load` of llama.cpp for the names; the original tokenizer.json files for the patterns.
struct GGUFPreTokenizer: Sendable {
  var steps: [Step]
  var ignoresMerges = false
  /// Whether a BOS is added if the file doesn't say.
  var addsBOS = false
  var composesCharacters = false

  enum Step: Sendable {
    case digits
    case byteLevel
    case pattern(String)
  }

  private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
  private static let tail = #" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

  /// A pattern for contractions, letters with the character before them, digits as `digits` says, and runs of other characters
  /// with the line breaks after them.
  private static func words(digits: String) -> String {
    contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits + "|" + tail
  }

  /// The same, but it also splits words where the case changes, and includes slashes after punctuation.
  private static func casedWords(contractions: String, digits: String) -> String {
    let (upper, lower) = (#"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#, #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#)
    let head = #"[^\r\n\p{L}\p{N}]?"#
    return head + upper + "*" + lower + "+" + contractions + "|" + head + upper + "+" + lower + "*" + contractions + "|"
      + digits + #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  /// The pre-tokenizer of that name, or nil.
  init?(named name: String) {
    switch name {
    case "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "lfm2":
      self.init(steps: [.pattern(Self.words(digits: #"\p{N}{1,3}"#))], ignoresMerges: true, addsBOS: true)
    case "dbrx", "smaug-bpe":
      self.init(steps: [.pattern(Self.words(digits: #"\p{N}{1,3}"#))])
    case "qwen2", "deepseek-r1-qwen":
      self.init(steps: [.pattern(Self.words(digits: #"\p{N}"#))], composesCharacters: true)
    case "stablelm2":
      self.init(steps: [.pattern(Self.words(digits: #"\p{N}"#))])
    case "tekken":
      self.init(
        steps: [.pattern(Self.casedWords(contractions: "", digits: #"\p{N}"#))], ignoresMerges: true, addsBOS: true)
    case "gpt-4o", "llama4":
      self.init(steps: [.pattern(Self.casedWords(contractions: Self.contractions + "?", digits: #"\p{N}{1,3}"#))])
    case "smollm", "starcoder", "refact", "command-r", "codeshell":
      self.init(steps: [.digits, .byteLevel])
    case "gpt-2", "phi-2", "mpt", "olmo", "jais", "granite-docling":
      self.init(steps: [.byteLevel])
    default: return nil
    }
  }

  private init(
    steps: [Step], ignoresMerges: Bool = false, addsBOS: Bool = false, composesCharacters: Bool = false
  ) {
    self.steps = steps
    self.ignoresMerges = ignoresMerges
    self.addsBOS = addsBOS
    self.composesCharacters = composesCharacters
  }

  /// - Throws: `patternFailed`.
  func preTokenizers() throws(TokenizationError) -> [PreTokenizer] {
    var result: [PreTokenizer] = []
    var splitsBytes = false
    for step in steps {
      switch step {
      case .digits: result.append(.split(try .expression(PreTokenizer.digitsPattern), .isolated, isInverted: false))
      case .pattern(let pattern): result.append(.split(try .expression(pattern), .isolated, isInverted: false))
      case .byteLevel: splitsBytes = true
      }
    }
    let pattern = splitsBytes ? try SplitPattern.expression(PreTokenizer.byteLevelPattern) : nil
    return result + [.byteLevel(addsPrefixSpace: false, pattern)]
  }
}
