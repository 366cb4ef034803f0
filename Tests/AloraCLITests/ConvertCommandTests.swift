import AloraTestSupport
import Foundation
import Testing

@Suite struct ConvertCommandTests {
  @Test(arguments: RefusedAdapter.all) func badAdaptersAreRefusedInOneLineAndNothingIsWritten(_ item: RefusedAdapter)
    throws
  {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      item.change(&builder)
      try builder.write(to: directory + "/adapter")
      let base = try testData("conversion/bases/llama")
      let result = try runAlora([
        "convert", directory + "/adapter", "--base", base, "--outfile", directory + "/out.gguf",
      ])
      #expect(result.exitedNormally && result.status == 3, "\(result.errors)")
      #expect(result.errors.hasPrefix("alora: ") && result.errors.hasSuffix("\n"))
      #expect(result.errors.dropLast().contains("\n") == false, "\(result.errors)")
      #expect(result.errors.contains(item.mention), "\(result.errors)")
      #expect(result.output.isEmpty)
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["adapter"])
    }
  }

  @Test func thereAreEnoughBadAdapters() { #expect(RefusedAdapter.all.count >= 60) }

  @Test func aGoodAdapterIsConverted() throws {
    try withTemporaryDirectory { directory in
      try AdapterBuilder().write(to: directory + "/adapter")
      let arguments = ["convert", directory + "/adapter", "--base", try testData("conversion/bases/llama")]
      let dry = try runAlora(arguments + ["--dry-run"], directory: directory)
      #expect(dry.status == 0 && dry.output.contains("would write"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["adapter"])
      let output = directory + "/out.gguf"
      #expect(try runAlora(arguments + ["--outfile", output]).status == 0)
      let bytes = try Data(contentsOf: URL(fileURLWithPath: output))
      let again = try runAlora(arguments + ["--outfile", output])
      #expect(again.status == 4 && again.errors.contains("--force"))
      #expect(try runAlora(arguments + ["--outfile", output, "--force"]).status == 0)
      #expect(try Data(contentsOf: URL(fileURLWithPath: output)) == bytes)
    }
  }

  @Test func aWrongCallIsUsage() throws {
    for arguments in [
      ["convert"], ["convert", "x"], ["convert", "x", "--base", "y", "--outtype", "q9"], ["frobnicate"],
      ["convert", "x", "--base", "y", "--recursive"],
    ] {
      let result = try runAlora(arguments)
      #expect(result.status == 2, "\(arguments)")
      #expect(!result.errors.isEmpty && result.output.isEmpty)
    }
    #expect(try runAlora(["--help"]).status == 0)
    #expect(try runAlora(["--version"]).status == 0)
    #expect(try runAlora(["convert", "--help"]).output.contains("Example"))
  }

  @Test func whatIsMissingIsInputOrOutput() throws {
    try withTemporaryDirectory { directory in
      try AdapterBuilder().write(to: directory + "/adapter")
      let base = try testData("conversion/bases/llama")
      #expect(try runAlora(["convert", directory + "/none", "--base", base]).status == 4)
      #expect(try runAlora(["convert", directory + "/adapter", "--base", directory + "/none"]).status == 4)
      let missingFolder = try runAlora([
        "convert", directory + "/adapter", "--base", base, "--outfile", directory + "/a/b.gguf",
      ])
      #expect(missingFolder.status == 4)
      #expect(try runAlora(["convert", directory + "/adapter", "--base", base, "--outfile", "/dev/full"]).status == 4)
    }
  }

  @Test func anOutputThatIsNoFileIsRefused() throws {
    try withTemporaryDirectory { directory in
      try AdapterBuilder().write(to: directory + "/adapter")
      for (output, more) in [(directory, []), (directory, ["--force"]), ("/dev/null", [])] {
        let result = try runAlora(
          ["convert", directory + "/adapter", "--base", try testData("conversion/bases/llama"), "--outfile", output]
            + more)
        #expect(result.status == 4 && result.errors.contains("no file stands there"), "\(result.errors)")
      }
    }
  }

  @Test func anOutputThatIsTheInputIsRefused() throws {
    try withTemporaryDirectory { directory in
      try AdapterBuilder().write(to: directory)
      let weights = directory + "/adapter_model.safetensors"
      let before = try Data(contentsOf: URL(fileURLWithPath: weights))
      let result = try runAlora([
        "convert", directory, "--base", try testData("conversion/bases/llama"), "--outfile", weights, "--force",
      ])
      #expect(result.status == 3)
      #expect(try Data(contentsOf: URL(fileURLWithPath: weights)) == before)
    }
  }

  @Test func aTreeIsConvertedPastItsFailures() throws {
    try withTemporaryDirectory { directory in
      for (name, rank) in [("certainty", "4"), ("answerability", "4"), ("broken", "8")] {
        var builder = AdapterBuilder()
        builder.set("r", rank)
        try builder.write(to: "\(directory)/tree/\(name)/tiny/alora")
      }
      let arguments = [
        "convert", "--recursive", directory + "/tree", "--base", try testData("conversion/bases/llama"), "--outdir",
        directory + "/out",
      ]
      let result = try runAlora(arguments)
      #expect(result.status == 3)
      #expect(result.output.contains("2 of 3 adapters converted"))
      #expect(result.output.contains("rank is 4"))
      let files = try FileManager.default.subpathsOfDirectory(atPath: directory + "/out").filter {
        $0.hasSuffix(".gguf")
      }
      #expect(files.count == 2)
    }
  }
}
