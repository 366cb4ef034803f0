package import AloraSystem

/// A safetensors file or index that breaks the format's rules, or content that cannot be written in it.
package struct SafetensorsError: DiagnosedError, Hashable {
  package struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable {
      case headerTruncated, headerTooLarge, notSafetensors, invalidHeader, duplicateName, invalidMetadata
      case invalidTensor, unknownDType, invalidShape, invalidOffsets, sizeMismatch
      case overlappingTensors, holeInData, dataTruncated, trailingBytes
      case invalidIndex, unsafeShardName, missingShard, missingTensor, wrongTensorData
    }
    let value: Value
    /// The file ends within its header.
    package static let headerTruncated = Code(value: .headerTruncated)
    /// The header's length is beyond 100 MB.
    package static let headerTooLarge = Code(value: .headerTooLarge)
    /// The header does not start with `{`.
    package static let notSafetensors = Code(value: .notSafetensors)
    /// The header is not valid JSON.
    package static let invalidHeader = Code(value: .invalidHeader)
    /// Two members of an object in the header have one name.
    package static let duplicateName = Code(value: .duplicateName)
    /// `__metadata__` does not map strings to strings.
    package static let invalidMetadata = Code(value: .invalidMetadata)
    /// A tensor's entry lacks a member or has one of the wrong type.
    package static let invalidTensor = Code(value: .invalidTensor)
    package static let unknownDType = Code(value: .unknownDType)
    /// A negative extent, or more elements or bytes than can be counted.
    package static let invalidShape = Code(value: .invalidShape)
    /// `data_offsets` that aren't two numbers in ascending order.
    package static let invalidOffsets = Code(value: .invalidOffsets)
    /// A tensor whose bytes are not those of its shape and type, or no whole bytes.
    package static let sizeMismatch = Code(value: .sizeMismatch)
    package static let overlappingTensors = Code(value: .overlappingTensors)
    /// Bytes between two tensors, or before the first.
    package static let holeInData = Code(value: .holeInData)
    /// The file ends before the last tensor does.
    package static let dataTruncated = Code(value: .dataTruncated)
    /// The file continues after the last tensor.
    package static let trailingBytes = Code(value: .trailingBytes)
    /// An index without a `weight_map` of strings.
    package static let invalidIndex = Code(value: .invalidIndex)
    /// An index names a shard outside of its directory.
    package static let unsafeShardName = Code(value: .unsafeShardName)
    package static let missingShard = Code(value: .missingShard)
    /// A tensor is not in the shard that the index names.
    package static let missingTensor = Code(value: .missingTensor)
    /// Tensor data given to the writer in another order or amount than declared.
    package static let wrongTensorData = Code(value: .wrongTensorData)
  }

  package let code: Code
  package var path: String?
  /// `byte 8`, `tensor a.lora_A.weight`, `$.weight_map.a`.
  package let place: String?
  package let problem: String
  /// What the file is instead of safetensors, for `notSafetensors`.
  package let found: FileSignature?

  package init(_ code: Code, path: String?, place: String?, problem: String, found: FileSignature? = nil) {
    self.code = code
    self.path = path
    self.place = place
    self.problem = problem
    self.found = found
  }

  package var category: ErrorCategory { .refusedInput }
  package var remedy: Remedy? {
    switch code.value {
    case .notSafetensors: found?.remedy ?? "give a safetensors file"
    case .headerTruncated, .dataTruncated: "the file is damaged or incomplete: get it again"
    case .missingShard, .missingTensor: "get all files of the model again"
    case .unsafeShardName: "put the shards beside their index"
    default: nil
    }
  }
}
