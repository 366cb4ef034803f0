internal import AloraInference
internal import AloraJSON
internal import AloraSystem

/// Texts that are given as token ids.
package enum TokenLists {
  /// The numbers in a list such as `0,5, -1`; nil if a part of it isn't one.
  package static func numbers(in text: String) -> [Int]? {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { part in Int(part.drop { $0 == " " }) }
    return numbers.count == parts.count ? numbers : nil
  }

  /// The texts of a JSON file: a list of ids, or a list of such lists.
  ///
  /// - Throws: ``FileError``, ``JSONError``; ``InferenceError`` `noTokens` for a text without tokens.
  package static func texts(path: String) throws -> [[Int]] {
    let limit = 0...Int(Int32.max)
    let root = try JSONDocument(path: path).root
    let elements = try root.elements()
    let texts =
      elements.allSatisfy { $0.kind == .integer }
      ? [try root.integers(in: limit)] : try elements.map { try $0.integers(in: limit) }
    if let empty = texts.firstIndex(of: []) {
      let place = elements.isEmpty ? root.jsonPath : elements[empty].jsonPath
      throw InferenceError(.noTokens, path: path, place: place, problem: "a text without tokens has no logits")
    }
    return texts
  }
}
