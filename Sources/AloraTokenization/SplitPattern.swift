internal import AloraSystem
internal import AloraRegex

/// A pattern to search for in a text.
enum SplitPattern: Sendable {
  case literal([UInt8])
  case expression(CompiledRegex)
  case character(@Sendable (UInt32) -> Bool)

  /// An expression in Oniguruma's syntax.
  ///
  /// - Throws: `patternFailed`.
  static func expression(_ pattern: String, place: String? = nil) throws(TokenizationError) -> SplitPattern {
    do throws(RegexError) {
      return .expression(try CompiledRegex(PatternTranslation.translated(pattern), syntax: .oniguruma))
    } catch {
      throw TokenizationError(
        .patternFailed, place: place, problem: "the pattern \(pattern.prefix(200)) is not valid: \(error.detail)")
    }
  }

  /// The matches in `range`, from left to right.
  ///
  /// - Throws: `patternFailed`.
  func appendMatches(
    in text: [UInt8], range: Range<Int>, to matches: inout [Range<Int>]
  ) throws(TokenizationError) {
    switch self {
    case .expression(let regex):
      do throws(RegexError) { try regex.appendMatches(in: text, range: range, to: &matches) } catch {
        throw TokenizationError(
          .patternFailed, problem: "the pattern \(error.pattern.prefix(80))… fails on this text: \(error.detail)")
      }
    case .literal(let literal):
      guard let first = literal.first else { return }
      var offset = range.lowerBound
      while offset < range.upperBound {
        if text[offset] == first, text.hasPrefix(literal, at: offset, end: range.upperBound) {
          matches.append(offset..<(offset + literal.count))
          offset += literal.count
        } else {
          offset += 1
        }
      }
    case .character(let isMatch):
      var offset = range.lowerBound
      while offset < range.upperBound {
        let (scalar, count) = UTF8Text.scalar(in: text, at: offset)
        if isMatch(scalar) { matches.append(offset..<(offset + count)) }
        offset += count
      }
    }
  }
}

/// How matches are handled when a text is split.
///
/// Source: `NormalizedString::split` of Hugging Face's tokenizers.
enum SplitBehavior: String, Sendable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"

  /// Splits `range` at `matches` and appends the parts. Empty parts are omitted.
  func appendParts(of range: Range<Int>, matches: [Range<Int>], isInverted: Bool, to parts: inout [Range<Int>]) {
    var stretches: [(range: Range<Int>, isMatch: Bool)] = []
    stretches.reserveCapacity(matches.count * 2 + 1)
    var done = range.lowerBound
    for match in matches {
      if done != match.lowerBound { stretches.append((done..<match.lowerBound, isInverted)) }
      stretches.append((match, !isInverted))
      done = match.upperBound
    }
    if done != range.upperBound { stretches.append((done..<range.upperBound, isInverted)) }
    append(stretches, to: &parts)
  }

  private func append(_ stretches: [(range: Range<Int>, isMatch: Bool)], to parts: inout [Range<Int>]) {
    var merged: [Range<Int>] = []
    var previousIsMatch = false
    switch self {
    case .removed: merged = stretches.compactMap { $0.isMatch ? nil : $0.range }
    case .isolated: merged = stretches.map(\.range)
    case .contiguous:
      for (range, isMatch) in stretches {
        if isMatch == previousIsMatch, let last = merged.popLast() {
          merged.append(last.lowerBound..<range.upperBound)
        } else {
          merged.append(range)
        }
        previousIsMatch = isMatch
      }
    case .mergedWithPrevious:
      for (range, isMatch) in stretches {
        if isMatch, !previousIsMatch, let last = merged.popLast() {
          merged.append(last.lowerBound..<range.upperBound)
        } else {
          merged.append(range)
        }
        previousIsMatch = isMatch
      }
    case .mergedWithNext:
      for (range, isMatch) in stretches.reversed() {
        if isMatch, !previousIsMatch, let last = merged.popLast() {
          merged.append(range.lowerBound..<last.upperBound)
        } else {
          merged.append(range)
        }
        previousIsMatch = isMatch
      }
      merged.reverse()
    }
    for part in merged where !part.isEmpty { parts.append(part) }
  }
}
