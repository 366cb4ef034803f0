package import AloraSystem

/// A safetensors file or index that breaks the format's rules, or content that cannot be written in it.
package typealias SafetensorsError = CodedError<SafetensorsErrorCode>

package enum SafetensorsErrorCode: ErrorCode {
  /// The file ends within its header.
  case headerTruncated
  /// The header's length is beyond 100 MB.
  case headerTooLarge
  /// The header does not start with `{`.
  case notSafetensors
  /// The header is not valid JSON.
  case invalidHeader
  /// Two members of an object in the header have one name.
  case duplicateName
  /// `__metadata__` does not map strings to strings.
  case invalidMetadata
  /// A tensor's entry lacks a member or has one of the wrong type.
  case invalidTensor
  case unknownDType
  /// A negative extent, or more elements or bytes than can be counted.
  case invalidShape
  /// `data_offsets` that aren't two numbers in ascending order.
  case invalidOffsets
  /// A tensor whose bytes are not those of its shape and type, or no whole bytes.
  case sizeMismatch
  case overlappingTensors
  /// Bytes between two tensors, or before the first.
  case holeInData
  /// The file ends before the last tensor does.
  case dataTruncated
  /// The file continues after the last tensor.
  case trailingBytes
  /// An index without a `weight_map` of strings.
  case invalidIndex
  /// An index names a shard outside of its directory.
  case unsafeShardName
  case missingShard
  /// A tensor is not in the shard that the index names.
  case missingTensor
  /// Tensor data given to the writer in another order or amount than declared.
  case wrongTensorData

  package var remedy: Remedy? {
    switch self {
    case .notSafetensors: "give a safetensors file"
    case .headerTruncated, .dataTruncated: "the file is damaged or incomplete: get it again"
    case .missingShard, .missingTensor: "get all files of the model again"
    case .unsafeShardName: "put the shards beside their index"
    default: nil
    }
  }
}
