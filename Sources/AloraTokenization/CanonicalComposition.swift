/// Normalization forms C and D.
///
/// Source: The Unicode Standard, chapter 3.11; Hangul syllables by the arithmetic of 3.12.
struct CanonicalComposition: Sendable {
  private var decompositions: [UInt32: [UInt32]] = [:]
  private var compositions: [UInt64: UInt32] = [:]
  private var classes: [UInt32: UInt8] = [:]
  /// A bit for each character that may change, depending on the characters before it.
  private var isUnstable = [UInt64](repeating: 0, count: 0x11_0000 / 64)

  /// Texts without a character from here on are in form C already.
  private static let firstUnstable: UInt32 = 0x300

  private enum Hangul {
    static let (syllables, leading, vowels, trailing) = (
      0xAC00 as UInt32, 0x1100 as UInt32, 0x1161 as UInt32, 0x11A7 as UInt32
    )
    static let (leadingCount, vowelCount, trailingCount) = (19 as UInt32, 21 as UInt32, 28 as UInt32)
    static let syllableCount = leadingCount * vowelCount * trailingCount
  }

  init() {
    for entry in CanonicalTable.decompositions.split(whereSeparator: \.isWhitespace) {
      let isComposed = entry.contains("=")
      let numbers = entry.split { "=:+".contains($0) }.compactMap { UInt32($0, radix: 16) }
      guard let character = numbers.first else { continue }
      decompositions[character] = Array(numbers.dropFirst())
      if isComposed, numbers.count == 3 {
        compositions[UInt64(numbers[1]) << 32 | UInt64(numbers[2])] = character
        mark(numbers[2])
      } else {
        mark(character)
      }
    }
    for entry in CanonicalTable.combiningClasses.split(whereSeparator: \.isWhitespace) {
      let parts = entry.split { "-=".contains($0) }
      guard parts.count == 3, let first = UInt32(parts[0], radix: 16), let last = UInt32(parts[1], radix: 16),
        let value = UInt8(parts[2]), first <= last
      else { continue }
      for character in first...last {
        classes[character] = value
        mark(character)
      }
    }
    for vowel in Hangul.vowels..<(Hangul.vowels + Hangul.vowelCount) { mark(vowel) }
    for trailing in (Hangul.trailing + 1)..<(Hangul.trailing + Hangul.trailingCount) { mark(trailing) }
  }

  private mutating func mark(_ character: UInt32) {
    guard character < 0x11_0000 else { return }
    isUnstable[Int(character >> 6)] |= 1 << UInt64(character & 63)
  }

  private func isStable(_ character: UInt32) -> Bool {
    character < Self.firstUnstable
      || (character < 0x11_0000 && isUnstable[Int(character >> 6)] & 1 << UInt64(character & 63) == 0)
  }

  /// The text in form C.
  ///
  /// - Complexity: O(n log n) at most, in the longest run of combining characters.
  func normalized(_ text: [UInt8]) -> [UInt8] {
    guard let start = firstUnstable(in: text) else { return text }
    var result = Array(text[..<start.stable])
    var segment: [UInt32] = []
    var offset = start.stable
    while offset < text.count {
      let (scalar, count) = UTF8Text.scalar(in: text, at: offset)
      if isStable(scalar), !segment.isEmpty {
        flush(&segment, into: &result)
      }
      segment.append(scalar)
      offset += count
    }
    flush(&segment, into: &result)
    return result
  }

  /// The text in form D.
  func decomposed(_ text: [UInt8]) -> [UInt8] {
    var scalars: [UInt32] = []
    var offset = 0
    while offset < text.count {
      let (scalar, count) = UTF8Text.scalar(in: text, at: offset)
      scalars += decomposed(scalar)
      offset += count
    }
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    for scalar in ordered(scalars) { UTF8Text.encode(scalar, into: &result) }
    return result
  }

  /// The offset of the last stable character before the first unstable one.
  private func firstUnstable(in text: [UInt8]) -> (stable: Int, unstable: Int)? {
    var (offset, stable) = (0, 0)
    while offset < text.count {
      // Bytes below 0xCC begin characters below U+0300.
      if text[offset] < 0xCC {
        stable = offset
        offset += UTF8Text.length(ofLead: text[offset])
        continue
      }
      let (scalar, count) = UTF8Text.scalar(in: text, at: offset)
      if !isStable(scalar) { return (stable, offset) }
      stable = offset
      offset += count
    }
    return nil
  }

  private func flush(_ segment: inout [UInt32], into result: inout [UInt8]) {
    if segment.count == 1, isStable(segment[0]) {
      UTF8Text.encode(segment[0], into: &result)
    } else {
      for scalar in composed(ordered(segment.flatMap { decomposed($0) })) { UTF8Text.encode(scalar, into: &result) }
    }
    segment.removeAll(keepingCapacity: true)
  }

  private func decomposed(_ character: UInt32) -> [UInt32] {
    if character >= Hangul.syllables, character - Hangul.syllables < Hangul.syllableCount {
      let index = character - Hangul.syllables
      let perLeading = Hangul.vowelCount * Hangul.trailingCount
      let parts = [Hangul.leading + index / perLeading, Hangul.vowels + index % perLeading / Hangul.trailingCount]
      let trailing = index % Hangul.trailingCount
      return trailing == 0 ? parts : parts + [Hangul.trailing + trailing]
    }
    // The table's chains are short, and none leads back.
    guard let parts = decompositions[character] else { return [character] }
    return parts.flatMap { decomposed($0) }
  }

  /// Sorts combining characters by class, keeping the order within a class.
  private func ordered(_ characters: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    var run: [(class: UInt8, character: UInt32)] = []
    func flush() {
      // `sorted` is stable.
      result += run.sorted { $0.class < $1.class }.map(\.character)
      run.removeAll(keepingCapacity: true)
    }
    for character in characters {
      let value = classes[character] ?? 0
      if value == 0 {
        flush()
        result.append(character)
      } else {
        run.append((value, character))
      }
    }
    flush()
    return result
  }

  private func composed(_ characters: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    var starter: Int?
    var lastClass: UInt8 = 0
    for character in characters {
      let value = classes[character] ?? 0
      // Blocked if a character of the same or a higher class, or a starter, lies between.
      if let index = starter, result.count == index + 1 || (lastClass != 0 && lastClass < value),
        let composite = composite(result[index], character)
      {
        result[index] = composite
        continue
      }
      if value == 0 { starter = result.count }
      lastClass = value
      result.append(character)
    }
    return result
  }

  private func composite(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if first >= Hangul.leading, first - Hangul.leading < Hangul.leadingCount, second >= Hangul.vowels,
      second - Hangul.vowels < Hangul.vowelCount
    {
      let index = (first - Hangul.leading) * Hangul.vowelCount + second - Hangul.vowels
      return Hangul.syllables + index * Hangul.trailingCount
    }
    if first >= Hangul.syllables, first - Hangul.syllables < Hangul.syllableCount,
      (first - Hangul.syllables) % Hangul.trailingCount == 0, second > Hangul.trailing,
      second - Hangul.trailing < Hangul.trailingCount
    {
      return first + second - Hangul.trailing
    }
    return compositions[UInt64(first) << 32 | UInt64(second)]
  }
}
