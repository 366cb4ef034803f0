internal import CArguments

/// The words of the call.
package enum CallArguments {
  /// The words after the program's name; nil if the system doesn't tell.
  package static let words: [String]? = {
    var words: [String] = []
    for index in 0..<alora_argument_count() {
      // Safe: a word is a C string that lives as long as the process.
      if let word = unsafe alora_argument(index) { words.append(unsafe String(cString: word)) }
    }
    // Where the C library doesn't hand them out, Swift may find them; without /proc, it finds none, not even a name.
    if words.isEmpty { words = CommandLine.arguments }
    return words.isEmpty ? nil : Array(words.dropFirst())
  }()
}
