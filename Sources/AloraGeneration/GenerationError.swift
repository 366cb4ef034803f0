package import AloraSystem

/// A file of cached keys and values, or a conversation, that can't be used.
package typealias GenerationError = CodedError<GenerationErrorCode>

package enum GenerationErrorCode: ErrorCode {
  case notACache
  /// Another version of the format, or of the exact order of sums.
  case unsupportedVersion
  /// Other weights made the keys and values.
  case foreignWeights
  /// The contents were changed after writing, or contradict each other.
  case damaged
  /// A system message was given, but the messages already begin with one.
  case systemTwice
  /// A turn names an unknown adapter.
  case unknownAdapter
  /// A text of a Granite Switch that switches between adapters, or to an adapter other than the requested one.
  case severalControlTokens
}
