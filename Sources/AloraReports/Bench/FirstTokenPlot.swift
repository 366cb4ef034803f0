internal import AloraSystem
package import AloraGeneration

/// Times to the first token against the context, both axes logarithmic, as SVG.
package struct FirstTokenPlot {
  /// A line of the plot.
  struct Series {
    let name: String
    let color: String
    /// One time for each context.
    ///
    /// Units: seconds.
    let seconds: [Double]
  }

  private let title: String
  private let contextCounts: [Int]
  private let series: [Series]
  /// How often the longer time has the shorter one at the last context, and which series has the shorter one.
  private let ratio: (value: Double, series: Int)?

  init(title: String, contextCounts: [Int], series: [Series], ratio: (value: Double, series: Int)?) {
    self.title = title
    self.contextCounts = contextCounts
    self.series = series
    self.ratio = ratio
  }

  package init(rows: [TimeToFirstToken.Times]) {
    self.init(
      title: "time to the first token of an adapter's call", contextCounts: rows.map(\.contextCount),
      series: [
        Series(name: "LoRA, cold", color: "#c0392b", seconds: rows.map(\.plainCold)),
        Series(name: "base, cold", color: "#7f8c8d", seconds: rows.map(\.baseCold)),
        Series(name: "aLoRA, warm", color: "#1f6f3f", seconds: rows.map(\.activatedWarm)),
      ], ratio: rows.last.map { ($0.ratio, 2) })
  }

  private static let (width, height, margin) = (640.0, 400.0, 60.0)

  /// The powers of ten around all times, in seconds.
  private var decades: ClosedRange<Int> {
    let times = series.flatMap(\.seconds)
    let low = Int(log10(max(1e-9, times.min() ?? 1)).rounded(.down))
    return low...max(low + 1, Int(log10(max(1e-9, times.max() ?? 1)).rounded(.up)))
  }

  private func x(_ count: Int) -> Double {
    let (low, high) = (log2(Double(contextCounts.min() ?? 1)), log2(Double(contextCounts.max() ?? 1)))
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
      "<text x=\"\(margin)\" y=\"20\" font-size=\"14\">\(title.escapedForXML)</text>",
    ]
    for decade in decades {
      let (seconds, name) = (pow(10, Double(decade)), decade < 0 ? "\(Int(pow(10, Double(decade + 3)))) ms" : "")
      let label = decade < 0 ? name : "\(Int(seconds)) s"
      let at = Self.rounded(y(seconds))
      lines.append("<path d=\"M\(margin) \(at)H\(width - margin)\" stroke=\"#dddddd\"/>")
      lines.append("<text x=\"\(margin - 6)\" y=\"\(at)\" text-anchor=\"end\">\(label)</text>")
    }
    for count in contextCounts {
      let at = Self.rounded(x(count))
      lines.append("<text x=\"\(at)\" y=\"\(height - margin + 18)\" text-anchor=\"middle\">\(count)</text>")
    }
    lines.append(
      "<text x=\"\(width / 2)\" y=\"\(height - margin + 40)\" text-anchor=\"middle\">tokens of context</text>")
    for (index, line) in series.enumerated() {
      let color = line.color
      let points = zip(contextCounts, line.seconds).map { "\(Self.rounded(x($0))),\(Self.rounded(y($1)))" }
      lines.append(
        "<polyline points=\"\(points.joined(separator: " "))\" fill=\"none\" stroke=\"\(color)\" stroke-width=\"2\"/>")
      for point in points {
        let parts = point.split(separator: ",")
        lines.append("<circle cx=\"\(parts[0])\" cy=\"\(parts[1])\" r=\"3\" fill=\"\(color)\"/>")
      }
      lines.append(
        "<text x=\"\(margin + 12)\" y=\"\(42 + 16 * Double(index))\" fill=\"\(color)\">\(line.name.escapedForXML)</text>"
      )
    }
    if let ratio, let count = contextCounts.last, let seconds = series[ratio.series].seconds.last {
      let at = Self.rounded(y(seconds) - 8)
      lines.append(
        "<text x=\"\(Self.rounded(x(count)))\" y=\"\(at)\" text-anchor=\"end\">1 : \(Self.rounded(ratio.value))</text>")
    }
    return lines.joined(separator: "\n") + "\n</svg>\n"
  }
}
