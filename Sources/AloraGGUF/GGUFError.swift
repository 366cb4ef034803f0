package import AloraSystem

/// A GGUF file that can't be read as expected, or content that can't be written as GGUF.
package struct GGUFError: DiagnosedError, Hashable {
  package struct Code: Hashable, Sendable {
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
    package static let notGGUF = Code(value: .notGGUF)
    /// Neither version 2 nor 3.
    package static let unsupportedVersion = Code(value: .unsupportedVersion)
    /// The file ends within its header.
    package static let truncated = Code(value: .truncated)
    /// A number of entries, elements or bytes that the rest of the file cannot hold.
    package static let implausibleCount = Code(value: .implausibleCount)
    /// The header is longer, or holds more, than ``GGUFLimits`` says.
    package static let headerTooLarge = Code(value: .headerTooLarge)
    /// A key that is empty, longer than 65535 bytes or not valid UTF-8.
    package static let invalidKey = Code(value: .invalidKey)
    package static let duplicateKey = Code(value: .duplicateKey)
    /// A value type that does not exist.
    package static let invalidValueType = Code(value: .invalidValueType)
    /// A Boolean that is neither 0 nor 1.
    package static let invalidBoolean = Code(value: .invalidBoolean)
    /// Arrays in arrays beyond ``GGUFLimits/arrayDepth``.
    package static let nestedTooDeep = Code(value: .nestedTooDeep)
    /// `general.alignment` isn't a UINT32, or isn't a power of two.
    package static let invalidAlignment = Code(value: .invalidAlignment)
    /// A tensor name of 64 bytes or more, or not valid UTF-8.
    package static let invalidTensorName = Code(value: .invalidTensorName)
    package static let duplicateTensor = Code(value: .duplicateTensor)
    /// More than four dimensions, a negative one, or more elements or bytes than can be counted.
    package static let invalidShape = Code(value: .invalidShape)
    /// A ggml type that doesn't exist, or no longer exists.
    package static let invalidTensorType = Code(value: .invalidTensorType)
    /// Rows that aren't a whole number of blocks of their type.
    package static let incompleteBlocks = Code(value: .incompleteBlocks)
    package static let misalignedTensor = Code(value: .misalignedTensor)
    package static let overlappingTensors = Code(value: .overlappingTensors)
    package static let gapBetweenTensors = Code(value: .gapBetweenTensors)
    /// A tensor's data reaches beyond the end of the file.
    package static let tensorOutOfRange = Code(value: .tensorOutOfRange)
    /// A key that must be there isn't.
    package static let missingKey = Code(value: .missingKey)
    /// A value of another type than needed.
    package static let wrongValueType = Code(value: .wrongValueType)
    package static let valueOutOfRange = Code(value: .valueOutOfRange)
    /// Text is needed, but the bytes of the string aren't valid UTF-8.
    package static let invalidUTF8 = Code(value: .invalidUTF8)
    /// Tensor data of a big-endian file was asked for.
    package static let unsupportedByteOrder = Code(value: .unsupportedByteOrder)
    /// A later part of a split model was given instead of the first.
    package static let notFirstPart = Code(value: .notFirstPart)
    /// A part whose name does not end in `-00001-of-00003.gguf`, so that the others cannot be found.
    package static let invalidPartName = Code(value: .invalidPartName)
    package static let missingPart = Code(value: .missingPart)
    /// Parts that do not belong together.
    package static let inconsistentParts = Code(value: .inconsistentParts)
    /// Tensor data given to the writer in another order or amount than declared.
    package static let wrongTensorData = Code(value: .wrongTensorData)
  }

  package let code: Code
  package var path: String?
  /// Where in the file the defect is, in bytes from its start.
  package let byteOffset: Int?
  /// The key or tensor that it concerns, as `key general.alignment` or `tensor blk.0.attn_q.weight`.
  package let subject: String?
  package let problem: String
  /// What the file is instead of a GGUF, for `notGGUF`.
  package let found: FileSignature?

  package init(
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

  package var category: ErrorCategory { .refusedInput }

  package var place: String? {
    let parts = [subject, byteOffset.map { "byte \($0)" }].compactMap { $0 }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  package var remedy: Remedy? {
    switch code.value {
    case .notGGUF: found?.remedy ?? "give a GGUF file"
    case .unsupportedVersion: "convert the model again with a current llama.cpp"
    case .truncated, .implausibleCount, .tensorOutOfRange: "the file is damaged or incomplete: get it again"
    case .unsupportedByteOrder: "convert it with gguf-py's gguf_convert_endian.py"
    case .notFirstPart: "give the first part, which names all the others"
    case .invalidPartName: "restore the original names of the parts"
    case .missingPart: "put all parts into one directory"
    case .invalidTensorName: "llama.cpp loads no tensor with such a name"
    default: nil
    }
  }
}
