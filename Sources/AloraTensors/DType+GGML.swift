extension DType {
  /// The number of this type in GGUF files; nil for the types that GGUF cannot hold.
  ///
  /// Source: `enum ggml_type` in ggml's `ggml.h`.
  package var ggmlTypeID: UInt32? {
    switch self {
    case .f32: 0
    case .f16: 1
    case .q4_0: 2
    case .q4_1: 3
    case .q5_0: 6
    case .q5_1: 7
    case .q8_0: 8
    case .q8_1: 9
    case .q2K: 10
    case .q3K: 11
    case .q4K: 12
    case .q5K: 13
    case .q6K: 14
    case .q8K: 15
    case .iq2XXS: 16
    case .iq2XS: 17
    case .iq3XXS: 18
    case .iq1S: 19
    case .iq4NL: 20
    case .iq3S: 21
    case .iq2S: 22
    case .iq4XS: 23
    case .i8: 24
    case .i16: 25
    case .i32: 26
    case .i64: 27
    case .f64: 28
    case .iq1M: 29
    case .bf16: 30
    case .tq1_0: 34
    case .tq2_0: 35
    case .mxfp4: 39
    case .nvfp4: 40
    case .q1_0: 41
    case .q2_0: 42
    case .f8E4M3, .f8E5M2, .f8E8M0, .f8E4M3FNUZ, .f8E5M2FNUZ, .f6E2M3, .f6E3M2, .f4: nil
    case .u64, .u32, .u16, .u8, .bool, .c64: nil
    }
  }

  /// The type with this number in GGUF files; nil if there is none.
  package init?(ggmlTypeID: UInt32) {
    guard let dtype = Self.allCases.first(where: { $0.ggmlTypeID == ggmlTypeID }) else { return nil }
    self = dtype
  }

  /// The name of a type that older GGUF files have and llama.cpp no longer reads.
  package static func removedTypeName(ggmlTypeID: UInt32) -> String? {
    switch ggmlTypeID {
    case 4: "Q4_2"
    case 5: "Q4_3"
    case 31: "Q4_0_4_4"
    case 32: "Q4_0_4_8"
    case 33: "Q4_0_8_8"
    case 36: "IQ4_NL_4_4"
    case 37: "IQ4_NL_4_8"
    case 38: "IQ4_NL_8_8"
    default: nil
    }
  }
}
