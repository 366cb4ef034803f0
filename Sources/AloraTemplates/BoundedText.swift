/// A text that is written piece by piece, up to a limit: a small template can ask for terabytes.
struct BoundedText {
  private var written = ""
  private var byteCount = 0
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  /// Whether more was added than the limit allows. Nothing is kept from then on.
  var isFull: Bool { byteCount > limit }

  /// Nil if it became longer than the limit.
  var text: String? { isFull ? nil : written }

  mutating func add(_ text: String, times: Int = 1) {
    let (added, overflow) = text.utf8.count.multipliedReportingOverflow(by: times)
    guard !isFull, !overflow, added <= limit - byteCount else {
      byteCount = .max
      return
    }
    byteCount += added
    for _ in 0..<(text.isEmpty ? 0 : times) { written += text }
  }

  /// Starts a line that is indented.
  mutating func breakLine(indent: String, times: Int) {
    add("\n")
    add(indent, times: times)
  }
}
