package import AloraTensors

/// A tensor whose type llama.cpp doesn't know, so that its elements can't be decoded and its exact size is unknown.
package struct GGUFForeignTensor: Hashable, Sendable {
  package let name: String
  /// The number of the type in the file.
  package let typeNumber: UInt32
  /// Row-major, outermost first.
  package let shape: Shape
  /// From the tensor's first byte to the next tensor or the end of the file.
  package let byteRange: Range<Int>

  /// The type's name, if known: `IQ3_K (ik_llama.cpp)`, `type 200`.
  package var typeName: String {
    if let name = Self.ikTypes[typeNumber] { return "\(name) (ik_llama.cpp)" }
    if let name = DType.removedTypeName(ggmlTypeID: typeNumber) { return "\(name) (removed from ggml)" }
    return "type \(typeNumber)"
  }

  /// Source: ik_llama.cpp `ggml/include/ggml.h` (`enum ggml_type`).
  private static let ikTypes: [UInt32: String] = [
    133: "Q6_0", 134: "IQ1_BN", 135: "IQ2_BN", 136: "Q8_K64", 137: "IQ2_K", 138: "IQ3_K", 139: "IQ4_K", 140: "IQ5_K",
    141: "IQ6_K", 144: "IQ4_KS", 145: "IQ2_KS", 146: "IQ4_KSS", 152: "IQ5_KS", 153: "IQ2_KT", 154: "IQ3_KT",
    155: "IQ4_KT", 156: "IQ3_KS", 157: "IQ2_KL", 158: "IQ1_KT",
  ]
}
