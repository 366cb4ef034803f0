/// Searches for an invocation in a prompt.
package enum InvocationSearch {
  /// The start of the last occurrence, which may overlap another; nil if there is none.
  ///
  /// - Complexity: O(n · m).
  /// Source: PEFT `tuners/lora/variants.py` (`calculate_alora_offsets`).
  package static func lastOccurrence(of invocation: [Int], in tokens: [Int]) -> Int? {
    guard !invocation.isEmpty, invocation.count <= tokens.count else { return nil }
    return (0...(tokens.count - invocation.count)).last { start in
      invocation.indices.allSatisfy { tokens[start + $0] == invocation[$0] }
    }
  }

  /// The start that llama-server finds. It searches backwards and doesn't retry the token that broke a match.
  ///
  /// Source: `launch_slot_with_task` of llama.cpp's server, build 11434.
  package static func serverOccurrence(of invocation: [Int], in tokens: [Int]) -> Int? {
    guard !invocation.isEmpty else { return nil }
    var expected = invocation.count - 1
    for index in tokens.indices.reversed() {
      if tokens[index] != invocation[expected] {
        expected = invocation.count - 1
      } else if expected == 0 {
        return index
      } else {
        expected -= 1
      }
    }
    return nil
  }

  /// The shortest end of the invocation that makes llama-server miss the invocation when it is repeated right after it;
  /// nil if there is none.
  ///
  /// Only the invocation's own last tokens can start a wrong match, so no other tokens need to be tried.
  package static func serverMiss(of invocation: [Int]) -> [Int]? {
    for count in 1..<max(invocation.count, 1) {
      let tail = Array(invocation.suffix(count))
      let prompt = invocation + tail
      if serverOccurrence(of: invocation, in: prompt) != lastOccurrence(of: invocation, in: prompt) { return tail }
    }
    return nil
  }
}
