import AloraInspection
import AloraMerge
import AloraModels
import AloraSwitch
import AloraTestSupport
import AloraVerification
import Foundation
import Testing

@testable import AloraReports

/// The words of checks that are lists: a Granite Switch, and merged weights.
@Suite struct ListedCheckTests {
  private func text(_ report: some CheckedReport) -> String { report.text(style: TextStyle(hasColor: false)) }

  @Test func aSwitchNamesEachScalingAndItsCause() throws {
    let library = try testData("switch")
    let report = SwitchReport(
      try SwitchCheck(SwitchModel(path: testData("switch/composed")), library: library), library: library)
    let text = text(report)
    #expect(!report.passed && report.list.checks.map(\.outcome) == [.passed, .failed, .failed])
    #expect(text.contains("✓ slot 1 (plain)") && text.contains("plain, rank 2, scaling 3; token 29, read as 7"))
    #expect(text.contains("the scaling is 2, and PEFT's is 4") && text.contains("without use_rslora"))
    #expect(
      text.contains("the scaling is 2, and PEFT's is 3, in layer 0 query") && text.contains("without alpha_pattern"))
  }

  @Test func aSwitchIsInspectedSlotBySlot() throws {
    let path = try testData("switch/composed")
    let text = try Inspection(subject: Subject(path: path), path: path, listsTensors: false, hasValues: false)
      .text(TextStyle(hasColor: false))
    #expect(text.contains("switch   3 slots of rank up to 4"))
    #expect(text.contains("2  ranked     4     30             5        query, value, output, up  ■"))
  }

  @Test func mergedWeightsContainAShareOfTheUpdate() throws {
    try withTemporaryDirectory { directory in
      let (base, merged) = (try testData("inference/llama-lora/base"), directory + "/merged")
      let adapter = try testData("inference/llama-lora/adapter")
      let plan = try MergePlan(model: ModelSource(path: base), adapterPath: adapter)
      _ = try plan.writeDirectory(to: merged, replacesExisting: false)
      let good = try plan.check(ModelSource(path: merged))
      let report = MergedReport(
        model: base, adapter: adapter, merged: merged, weights: good, logits: .failure(.cannotRun))
      #expect(report.passed && text(report).contains("not compared: alora can't run this model"))
      // An adapter whose scaling is a tenth off.
      let (other, scaled) = (directory + "/other", directory + "/scaled")
      try FileManager.default.copyItem(atPath: adapter, toPath: other)
      let configuration = other + "/adapter_config.json"
      try String(contentsOfFile: configuration, encoding: .utf8)
        .replacing("\"lora_alpha\": 8", with: "\"lora_alpha\": 7.2")
        .write(toFile: configuration, atomically: true, encoding: .utf8)
      _ = try MergePlan(model: ModelSource(path: base), adapterPath: other)
        .writeDirectory(to: scaled, replacesExisting: false)
      let weak = MergedReport(
        model: base, adapter: adapter, merged: scaled, weights: try plan.check(ModelSource(path: scaled)),
        logits: .failure(.cannotRun))
      #expect(!weak.passed && text(weak).contains("contains 90.0 % ± 0.0 % of the update"))
      let none = try plan.check(ModelSource(path: base))
      let failed = MergedReport(
        model: base, adapter: adapter, merged: base, weights: none, logits: .failure(.vocabulariesDiffer))
      #expect(!failed.passed && text(failed).contains("it is the base's, and the adapter changes it"))
    }
  }
}
