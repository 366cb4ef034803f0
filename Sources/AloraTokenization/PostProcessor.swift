/// The special tokens that are added around a text's tokens.
struct PostProcessor: Sendable {
  enum Item: Hashable, Sendable {
    /// Special tokens; omitted if none are wanted.
    case special([UInt32])
    /// The text's own tokens.
    case sequence
  }

  /// Templates, applied one after another.
  var templates: [[Item]] = []

  func apply(to tokens: [UInt32], addsSpecialTokens: Bool) -> [UInt32] {
    var tokens = tokens
    for template in templates {
      var result: [UInt32] = []
      for item in template {
        switch item {
        case .sequence: result += tokens
        case .special(let special): if addsSpecialTokens { result += special }
        }
      }
      tokens = result
    }
    return tokens
  }
}
