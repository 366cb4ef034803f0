package import AloraSystem

/// A golden file whose arrays aren't those of a golden file for this model.
package typealias GoldenError = CodedError<GoldenErrorCode>

package enum GoldenErrorCode: ErrorCode {
  /// The arrays have other names: `input_ids`, `logits`, no number.
  case foreignNames
  /// There are fewer rows than tokens, and no `positions_i`.
  case missingPositions
  /// The logits of a batch of one prompt: [1, T, V].
  case batchDimension
  /// The rows, or the tokens, are of a model with another vocabulary.
  case otherVocabulary
}
