import AloraMerge
import AloraModels
import AloraTensors
import AloraTestSupport
import Testing

/// Merged weights are PEFT's, byte for byte.
@Suite struct PEFTMergeTests {
  /// Models with adapted matrices of fewer than 16 rows or columns, which torch multiplies in another way: up to an ulp of F32
  /// differs. In BF16, the sum rounds to the same.
  private static let smallMatrices: Set = ["llama4-dense", "llama4-experts", "qwen2-moe-window"]

  @Test func everyModelInF32AndBF16HasTheBytesOfPEFT() throws {
    let cases = try MergeFixture.digests()
    #expect(cases.count >= 100)
    for (name, type, digest) in cases where type != .f32 || !Self.smallMatrices.contains(name) {
      try withTemporaryDirectory { directory in
        let paths = try MergeFixture(name: name).write(to: directory, type: type)
        let plan = try MergePlan(model: ModelSource(path: paths.base), adapterPath: paths.adapter)
        let output = directory + "/merged"
        let byteCount = try plan.writeDirectory(to: output, replacesExisting: false)
        #expect(byteCount > 0)
        #expect(try MergeFixture.digest(of: output).hasPrefix(digest), "\(name) in \(type)")
        // What else the directory had is there too.
        #expect(try ModelSource(path: output).hasWeights)
      }
    }
  }

  @Test func aMergeIsOfTheAdapterItself() throws {
    // A digest that doesn't depend on the adapter would prove nothing.
    try withTemporaryDirectory { directory in
      let paths = try MergeFixture(name: "llama-lora").write(to: directory, type: .f32)
      let found = try MergeFixture.digests().first { $0.name == "llama-lora" && $0.type == .f32 }
      let digest = try #require(found).digest
      #expect(digest.count == 16)
      #expect(try !MergeFixture.digest(of: paths.base).hasPrefix(digest))
    }
  }
}
