/// The element type of a tensor: the scalar types of safetensors and the block formats of ggml.
///
/// Sources: the safetensors format (`Dtype` in `safetensors/src/tensor.rs`) for names of scalars, ggml's
/// `enum ggml_type` and block structures (`ggml-common.h`) for block formats.
package enum DType: UInt8, CaseIterable, Hashable, Sendable {
  // Scalars.
  case f64, f32, f16, bf16
  case f8E4M3, f8E5M2, f8E8M0, f8E4M3FNUZ, f8E5M2FNUZ
  case f6E2M3, f6E3M2, f4
  case i64, i32, i16, i8
  case u64, u32, u16, u8
  case bool, c64

  // ggml block formats.
  case q4_0, q4_1, q5_0, q5_1, q8_0, q8_1
  case q2K, q3K, q4K, q5K, q6K, q8K
  case iq2XXS, iq2XS, iq2S, iq3XXS, iq3S, iq1S, iq1M, iq4NL, iq4XS
  case tq1_0, tq2_0, mxfp4, nvfp4, q1_0, q2_0
}

extension DType {
  /// Whether llama-quantize makes the type with an importance matrix: its codebook leaves too much open without one.
  package var needsImportanceMatrix: Bool {
    [.iq1S, .iq1M, .iq2XXS, .iq2XS, .iq2S, .iq3XXS, .iq3S].contains(self)
  }

  /// How many elements one block holds, and in how many bits; a scalar is a block of one.
  ///
  /// Units: elements and bits. Bits, because safetensors packs F4 and F6 below the byte.
  package var block: (elementCount: Int, bitCount: Int) {
    switch self {
    case .f64, .i64, .u64, .c64: (1, 64)
    case .f32, .i32, .u32: (1, 32)
    case .f16, .bf16, .i16, .u16: (1, 16)
    case .f8E4M3, .f8E5M2, .f8E8M0, .f8E4M3FNUZ, .f8E5M2FNUZ, .i8, .u8, .bool: (1, 8)
    case .f6E2M3, .f6E3M2: (1, 6)
    case .f4: (1, 4)
    case .q4_0: (32, 8 * 18)
    case .q4_1: (32, 8 * 20)
    case .q5_0: (32, 8 * 22)
    case .q5_1: (32, 8 * 24)
    case .q8_0: (32, 8 * 34)
    case .q8_1: (32, 8 * 36)
    case .q2K: (256, 8 * 84)
    case .q3K: (256, 8 * 110)
    case .q4K: (256, 8 * 144)
    case .q5K: (256, 8 * 176)
    case .q6K: (256, 8 * 210)
    case .q8K: (256, 8 * 292)
    case .iq2XXS: (256, 8 * 66)
    case .iq2XS: (256, 8 * 74)
    case .iq2S: (256, 8 * 82)
    case .iq3XXS: (256, 8 * 98)
    case .iq3S: (256, 8 * 110)
    case .iq1S: (256, 8 * 50)
    case .iq1M: (256, 8 * 56)
    case .iq4NL: (32, 8 * 18)
    case .iq4XS: (256, 8 * 136)
    case .tq1_0: (256, 8 * 54)
    case .tq2_0: (256, 8 * 66)
    case .mxfp4: (32, 8 * 17)
    case .nvfp4: (64, 8 * 36)
    case .q1_0: (128, 8 * 18)
    case .q2_0: (64, 8 * 18)
    }
  }

  /// The bytes that `elementCount` elements of one row take, or nil if they don't fill whole blocks and whole
  /// bytes, or the number does not fit in an `Int`.
  package func byteCount(elementCount: Int) -> Int? {
    guard elementCount >= 0, elementCount.isMultiple(of: block.elementCount) else { return nil }
    let (bits, overflow) = (elementCount / block.elementCount).multipliedReportingOverflow(by: block.bitCount)
    guard !overflow, bits.isMultiple(of: 8) else { return nil }
    return bits / 8
  }

  /// True for the formats that store several elements in one block with common scales.
  package var isBlockFormat: Bool { block.elementCount > 1 }

  /// True for the types whose elements are (possibly scaled) floating-point numbers.
  package var isFloatingPoint: Bool {
    switch self {
    case .i64, .i32, .i16, .i8, .u64, .u32, .u16, .u8, .bool: false
    default: true
    }
  }

  /// The name as users see it: safetensors' spelling for scalars, ggml's for block formats.
  package var name: String {
    switch self {
    case .f64: "F64"
    case .f32: "F32"
    case .f16: "F16"
    case .bf16: "BF16"
    case .f8E4M3: "F8_E4M3"
    case .f8E5M2: "F8_E5M2"
    case .f8E8M0: "F8_E8M0"
    case .f8E4M3FNUZ: "F8_E4M3FNUZ"
    case .f8E5M2FNUZ: "F8_E5M2FNUZ"
    case .f6E2M3: "F6_E2M3"
    case .f6E3M2: "F6_E3M2"
    case .f4: "F4"
    case .i64: "I64"
    case .i32: "I32"
    case .i16: "I16"
    case .i8: "I8"
    case .u64: "U64"
    case .u32: "U32"
    case .u16: "U16"
    case .u8: "U8"
    case .bool: "BOOL"
    case .c64: "C64"
    case .q4_0: "Q4_0"
    case .q4_1: "Q4_1"
    case .q5_0: "Q5_0"
    case .q5_1: "Q5_1"
    case .q8_0: "Q8_0"
    case .q8_1: "Q8_1"
    case .q2K: "Q2_K"
    case .q3K: "Q3_K"
    case .q4K: "Q4_K"
    case .q5K: "Q5_K"
    case .q6K: "Q6_K"
    case .q8K: "Q8_K"
    case .iq2XXS: "IQ2_XXS"
    case .iq2XS: "IQ2_XS"
    case .iq2S: "IQ2_S"
    case .iq3XXS: "IQ3_XXS"
    case .iq3S: "IQ3_S"
    case .iq1S: "IQ1_S"
    case .iq1M: "IQ1_M"
    case .iq4NL: "IQ4_NL"
    case .iq4XS: "IQ4_XS"
    case .tq1_0: "TQ1_0"
    case .tq2_0: "TQ2_0"
    case .mxfp4: "MXFP4"
    case .nvfp4: "NVFP4"
    case .q1_0: "Q1_0"
    case .q2_0: "Q2_0"
    }
  }
}

extension DType: CustomStringConvertible {
  package var description: String { name }
}
