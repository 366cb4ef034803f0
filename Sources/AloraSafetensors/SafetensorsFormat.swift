internal import AloraTensors

/// The safetensors format.
///
/// 1. The byte count N of the header, UInt64, little-endian; 100 000 000 at most.
/// 2. The header, N bytes: JSON in UTF-8 that starts with `{`, padded behind with spaces. Each member is a tensor,
///    `"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}` with row-major shape and offsets from the start
///    of 3; the member `__metadata__` maps strings to strings.
/// 3. The data. Together the tensors cover it exactly: no hole, no overlap, nothing after the last.
///
/// Source: the README of the safetensors repository ("Format") and `safetensors/src/tensor.rs`.
enum SafetensorsFormat {
  static let headerByteLimit = 100_000_000
  static let lengthByteCount = 8
  static let metadataName = "__metadata__"
  static let indexName = "model.safetensors.index.json"
  static let singleName = "model.safetensors"

  /// The types of the format, in the order that the reference lays out their tensors: widest first.
  static let dtypes: [DType] = [
    .u64, .i64, .f64, .c64, .f32, .u32, .i32, .bf16, .f16, .u16, .i16, .f8E5M2FNUZ, .f8E4M3FNUZ, .f8E8M0, .f8E4M3,
    .f8E5M2, .i8, .u8, .f6E3M2, .f6E2M3, .f4, .bool,
  ]

  static func dtype(named name: String) -> DType? { dtypes.first { $0.name == name } }
}
