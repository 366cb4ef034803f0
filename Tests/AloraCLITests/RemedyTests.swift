import AloraTestSupport
import Testing

/// Remedies name the options of the command that was called.
@Suite struct RemedyTests {
  @Test func aFileInTheWayNamesTheOptionThatChoseIt() throws {
    let (base, adapter) = (try testData("inference/llama/base"), try testData("inference/llama/adapter"))
    try withTemporaryDirectory { directory in
      let path = directory + "/out"
      try writeFile([1], to: path)
      let calls: [(arguments: [String], option: String)] = [
        (["logits", "--model", base, "--tokens", "1", "--output", path], "--output"),
        (["logits", "--model", base, "--tokens", "1", "--output=" + path], "--output"),
        (["convert", adapter, "--base", base, "--outfile", path], "--outfile"),
      ]
      for (arguments, option) in calls {
        let result = try runAlora(arguments)
        #expect(result.status == 4)
        #expect(result.errors.hasSuffix("give --force to replace it, or another \(option)\n"), "\(result.errors)")
      }
    }
  }

  @Test func aRemedyThatTheCommandLacksIsLeftOut() throws {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      builder.set("new_field", "7")
      try builder.write(to: directory + "/adapter")
      let base = try testData("conversion/bases/llama")
      let convert = try runAlora(["convert", directory + "/adapter", "--base", base, "--dry-run"])
      #expect(convert.status == 3 && convert.errors.contains("--ignore-field new_field"), "\(convert.errors)")
      let model = try testData("inference/llama/base")
      let logits = try runAlora([
        "logits", "--model", model, "--adapter", directory + "/adapter", "--tokens", "1", "--output",
        directory + "/l.npz",
      ])
      #expect(logits.status == 3 && logits.errors.contains("new_field"), "\(logits.errors)")
      #expect(!logits.errors.contains("--ignore-field"), "\(logits.errors)")
    }
  }
}
