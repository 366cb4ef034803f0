/// How far a row of logits may be from its golden row. The only place that decides whether a row fits.
package struct Tolerance: Hashable, Sendable {
  package enum Source: String, CaseIterable, Sendable {
    /// The caller asked for it.
    case option
    /// The golden file asks for it, for one case or for all.
    case goldenCase = "golden-case"
    case goldenFile = "golden-file"
    case standard = "default"
    /// Measured: how far the rows of this golden are off by the precision that it was computed in.
    case precision
  }

  /// The largest difference allowed, relative to the row's largest logit.
  package let limit: Double
  package let source: Source

  package init(_ limit: Double, source: Source) {
    self.limit = limit
    self.source = source
  }

  /// Ten times the difference between PEFT in float32 and this engine on a 30-layer model (1e-5), and a tenth of what the
  /// smallest known mistake changes there.
  package static let standard = Tolerance(1e-4, source: .standard)

  /// Whether a difference, relative to the row's largest logit, is within the tolerance. NaN is not.
  package func accepts(_ relativeDifference: Double) -> Bool { relativeDifference <= limit }

  package func accepts(_ row: RowComparison) -> Bool { accepts(row.relative) }
}
