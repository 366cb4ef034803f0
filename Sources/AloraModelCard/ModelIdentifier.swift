internal import AloraRegex

/// The parts of a model's name, by the conventions of the Hugging Face Hub: `org/Base-7B-Instruct-v0.2`.
///
/// Source: llama.cpp `gguf-py/gguf/metadata.py` (`get_model_id_components`, `id_to_title`).
struct ModelIdentifier: Hashable {
  private(set) var name: String?
  private(set) var organization: String?
  private(set) var basename: String?
  private(set) var finetune: String?
  private(set) var version: String?
  private(set) var sizeLabel: String?

  /// The Hub's names are at most 96 bytes long, twice. What is longer is a text.
  private static let byteLimit = 512

  private enum Role { case basename, sizeLabel, finetune, version, type }

  private struct Part {
    var text: String
    var roles: Set<Role> = []
  }

  /// - Parameter weightCount: the weights that the adapter changes; a size label far below it is a context length.
  init(_ identifier: String, weightCount: Int) {
    guard !identifier.contains(" "), identifier.utf8.count <= Self.byteLimit else {
      name = identifier
      return
    }
    let slash = identifier.firstIndex(of: "/")
    let fullName = slash.map { String(identifier[identifier.index(after: $0)...]) } ?? identifier
    let owner = slash.map { String(identifier[..<$0]) }
    name = fullName
    organization = owner.flatMap { $0.hasPrefix(".") ? nil : $0 }

    var parts = fullName.split(separator: "-").map { Part(text: String($0)) }
    for index in parts.indices { Self.annotate(&parts[index], at: index, weightCount: weightCount) }
    Self.dropWordSizes(&parts)
    Self.findBasename(&parts)

    func joined(_ isWanted: (Part) -> Bool) -> String? {
      let texts = parts.filter(isWanted).map(\.text)
      return texts.isEmpty ? nil : texts.joined(separator: "-")
    }
    basename = joined { $0.roles.contains(.basename) }
    var sizes: [String] = []
    for part in parts where part.roles.contains(.sizeLabel) && !sizes.contains(part.text) { sizes.append(part.text) }
    sizeLabel = sizes.isEmpty ? nil : sizes.joined(separator: "-")
    finetune = joined { $0.roles.contains(.finetune) }
    version = joined { $0.roles.contains(.version) && !$0.roles.contains(.basename) }
    if sizeLabel == nil && finetune == nil && version == nil { basename = nil }
  }

  private static func annotate(_ part: inout Part, at index: Int, weightCount: Int) {
    let text = part.text
    if matches(text, versionPattern) {
      part.roles.insert(.version)
    } else if matches(text, typePattern) {
      part.roles.insert(.type)
      part.text = text.uppercased()
    } else if index > 0, matches(text, sizePattern) {
      annotateSize(&part, weightCount: weightCount)
    } else if index > 0, matches(text, finetunePattern) {
      // "lora" means nothing in the name of an adapter.
      part.roles.insert(text.lowercased() == "lora" ? .type : .finetune)
    }
  }

  private static func annotateSize(_ part: inout Part, weightCount: Int) {
    var text = Array(part.text.replacing("_", with: "."))
    // 7b1 means 7.1b.
    if let last = text.last, last.isDecimal {
      let unit = text[text.count - 2]
      text = text.dropLast(2) + [".", last, unit]
    }
    if text.count > 1, text[text.count - 2].isDecimal, let unit = text.last, "kmbt".contains(unit) {
      text[text.count - 1] = Character(unit.uppercased())
    }
    if let unit = text.last, let value = Double(String(text.dropLast())), let power = " KMBT".firstIndex(of: unit) {
      var size = value
      for _ in 0..<" KMBT".distance(from: " KMBT".startIndex, to: power) { size *= 1000 }
      if weightCount > 0 && size < Double(weightCount / 8) {
        part.roles.insert(.finetune)
        text[text.count - 1] = Character(unit.lowercased())
      }
    }
    if part.roles.isEmpty { part.roles.insert(.sizeLabel) }
    part.text = String(text)
  }

  /// A size in words doesn't count if there is one in numbers.
  private static func dropWordSizes(_ parts: inout [Part]) {
    let hasNumber = parts.contains { $0.roles.contains(.sizeLabel) && $0.text.contains(where: \.isDecimal) }
    guard hasNumber else { return }
    for index in parts.indices where parts[index].roles.contains(.sizeLabel) {
      if parts[index].text.allSatisfy(\.isLetter) { parts[index].roles.remove(.sizeLabel) }
    }
  }

  private static func findBasename(_ parts: inout [Part]) {
    var isAtStart = true
    for index in parts.indices {
      let isName = parts[index].roles.isEmpty && parts[index].text.first?.isLetter == true
      if isAtStart && (isName || parts[index].roles.contains(.version)) {
        parts[index].roles.insert(.basename)
      } else {
        isAtStart = false
        if parts[index].roles.isEmpty { parts[index].roles.insert(.finetune) }
      }
    }
    for index in parts.indices.reversed() {
      guard parts[index].roles.contains(.basename), parts[index].roles.count > 1 else { break }
      parts[index].roles.remove(.basename)
    }
  }

  // Compiled once: a card can name very many models.
  private static let versionPattern = regex(#"(v|iter)?\d+([.]\d+)*"#)
  private static let typePattern = regex(#"i?q\d(_\w)*|b?fp?(16|32)"#)
  private static let sizePattern = regex(
    #"(([A]|\d+[x])?\d+([._]\d+)?[KMBT][\d]?|small|mini|medium|large|x?xl)"#)
  private static let finetunePattern = regex("chat|instruct|vision|lora")
  private static let uncapitalizedPattern = regex(#"v\d+(?:\.\d+)*|\d.*"#)

  /// The patterns are constants in this file, so tests would find one that doesn't compile.
  private static func regex(_ pattern: String) -> CompiledRegex? {
    try? CompiledRegex("(?i:\(pattern))\\Z", syntax: .python)
  }

  private static func matches(_ text: String, _ regex: CompiledRegex?) -> Bool {
    (try? regex?.matchesPrefix(of: text)) ?? false
  }

  /// `smollm2-135M-instruct` as `Smollm2 135M Instruct`: words start with a capital, except versions and names.
  static func title(of identifier: String) -> String {
    identifier.replacing("-", with: " ").split(whereSeparator: \.isWhitespace).map { word in
      let cased = word.unicodeScalars.filter(\.properties.isCased)
      // Letters that are neither of the two (titlecase digraphs) make a word that is not lower, as in Python.
      let isLower = !cased.isEmpty && cased.allSatisfy(\.properties.isLowercase)
      return isLower && !matches(String(word), uncapitalizedPattern) ? titled(word) : String(word)
    }.joined(separator: " ")
  }

  /// As Python's `str.title()`: a letter is in title case if no cased letter comes before it.
  private static func titled(_ word: Substring) -> String {
    var result = ""
    var isInside = false
    for scalar in word.unicodeScalars {
      result += isInside ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
      isInside = scalar.properties.isCased
    }
    return result
  }
}

extension Character {
  fileprivate var isDecimal: Bool { ("0"..."9").contains(self) }
}
