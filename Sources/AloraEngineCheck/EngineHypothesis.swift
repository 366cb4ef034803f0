/// A hypothesis about what an engine did with an adapter.
package struct EngineHypothesis: Hashable, Sendable {
  /// The tokens that were adapted. s is the start of the last occurrence of the invocation.
  package enum Activation: Hashable, Sendable {
    /// From s + n on; 0 is PEFT's rule.
    case shifted(Int)
    /// From the start of the first occurrence + n on.
    case firstOccurrence(Int)
    case everywhere
    case lastTokenOnly
    /// From s + n on, after keys and values that were kept from the previous request, whichever weights made them.
    case afterKept(Int)
    case off
  }
  package let activation: Activation
  /// The factor by which the adapter's scaling differs from what the request asked for.
  package let factor: Double

  package init(_ activation: Activation, factor: Double = 1) {
    self.activation = activation
    self.factor = activation == .off ? 1 : factor
  }

  /// The index of the first adapted token; nil if there is none, or if the hypothesis needs an invocation and the tokens
  /// have none.
  func start(in tokens: [Int], invocation: [Int]?) -> Int? {
    func shifted(_ start: Int?, _ count: Int) -> Int? {
      start.map { max(0, $0 + count) }.flatMap { $0 < tokens.count ? $0 : nil }
    }
    switch activation {
    case .off: return nil
    case .everywhere: return 0
    case .lastTokenOnly: return tokens.count - 1
    case .shifted(let count), .afterKept(let count):
      return shifted(Self.occurrences(of: invocation ?? [], in: tokens).last, count)
    case .firstOccurrence(let count): return shifted(Self.occurrences(of: invocation ?? [], in: tokens).first, count)
    }
  }

  static func occurrences(of pattern: [Int], in tokens: [Int]) -> [Int] {
    guard !pattern.isEmpty, pattern.count <= tokens.count else { return [] }
    return (0...(tokens.count - pattern.count)).filter { tokens[$0..<($0 + pattern.count)].elementsEqual(pattern) }
  }
}
