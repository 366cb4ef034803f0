internal import AloraSystem

/// Lines of a label and a value, the values in one column.
package struct FieldTable {
  private var lines: [(label: String, value: String, style: TextStyle.Style)] = []
  private let style: TextStyle

  package init(_ style: TextStyle) { self.style = style }

  /// Adds a line. The value's control characters are escaped; an empty label continues the line above.
  package mutating func add(_ label: String, _ value: String, style: TextStyle.Style = .dim) {
    lines.append((label, value.escapingControlCharacters(), style))
  }

  /// The text, each line with its end.
  package var text: String {
    let width = (lines.map(\.label.count).max() ?? 0) + 2
    return lines.map { style.styled($0.label.padded(to: width), $0.style) + $0.value + "\n" }.joined()
  }
}

/// Cells in columns that are as wide as their widest.
package struct ColumnTable {
  private var rows: [[String]] = []
  private let rightAligned: Set<Int>

  package init(rightAligned: Set<Int> = []) { self.rightAligned = rightAligned }

  package mutating func add(_ cells: [String]) { rows.append(cells.map { $0.escapingControlCharacters() }) }

  package var text: String {
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
