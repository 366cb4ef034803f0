/// Whether two names can mean the same base model.
package enum BaseAgreement {
  /// Whether `given`, the name that a base gives itself, can't be the model that an adapter names as its base.
  ///
  /// The comparison looks at family, size and instruction tuning. It ignores case, owner, punctuation, and words that
  /// only one of the names has (a quantization, a file's history).
  /// - Parameter isWholeName: whether `given` is a complete name (`org/name`). If so, a name without a word for the tuning
  ///   means a model without tuning.
  package static func contradicts(_ given: String, adapterBase: String, isWholeName: Bool) -> Bool {
    let (mine, theirs) = (
      ModelIdentifier(spelled(given), weightCount: 1), ModelIdentifier(spelled(adapterBase), weightCount: 1)
    )
    let (myName, theirName) = (normalized(mine.name), normalized(theirs.name))
    if myName == theirName { return false }
    if let size = mine.sizeLabel, let other = theirs.sizeLabel, sizes(size).isDisjoint(with: sizes(other)) {
      return true
    }
    let (myFamily, theirFamily) = (normalized(mine.basename ?? mine.name), normalized(theirs.basename ?? theirs.name))
    if !myFamily.hasPrefix(theirFamily) && !theirFamily.hasPrefix(myFamily) { return true }
    let (myTuning, theirTuning) = (tuning(of: given), tuning(of: adapterBase))
    return myTuning != theirTuning && (isWholeName || (myTuning != nil && theirTuning != nil))
  }

  /// The parts of a size label: a context length may accompany the model's size.
  private static func sizes(_ label: String) -> Set<Substring> { Set(label.lowercased().split(separator: "-")) }

  /// A title (`Smollm2 135M`) spelled as an identifier.
  private static func spelled(_ name: String) -> String { name.replacing(" ", with: "-") }

  private static func normalized(_ name: String?) -> String {
    String(
      String.UnicodeScalarView(
        (name ?? "").lowercased().unicodeScalars.filter {
          $0.properties.isAlphabetic || $0.properties.numericType != nil
        }))
  }

  /// The tuning that a name states: `instruct`, `chat`, `it`, which all mean one thing, or `base`.
  private static func tuning(of name: String) -> String? {
    let words = name.lowercased().split { !$0.isLetter && !$0.isNumber }
    if words.contains(where: { ["instruct", "chat", "it"].contains($0) }) { return "instruct" }
    return words.contains("base") ? "base" : nil
  }
}
