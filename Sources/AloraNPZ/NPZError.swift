package import AloraSystem

/// An `.npz` or `.npy` file that can't be read as expected, or content that can't be written to one.
package struct NPZError: DiagnosedError, Hashable {
  package enum Code: Hashable, Sendable {
    /// Neither a ZIP archive nor an `.npy` file.
    case notNPZ
    /// An archive without its end, or an array that ends within its data.
    case truncated
    /// Fields of the archive that contradict its structure.
    case malformedArchive
    /// Encryption, several disks, or a compression other than deflate.
    case unsupportedArchive
    /// The directory and a member's own header disagree.
    case inconsistentArchive
    /// Two members share bytes.
    case overlappingMembers
    /// A member's name is absolute, contains `..`, or isn't valid text.
    case unsafeName
    case duplicateName
    case tooManyMembers
    /// A size that the compressed bytes can't inflate to.
    case implausibleSize
    /// Larger than one of the ``NPZLimits`` allows.
    case tooLarge
    /// Compressed data that isn't a deflate stream of the stated size.
    case corruptData
    case checksumMismatch
    /// No `.npy` header.
    case malformedHeader
    /// Elements other than numbers, Booleans, bytes and text; above all, Python objects.
    case unsupportedType
    /// Too many dimensions, elements or bytes.
    case invalidShape
    /// An array's data is not as long as its shape says.
    case sizeMismatch
    case missingArray
    /// An array of another element type than needed.
    case wrongType
    /// An array of another shape than needed.
    case wrongShape
    case valueOutOfRange
    /// Bytes that aren't UTF-8, or numbers that aren't Unicode scalars.
    case invalidText
    /// Data given to the writer in another order or amount than declared.
    case wrongArrayData
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
    switch code {
    case .notNPZ: found?.remedy ?? "make the file with numpy.savez"
    case .truncated, .corruptData, .checksumMismatch: "the file is damaged or incomplete: get it again"
    case .unsupportedType: "save arrays of numbers, with allow_pickle=False"
    case .unsupportedArchive: "make the file again with numpy.savez or numpy.savez_compressed"
    default: nil
    }
  }
}
