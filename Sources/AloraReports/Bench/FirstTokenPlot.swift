internal import AloraSystem
package import AloraGeneration

/// Times to the first token against the context, both axes logarithmic, as SVG.
package struct FirstTokenPlot {
  private let rows: [TimeToFirstToken.Times]

  package init(rows: [TimeToFirstToken.Times]) { self.rows = rows }

  private static let (width, height, margin) = (640.0, 400.0, 60.0)

  /// The powers of ten around all times, in seconds.
  private var decades: ClosedRange<Int> {
    let times = rows.flatMap { [$0.plainCold, $0.activatedWarm, $0.baseCold] }
    let low = Int(log10(max(1e-9, times.min() ?? 1)).rounded(.down))
    return low...max(low + 1, Int(log10(max(1e-9, times.max() ?? 1)).rounded(.up)))
  }

  private func x(_ count: Int) -> Double {
    let counts = rows.map(\.contextCount)
    let (low, high) = (log2(Double(counts.min() ?? 1)), log2(Double(counts.max() ?? 1)))
    let part = high > low ? (log2(Double(count)) - low) / (high - low) : 0.5
    return Self.margin + part * (Self.width - 2.5 * Self.margin)
  }

  private func y(_ seconds: Double) -> Double {
    let part = (log10(max(1e-9, seconds)) - Double(decades.lowerBound)) / Double(decades.count - 1)
    return Self.height - Self.margin - part * (Self.height - 1.5 * Self.margin)
  }

  private static func rounded(_ value: Double) -> String { String((value * 10).rounded() / 10) }

  package var svg: String {
    let (width, height, margin) = (Self.width, Self.height, Self.margin)
    var lines = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Int(width)) \(Int(height))\" "
        + "font-family=\"sans-serif\" font-size=\"12\">",
      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
      "<text x=\"\(margin)\" y=\"20\" font-size=\"14\">time to the first token of an adapter's call</text>",
    ]
    for decade in decades {
      let (seconds, name) = (pow(10, Double(decade)), decade < 0 ? "\(Int(pow(10, Double(decade + 3)))) ms" : "")
      let label = decade < 0 ? name : "\(Int(seconds)) s"
      let at = Self.rounded(y(seconds))
      lines.append("<path d=\"M\(margin) \(at)H\(width - margin)\" stroke=\"#dddddd\"/>")
      lines.append("<text x=\"\(margin - 6)\" y=\"\(at)\" text-anchor=\"end\">\(label)</text>")
    }
    for row in rows {
      let at = Self.rounded(x(row.contextCount))
      lines.append("<text x=\"\(at)\" y=\"\(height - margin + 18)\" text-anchor=\"middle\">\(row.contextCount)</text>")
    }
    lines.append(
      "<text x=\"\(width / 2)\" y=\"\(height - margin + 40)\" text-anchor=\"middle\">tokens of context</text>")
    let series: [(String, String, (TimeToFirstToken.Times) -> Double)] = [
      ("LoRA, cold", "#c0392b", { $0.plainCold }), ("base, cold", "#7f8c8d", { $0.baseCold }),
      ("aLoRA, warm", "#1f6f3f", { $0.activatedWarm }),
    ]
    for (index, (name, color, value)) in series.enumerated() {
      let points = rows.map { "\(Self.rounded(x($0.contextCount))),\(Self.rounded(y(value($0))))" }
      lines.append(
        "<polyline points=\"\(points.joined(separator: " "))\" fill=\"none\" stroke=\"\(color)\" stroke-width=\"2\"/>")
      for point in points {
        let parts = point.split(separator: ",")
        lines.append("<circle cx=\"\(parts[0])\" cy=\"\(parts[1])\" r=\"3\" fill=\"\(color)\"/>")
      }
      lines.append(
        "<text x=\"\(margin + 12)\" y=\"\(42 + 16 * Double(index))\" fill=\"\(color)\">\(name)</text>")
    }
    if let last = rows.last {
      let (at, ratio) = (Self.rounded(y(last.activatedWarm) - 8), Self.rounded(last.ratio))
      lines.append(
        "<text x=\"\(Self.rounded(x(last.contextCount)))\" y=\"\(at)\" text-anchor=\"end\">1 : \(ratio)</text>")
    }
    return lines.joined(separator: "\n") + "\n</svg>\n"
  }
}
