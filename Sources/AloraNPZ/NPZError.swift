public import AloraSystem

/// An `.npz` or `.npy` file that cannot be read as what it has to be, or content that cannot be written in it.
public struct NPZError: DiagnosedError, Hashable {
  public struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable {
      case notNPZ, truncated, malformedArchive, unsupportedArchive, inconsistentArchive, overlappingMembers
      case unsafeName, duplicateName, tooManyMembers, implausibleSize, tooLarge, corruptData, checksumMismatch
      case malformedHeader, unsupportedType, invalidShape, sizeMismatch
      case missingArray, wrongType, wrongShape, valueOutOfRange, invalidText, wrongArrayData
    }
    let value: Value
    /// Neither a ZIP archive nor an `.npy` file.
    public static let notNPZ = Code(value: .notNPZ)
    /// An archive without its end, or an array that ends within its data.
    public static let truncated = Code(value: .truncated)
    /// Fields of the archive that contradict its structure.
    public static let malformedArchive = Code(value: .malformedArchive)
    /// Encryption, several disks, or a compression other than deflate.
    public static let unsupportedArchive = Code(value: .unsupportedArchive)
    /// The directory and a member's own header say different things.
    public static let inconsistentArchive = Code(value: .inconsistentArchive)
    /// Two members share bytes.
    public static let overlappingMembers = Code(value: .overlappingMembers)
    /// A member's name is absolute, leads upwards or is no text.
    public static let unsafeName = Code(value: .unsafeName)
    public static let duplicateName = Code(value: .duplicateName)
    public static let tooManyMembers = Code(value: .tooManyMembers)
    /// A size that deflate cannot reach from the compressed bytes.
    public static let implausibleSize = Code(value: .implausibleSize)
    /// Beyond one of the ``NPZLimits``.
    public static let tooLarge = Code(value: .tooLarge)
    /// Compressed data that is no deflate stream of its size.
    public static let corruptData = Code(value: .corruptData)
    public static let checksumMismatch = Code(value: .checksumMismatch)
    /// No `.npy` header.
    public static let malformedHeader = Code(value: .malformedHeader)
    /// Elements that are no numbers, Booleans, bytes or text; Python objects above all.
    public static let unsupportedType = Code(value: .unsupportedType)
    /// Too many dimensions, elements or bytes.
    public static let invalidShape = Code(value: .invalidShape)
    /// An array's data is not as long as its shape says.
    public static let sizeMismatch = Code(value: .sizeMismatch)
    public static let missingArray = Code(value: .missingArray)
    /// An array of another element type than needed.
    public static let wrongType = Code(value: .wrongType)
    /// An array of another shape than needed.
    public static let wrongShape = Code(value: .wrongShape)
    public static let valueOutOfRange = Code(value: .valueOutOfRange)
    /// Bytes that are no UTF-8, or numbers that are no characters.
    public static let invalidText = Code(value: .invalidText)
    /// Data handed to the writer in another order or number than declared.
    public static let wrongArrayData = Code(value: .wrongArrayData)
  }

  public let code: Code
  public var path: String?
  public let byteOffset: Int?
  /// The array or member that it concerns.
  public let name: String?
  public let problem: String
  /// What the file is instead of NumPy arrays, for `notNPZ`.
  public let found: FileSignature?

  public init(
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

  public var category: ErrorCategory { .refusedInput }

  public var place: String? {
    let parts = [name.map { "array \($0)" }, byteOffset.map { "byte \($0)" }].compactMap { $0 }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  public var remedy: Remedy? {
    switch code.value {
    case .notNPZ: found?.remedy ?? "make the file with numpy.savez"
    case .truncated, .corruptData, .checksumMismatch: "the file is damaged or incomplete: get it again"
    case .unsupportedType: "save arrays of numbers, with allow_pickle=False"
    case .unsupportedArchive: "make the file anew with numpy.savez or numpy.savez_compressed"
    default: nil
    }
  }
}
