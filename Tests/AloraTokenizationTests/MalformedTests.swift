import AloraModels
import AloraSystem
import AloraJSON
import AloraTestSupport
import AloraTokenization
import Testing

/// A tokenizer.json with one thing wrong is refused by name.
@Suite struct MalformedTests {
  static let good = """
    {"version":"1.0","added_tokens":[{"id":0,"content":"<s>","special":true}],"normalizer":null,
    "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true},
    "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},
    {"Sequence":{"id":"A","type_id":0}}],"special_tokens":{"<s>":{"id":"<s>","ids":[0],"tokens":["<s>"]}}},
    "decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{"<s>":0,"a":1,"b":2,"ab":3},"merges":["a b"]}}
    """

  struct Change: CustomTestStringConvertible, Sendable {
    let from: String
    let to: String
    let code: TokenizationError.Code
    let place: String
    var testDescription: String { to }
    init(_ from: String, _ to: String, _ code: TokenizationError.Code, _ place: String) {
      (self.from, self.to, self.code, self.place) = (from, to, code, place)
    }
  }

  static let changes = [
    Change(#""1.0""#, #""2.0""#, .unsupported, "$.version"),
    Change(#""type":"BPE""#, #""type":"WordPiece""#, .unsupported, "$.model.type"),
    Change(#""type":"BPE""#, #""type":"BPE","dropout":0.1"#, .unsupported, "$.model.dropout"),
    Change(#""type":"BPE""#, #""type":"BPE","end_of_word_suffix":"</w>""#, .unsupported, "$.model.end_of_word_suffix"),
    Change(#""type":"BPE""#, #""type":"BPE","unk_token":"?""#, .malformed, "$.model.unk_token"),
    Change(#""b":2"#, #""b":1"#, .malformed, "$.model.vocab"),
    Change(#"["a b"]"#, #"["a c"]"#, .malformed, "$.model.merges[0]"),
    Change(#"["a b"]"#, #"["b a"]"#, .malformed, "$.model.merges[0]"),
    Change(#"["a b"]"#, #"["ab"]"#, .malformed, "$.model.merges[0]"),
    Change(#"["a b"]"#, #"["a b "]"#, .malformed, "$.model.merges[0]"),
    Change(#"["a b"]"#, #"[["a","b","a"]]"#, .malformed, "$.model.merges[0]"),
    Change(#"{"id":0,"content""#, #"{"id":7,"content""#, .malformed, "$.added_tokens[0]"),
    Change(#""special":true}"#, #""special":true},{"id":0,"content":"<s>"}"#, .malformed, "$.added_tokens[1]"),
    Change(
      #""content":"<s>""#, #""content":"\#(String(repeating: "x", count: 2000))""#, .tooLarge, "$.added_tokens[0]"),
    Change(#""normalizer":null"#, #""normalizer":{"type":"NFKC"}"#, .unsupported, "$.normalizer"),
    Change(
      #""normalizer":null"#, #""normalizer":{"type":"Sequence","normalizers":[{"type":"Nmt"}]}"#, .unsupported,
      "$.normalizer.normalizers[0]"),
    Change(
      #""normalizer":null"#, #""normalizer":{"type":"Replace","pattern":{"Regex":"("},"content":""}"#, .patternFailed,
      "$.normalizer.pattern"),
    Change(#""type":"ByteLevel","add"#, #""type":"UnicodeScripts","add"#, .unsupported, "$.pre_tokenizer"),
    Change(
      #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}"#,
      #"{"type":"Split","pattern":{"String":"x"},"behavior":"Kept","invert":false}"#, .unsupported,
      "$.pre_tokenizer.behavior"),
    Change(
      #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}"#,
      #"{"type":"Sequence","pretokenizers":[{"type":"ByteLevel"},{"type":"Digits","individual_digits":true}]}"#,
      .unsupported, "$.pre_tokenizer"),
    Change(
      #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}"#,
      #"{"type":"Metaspace","replacement":"__"}"#, .malformed, "$.pre_tokenizer.replacement"),
    Change(#""id":"A""#, #""id":"B""#, .malformed, "$.post_processor.single[1]"),
    Change(
      #"{"Sequence":{"id":"A","type_id":0}}"#, #"{"Sequence":{"id":"A"}},{"Sequence":{"id":"A"}}"#, .unsupported,
      "$.post_processor.single[2]"),
    Change(
      #""normalizer":null"#,
      #""normalizer":{"type":"Prepend","prepend":"\#(String(repeating: "x", count: 300))"}"#, .tooLarge,
      "$.normalizer.prepend"),
    Change(#""type":"TemplateProcessing""#, #""type":"Other""#, .unsupported, "$.post_processor"),
    Change(#""decoder":{"type":"ByteLevel"}"#, #""decoder":{"type":"CTC"}"#, .unsupported, "$.decoder"),
  ]

  private func read(_ text: String) throws -> Tokenizer {
    try withTemporaryDirectory { directory in
      try writeFile(Array(text.utf8), to: directory + "/tokenizer.json")
      return try Tokenizer(path: directory)
    }
  }

  @Test func theUnchangedFileIsRead() throws {
    #expect(try read(Self.good).encode("abba") == [0, 3, 2, 1])
  }

  @Test(arguments: changes) func isRefused(_ change: Change) throws {
    let text = Self.good.replacing(change.from, with: change.to)
    #expect(text != Self.good)
    let error = caught(TokenizationError.self) { _ = try read(text) }
    #expect(error?.code == change.code)
    #expect(error?.place == change.place)
    #expect(error?.path?.hasSuffix("tokenizer.json") == true)
  }

  @Test func damagedFilesAreReadOrRefused() {
    let bytes = Array(Self.good.utf8)
    let failures = undiagnosedFailures(of: bytes, changing: 0..<bytes.count) { variant in
      _ = try read(String(decoding: variant, as: UTF8.self)).encode("ab <s> ba")
    }
    #expect(failures.isEmpty)
  }

  @Test func aDirectoryWithoutTokenizerIsToldSo() throws {
    let error = try withTemporaryDirectory { directory in
      caught(TokenizationError.self) { _ = try Tokenizer(path: directory) }
    }
    #expect(error?.code == .missingTokenizer)
  }
}
