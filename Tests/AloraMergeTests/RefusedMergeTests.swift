import AloraAdapters
import AloraMerge
import AloraModels
import AloraSystem
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

/// What can't be merged is refused before anything is written.
@Suite struct RefusedMergeTests {
  private func makePlan(
    _ name: String, type: DType = .f32, in directory: String,
    _ change: (_ base: String, _ adapter: String) throws -> Void
  ) throws -> MergePlan {
    let paths = try MergeFixture(name: name).write(to: directory, type: type)
    try change(paths.base, paths.adapter)
    return try MergePlan(model: ModelSource(path: paths.base), adapterPath: paths.adapter)
  }

  private func edit(_ path: String, _ change: (String) -> String) throws {
    try change(String(contentsOfFile: path, encoding: .utf8)).write(toFile: path, atomically: true, encoding: .utf8)
  }

  @Test func anActivatedAdapterIsRefused() throws {
    let path = try testData("inference/llama")
    let error = caught(MergeError.self) {
      _ = try MergePlan(model: ModelSource(path: path + "/base"), adapterPath: path + "/adapter")
    }
    #expect(error?.code == .activated)
    #expect(error?.place == "$.alora_invocation_tokens")
  }

  @Test func magnitudesAndUseDoRAMustAgree() throws {
    try withTemporaryDirectory { directory in
      let error = caught(AdapterError.self) {
        _ = try makePlan("dora", in: directory) { _, adapter in
          try edit(adapter + "/adapter_config.json") { $0.replacing("\"use_dora\": true", with: "\"use_dora\": false") }
        }
      }
      #expect(error?.code == .unexpectedTensor)
    }
    try withTemporaryDirectory { directory in
      let error = caught(AdapterError.self) {
        _ = try makePlan("llama-lora", in: directory) { _, adapter in
          try edit(adapter + "/adapter_config.json") { $0.replacing("\"use_dora\": false", with: "\"use_dora\": true") }
        }
      }
      #expect(error?.code == .incompletePair)
    }
  }

  @Test func doraIsStillRefusedAsFactors() throws {
    let adapter = try AdapterDirectory(path: testData("merge/dora"))
    #expect((adapter.obstacles.first as? AdapterError)?.code == .unsupportedField)
    #expect(adapter.obstacles.first?.remedy == .mergeAdapter)
  }

  @Test func theBaseAndADirectoryWithOtherFilesAreNotWrittenTo() throws {
    try withTemporaryDirectory { directory in
      let plan = try makePlan("llama-lora", in: directory) { _, _ in }
      for isForced in [false, true] {
        let error = caught(MergeError.self) {
          _ = try plan.writeDirectory(to: directory + "/base", replacesExisting: isForced)
        }
        #expect(error?.code == .outputIsInput)
      }
      let other = directory + "/other"
      try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
      try Data().write(to: URL(fileURLWithPath: other + "/note.txt"))
      let error = caught(FileError.self) { _ = try plan.writeDirectory(to: other, replacesExisting: false) }
      #expect(error?.code == .alreadyExists)
      try Data().write(to: URL(fileURLWithPath: other + "/model-00001-of-00002.safetensors"))
      let stale = caught(MergeError.self) { _ = try plan.writeDirectory(to: other, replacesExisting: true) }
      #expect(stale?.code == .outputIsInput)
    }
  }

  @Test func updatesBelowTheTypesRoundingAreRefused() throws {
    try withTemporaryDirectory { directory in
      let plan = try makePlan("llama-lora", type: .bf16, in: directory) { _, adapter in
        try edit(adapter + "/adapter_config.json") {
          $0.replacing(/"lora_alpha": *[0-9.]+/, with: "\"lora_alpha\": 1e-30")
        }
      }
      let error = caught(MergeError.self) {
        _ = try plan.writeDirectory(to: directory + "/merged", replacesExisting: false)
      }
      #expect(error?.code == .noEffect)
      #expect(!FileManager.default.fileExists(atPath: directory + "/merged"))
    }
  }

  @Test func aFileOfTheOtherFormIsRefused() throws {
    try withTemporaryDirectory { directory in
      let plan = try makePlan("llama-lora", in: directory) { _, _ in }
      let error = caught(MergeError.self) {
        _ = try plan.writeGGUF(to: directory + "/merged.gguf", replacesExisting: false)
      }
      #expect(error?.code == .wrongForm)
    }
  }

  @Test func aLinkOutOfTheBaseIsNotCopied() throws {
    try withTemporaryDirectory { directory in
      let secret = directory + "/secret.json"
      try Data("{}".utf8).write(to: URL(fileURLWithPath: secret))
      let plan = try makePlan("llama-lora", in: directory) { base, _ in
        try FileManager.default.createSymbolicLink(atPath: base + "/extra.json", withDestinationPath: secret)
        try Data("{}".utf8).write(to: URL(fileURLWithPath: base + "/generation_config.json"))
      }
      _ = try plan.writeDirectory(to: directory + "/merged", replacesExisting: false)
      let names = try FileManager.default.contentsOfDirectory(atPath: directory + "/merged")
      #expect(names.contains("generation_config.json"))
      #expect(!names.contains("extra.json"))
    }
  }
}
