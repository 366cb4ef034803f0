import AloraConversion
import AloraInspection
import AloraSystem
import AloraTestSupport
import Testing

@testable import AloraGeneration
@testable import AloraReports

/// Texts for people that depend on what was read.
@Suite struct TextReportTests {
  private let plain = TextStyle(hasColor: false)

  @Test(arguments: [
    ("", " and their metadata\n"), ("/model.safetensors", "; metadata of two kinds of files are not compared\n"),
  ]) func aDifferenceSaysWhatWasCompared(_ file: String, _ ending: String) throws {
    let base = try testData("inference/llama/base")
    let text = try Difference(Subject(path: base), Subject(path: base + file)).text(first: "a", second: "b", plain)
    #expect(text.hasPrefix("no difference in ") && text.hasSuffix(ending))
  }

  /// The notes of a tree's adapters were left out.
  @Test func aTreeTellsItsNotes() throws {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      builder.set(#"new\u001b[2J"#, "null")
      try builder.write(to: directory)
      let conversion = try Conversion(
        adapterPath: directory, bases: [ConversionBase(path: testData("conversion/bases/llama"))], outputType: .f32,
        ignoredFields: [], baseModelID: nil, leavesOutTowers: false)
      let rows = [
        TreeRow(adapter: "a", conversion: .gguf(conversion), output: "out/a.gguf", summary: nil, hasJSON: false),
        TreeRow(adapter: "broken", failure: .refusedInput, message: "its rank is 4"),
        TreeRow(adapter: "x\u{1B}[2J", isAdapter: false, failure: .inputOutput, message: "cannot open"),
      ]
      let invocation = conversion.plan.invocationTokens.map { "aLoRA \($0)" } ?? "LoRA"
      #expect(
        TreeRow.table(rows, style: plain) == """
          ✓ a       \(invocation), 4 modules → out/a.gguf
            note  $.new\\u{1b}[2J: unknown field that is off
          ✗ broken  its rank is 4
          ✗ x\\u{1b}[2J  cannot open
          1 of 2 adapters converted, 1 place could not be looked through

          """)
    }
  }

  @Test func aPlotHasItsContextsAndItsLines() {
    let rows = [16, 70].map { count in
      TimeToFirstToken.Times(
        contextCount: count, baseCold: 0.1, plainCold: 0.2, activatedWarm: 0.01, computedCount: 4)
    }
    let svg = FirstTokenPlot(rows: rows).svg
    #expect(svg.hasPrefix("<svg") && svg.contains("aLoRA, warm") && svg.contains(">70</text>"))
  }
}
