internal import AloraSystem
internal import CAloraKernels

/// OpenBLAS, loaded when it is first asked for, so that nothing else waits for its threads to start.
@safe package final class OpenBLAS: Sendable {
  private typealias MultiplyFunction =
    @convention(c) (
      Int32, Int32, Int32, Int32, Int32, Int32, Float, UnsafePointer<Float>?, Int32, UnsafePointer<Float>?, Int32,
      Float, UnsafeMutablePointer<Float>?, Int32
    ) -> Void
  private typealias NameFunction = @convention(c) () -> UnsafePointer<CChar>?
  private typealias CountFunction = @convention(c) (Int32) -> Void

  private let multiplyFunction: MultiplyFunction
  private let setThreadCount: CountFunction?
  /// The core that OpenBLAS chose its kernels for: `SkylakeX`, `Zen`, `Prescott`.
  package let coreName: String

  private static let names = [
    "libopenblas.so.0", "libopenblas.so", "libopenblas.dylib", "/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
  ]

  /// - Throws: `missingLibrary`.
  package init() throws(InferenceError) {
    func missing(_ problem: String) -> InferenceError {
      InferenceError(
        .missingLibrary, path: nil, place: "backend openblas", problem: problem,
        remedy: "install it (Debian: apt-get install libopenblas0), or use the exact backend")
    }
    var handle: UnsafeMutableRawPointer?
    for name in Self.names where unsafe handle == nil { unsafe handle = dlopen(name, RTLD_NOW | RTLD_LOCAL) }
    guard let handle = unsafe handle else { throw missing("OpenBLAS was not found") }
    guard let multiply = unsafe dlsym(handle, "cblas_sgemm") else { throw missing("OpenBLAS has no cblas_sgemm") }
    // Safe: these are the library's documented signatures.
    unsafe multiplyFunction = unsafe unsafeBitCast(multiply, to: MultiplyFunction.self)
    let count = unsafe dlsym(handle, "openblas_set_num_threads")
    setThreadCount = unsafe count.map { unsafe unsafeBitCast($0, to: CountFunction.self) }
    let nameFunction = unsafe dlsym(handle, "openblas_get_corename")
    let text = unsafe nameFunction.flatMap { unsafe unsafeBitCast($0, to: NameFunction.self)() }
    coreName = unsafe text.map { unsafe String(cString: $0) } ?? "unknown"
  }

  /// The note for the user if OpenBLAS took the processor for a much older one.
  package var warning: String? {
    let best = alora_isa_best()
    guard best == ALORA_ISA_AVX2 || best == ALORA_ISA_AVX512 else { return nil }
    let fitting = ["HASWELL", "ZEN", "SKYLAKEX", "COOPERLAKE", "SAPPHIRERAPIDS", "EXCAVATOR"]
    guard !fitting.contains(coreName.uppercased()) else { return nil }
    return
      "OpenBLAS takes this processor for '\(coreName)', though it has \(best == ALORA_ISA_AVX512 ? "AVX-512" : "AVX2"); "
      + "it will be several times slower than it could be (OPENBLAS_CORETYPE=\(best == ALORA_ISA_AVX512 ? "SkylakeX" : "Haswell") helps)"
  }

  func useThreads(_ count: Int) { setThreadCount?(Int32(count)) }

  /// y[t][o] = Σ x[t][k] · w[o][k]
  func multiply(
    _ x: UnsafePointer<Float>, stride xStride: Int, rows: Int, _ matrix: WeightMatrix,
    into y: UnsafeMutablePointer<Float>, stride yStride: Int
  ) {
    let (rowMajor, plain, transposed) = (Int32(101), Int32(111), Int32(112))
    let weights = unsafe matrix.storage.assumingMemoryBound(to: Float.self)
    unsafe multiplyFunction(
      rowMajor, plain, transposed, Int32(rows), Int32(matrix.rowCount), Int32(matrix.columnCount), 1, x,
      Int32(xStride), weights, Int32(matrix.columnCount), 0, y, Int32(yStride))
  }
}
