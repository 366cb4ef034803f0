package import AloraSystem

/// A GGUF file that can't be read as expected, or content that can't be written as GGUF.
package struct GGUFError: DiagnosedError, Hashable {
  package enum Code: Hashable, Sendable {
    /// The file does not start with `GGUF`.
    case notGGUF
    /// Neither version 2 nor 3.
    case unsupportedVersion
    /// The file ends within its header.
    case truncated
    /// A number of entries, elements or bytes that the rest of the file cannot hold.
    case implausibleCount
    /// The header is longer, or holds more, than ``GGUFLimits`` says.
    case headerTooLarge
    /// A key that is empty, longer than 65535 bytes or not valid UTF-8.
    case invalidKey
    case duplicateKey
    /// A value type that does not exist.
    case invalidValueType
    /// A Boolean that is neither 0 nor 1.
    case invalidBoolean
    /// Arrays in arrays beyond ``GGUFLimits/arrayDepth``.
    case nestedTooDeep
    /// `general.alignment` isn't a UINT32, or isn't a power of two.
    case invalidAlignment
    /// A tensor name of 64 bytes or more, or not valid UTF-8.
    case invalidTensorName
    case duplicateTensor
    /// More than four dimensions, a negative one, or more elements or bytes than can be counted.
    case invalidShape
    /// A ggml type that doesn't exist, or no longer exists.
    case invalidTensorType
    /// Rows that aren't a whole number of blocks of their type.
    case incompleteBlocks
    case misalignedTensor
    case overlappingTensors
    case gapBetweenTensors
    /// A tensor's data reaches beyond the end of the file.
    case tensorOutOfRange
    /// A key that must be there isn't.
    case missingKey
    /// A value of another type than needed.
    case wrongValueType
    case valueOutOfRange
    /// Text is needed, but the bytes of the string aren't valid UTF-8.
    case invalidUTF8
    /// Tensor data of a big-endian file was asked for.
    case unsupportedByteOrder
    /// A later part of a split model was given instead of the first.
    case notFirstPart
    /// A part whose name does not end in `-00001-of-00003.gguf`, so that the others cannot be found.
    case invalidPartName
    case missingPart
    /// Parts that do not belong together.
    case inconsistentParts
    /// Tensor data given to the writer in another order or amount than declared.
    case wrongTensorData
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
    switch code {
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
