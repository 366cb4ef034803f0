internal import AloraModels
internal import AloraSystem
package import AloraTensors

extension MergePlan {
  /// The type that a changed tensor is written in: its own, or the wanted one.
  ///
  /// - Throws: ``MergeError`` `unsupportedType`; ``ArchitectureError`` `quantizedWeights`.
  static func outputType(of tensor: TensorDescription, _ wanted: DType?, model: ModelSource) throws -> DType {
    func refusal(_ problem: String, _ remedy: Remedy?) -> MergeError {
      MergeError(
        .unsupportedType, path: model.path, place: "tensor \(tensor.name)", problem: problem, remedy: remedy)
    }
    if model.gguf == nil {
      if [.f32, .f16, .bf16].contains(tensor.dtype) { return tensor.dtype }
      if let method = try model.quantization() { throw method.refusal(path: model.path) }
      throw refusal(
        "the adapter changes it, and alora merges into F32, F16 and BF16, not \(tensor.dtype)",
        "use the model before it was quantized, or a GGUF")
    }
    guard ElementConversion.canWiden(tensor.dtype) else {
      throw refusal("the adapter changes it, and its type \(tensor.dtype) can't be decoded", "use another GGUF")
    }
    let type = wanted ?? tensor.dtype
    guard ElementConversion.canNarrow(type) else {
      let reason = type.needsImportanceMatrix ? ", which is made with an importance matrix" : ""
      throw refusal(
        "the adapter changes it, and alora doesn't write \(type)\(reason)",
        .either([
          .outputType(type.nearestWrittenType.name.lowercased()),
          "merge into an F16 GGUF and quantize that with llama-quantize",
        ]))
    }
    if tensor.shape.byteCount(of: type) != nil { return type }
    guard let smaller = type.typeOfSmallerBlocks, tensor.shape.byteCount(of: smaller) != nil else {
      throw refusal(
        "its rows of \(tensor.shape.columnCount) elements don't fill whole blocks of \(type)", .outputType("bf16"))
    }
    return smaller
  }
}

extension DType {
  /// A type of about the same size that can be written.
  package var nearestWrittenType: DType {
    switch self {
    case .iq1S, .iq1M, .iq2XXS, .iq2XS, .iq2S, .q1_0, .q2_0: .q2K
    case .iq3XXS, .iq3S: .q3K
    case .nvfp4: .q4_0
    default: .q8_0
    }
  }

  /// What llama-quantize writes instead if rows don't fill blocks of 256.
  ///
  /// Source: llama.cpp `llama-quant.cpp` (`tensor_type_fallback`).
  fileprivate var typeOfSmallerBlocks: DType? {
    switch self {
    case .q2K, .q3K, .tq1_0, .tq2_0: .q4_0
    case .q4K: .q5_0
    case .q5K: .q5_1
    case .q6K: .q8_0
    case .iq4XS: .iq4NL
    default: nil
    }
  }
}
