internal import AloraSystem
internal import AloraJSON

/// The parts of a tokenizer.json, by their `type`.
enum TokenizerParts {
  /// The elements of nested `Sequence`s in order; nil and null give none.
  private static func flattened(_ json: JSON?, member: String) throws -> [JSON] {
    guard let json, !json.isNull else { return [] }
    guard try type(json) == "Sequence" else { return [json] }
    // The depth is bounded by the JSON parser's limit.
    return try json[member].elements().flatMap { try flattened($0, member: member) }
  }

  private static func type(_ json: JSON) throws -> String { try json["type"].string() }

  private static func unsupported(_ json: JSON, _ kind: String) throws -> TokenizationError {
    TokenizationError(
      .unsupported, place: json.jsonPath, problem: "the \(kind) '\(try type(json))' is not supported")
  }

  /// `{"String": …}` or `{"Regex": …}`.
  private static func pattern(_ json: JSON) throws -> SplitPattern {
    if let literal = try json[optional: "String"] { return .literal(try literal.utf8()) }
    return try .expression(try json["Regex"].string(), place: json.jsonPath)
  }

  /// A replacement text. Its length is limited, because it may be inserted in many places.
  private static func content(_ json: JSON) throws -> [UInt8] {
    let bytes = try json.utf8()
    guard bytes.count <= 256 else {
      throw TokenizationError(
        .tooLarge, place: json.jsonPath, problem: "it has \(bytes.count) bytes, at most 256 are supported")
    }
    return bytes
  }

  private static func flag(_ json: JSON, _ name: String, default value: Bool) throws -> Bool {
    try json[optional: name]?.boolean() ?? value
  }

  static func normalizers(_ json: JSON?) throws -> [Normalizer] {
    try flattened(json, member: "normalizers").map { json in
      switch try type(json) {
      case "Prepend": .prepend(try content(json["prepend"]))
      case "Replace": .replace(try pattern(json["pattern"]), with: try content(json["content"]))
      case "NFC": .compose(CanonicalComposition())
      case "NFD": .decompose(CanonicalComposition())
      case "Lowercase": .lowercase
      case "Strip":
        .strip(left: try json["strip_left"].boolean(), right: try json["strip_right"].boolean())
      default: throw try unsupported(json, "normalizer")
      }
    }
  }

  static func preTokenizers(_ json: JSON?) throws -> [PreTokenizer] {
    try flattened(json, member: "pretokenizers").map { json in
      switch try type(json) {
      case "ByteLevel":
        let pattern =
          try flag(json, "use_regex", default: true) ? try SplitPattern.expression(PreTokenizer.byteLevelPattern) : nil
        return .byteLevel(addsPrefixSpace: try flag(json, "add_prefix_space", default: true), pattern)
      case "Split":
        return .split(try pattern(json["pattern"]), try behavior(json), isInverted: try json["invert"].boolean())
      case "Digits":
        let isIndividual = try json["individual_digits"].boolean()
        return .split(
          try .expression(PreTokenizer.digitsPattern), isIndividual ? .isolated : .contiguous, isInverted: false)
      case "Metaspace":
        let (replacement, scheme) = try metaspace(json)
        return .metaspace(replacement: replacement, scheme, splits: try flag(json, "split", default: true))
      case "Punctuation":
        let behavior = try json[optional: "behavior"] == nil ? .isolated : try behavior(json)
        return .split(.character { PunctuationTable.contains($0) }, behavior, isInverted: false)
      case "WhitespaceSplit":
        return .split(.character { UTF8Text.isWhiteSpace($0) }, .removed, isInverted: false)
      default: throw try unsupported(json, "pre-tokenizer")
      }
    }
  }

  private static func behavior(_ json: JSON) throws -> SplitBehavior {
    let name = try json["behavior"].string()
    guard let behavior = SplitBehavior(rawValue: name) else {
      throw TokenizationError(
        .unsupported, place: json.jsonPath + ".behavior", problem: "the behaviour '\(name)' is not known")
    }
    return behavior
  }

  private static func metaspace(_ json: JSON) throws -> ([UInt8], PreTokenizer.PrependScheme) {
    let replacement = try json["replacement"].utf8()
    guard let lead = replacement.first, UTF8Text.length(ofLead: lead) == replacement.count else {
      throw TokenizationError(.malformed, place: json.jsonPath + ".replacement", problem: "it is not one character")
    }
    let name = try json[optional: "prepend_scheme"]?.string() ?? "always"
    guard let scheme = PreTokenizer.PrependScheme(rawValue: name) else {
      throw TokenizationError(
        .unsupported, place: json.jsonPath + ".prepend_scheme", problem: "the scheme '\(name)' is not known")
    }
    guard try json[optional: "add_prefix_space"]?.boolean() == false else { return (replacement, scheme) }
    let isDeclared = try json[optional: "prepend_scheme"] != nil
    guard scheme == .never || !isDeclared else {
      throw TokenizationError(
        .malformed, place: json.jsonPath, problem: "'add_prefix_space' and 'prepend_scheme' contradict each other")
    }
    return (replacement, .never)
  }

  static func templates(_ json: JSON?) throws -> [[PostProcessor.Item]] {
    try flattened(json, member: "processors").compactMap { json in
      switch try type(json) {
      case "ByteLevel": return nil
      case "TemplateProcessing":
        let special = try json["special_tokens"]
        var sequenceCount = 0
        return try json["single"].elements().map { item in
          if let token = try item[optional: "SpecialToken"] {
            let name = try token["id"].string()
            return .special(
              try special[name]["ids"].elements().map { UInt32(try $0.integer(in: 0...Vocabulary.largestID)) })
          }
          let name = try item["Sequence"]["id"].string()
          guard name == "A" else {
            throw TokenizationError(
              .malformed, place: item.jsonPath, problem: "a single text has no sequence '\(name)'")
          }
          sequenceCount += 1
          guard sequenceCount == 1 else {
            throw TokenizationError(
              .unsupported, place: item.jsonPath,
              problem: "a template that has the text more than once is not supported")
          }
          return .sequence
        }
      case "BertProcessing", "RobertaProcessing":
        func token(_ name: String) throws -> PostProcessor.Item {
          let pair = try json[name].elements()
          guard pair.count == 2 else {
            throw TokenizationError(
              .malformed, place: json.jsonPath + ".\(name)", problem: "expected a piece and its id")
          }
          return .special([UInt32(try pair[1].integer(in: 0...Vocabulary.largestID))])
        }
        return [try token("cls"), .sequence, try token("sep")]
      default: throw try unsupported(json, "post-processor")
      }
    }
  }

  static func decoders(_ json: JSON) throws -> [Decoder] {
    try flattened(json, member: "decoders").map { json in
      switch try type(json) {
      case "ByteLevel": return .byteLevel
      case "ByteFallback": return .byteFallback
      case "Fuse": return .fuse
      case "Replace": return .replace(try pattern(json["pattern"]), with: try content(json["content"]))
      case "Strip":
        let content = try json["content"].string()
        guard let scalar = content.unicodeScalars.first, content.unicodeScalars.count == 1 else {
          throw TokenizationError(.malformed, place: json.jsonPath + ".content", problem: "it is not one character")
        }
        let limit = 0...1_000_000
        return .strip(
          scalar.value, start: try json["start"].integer(in: limit), stop: try json["stop"].integer(in: limit))
      case "Metaspace":
        let (replacement, scheme) = try metaspace(json)
        return .metaspace(replacement: replacement, dropsFirst: scheme != .never)
      default: throw try unsupported(json, "decoder")
      }
    }
  }
}
