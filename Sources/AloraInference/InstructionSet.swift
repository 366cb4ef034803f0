internal import CAloraKernels

/// The implementation of the kernels. All give the same bits.
package enum InstructionSet: String, CaseIterable, Sendable {
  case scalar, avx2, avx512, neon

  var kernel: alora_isa {
    switch self {
    case .scalar: ALORA_ISA_SCALAR
    case .avx2: ALORA_ISA_AVX2
    case .avx512: ALORA_ISA_AVX512
    case .neon: ALORA_ISA_NEON
    }
  }

  /// Those that this processor supports.
  package static var available: [InstructionSet] { allCases.filter { alora_isa_available($0.kernel) != 0 } }

  /// The fastest of them.
  package static var best: InstructionSet { allCases.first { $0.kernel == alora_isa_best() } ?? .scalar }
}
