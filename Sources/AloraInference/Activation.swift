/// Which token an engine takes for the first adapted one. s is the start of the last occurrence of the invocation.
public enum ActivationRule: String, CaseIterable, Sendable {
  /// s, as PEFT has it.
  case peft
  /// s + 1, as IBM's older `alora` package had it.
  case legacy
  /// s - 1, as llama-server has it (measured).
  case llamaServer = "llama-server"

  /// The index of the first adapted token; nil where the invocation does not occur, and the adapter is off.
  ///
  /// An ordinary LoRA, without invocation tokens, is active from index 0. The start may lie at the end of `tokens`:
  /// then what is decoded is adapted, and nothing before.
  public func start(in tokens: [Int], invocation: [Int]?) -> Int? {
    guard let invocation else { return 0 }
    guard let start = Self.lastOccurrence(of: invocation, in: tokens) else { return nil }
    switch self {
    case .peft: return start
    case .legacy: return start + 1
    case .llamaServer: return max(0, start - 1)
    }
  }

  /// Where `pattern` occurs last, also overlapping itself; nil where it does not, or is empty.
  static func lastOccurrence(of pattern: [Int], in tokens: [Int]) -> Int? {
    guard !pattern.isEmpty, pattern.count <= tokens.count else { return nil }
    return (0...(tokens.count - pattern.count)).last { tokens[$0..<($0 + pattern.count)].elementsEqual(pattern) }
  }
}
