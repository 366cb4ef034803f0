package import AloraSystem

/// A path that leads to something other than expected.
package typealias PathError = CodedError<PathErrorCode>

package enum PathErrorCode: ErrorCode {
  /// There is nothing at the path.
  case notFound
  /// There is nothing at the path, but it looks like the id of a Hugging Face Hub repository.
  case hubIdentifier
  /// A file of another kind.
  case foreignFile
  /// A directory that contains something else.
  case foreignDirectory
  /// The right kind of directory, without a part that is needed.
  case missingPart

  package var category: ErrorCategory {
    switch self {
    case .notFound, .hubIdentifier: .inputOutput
    case .foreignFile, .foreignDirectory, .missingPart: .refusedInput
    }
  }
}
