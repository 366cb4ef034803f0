/// Strings, and the names of members.
extension SchemaCompiler {
  mutating func string(_ constraint: SchemaConstraint, _ start: Int32, _ end: Int32) throws(SchemaError) {
    if let most = constraint.maxLength, most < constraint.minLength { return }
    let body = try network.node()
    network.edge(start, "\"", body)
    guard constraint.patterns.isEmpty else {
      return try characters(
        from: body, constraint.patterns, counts: (constraint.minLength, constraint.maxLength), at: constraint.place
      ) { (_, match) throws(SchemaError) in match.allSatisfy { $0 } ? end : nil }
    }
    let character = try anyCharacter()
    guard max(constraint.minLength, constraint.maxLength ?? 0) <= 100_000 else {
      throw SchemaError(.tooComplex, constraint.place, "a length above 100000 is not supported")
    }
    // One node for each character that is counted.
    var current = body
    for count in 0..<(constraint.maxLength ?? constraint.minLength) {
      if count >= constraint.minLength { network.edge(current, "\"", end) }
      network.setRoom(current, constraint.maxLength.map { $0 - count } ?? .max)
      let next = try network.node()
      network.call(current, character, next)
      current = next
    }
    network.edge(current, "\"", end)
    if constraint.maxLength == nil {
      network.setRoom(current, .max)
      network.call(current, character, current)
    }
  }

  /// One character of a string, in any of the ways that JSON has for it.
  mutating func anyCharacter() throws(SchemaError) -> Int32 {
    if let character { return character }
    let (start, end) = (try network.node(), try network.node(isEnd: true))
    character = start
    for range: ClosedRange<UInt32> in [0x20...0x21, 0x23...0x5B, 0x5D...0x10FFFF] {
      try network.characters(start, range, end)
    }
    let escape = try network.node()
    network.edge(start, "\\", escape)
    for letter in "\"\\/bfnrt".unicodeScalars { network.edge(escape, letter, end) }
    // Four hexadecimal digits; surrogates only in pairs.
    let code = try network.node()
    network.edge(escape, "u", code)
    let (two, three, four) = (try network.node(), try network.node(), try network.node())
    digits(code, ["0"..."9", "a"..."c", "e"..."f", "A"..."C", "E"..."F"], four)
    let surrogate = try network.node()
    digits(code, ["d"..."d", "D"..."D"], surrogate)
    digits(surrogate, ["0"..."7"], three)
    digits(four, Self.hexadecimal, three)
    digits(three, Self.hexadecimal, two)
    digits(two, Self.hexadecimal, end)
    let high = [try network.node(), try network.node(), try network.node(), try network.node(), try network.node()]
    digits(surrogate, ["8"..."9", "a"..."b", "A"..."B"], high[0])
    digits(high[0], Self.hexadecimal, high[1])
    digits(high[1], Self.hexadecimal, high[2])
    network.edge(high[2], "\\", high[3])
    network.edge(high[3], "u", high[4])
    let low = try network.node()
    digits(high[4], ["d"..."d", "D"..."D"], low)
    digits(low, ["c"..."f", "C"..."F"], three)
    return start
  }

  private static let hexadecimal: [ClosedRange<Unicode.Scalar>] = ["0"..."9", "a"..."f", "A"..."F"]

  private mutating func digits(_ from: Int32, _ ranges: [ClosedRange<Unicode.Scalar>], _ to: Int32) {
    for range in ranges {
      network.edge(from, UInt8(ascii: range.lowerBound)...UInt8(ascii: range.upperBound), to)
    }
  }

  // MARK: - Patterns

  private struct CharacterState: Hashable {
    /// The state of each pattern's automaton.
    var states: [Int]
    /// How many characters were read, up to where it no longer matters.
    var count: Int
    /// The node in the tree of excluded words; -1 for none.
    var word: Int
  }

  /// The characters of a string up to its closing quote, each in its one shortest form, with everything that runs beside them:
  /// patterns, a count and words.
  ///
  /// - Parameters:
  ///   - counts: how many characters, for strings; nil for names, where a pattern may also not match.
  ///   - finish: where the quote leads, given whether the text is one of the words and which patterns match; nil: nowhere.
  mutating func characters(
    from start: Int32, _ patterns: [CharacterPattern], counts: (least: Int, most: Int?)? = nil, words: [[UInt8]] = [],
    at place: SchemaPlace, finish: (Bool, [Bool]) throws(SchemaError) -> Int32?
  ) throws(SchemaError) {
    var trie: [[UInt32: Int]] = [[:]]
    var wordEnds = Set<Int>()
    for word in words {
      var node = 0
      for scalar in String(decoding: word, as: UTF8.self).unicodeScalars {
        if let next = trie[node][scalar.value] {
          node = next
        } else {
          trie.append([:])
          trie[node][scalar.value] = trie.count - 1
          node = trie.count - 1
        }
      }
      try budget.spend(word.count)
      wordEnds.insert(node)
    }
    let classes = Self.classes(patterns, trie)
    var automata = patterns.map { PatternAutomaton($0, classes: classes, at: place, budget) }
    let first = CharacterState(states: patterns.map { _ in 0 }, count: 0, word: words.isEmpty ? -1 : 0)
    var nodes = [first: start]
    var work = [first]
    let largest = counts.map { max($0.least, $0.most ?? 0) } ?? 0
    while let state = work.popLast() {
      guard let node = nodes[state], nodes.count <= 50_000 else {
        throw SchemaError(.tooComplex, place, "the patterns and lengths of a string need more than 50000 states")
      }
      try budget.spend(classes.count)
      let matches = zip(automata, state.states).map { $0.matches($1) }
      let isLongEnough = counts.map { state.count >= $0.least } ?? true
      if isLongEnough, let target = try finish(wordEnds.contains(state.word), matches) {
        network.edge(node, "\"", target)
      }
      if let most = counts?.most, state.count >= most { continue }
      var targets: [CharacterState: [ClosedRange<UInt32>]] = [:]
      for (index, range) in classes.enumerated() {
        var next = CharacterState(states: [], count: min(state.count + 1, largest), word: -1)
        for pattern in automata.indices {
          next.states.append(try automata[pattern].next(state.states[pattern], index))
        }
        // A string that a pattern has given up on.
        if counts != nil, next.states.contains(-1) { continue }
        if state.word >= 0 { next.word = trie[state.word][range.lowerBound] ?? -1 }
        targets[next, default: []].append(range)
      }
      for (next, ranges) in targets.sorted(by: { $0.value[0].lowerBound < $1.value[0].lowerBound }) {
        if nodes[next] == nil {
          nodes[next] = try network.node()
          work.append(next)
        }
        guard let target = nodes[next] else { continue }
        try write(ranges, node, target)
      }
    }
  }

  /// Ranges of characters between which no pattern and no word tells a difference.
  private static func classes(_ patterns: [CharacterPattern], _ trie: [[UInt32: Int]]) -> [ClosedRange<UInt32>] {
    var bounds: Set<UInt32> = [0, 0x20, 0x22, 0x23, 0x5C, 0x5D, 0xD800, 0xE000, 0x110000]
    for pattern in patterns {
      for node in pattern.nodes {
        for range in node.ranges {
          bounds.insert(range.lowerBound)
          bounds.insert(range.upperBound + 1)
        }
      }
    }
    for node in trie {
      for scalar in node.keys {
        bounds.insert(scalar)
        bounds.insert(scalar + 1)
      }
    }
    let sorted = bounds.sorted()
    return zip(sorted, sorted.dropFirst()).map { $0...($1 - 1) }.filter { !(0xD800...0xDFFF).contains($0.lowerBound) }
  }

  /// Characters as a string has them: escaped where they must be.
  private mutating func write(
    _ ranges: [ClosedRange<UInt32>], _ from: Int32, _ to: Int32
  ) throws(SchemaError) {
    var joined: [ClosedRange<UInt32>] = []
    for range in ranges {
      if range.upperBound < 0x20 || range.lowerBound == 0x22 || range.lowerBound == 0x5C {
        for code in range { try escape(UInt8(code), from, to) }
      } else if let last = joined.last, last.upperBound + 1 == range.lowerBound {
        joined[joined.count - 1] = last.lowerBound...range.upperBound
      } else {
        joined.append(range)
      }
    }
    for range in joined { try network.characters(from, range, to) }
  }
}
