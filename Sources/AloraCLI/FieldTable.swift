internal import AloraSystem

/// Lines of a label and a value, the values in one column.
struct FieldTable {
  private var lines: [(label: String, value: String, style: Console.Style)] = []
  private let console: Console

  init(_ console: Console) { self.console = console }

  /// Adds a line. The value's control characters are escaped; an empty label continues the line above.
  mutating func add(_ label: String, _ value: String, style: Console.Style = .dim) {
    lines.append((label, value.escapingControlCharacters(), style))
  }

  /// The text, each line with its end.
  var text: String {
    let width = (lines.map(\.label.count).max() ?? 0) + 2
    return lines.map { console.styled($0.label.padded(to: width), $0.style) + $0.value + "\n" }.joined()
  }
}

/// Cells in columns that are as wide as their widest.
struct ColumnTable {
  private var rows: [[String]] = []
  private let rightAligned: Set<Int>

  init(rightAligned: Set<Int> = []) { self.rightAligned = rightAligned }

  mutating func add(_ cells: [String]) { rows.append(cells.map { $0.escapingControlCharacters() }) }

  var text: String {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
      let cells = row.enumerated().map { column, cell -> String in
        if rightAligned.contains(column) { return String(repeating: " ", count: widths[column] - cell.count) + cell }
        return column == row.count - 1 ? cell : cell.padded(to: widths[column])
      }
      return cells.joined(separator: "  ") + "\n"
    }.joined()
  }
}
