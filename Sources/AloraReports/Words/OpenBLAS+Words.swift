package import AloraInference

extension OpenBLAS {
  /// What one should know before comparing times.
  package var note: String {
    guard let missed = missedInstructionSet else { return "OpenBLAS computes with its kernels for \(coreName)" }
    let (name, type) = missed == .avx512 ? ("AVX-512", "SkylakeX") : ("AVX2", "Haswell")
    return
      "OpenBLAS takes this processor for '\(coreName)', though it has \(name); it will be several times slower than it "
      + "could be (OPENBLAS_CORETYPE=\(type) helps)"
  }
}
