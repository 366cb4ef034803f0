import AloraMerge
import AloraModels
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

/// A merged model is recognized as the sum, and nothing else is.
@Suite struct MergeCheckTests {
  private func check(
    _ type: DType = .f32, _ change: (_ directory: String, _ paths: (base: String, adapter: String)) throws -> String
  ) throws -> MergeCheck {
    try withTemporaryDirectory { directory in
      let paths = try MergeFixture(name: "llama-lora").write(to: directory, type: type)
      let merged = try change(directory, paths)
      return try MergePlan(model: ModelSource(path: paths.base), adapterPath: paths.adapter)
        .check(ModelSource(path: merged))
    }
  }

  private func merge(_ base: String, _ adapter: String, to output: String) throws -> String {
    _ = try MergePlan(model: ModelSource(path: base), adapterPath: adapter)
      .writeDirectory(to: output, replacesExisting: false)
    return output
  }

  private func withAlpha(_ alpha: String, _ adapter: String, to copy: String) throws -> String {
    try FileManager.default.copyItem(atPath: adapter, toPath: copy)
    let path = copy + "/adapter_config.json"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try text.replacing(/"lora_alpha": *[0-9.]+/, with: "\"lora_alpha\": \(alpha)")
      .write(toFile: path, atomically: true, encoding: .utf8)
    return copy
  }

  @Test(arguments: [DType.f32, .bf16]) func ownMergesAreExact(_ type: DType) throws {
    let check = try check(type) { try merge($1.base, $1.adapter, to: $0 + "/merged") }
    #expect(check.passed)
    #expect(check.tensors.contains { $0.isChanged })
    #expect(check.tensors.allSatisfy { $0.outcome == .exact })
    #expect(check.others.isEmpty)
    #expect(check.largestError < (type == .f32 ? 1e-7 : 4e-3))
  }

  @Test func anotherTypeOfTheSameSumIsRounded() throws {
    let check = try check { directory, paths in
      let half = try MergeFixture(name: "llama-lora").write(to: directory + "/half", type: .bf16)
      return try merge(half.base, half.adapter, to: directory + "/merged")
    }
    // The base's own weights differ from the F32 ones, so the unchanged tensors do too.
    #expect(check.tensors.filter(\.isChanged).allSatisfy { $0.outcome == .rounded })
  }

  @Test func mistakesAreFound() throws {
    let missing = try check { $1.base }
    #expect(missing.tensors.filter(\.isChanged).allSatisfy { $0.outcome == .unmerged })
    let scaled = try check { directory, paths in
      try merge(paths.base, withAlpha("1", paths.adapter, to: directory + "/other"), to: directory + "/merged")
    }
    #expect(scaled.tensors.filter(\.isChanged).allSatisfy { $0.outcome == .different })
    let twice = try check { directory, paths in
      try merge(merge(paths.base, paths.adapter, to: directory + "/once"), paths.adapter, to: directory + "/merged")
    }
    #expect(twice.tensors.filter(\.isChanged).allSatisfy { $0.outcome == .different })
    #expect([missing, scaled, twice].allSatisfy { !$0.passed })
  }
}
