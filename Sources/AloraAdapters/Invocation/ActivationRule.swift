/// The token that an engine adapts first. s is the start of the invocation's last occurrence.
package enum ActivationRule: String, CaseIterable, Sendable {
  /// s, as in PEFT.
  case peft
  /// s + 1, as in IBM's older `alora` package.
  case legacy
  /// s - 1, as in llama-server (measured, build 11434), which also misses some occurrences.
  case llamaServer = "llama-server"

  /// The index of the first adapted token; nil if the invocation isn't found, so that the adapter is off.
  ///
  /// An ordinary LoRA, without invocation tokens, is active from index 0. The start may be the end of `tokens`;
  /// then only generated tokens are adapted.
  package func start(in tokens: [Int], invocation: [Int]?) -> Int? {
    guard let invocation else { return 0 }
    switch self {
    case .peft: return InvocationSearch.lastOccurrence(of: invocation, in: tokens)
    case .legacy: return InvocationSearch.lastOccurrence(of: invocation, in: tokens).map { $0 + 1 }
    case .llamaServer: return InvocationSearch.serverOccurrence(of: invocation, in: tokens).map { max(0, $0 - 1) }
    }
  }
}
