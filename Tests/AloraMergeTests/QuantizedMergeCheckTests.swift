import AloraGGUF
import AloraMerge
import AloraModels
import AloraTensors
import AloraTestSupport
import Testing

/// Rounding to few bits hides an update from the eye, but not from the fit.
@Suite struct QuantizedMergeCheckTests {
  private func merge(_ base: String, _ adapter: String, to path: String, type: DType? = nil) throws -> String {
    _ = try MergePlan(model: ModelSource(path: base), adapterPath: adapter, outputType: type)
      .writeGGUF(to: path, replacesExisting: false)
    return path
  }

  /// Rounds a GGUF's matrices to another type, by way of a finer one: another rounding of the same weights.
  private func requantize(_ path: String, to output: String, by way: DType, type: DType) throws -> String {
    let file = try GGUFFileSet(path: path)
    func wanted(_ tensor: TensorDescription) -> DType {
      tensor.name.hasPrefix("blk") && tensor.shape.rank > 1 ? type : tensor.dtype
    }
    let layout = try GGUFLayout(
      metadata: file.metadata,
      tensors: file.tensors.map { TensorDeclaration(name: $0.name, dtype: wanted($0), shape: $0.shape) })
    let writer = try GGUFWriter(path: output, replacesExisting: false, layout: layout)
    for tensor in file.tensors {
      var bytes = try file.readBytes(of: tensor)
      if wanted(tensor) != tensor.dtype {
        var weights = try values(tensor.name, in: file)
        ElementConversion.narrow(weights, to: way, into: &bytes)
        ElementConversion.widen(bytes, way, count: weights.count, into: &weights)
        ElementConversion.narrow(weights, to: type, into: &bytes)
      }
      try writer.write(bytes.span.bytes, of: tensor.name)
    }
    try writer.finish()
    return output
  }

  @Test(arguments: QuantizedMergeTests.types) func aScalingThatIsATenthOffIsFound(_ type: DType) throws {
    try withTemporaryDirectory { directory in
      let (base, adapter, other) = (directory + "/base.gguf", directory + "/adapter", directory + "/other")
      try WideFixture.writeBase(to: base) { _ in type }
      try WideFixture.writeAdapter(to: adapter)
      let plan = try MergePlan(model: ModelSource(path: base), adapterPath: adapter)
      let right = try plan.check(ModelSource(path: merge(base, adapter, to: directory + "/right.gguf")))
      #expect(right.passed)
      #expect(right.tensors.allSatisfy { $0.outcome == .exact })
      for (alpha, share) in [(7.2, 0.9), (8.8, 1.1), (-8, -1)] {
        try WideFixture.writeAdapter(to: other, alpha: alpha)
        let wrong = try plan.check(ModelSource(path: merge(base, other, to: "\(directory)/\(alpha).gguf")))
        #expect(!wrong.passed)
        let fit = try #require(wrong.fit)
        #expect(fit.isWrong)
        // In types of few bits, less than all of an update gets through; in ternary ones, most elements round to 0.
        if ![.tq1_0, .tq2_0].contains(type) {
          #expect(abs(1 + fit.surplus - share) < (share > 0 ? 0.1 : 0.5), "\(type), alpha \(alpha): \(fit)")
        }
      }
      let unmerged = try plan.check(ModelSource(path: base))
      #expect(unmerged.tensors.filter(\.isChanged).allSatisfy { $0.outcome == .unmerged })
    }
  }

  @Test(arguments: [
    (DType.bf16, DType.f16), (.q8_0, .f16), (.q6K, .q8_0), (.q5K, .q8_0), (.q4K, .q8_0), (.q4K, .q6K), (.iq4XS, .q8_0),
    (.q3K, .q6K), (.q2K, .q6K),
  ])
  func theSameSumRoundedByAnotherIsAccepted(_ type: DType, by way: DType) throws {
    try withTemporaryDirectory { directory in
      let (base, adapter) = (directory + "/base.gguf", directory + "/adapter")
      try WideFixture.writeBase(to: base) { _ in .f32 }
      try WideFixture.writeAdapter(to: adapter)
      let plan = try MergePlan(model: ModelSource(path: base), adapterPath: adapter)
      let sum = try merge(base, adapter, to: directory + "/sum.gguf")
      let merged = try requantize(sum, to: directory + "/merged.gguf", by: way, type: type)
      let check = try plan.check(ModelSource(path: merged))
      #expect(check.passed, "\(check.tensors.filter { $0.outcome != .exact })")
      let fit = try #require(check.fit)
      #expect(abs(fit.surplus) < 0.02, "\(fit)")
    }
  }
}
