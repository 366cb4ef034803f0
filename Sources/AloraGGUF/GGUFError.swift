public import AloraSystem

/// A GGUF file that cannot be read as what it has to be, or content that cannot be written as GGUF.
public struct GGUFError: DiagnosedError, Hashable {
  public struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable {
      case notGGUF, unsupportedVersion, truncated, implausibleCount, headerTooLarge
      case invalidKey, duplicateKey, invalidValueType, invalidBoolean, nestedTooDeep, invalidAlignment
      case invalidTensorName, duplicateTensor, invalidShape, invalidTensorType, incompleteBlocks
      case misalignedTensor, overlappingTensors, gapBetweenTensors, tensorOutOfRange
      case missingKey, wrongValueType, valueOutOfRange, invalidUTF8, unsupportedByteOrder
      case notFirstPart, invalidPartName, missingPart, inconsistentParts
      case wrongTensorData
    }
    let value: Value
    /// The file does not start with `GGUF`.
    public static let notGGUF = Code(value: .notGGUF)
    /// Neither version 2 nor 3.
    public static let unsupportedVersion = Code(value: .unsupportedVersion)
    /// The file ends within its header.
    public static let truncated = Code(value: .truncated)
    /// A number of entries, elements or bytes that the rest of the file cannot hold.
    public static let implausibleCount = Code(value: .implausibleCount)
    /// The header is longer, or holds more, than ``GGUFLimits`` says.
    public static let headerTooLarge = Code(value: .headerTooLarge)
    /// A key that is empty, longer than 65535 bytes or not valid UTF-8.
    public static let invalidKey = Code(value: .invalidKey)
    public static let duplicateKey = Code(value: .duplicateKey)
    /// A value type that does not exist.
    public static let invalidValueType = Code(value: .invalidValueType)
    /// A Boolean that is neither 0 nor 1.
    public static let invalidBoolean = Code(value: .invalidBoolean)
    /// Arrays in arrays beyond ``GGUFLimits/arrayDepth``.
    public static let nestedTooDeep = Code(value: .nestedTooDeep)
    /// `general.alignment` is no UINT32, or no power of two.
    public static let invalidAlignment = Code(value: .invalidAlignment)
    /// A tensor name of 64 bytes or more, or not valid UTF-8.
    public static let invalidTensorName = Code(value: .invalidTensorName)
    public static let duplicateTensor = Code(value: .duplicateTensor)
    /// More than four dimensions, a negative one, or more elements or bytes than can be counted.
    public static let invalidShape = Code(value: .invalidShape)
    /// A ggml type that does not exist, or exists no more.
    public static let invalidTensorType = Code(value: .invalidTensorType)
    /// Rows that are no whole number of blocks of their type.
    public static let incompleteBlocks = Code(value: .incompleteBlocks)
    public static let misalignedTensor = Code(value: .misalignedTensor)
    public static let overlappingTensors = Code(value: .overlappingTensors)
    public static let gapBetweenTensors = Code(value: .gapBetweenTensors)
    /// A tensor's data reaches beyond the end of the file.
    public static let tensorOutOfRange = Code(value: .tensorOutOfRange)
    /// A key that must be there isn't.
    public static let missingKey = Code(value: .missingKey)
    /// A value of another type than needed.
    public static let wrongValueType = Code(value: .wrongValueType)
    public static let valueOutOfRange = Code(value: .valueOutOfRange)
    /// Text is needed, and the bytes of the string are none.
    public static let invalidUTF8 = Code(value: .invalidUTF8)
    /// Tensor data of a big-endian file was asked for.
    public static let unsupportedByteOrder = Code(value: .unsupportedByteOrder)
    /// A later part of a split model was given in the place of the first.
    public static let notFirstPart = Code(value: .notFirstPart)
    /// A part whose name does not end in `-00001-of-00003.gguf`, so that the others cannot be found.
    public static let invalidPartName = Code(value: .invalidPartName)
    public static let missingPart = Code(value: .missingPart)
    /// Parts that do not belong together.
    public static let inconsistentParts = Code(value: .inconsistentParts)
    /// Tensor data handed to the writer in another order or number of bytes than declared.
    public static let wrongTensorData = Code(value: .wrongTensorData)
  }

  public let code: Code
  public var path: String?
  /// Where in the file the defect is, in bytes from its start.
  public let byteOffset: Int?
  /// The key or tensor that it concerns, as `key general.alignment` or `tensor blk.0.attn_q.weight`.
  public let subject: String?
  public let problem: String
  /// What the file is instead of a GGUF, for `notGGUF`.
  public let found: FileSignature?

  public init(
    _ code: Code, path: String?, byteOffset: Int? = nil, subject: String? = nil, problem: String,
    found: FileSignature? = nil
  ) {
    self.code = code
    self.path = path
    self.byteOffset = byteOffset
    self.subject = subject
    self.problem = problem
    self.found = found
  }

  public var category: ErrorCategory { .refusedInput }

  public var place: String? {
    let parts = [subject, byteOffset.map { "byte \($0)" }].compactMap { $0 }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  public var remedy: Remedy? {
    switch code.value {
    case .notGGUF: found?.remedy ?? "give a GGUF file"
    case .unsupportedVersion: "convert the model anew with a current llama.cpp"
    case .truncated, .implausibleCount, .tensorOutOfRange: "the file is damaged or incomplete: get it again"
    case .unsupportedByteOrder: "convert it with gguf-py's gguf_convert_endian.py"
    case .notFirstPart: "give the first part, which names all the others"
    case .invalidPartName: "give the parts back the names they were made with"
    case .missingPart: "put all parts into one directory"
    case .invalidTensorName: "llama.cpp loads no tensor with such a name"
    default: nil
    }
  }
}
