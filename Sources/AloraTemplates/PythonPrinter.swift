/// Values over several lines, as Python's `pprint` writes them.
///
/// Source: `pprint.py` of Python 3.11.
struct PythonPrinter {
  private static let width = 80
  private(set) var output: BoundedText

  init(limit: Int) { output = BoundedText(limit: limit) }

  mutating func write(_ value: TemplateValue) { write(value, indent: 0, allowance: 0, level: 0) }

  private static func count(_ text: String) -> Int { text.unicodeScalars.count }

  /// Python's `repr`, and dictionaries sorted by their keys.
  private static func representation(_ value: TemplateValue) -> String {
    switch value {
    case .list(let elements): return "[" + elements.map { representation($0) }.joined(separator: ", ") + "]"
    case .tuple(let elements):
      let parts = elements.map { representation($0) }.joined(separator: ", ")
      return "(" + parts + (elements.count == 1 ? ",)" : ")")
    // A named tuple with a `__repr__` of its own, which pprint leaves as it is.
    case .group: return value.plain.representation
    case .dictionary(let members):
      let parts = sorted(members).map { "\($0.key.representation): \(representation($0.value))" }
      return "{" + parts.joined(separator: ", ") + "}"
    default: return value.representation
    }
  }

  private static func sorted(_ members: TemplateDictionary) -> [(key: TemplateValue, value: TemplateValue)] {
    let items = zip(members.keys, members.values).map { (key: $0, value: $1) }
    let order = items.indices.sorted { first, second in
      let sign = items[first].key.order(to: items[second].key)
      // Numbers come before texts, as their types' names do.
      guard let sign else { return items[first].key.whole != nil && items[second].key.whole == nil }
      return sign == 0 ? first < second : sign < 0
    }
    return order.map { items[$0] }
  }

  private mutating func write(_ value: TemplateValue, indent: Int, allowance: Int, level: Int) {
    guard !output.isFull else { return }
    let representation = Self.representation(value)
    guard Self.count(representation) > Self.width - indent - allowance else {
      output.add(representation)
      return
    }
    if case .group = value { return output.add(representation) }
    switch value.isMarked ? value : value.plain {
    case .string(let text): write(text, indent: indent, allowance: allowance, level: level + 1)
    case .list(let elements):
      output.add("[")
      write(elements, indent: indent, allowance: allowance + 1, level: level + 1)
      output.add("]")
    case .tuple(let elements):
      let end = elements.count == 1 ? ",)" : ")"
      output.add("(")
      write(elements, indent: indent, allowance: allowance + end.utf8.count, level: level + 1)
      output.add(end)
    case .dictionary(let members):
      output.add("{")
      let items = Self.sorted(members)
      for (index, item) in items.enumerated() {
        let key = item.key.representation
        output.add(key + ": ")
        let isLast = index == items.count - 1
        write(
          item.value, indent: indent + 1 + Self.count(key) + 2, allowance: isLast ? allowance + 1 : 1, level: level + 1)
        if !isLast { breakLine(after: ",", indent: indent + 1) }
      }
      output.add("}")
    default: output.add(representation)
    }
  }

  private mutating func breakLine(after text: String = "", indent: Int) {
    output.add(text)
    output.breakLine(indent: " ", times: indent)
  }

  private mutating func write(_ elements: [TemplateValue], indent: Int, allowance: Int, level: Int) {
    for (index, element) in elements.enumerated() {
      if index > 0 { breakLine(after: ",", indent: indent + 1) }
      write(element, indent: indent + 1, allowance: index == elements.count - 1 ? allowance : 1, level: level)
    }
  }

  /// A long text comes in parts, line by line and then word by word.
  private mutating func write(_ text: String, indent: Int, allowance: Int, level: Int) {
    let (indent, allowance) = level == 1 ? (indent + 1, allowance + 1) : (indent, allowance)
    let lines = PythonText.linesWithEnds(text)
    let width = Self.width - indent
    var chunks: [String] = []
    for (index, line) in lines.enumerated() {
      let isLastLine = index == lines.count - 1
      let whole = TemplateValue.string(line).representation
      if Self.count(whole) <= width - (isLastLine ? allowance : 0) {
        chunks.append(whole)
        continue
      }
      let parts = Self.words(line)
      var current = ""
      for (place, part) in parts.enumerated() {
        let room = width - (isLastLine && place == parts.count - 1 ? allowance : 0)
        let candidate = current + part
        if Self.count(TemplateValue.string(candidate).representation) > room {
          if !current.isEmpty { chunks.append(TemplateValue.string(current).representation) }
          current = part
        } else {
          current = candidate
        }
      }
      if !current.isEmpty { chunks.append(TemplateValue.string(current).representation) }
    }
    guard chunks.count > 1 else {
      output.add(TemplateValue.string(lines.last ?? "").representation)
      return
    }
    if level == 1 { output.add("(") }
    for (index, chunk) in chunks.enumerated() {
      if index > 0 { breakLine(indent: indent) }
      output.add(chunk)
    }
    if level == 1 { output.add(")") }
  }

  /// Words with the white space after them.
  private static func words(_ line: String) -> [String] {
    let scalars = Array(line.unicodeScalars)
    var words: [String] = []
    var start = 0
    while start < scalars.count {
      let space = scalars[start...].firstIndex { PythonText.isSpace($0) } ?? scalars.count
      let end = scalars[space...].firstIndex { !PythonText.isSpace($0) } ?? scalars.count
      words.append(PythonText.string(scalars[start..<end]))
      start = end
    }
    return words
  }
}
