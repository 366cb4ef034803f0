/// Lines of a certain width, as Python's `textwrap` makes them.
extension PythonText {
  struct Wrapping {
    var width: Int
    var breaksLongWords: Bool
    var breaksOnHyphens: Bool
  }

  static func isWordCharacter(_ scalar: Unicode.Scalar) -> Bool { scalar == "_" || isAlphanumeric(scalar) }

  static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
    isLetter(scalar) || scalar.properties.numericType != nil
  }

  static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }

  /// How many words of letters, digits and underscores.
  static func wordCount(_ text: String) -> Int {
    var count = 0
    var isInWord = false
    for scalar in text.unicodeScalars {
      let belongs = isWordCharacter(scalar)
      if belongs, !isInWord { count += 1 }
      isInWord = belongs
    }
    return count
  }

  /// - Precondition: a width above 0.
  static func wrapped(_ line: String, _ wrapping: Wrapping) -> [String] {
    let scalars = Array(line.unicodeScalars)
    var chunks: [ArraySlice<Unicode.Scalar>] =
      (wrapping.breaksOnHyphens ? hyphenatedChunks(scalars) : simpleChunks(scalars)).reversed()
    var lines: [String] = []
    func isBlank(_ chunk: ArraySlice<Unicode.Scalar>) -> Bool { chunk.allSatisfy { isSpace($0) } }
    while !chunks.isEmpty {
      if !lines.isEmpty, isBlank(chunks[chunks.count - 1]) { chunks.removeLast() }
      var current: [ArraySlice<Unicode.Scalar>] = []
      var length = 0
      while let chunk = chunks.last, length + chunk.count <= wrapping.width {
        current.append(chunk)
        length += chunk.count
        chunks.removeLast()
      }
      if let chunk = chunks.last, chunk.count > wrapping.width {
        if wrapping.breaksLongWords {
          var end = chunk.startIndex + wrapping.width - length
          if wrapping.breaksOnHyphens, let hyphen = chunk[..<end].lastIndex(of: "-"), hyphen > chunk.startIndex,
            chunk[..<hyphen].contains(where: { $0 != "-" })
          {
            end = hyphen + 1
          }
          current.append(chunk[..<end])
          chunks[chunks.count - 1] = chunk[end...]
        } else if current.isEmpty {
          current.append(chunk)
          chunks.removeLast()
        }
      }
      if let last = current.last, isBlank(last) { current.removeLast() }
      if !current.isEmpty { lines.append(string(current.joined())) }
    }
    return lines
  }

  private static func isWrappingSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar == " " || (0x09...0x0D).contains(scalar.value)
  }

  /// Words, and the white space between them.
  private static func simpleChunks(_ scalars: Scalars) -> [ArraySlice<Unicode.Scalar>] {
    var chunks: [ArraySlice<Unicode.Scalar>] = []
    var start = 0
    while start < scalars.count {
      let startsWithSpace = isWrappingSpace(scalars[start])
      let end = scalars[start...].firstIndex { isWrappingSpace($0) != startsWithSpace } ?? scalars.count
      chunks.append(scalars[start..<end])
      start = end
    }
    return chunks
  }

  /// The same, and words come apart after hyphens and around dashes.
  ///
  /// Source: `wordsep_re` of Python's textwrap.
  private static func hyphenatedChunks(_ scalars: Scalars) -> [ArraySlice<Unicode.Scalar>] {
    func isLetterOrMark(_ index: Int) -> Bool {
      guard scalars.indices.contains(index) else { return false }
      let scalar = scalars[index]
      return scalar == "_" || isAlphanumeric(scalar) && scalar.properties.numericType != .decimal
    }
    func isPunctuated(_ index: Int) -> Bool {
      scalars.indices.contains(index)
        && (isWordCharacter(scalars[index]) || "!\"'&.,?".unicodeScalars.contains(scalars[index]))
    }
    /// Where dashes before a word end; nil where none begin.
    func endOfDash(_ start: Int) -> Int? {
      let end = scalars[start...].firstIndex { $0 != "-" } ?? scalars.count
      return end - start >= 2 && end < scalars.count && isWordCharacter(scalars[end]) ? end : nil
    }
    func endsAfterHyphen(_ index: Int) -> Bool {
      guard scalars[index] == "-" else { return false }
      let follows =
        isLetterOrMark(index - 1) && isLetterOrMark(index - 2)
        || isLetterOrMark(index - 3) && scalars[index - 2] == "-" && isPunctuated(index - 1)
      guard follows, isLetterOrMark(index + 1) else { return false }
      return isLetterOrMark(index + 2)
        || index + 2 < scalars.count && scalars[index + 2] == "-" && isLetterOrMark(index + 3)
    }
    var chunks: [ArraySlice<Unicode.Scalar>] = []
    var start = 0
    while start < scalars.count {
      var end: Int
      if isWrappingSpace(scalars[start]) {
        end = scalars[start...].firstIndex { !isWrappingSpace($0) } ?? scalars.count
      } else if isPunctuated(start - 1), let dash = endOfDash(start) {
        end = dash
      } else {
        end = start + 1
        // A hyphen that a part ends with is behind its first character; the end of a word is behind its last one.
        while end < scalars.count, !isWrappingSpace(scalars[end]) {
          if endsAfterHyphen(end) {
            end += 1
            break
          }
          if isPunctuated(end - 1), endOfDash(end) != nil { break }
          end += 1
        }
      }
      chunks.append(scalars[start..<end])
      start = end
    }
    return chunks
  }
}
