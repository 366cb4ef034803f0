import Foundation

/// A model with a vocabulary and a chat template, `base`, and three adapters, in a directory of their own.
///
/// The tiny models have 64 or 96 tokens; a tokenizer with few tokens is written beside the weights.
package func withSpellingModel(_ body: (_ directory: String) throws -> Void) throws {
  try withTemporaryDirectory { directory in
    try writeSpellingModel(to: directory)
    try body(directory)
  }
}

/// Writes the files of ``withSpellingModel(_:)`` to a directory that exists.
package func writeSpellingModel(to directory: String) throws {
  let manager = FileManager.default
  try manager.copyItem(atPath: testData("inference/llama-output/base"), toPath: directory + "/base")
  for name in ["llama-output", "llama-linear", "llama-lora"] {
    try manager.copyItem(atPath: testData("inference/\(name)/adapter"), toPath: "\(directory)/\(name)")
  }
  // Tokens 0…63: letters, digits and a space; "H" is 7 and "J" is 9, so that the invocation [7, 9, 7] is "HJH".
  let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .")
  try writeSpellingTokenizer(letters.map { $0 == " " ? "Ġ" : String($0) }, to: directory + "/base")
  try writeFile(
    Array(
      #"{"chat_template":"{% for m in messages %}{{ m['role'][0] + m['content'] + '.' }}{% endfor %}"#.utf8)
      + Array(#"{% if add_generation_prompt %}a{% endif %}"}"#.utf8),
    to: directory + "/base/tokenizer_config.json")
}

/// Writes a tokenizer.json without merges: each text is a token.
///
/// - Parameter addedFrom: the first of the texts that are special tokens.
func writeSpellingTokenizer(_ texts: [String], addedFrom: Int? = nil, to directory: String) throws {
  let vocabulary = texts.enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",")
  let added = ((addedFrom ?? texts.count)..<texts.count).map {
    #"{"id":\#($0),"content":"\#(texts[$0])","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}"#
  }
  try writeFile(
    Array(
      """
      {"version":"1.0","truncation":null,"padding":null,"added_tokens":[\(added.joined(separator: ","))],"normalizer":null,
      "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},
      "post_processor":null,"decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},
      "model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,
      "end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"ignore_merges":false,
      "vocab":{\(vocabulary)},"merges":[]}}
      """.utf8), to: directory + "/tokenizer.json")
}
