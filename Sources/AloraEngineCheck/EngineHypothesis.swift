/// What an engine may have done with an adapter.
public struct EngineHypothesis: Hashable, Sendable {
  /// Which tokens were adapted. s is the start of the last occurrence of the invocation.
  public enum Activation: Hashable, Sendable {
    /// From s + n on; 0 is PEFT's rule.
    case shifted(Int)
    /// From the start of the first occurrence + n on.
    case firstOccurrence(Int)
    case everywhere
    case lastTokenOnly
    /// From s + n on, behind keys and values that were kept from the request before, whatever weights had made them.
    case behindKept(Int)
    case off
  }
  public let activation: Activation
  /// What the adapter's scaling was multiplied with, beyond the scale that the request asked for.
  public let factor: Double

  public init(_ activation: Activation, factor: Double = 1) {
    self.activation = activation
    self.factor = activation == .off ? 1 : factor
  }

  /// The index of the first adapted token; nil where there is none.
  ///
  /// Nil, too, where the hypothesis speaks of an invocation and the tokens hold none.
  func start(in tokens: [Int], invocation: [Int]?) -> Int? {
    func shifted(_ start: Int?, _ count: Int) -> Int? {
      start.map { max(0, $0 + count) }.flatMap { $0 < tokens.count ? $0 : nil }
    }
    switch activation {
    case .off: return nil
    case .everywhere: return 0
    case .lastTokenOnly: return tokens.count - 1
    case .shifted(let count), .behindKept(let count):
      return shifted(Self.occurrences(of: invocation ?? [], in: tokens).last, count)
    case .firstOccurrence(let count): return shifted(Self.occurrences(of: invocation ?? [], in: tokens).first, count)
    }
  }

  static func occurrences(of pattern: [Int], in tokens: [Int]) -> [Int] {
    guard !pattern.isEmpty, pattern.count <= tokens.count else { return [] }
    return (0...(tokens.count - pattern.count)).filter { tokens[$0..<($0 + pattern.count)].elementsEqual(pattern) }
  }
}

extension EngineHypothesis: CustomStringConvertible {
  public var description: String {
    let text: String =
      switch activation {
      case .shifted(0): "active from the invocation on"
      case .shifted(let count): "activation \(Self.tokens(count))"
      case .firstOccurrence(0): "activation at the first occurrence of the invocation"
      case .firstOccurrence(let count): "activation at the first occurrence of the invocation, \(Self.tokens(count))"
      case .behindKept(let count):
        "keys and values of the request before are kept" + (count == 0 ? "" : ", and activation \(Self.tokens(count))")
      case .everywhere: "adapted from the first token"
      case .lastTokenOnly: "only the last token adapted"
      case .off: "adapter off"
      }
    return factor == 1 ? text : "\(text), scaling ×\(factor.rounded(toPlaces: 2))"
  }

  private static func tokens(_ count: Int) -> String {
    let number = abs(count) == 1 ? "one token" : abs(count) == 2 ? "two tokens" : "\(abs(count)) tokens"
    return "\(number) \(count < 0 ? "early" : "late")"
  }
}

extension Double {
  /// For people: as few digits as needed.
  func rounded(toPlaces places: Int) -> Double {
    let unit = (0..<places).reduce(1.0) { product, _ in product * 10 }
    return (self * unit).rounded() / unit
  }
}
