internal import AloraSystem
internal import AloraVerification

/// The difference between adapted and base logits over the positions: a lane for exactly zero, and a logarithmic scale above it.
///
/// Widths are relative, so that it fits every screen with text of one size; heights are in pixels.
struct DivergenceChart {
  let item: CaseReport
  let tolerance: Tolerance
  let identifier: String

  /// Units: pixels from the top.
  private static let (top, bottom, zero, labels, height) = (22.0, 162.0, 192.0, 222.0, 240)
  /// More than a screen has columns.
  private static let pointLimit = 800
  private static let markerLimit = 240
  private static let dotLimit = 64

  /// The largest difference between a computed row and its golden one.
  struct Mark {
    let position: Int
    let delta: Double
    /// The largest that is allowed.
    let limit: Double
    let isBase: Bool
    let isOver: Bool
  }

  var marks: [Mark] {
    let all = item.positions.flatMap { position in
      [(position.base, true), (position.adapted, false)].compactMap { row, isBase in
        row.map {
          Mark(
            position: position.position, delta: $0.largestDelta, limit: tolerance.limit * $0.magnitude, isBase: isBase,
            isOver: !tolerance.accepts($0))
        }
      }
    }
    guard all.count > Self.markerLimit else { return all }
    // The largest of each stretch, so that none beyond the tolerance goes missing.
    let size = (all.count + Self.markerLimit - 1) / Self.markerLimit
    return stride(from: 0, to: all.count, by: size).compactMap { first in
      all[first..<min(first + size, all.count)].max { $0.delta < $1.delta }
    }
  }

  // MARK: Scales

  private func decades(_ marks: [Mark]) -> ClosedRange<Int> {
    let values = item.positions.map(\.effect) + marks.flatMap { [$0.delta, $0.limit] }
    let shown = values.filter { $0 > 0 && $0.isFinite }
    let low = shown.min().map { Int(log10($0).rounded(.down)) } ?? -1
    let high = shown.max().map { Int(log10($0).rounded(.up)) } ?? 1
    return low...max(low + 1, high)
  }

  private func x(_ position: Double) -> String {
    Self.tenths(position * 100 / Double(max(1, item.tokens.count)), scale: 100)
  }

  private func y(_ value: Double, _ decades: ClosedRange<Int>) -> String {
    if value == 0 { return Self.tenths(Self.zero) }
    guard value.isFinite else { return Self.tenths(Self.top - 12) }
    let part = (log10(value) - Double(decades.lowerBound)) / Double(decades.upperBound - decades.lowerBound)
    return Self.tenths(Self.bottom - min(1, max(0, part)) * (Self.bottom - Self.top))
  }

  private static func tenths(_ value: Double, scale: Double = 10) -> String { "\((value * scale).rounded() / scale)" }

  // MARK: Drawing

  var figure: HTML {
    let marks = marks
    let decades = decades(marks)
    return """
      <figure>
      <div class="plot">\(axis(decades))<svg role="img" aria-labelledby="\(identifier)-title \(identifier)-words">
      <title id="\(identifier)-title">Differences of logits over the positions of \(item.name)</title>
      \(zone)\(grid(decades))\(start)\(tolerances(marks, decades))\(effects(decades))\(symbols(marks, decades))\(ticks)
      </svg></div>
      \(legend(marks))<figcaption id="\(identifier)-words">\(words)</figcaption>
      </figure>

      """
  }

  private func axis(_ decades: ClosedRange<Int>) -> HTML {
    let lines = labelled(decades).map { decade -> HTML in
      "<text x=\"100%\" dx=\"-8\" y=\"\(y(Self.power(decade), decades))\" dy=\"4\" text-anchor=\"end\">\(Self.name(decade))</text>"
    }
    return """
      <svg aria-hidden="true">\(lines.joined())<text x="100%" dx="-8" y="\(Self.tenths(Self.zero))" dy="4" text-anchor="end" \
      class="strong">0</text><text x="100%" dx="-11" y="\(Self.tenths((Self.bottom + Self.zero) / 2))" dy="5" text-anchor="end">⋮</text></svg>
      """
  }

  /// Powers of ten that get a line: all, or every second, third, … if there are many.
  private func labelled(_ decades: ClosedRange<Int>) -> [Int] {
    let step = (decades.count + 5) / 6
    return decades.filter { $0 % step == 0 }
  }

  private static func power(_ decade: Int) -> Double { pow(10, Double(decade)) }

  private static func name(_ decade: Int) -> String {
    (-3...3).contains(decade) ? Figure(power(decade)).description : "1e\(decade)"
  }

  private func grid(_ decades: ClosedRange<Int>) -> HTML {
    let lines = labelled(decades).map { y(Self.power($0), decades) } + [Self.tenths(Self.zero)]
    return lines.map { "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"\($0)\" y2=\"\($0)\"/>" as HTML }.joined()
  }

  var end: Int { min(item.activationStart ?? item.tokens.count, item.tokens.count) }

  /// The positions of base weights.
  private var zone: HTML {
    guard end > 0 else { return "" }
    return "<rect class=\"zone\" x=\"0\" y=\"6\" width=\"\(x(Double(end)))%\" height=\"202\"/>"
  }

  private var start: HTML {
    guard let start = item.activationStart, start < item.tokens.count else { return "" }
    // The label is on the side where there is room.
    let isLeft = start * 2 > item.tokens.count
    let isZero = item.positions.prefix(start).allSatisfy { $0.effect == 0 }
    return """
      <line class="start" x1="\(x(Double(start)))%" x2="\(x(Double(start)))%" y1="6" y2="208"/><text class="strong" \
      x="\(x(Double(start)))%" dx="\(isLeft ? -8 : 8)" y="\(Self.tenths(Self.zero - 12))" \
      text-anchor="\(isLeft ? "end" : "start")">\(isLeft && isZero ? "exactly 0 · adapter active from \(start)" : "adapter active from \(start)")</text>
      """
  }

  private func effects(_ decades: ClosedRange<Int>) -> HTML {
    let size = max(1, (item.positions.count + Self.pointLimit - 1) / Self.pointLimit)
    var pieces: [(isZero: Bool, points: [(x: Double, y: String)])] = []
    for first in stride(from: 0, to: item.positions.count, by: size) {
      let part = item.positions[first..<min(first + size, item.positions.count)]
      // Not the mean: one position that differs must show.
      let value = part.map(\.effect).max { $0 < $1 } ?? 0
      let point = (Double(first) + Double(part.count) / 2, y(value, decades))
      // From zero to the logarithmic scale there is no line.
      if pieces.last?.isZero == (value == 0) {
        pieces[pieces.count - 1].points.append(point)
      } else {
        pieces.append((value == 0, [point]))
      }
    }
    let scale = 1000 / Double(max(1, item.tokens.count))
    let lines = pieces.filter { $0.points.count > 1 }.map { piece -> HTML in
      let path = piece.points.map { "\(Self.tenths($0.x * scale)) \($0.y)" }.joined(separator: "L")
      return "<path class=\"effect\" d=\"M\(path)\"/>"
    }.joined()
    let points = pieces.flatMap(\.points)
    let dots =
      points.count <= Self.dotLimit
      ? points.map { "<circle class=\"dot\" cx=\"\(x($0.x))%\" cy=\"\($0.y)\" r=\"2.5\"/>" as HTML }.joined()
      : pieces.filter { $0.points.count == 1 }.flatMap(\.points)
        .map { "<circle class=\"dot\" cx=\"\(x($0.x))%\" cy=\"\($0.y)\" r=\"2.5\"/>" as HTML }.joined()
    return """
      <svg x="0" y="0" width="100%" height="\(Self.height)" viewBox="0 0 1000 \(Self.height)" preserveAspectRatio="none">\
      \(lines)</svg>\(dots)
      """
  }

  private func tolerances(_ marks: [Mark], _ decades: ClosedRange<Int>) -> HTML {
    marks.filter { !$0.isBase || item.positions.allSatisfy { $0.adapted == nil } }.map { mark -> HTML in
      let half = max(0.5, Double(item.tokens.count) * 0.012)
      let (left, right) = (Double(mark.position) + 0.5 - half, Double(mark.position) + 0.5 + half)
      let height = y(mark.limit, decades)
      return """
        <line class="tolerance" x1="\(x(max(0, left)))%" x2="\(x(min(Double(item.tokens.count), right)))%" y1="\(height)" \
        y2="\(height)"/>
        """
    }.joined()
  }

  private func symbols(_ marks: [Mark], _ decades: ClosedRange<Int>) -> HTML {
    marks.map { mark -> HTML in
      let kind: HTML = mark.isOver ? "over" : mark.isBase ? "base" : "adapted"
      let height = y(mark.delta, decades)
      if mark.isBase && !mark.isOver {
        return "<circle class=\"base\" cx=\"\(x(Double(mark.position) + 0.5))%\" cy=\"\(height)\" r=\"4\"/>"
      }
      let shape: HTML = mark.isOver ? Self.cross : Self.diamond
      return """
        <svg x="\(x(Double(mark.position) + 0.5))%" y="\(height)" overflow="visible"><path class="\(kind)" d="\(shape)"/></svg>
        """
    }.joined()
  }

  static let diamond: HTML = "M0-5 5 0 0 5-5 0Z"
  static let cross: HTML = "M-5-3-3-5 0-2 3-5 5-3 2 0 5 3 3 5 0 2-3 5-5 3-2 0Z"

  private var ticks: HTML {
    let last = item.tokens.count - 1
    var shown = [0, last]
    if let start = item.activationStart, start * 8 > last, (last - start) * 8 > last { shown.insert(start, at: 1) }
    return Array(Set(shown)).sorted().map { position -> HTML in
      let anchor: HTML = position == 0 ? "start" : position == last ? "end" : "middle"
      let at = position == 0 ? "0" : position == last ? "100" : x(Double(position) + 0.5)
      return "<text x=\"\(at)%\" y=\"\(Self.tenths(Self.labels))\" text-anchor=\"\(anchor)\">\(position)</text>"
    }.joined()
  }
}
