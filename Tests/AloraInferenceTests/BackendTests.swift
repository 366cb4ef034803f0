import AloraInference
import AloraTestSupport
import Testing

/// The second opinion: the same graph on OpenBLAS, if that is installed.
@Suite(.enabled(if: (try? OpenBLAS()) != nil, "OpenBLAS is not installed")) struct BackendTests {
  @Test(arguments: Fixture.all) func openBLASAgreesWithTheExactBackend(_ fixture: Fixture) throws {
    let pool = ThreadPool(threadCount: 2)
    func results(_ backend: Backend) throws -> [Float] {
      let model = try Model(path: fixture.base, backend: backend, pool: pool)
      let adapter = try Adapter(path: fixture.adapter, model: model, pool: pool)
      let evaluator = Evaluator(model: model, pool: pool)
      return try fixture.golden.cases.flatMap {
        try logits(evaluator, $0.tokens, adapter: adapter, start: $0.activationStart)
      }
    }
    let error = relativeError(try results(.openblas), try results(.exact))
    #expect(error < 2e-5)
  }

  @Test func itSaysWhichCoreItWasBuiltFor() throws {
    let blas = try OpenBLAS()
    #expect(!blas.coreName.isEmpty)
    #expect(blas.missedInstructionSet.map { $0 == InstructionSet.best } ?? true)
  }

  /// As OpenBLAS chooses by itself on processors that it does not know.
  @Test(.enabled(if: InstructionSet.available.contains(.avx2), "no AVX2 here"))
  func aCoreFarBelowTheProcessorIsWarnedOf() throws {
    try withTemporaryDirectory { directory in
      let fixture = try #require(Fixture.all.first { $0.name == "llama" })
      let result = try runAlora(
        [
          "logits", "--model", fixture.base, "--tokens", "1,2", "--backend", "openblas", "--output",
          directory + "/o.npz",
        ],
        environment: ["OPENBLAS_CORETYPE": "Prescott"])
      #expect(result.status == 0)
      #expect(result.errors.contains("Prescott"), "\(result.errors)")
    }
  }
}
