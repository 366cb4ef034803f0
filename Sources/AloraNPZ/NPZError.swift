package import AloraSystem

/// An `.npz` or `.npy` file that can't be read as expected, or content that can't be written to one.
package struct NPZError: DiagnosedError, Hashable {
  package struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable {
      case notNPZ, truncated, malformedArchive, unsupportedArchive, inconsistentArchive, overlappingMembers
      case unsafeName, duplicateName, tooManyMembers, implausibleSize, tooLarge, corruptData, checksumMismatch
      case malformedHeader, unsupportedType, invalidShape, sizeMismatch
      case missingArray, wrongType, wrongShape, valueOutOfRange, invalidText, wrongArrayData
    }
    let value: Value
    /// Neither a ZIP archive nor an `.npy` file.
    package static let notNPZ = Code(value: .notNPZ)
    /// An archive without its end, or an array that ends within its data.
    package static let truncated = Code(value: .truncated)
    /// Fields of the archive that contradict its structure.
    package static let malformedArchive = Code(value: .malformedArchive)
    /// Encryption, several disks, or a compression other than deflate.
    package static let unsupportedArchive = Code(value: .unsupportedArchive)
    /// The directory and a member's own header disagree.
    package static let inconsistentArchive = Code(value: .inconsistentArchive)
    /// Two members share bytes.
    package static let overlappingMembers = Code(value: .overlappingMembers)
    /// A member's name is absolute, contains `..`, or isn't valid text.
    package static let unsafeName = Code(value: .unsafeName)
    package static let duplicateName = Code(value: .duplicateName)
    package static let tooManyMembers = Code(value: .tooManyMembers)
    /// A size that the compressed bytes can't inflate to.
    package static let implausibleSize = Code(value: .implausibleSize)
    /// Larger than one of the ``NPZLimits`` allows.
    package static let tooLarge = Code(value: .tooLarge)
    /// Compressed data that isn't a deflate stream of the stated size.
    package static let corruptData = Code(value: .corruptData)
    package static let checksumMismatch = Code(value: .checksumMismatch)
    /// No `.npy` header.
    package static let malformedHeader = Code(value: .malformedHeader)
    /// Elements other than numbers, Booleans, bytes and text; above all, Python objects.
    package static let unsupportedType = Code(value: .unsupportedType)
    /// Too many dimensions, elements or bytes.
    package static let invalidShape = Code(value: .invalidShape)
    /// An array's data is not as long as its shape says.
    package static let sizeMismatch = Code(value: .sizeMismatch)
    package static let missingArray = Code(value: .missingArray)
    /// An array of another element type than needed.
    package static let wrongType = Code(value: .wrongType)
    /// An array of another shape than needed.
    package static let wrongShape = Code(value: .wrongShape)
    package static let valueOutOfRange = Code(value: .valueOutOfRange)
    /// Bytes that aren't UTF-8, or numbers that aren't Unicode scalars.
    package static let invalidText = Code(value: .invalidText)
    /// Data given to the writer in another order or amount than declared.
    package static let wrongArrayData = Code(value: .wrongArrayData)
  }

  package let code: Code
  package var path: String?
  package let byteOffset: Int?
  /// The array or member that it concerns.
  package let name: String?
  package let problem: String
  /// What the file is instead of NumPy arrays, for `notNPZ`.
  package let found: FileSignature?

  package init(
    _ code: Code, path: String?, byteOffset: Int? = nil, name: String? = nil, problem: String,
    found: FileSignature? = nil
  ) {
    self.code = code
    self.path = path
    self.byteOffset = byteOffset
    self.name = name
    self.problem = problem
    self.found = found
  }

  package var category: ErrorCategory { .refusedInput }

  package var place: String? {
    let parts = [name.map { "array \($0)" }, byteOffset.map { "byte \($0)" }].compactMap { $0 }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  package var remedy: Remedy? {
    switch code.value {
    case .notNPZ: found?.remedy ?? "make the file with numpy.savez"
    case .truncated, .corruptData, .checksumMismatch: "the file is damaged or incomplete: get it again"
    case .unsupportedType: "save arrays of numbers, with allow_pickle=False"
    case .unsupportedArchive: "make the file again with numpy.savez or numpy.savez_compressed"
    default: nil
    }
  }
}
