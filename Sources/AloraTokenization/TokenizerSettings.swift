internal import AloraJSON
internal import AloraSystem

/// What the files beside a tokenizer.json say about it: the tokens that they add, and the class that transformers loads.
///
/// `tokenizer_config.json`: `tokenizer_class`, `added_tokens_decoder`, `bos_token` and the like, `extra_special_tokens`,
/// `additional_special_tokens`, `add_prefix_space`, `legacy`. Without an `added_tokens_decoder`,
/// `special_tokens_map.json` and `added_tokens.json` count as well.
/// Source: `_from_pretrained` of transformers' `tokenization_utils_base.py`.
package struct TokenizerSettings: Sendable {
  /// A token that a file adds. Its id follows from the vocabulary, whatever the file says.
  struct Addition: Hashable, Sendable {
    var content: [UInt8]
    var isSingleWord = false
    var stripsLeft = false
    var stripsRight = false
    var isNormalized = false
    var isSpecial = true
  }

  var className: String?
  var modelType: String?
  var addsPrefixSpace: Bool?
  /// Whether tokenizer_config.json has null for it, which changes nothing.
  var prefixSpaceIsNull = false
  var isLegacy: Bool?
  /// `added_tokens_decoder` in the order of its ids; nil if there is none.
  var decoder: [Addition]?
  /// `added_tokens.json` in the order of its ids: counts only without a decoder.
  var legacyAdditions: [Int: Addition] = [:]
  /// `bos_token` and the like in transformers' order. Nil: the file says null, so that the class's own doesn't count.
  var named: [String: Addition?] = [:]
  /// `image_token` and the like.
  var modelSpecific: [Addition] = []
  /// `extra_special_tokens` with names.
  var extraByName: [Addition] = []
  var extra: [Addition] = []

  /// All that the files say about added tokens, to compare it with what others say.
  package struct Additions: Hashable, Sendable {
    let className: String?
    let decoder: [Addition]?
    let legacyAdditions: [Int: Addition]
    let named: [String: Addition?]
    let others: [[Addition]]
  }

  package var additions: Additions {
    Additions(
      className: className, decoder: decoder, legacyAdditions: legacyAdditions, named: named,
      others: [modelSpecific, extraByName, extra])
  }

  /// transformers' `SPECIAL_TOKENS_ATTRIBUTES`, in its order.
  static let names = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]

  init() {}

  /// Reads the files of a directory.
  ///
  /// - Returns: nil if there is no `tokenizer_config.json`: then tokenizer.json is all there is.
  /// - Throws: ``FileError``, ``JSONError``; ``TokenizationError`` `tooLarge`.
  package init?(directory: String) throws {
    guard let configuration = try Self.document(directory, "tokenizer_config.json") else { return nil }
    let model = try Self.document(directory, "config.json", allowsNonFinite: true)
    className = try configuration[optional: "tokenizer_class"]?.string()
    if let model, model.kind == .object {
      modelType = try Self.text(model, "model_type")
      if className == nil { className = try Self.text(model, "tokenizer_class") }
    }
    addsPrefixSpace = try configuration[optional: "add_prefix_space"]?.boolean()
    prefixSpaceIsNull = try configuration.members().contains { $0.name == "add_prefix_space" && $0.value.isNull }
    isLegacy = try configuration[optional: "legacy"]?.boolean()
    try read(configuration)
    if let tokens = try configuration[optional: "added_tokens_decoder"] {
      var byID: [(id: Int, token: Addition)] = []
      for (name, value) in try tokens.members() {
        guard let id = Int(name), (0...Vocabulary.largestID).contains(id) else {
          throw value.error(.outOfRange, "'\(name)' is not a token's id")
        }
        byID.append((id, try Self.addition(value, isSpecialByDefault: false)))
      }
      decoder = byID.sorted { $0.id < $1.id }.map(\.token)
    } else {
      if let map = try Self.document(directory, "special_tokens_map.json") { try read(map) }
      try readLegacyAdditions(directory)
    }
  }

  /// The special tokens of tokenizer_config.json or special_tokens_map.json; what the second says counts instead of what the
  /// first says.
  private mutating func read(_ file: JSON) throws {
    let extra = try file[optional: "extra_special_tokens"]
    for (name, value) in try file.members() {
      if Self.names.contains(name) {
        named[name] = .some(value.isNull ? nil : try Self.addition(value))
      } else if name.hasSuffix("_token"), value.kind == .string {
        try append(value, to: &modelSpecific)
      }
    }
    var list = try extra.map { try $0.kind == .object ? $0.members().map(\.value) : $0.elements() } ?? []
    if extra?.kind == .object {
      for value in list { try append(value, to: &extraByName) }
      list = []
    }
    if list.isEmpty { list = try file[optional: "additional_special_tokens"]?.elements() ?? [] }
    for value in list { try append(value, to: &self.extra) }
  }

  private func append(_ json: JSON, to tokens: inout [Addition]) throws {
    let token = try Self.addition(json)
    if !token.content.isEmpty { tokens.append(token) }
  }

  private mutating func readLegacyAdditions(_ directory: String) throws {
    guard let file = try Self.document(directory, "added_tokens.json") else { return }
    let special = Set((named.values.compactMap { $0 } + extraByName + extra).map(\.content))
    for (name, value) in try file.members() {
      let content = Array(name.utf8)
      let isSpecial = special.contains(content)
      legacyAdditions[try value.integer(in: 0...Vocabulary.largestID)] = Addition(
        content: content, isNormalized: !isSpecial, isSpecial: isSpecial)
    }
  }

  /// A token as a text, or as an object with its flags.
  private static func addition(_ json: JSON, isSpecialByDefault: Bool = true) throws -> Addition {
    guard json.kind == .object else { return Addition(content: try AddedToken.checkedContent(json.utf8(), of: json)) }
    func flag(_ name: String) throws -> Bool? { try json[optional: name]?.boolean() }
    let isSpecial = try flag("special") ?? isSpecialByDefault
    return try Addition(
      content: AddedToken.checkedContent(json["content"].utf8(), of: json), isSingleWord: flag("single_word") ?? false,
      stripsLeft: flag("lstrip") ?? false, stripsRight: flag("rstrip") ?? false,
      isNormalized: flag("normalized") ?? !isSpecial, isSpecial: isSpecial)
  }

  /// A member that other libraries may write in other types, which then doesn't count.
  private static func text(_ json: JSON, _ name: String) throws -> String? {
    guard let value = try json[optional: name], value.kind == .string else { return nil }
    return try value.string()
  }

  private static func document(_ directory: String, _ name: String, allowsNonFinite: Bool = false) throws -> JSON? {
    let path = directory == "/" ? "/\(name)" : "\(directory)/\(name)"
    guard FileSystem.kind(of: path) == .regularFile else { return nil }
    return try JSONDocument(path: path, allowsNonFinite: allowsNonFinite).root
  }
}
