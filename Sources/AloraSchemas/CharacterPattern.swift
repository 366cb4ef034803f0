internal import AloraSystem

/// A regular expression over characters, as a network without memory.
///
/// Source: the patterns of ECMA-262 that JSON Schema recommends; what looks around or back is refused.
struct CharacterPattern: Sendable {
  typealias Ranges = [ClosedRange<UInt32>]

  struct Node: Sendable {
    var next: [Int] = []
    var ranges: Ranges = []
    var target = -1
  }

  private(set) var nodes: [Node] = []
  private(set) var start = 0
  private(set) var end = 0
  static let largestNodeCount = 20_000

  /// - Throws: `unsupported`, `malformed`, `tooComplex`, at the pointer.
  init(_ pattern: String, at place: SchemaPlace, _ budget: SchemaBudget) throws(SchemaError) {
    var parser = PatternParser(pattern, at: place)
    let tree = try parser.pattern()
    start = node()
    end = node()
    try add(tree, from: start, to: end, at: place)
    try budget.spend(nodes.count)
  }

  private mutating func node() -> Int {
    nodes.append(Node())
    return nodes.count - 1
  }

  private mutating func add(
    _ tree: PatternTree, from: Int, to: Int, at place: SchemaPlace
  ) throws(SchemaError) {
    guard nodes.count < Self.largestNodeCount else {
      throw SchemaError(.tooComplex, place, "the pattern needs more than \(Self.largestNodeCount) nodes")
    }
    switch tree {
    case .characters(let ranges):
      let middle = node()
      nodes[from].next.append(middle)
      nodes[middle].ranges = ranges
      nodes[middle].target = to
    case .sequence(let parts):
      var current = from
      for (index, part) in parts.enumerated() {
        let target = index == parts.count - 1 ? to : node()
        try add(part, from: current, to: target, at: place)
        current = target
      }
      if parts.isEmpty { nodes[from].next.append(to) }
    case .choice(let parts):
      for part in parts { try add(part, from: from, to: to, at: place) }
    case .repeated(let part, let least, let most):
      var current = from
      for _ in 0..<least {
        let target = node()
        try add(part, from: current, to: target, at: place)
        current = target
      }
      if let most {
        for _ in 0..<(most - least) {
          nodes[current].next.append(to)
          let target = node()
          try add(part, from: current, to: target, at: place)
          current = target
        }
        nodes[current].next.append(to)
      } else {
        let (head, tail) = (node(), node())
        nodes[current].next.append(head)
        nodes[head].next.append(to)
        try add(part, from: head, to: tail, at: place)
        nodes[tail].next.append(head)
      }
    }
  }

  /// The nodes that are reached without a character, sorted.
  func closure(_ from: some Sequence<Int>) -> [Int] {
    var seen = Set<Int>()
    var work = Array(from)
    while let node = work.popLast() {
      guard seen.insert(node).inserted else { continue }
      work += nodes[node].next
    }
    return seen.sorted()
  }

  func step(_ states: [Int], _ character: UInt32) -> [Int] {
    closure(
      states.compactMap { state in
        nodes[state].ranges.contains { $0.contains(character) } ? nodes[state].target : nil
      })
  }

  func matches(_ text: String, _ budget: SchemaBudget) throws(SchemaError) -> Bool {
    var states = closure([start])
    for scalar in text.unicodeScalars where !states.isEmpty {
      try budget.spend(states.count)
      states = step(states, scalar.value)
    }
    return states.contains(end)
  }
}

indirect enum PatternTree {
  case characters(CharacterPattern.Ranges)
  case sequence([PatternTree])
  case choice([PatternTree])
  case repeated(PatternTree, Int, Int?)
}

private struct PatternParser {
  private let scalars: [Unicode.Scalar]
  private let place: SchemaPlace
  private var index = 0
  private var depth = 0

  init(_ pattern: String, at place: SchemaPlace) {
    scalars = Array(pattern.unicodeScalars)
    self.place = place
  }

  private static let any: CharacterPattern.Ranges = [0...0x10FFFF]
  private var current: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

  private mutating func take(_ text: String) -> Bool {
    let wanted = Array(text.unicodeScalars)
    guard index + wanted.count <= scalars.count, scalars[index..<(index + wanted.count)].elementsEqual(wanted) else {
      return false
    }
    index += wanted.count
    return true
  }

  private func malformed(_ problem: String) -> SchemaError { SchemaError(.malformed, place, problem) }
  private func unsupported(_ what: String) -> SchemaError {
    SchemaError(
      .unsupported, place, "the pattern has \(what), which is not supported",
      remedy: "write the pattern without it")
  }

  /// The whole pattern; each alternative may match within a text unless anchors say otherwise.
  mutating func pattern() throws(SchemaError) -> PatternTree {
    var choices: [PatternTree] = []
    repeat {
      var parts: [PatternTree] = []
      if !take("^") { parts.append(.repeated(.characters(Self.any), 0, nil)) }
      parts.append(try sequence())
      if !take("$") { parts.append(.repeated(.characters(Self.any), 0, nil)) }
      choices.append(.sequence(parts))
    } while take("|")
    guard current == nil else { throw malformed("the pattern has an unmatched ')'") }
    return .choice(choices)
  }

  private mutating func sequence() throws(SchemaError) -> PatternTree {
    var parts: [PatternTree] = []
    while let scalar = current, scalar != "|", scalar != ")" {
      if scalar == "$" {
        guard depth == 0, index + 1 == scalars.count || scalars[index + 1] == "|" else {
          throw unsupported("an anchor within it")
        }
        break
      }
      parts.append(try quantified(try atom()))
    }
    return .sequence(parts)
  }

  private mutating func quantified(_ atom: PatternTree) throws(SchemaError) -> PatternTree {
    var bounds: (Int, Int?)?
    if take("*") {
      bounds = (0, nil)
    } else if take("+") {
      bounds = (1, nil)
    } else if take("?") {
      bounds = (0, 1)
    } else if current == "{", let counted = try counts() {
      bounds = counted
    }
    guard let (least, most) = bounds else { return atom }
    _ = take("?")
    guard most ?? least >= least else { throw malformed("the pattern repeats less often than it has to") }
    guard max(least, most ?? 0) <= 10_000 else {
      throw SchemaError(.tooComplex, place, "the pattern repeats more than 10000 times")
    }
    return .repeated(atom, least, most)
  }

  /// `{2}`, `{2,}` and `{2,3}`; anything else is characters.
  private mutating func counts() throws(SchemaError) -> (Int, Int?)? {
    let start = index
    index += 1
    let least = number()
    let hasComma = take(",")
    let most = hasComma ? number() : least
    guard let least, take("}") else {
      index = start
      return nil
    }
    return (least, most)
  }

  private mutating func number() -> Int? {
    var result: Int?
    while let scalar = current, ("0"..."9").contains(scalar) {
      result = min((result ?? 0) * 10 + Int(scalar.value - 0x30), 1_000_000)
      index += 1
    }
    return result
  }

  private mutating func atom() throws(SchemaError) -> PatternTree {
    guard let scalar = current else { throw malformed("the pattern ends too soon") }
    index += 1
    switch scalar {
    case "(":
      if take("?") {
        if take("<") {
          guard current != "=", current != "!" else { throw unsupported("a look-behind") }
          while let next = current, next != ">" { _ = next; index += 1 }
          guard take(">") else { throw malformed("a group's name does not end") }
        } else if !take(":") {
          throw unsupported(current == "=" || current == "!" ? "a look-ahead" : "a group with flags")
        }
      }
      depth += 1
      defer { depth -= 1 }
      guard depth <= 60 else { throw SchemaError(.tooComplex, place, "the pattern nests too deeply") }
      var choices: [PatternTree] = []
      repeat { choices.append(try sequence()) } while take("|")
      guard take(")") else { throw malformed("a group of the pattern does not end") }
      return .choice(choices)
    case "[": return .characters(try set())
    case ".": return .characters(Self.complement([0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029]))
    case "\\": return .characters(try escape(inSet: false))
    case "^": throw unsupported("an anchor within it")
    case "*", "+", "?": throw malformed("'\(scalar)' has nothing to repeat")
    default: return .characters([scalar.value...scalar.value])
    }
  }

  private static func complement(_ ranges: CharacterPattern.Ranges) -> CharacterPattern.Ranges {
    var result: CharacterPattern.Ranges = []
    var next: UInt32 = 0
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if range.lowerBound > next { result.append(next...(range.lowerBound - 1)) }
      next = max(next, range.upperBound + 1)
    }
    if next <= 0x10FFFF { result.append(next...0x10FFFF) }
    return result
  }

  private mutating func set() throws(SchemaError) -> CharacterPattern.Ranges {
    let isNegated = take("^")
    var ranges: CharacterPattern.Ranges = []
    while let scalar = current, scalar != "]" {
      let first = try setPart()
      // A dash between two characters is a range.
      if current == "-", index + 1 < scalars.count, scalars[index + 1] != "]", first.count == 1,
        first[0].lowerBound == first[0].upperBound
      {
        index += 1
        let last = try setPart()
        guard last.count == 1, last[0].lowerBound == last[0].upperBound, first[0].lowerBound <= last[0].lowerBound
        else {
          throw malformed("a range of the pattern is out of order")
        }
        ranges.append(first[0].lowerBound...last[0].lowerBound)
      } else {
        ranges += first
      }
    }
    guard take("]") else { throw malformed("a set of the pattern does not end") }
    return isNegated ? Self.complement(ranges) : ranges
  }

  private mutating func setPart() throws(SchemaError) -> CharacterPattern.Ranges {
    guard let scalar = current else { throw malformed("a set of the pattern does not end") }
    index += 1
    return scalar == "\\" ? try escape(inSet: true) : [scalar.value...scalar.value]
  }

  private static let digits: CharacterPattern.Ranges = [0x30...0x39]
  private static let word: CharacterPattern.Ranges = [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]
  private static let space: CharacterPattern.Ranges = [
    0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F,
    0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
  ]

  private mutating func escape(inSet: Bool) throws(SchemaError) -> CharacterPattern.Ranges {
    guard let scalar = current else { throw malformed("the pattern ends in '\\'") }
    index += 1
    func one(_ code: UInt32) -> CharacterPattern.Ranges { [code...code] }
    switch scalar {
    case "d": return Self.digits
    case "D": return Self.complement(Self.digits)
    case "w": return Self.word
    case "W": return Self.complement(Self.word)
    case "s": return Self.space
    case "S": return Self.complement(Self.space)
    case "n": return one(0x0A)
    case "r": return one(0x0D)
    case "t": return one(0x09)
    case "f": return one(0x0C)
    case "v": return one(0x0B)
    case "0": return one(0)
    case "b" where inSet: return one(0x08)
    case "b", "B": throw unsupported("a word boundary")
    case "p", "P": throw unsupported("'\\\(scalar)'")
    case "1"..."9", "k": throw unsupported("a reference back")
    case "x": return one(try hexadecimal(2))
    case "u":
      if take("{") {
        var code: UInt32 = 0
        while let digit = current.flatMap({ Character($0).hexDigitValue }) {
          code = min(code * 16 + UInt32(digit), 0x110000)
          index += 1
        }
        guard take("}"), code <= 0x10FFFF else { throw malformed("an escape of the pattern is not a character") }
        return one(code)
      }
      let first = try hexadecimal(4)
      // A pair of surrogates is one character.
      if (0xD800...0xDBFF).contains(first), take("\\u") {
        let second = try hexadecimal(4)
        guard (0xDC00...0xDFFF).contains(second) else { throw malformed("an escape of the pattern is not a character") }
        return one(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
      }
      return one(first)
    case "a"..."z", "A"..."Z": throw unsupported("the escape '\\\(scalar)'")
    default: return one(scalar.value)
    }
  }

  private mutating func hexadecimal(_ count: Int) throws(SchemaError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<count {
      guard let digit = current.flatMap({ Character($0).hexDigitValue }) else {
        throw malformed("an escape of the pattern has too few digits")
      }
      code = code * 16 + UInt32(digit)
      index += 1
    }
    return code
  }
}
