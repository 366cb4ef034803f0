internal import AloraTensors

/// The element type of the written factors.
package enum OutputType: String, CaseIterable, Sendable {
  case f32, f16, bf16
  case q8_0
  /// The type of the adapter's weights, so that nothing is lost: F16 or BF16 if all of them are, else F32.
  case auto

  /// The type of a matrix. Q8_0 needs whole blocks of 32 in a row; other rows become F16, as in the reference.
  ///
  /// Source: llama.cpp `conversion/base.py` (`prepare_tensors`, "falling back to F16").
  func dtype(columnCount: Int) -> DType {
    switch self {
    case .f32, .auto: .f32
    case .f16: .f16
    case .bf16: .bf16
    case .q8_0: columnCount.isMultiple(of: 32) ? .q8_0 : .f16
    }
  }

  /// `general.file_type`.
  ///
  /// Source: llama.cpp `gguf-py/gguf/constants.py` (`LlamaFileType`).
  var fileType: UInt32 {
    switch self {
    case .f32, .auto: 0
    case .f16: 1
    case .q8_0: 7
    case .bf16: 32
    }
  }
}
