import AloraJSON
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
      let dry = try runAlora(arguments + ["--dry-run", "--json"], directory: directory)
      #expect(try dry.status == 0 && !parseJSON(dry.output)["written"].boolean())
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
        #expect(result.status == 4 && result.errors.contains("it exists and is not a regular file"), "\(result.errors)")
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

  /// All but the weights were written over.
  @Test func anOutputThatIsAnotherInputIsRefused() throws {
    try withTemporaryDirectory { directory in
      let (adapter, base) = (directory + "/adapter", directory + "/base")
      try AdapterBuilder().write(to: adapter)
      try FileManager.default.createDirectory(atPath: base, withIntermediateDirectories: false)
      try writeFile(readFile(testData("conversion/bases/llama/config.json")), to: base + "/config.json")
      try writeFile(Array("{}".utf8), to: base + "/tokenizer.json")
      try writeFile(Array("A card.".utf8), to: adapter + "/README.md")
      try FileManager.default.createSymbolicLink(
        atPath: directory + "/link", withDestinationPath: base + "/config.json")
      for (path, name) in [
        (adapter + "/adapter_config.json", "the adapter's adapter_config.json"),
        (adapter + "/README.md", "the adapter's README.md"), (base + "/config.json", "the base's config.json"),
        (directory + "/link", "the base's config.json"), (base + "/tokenizer.json", "the tokenizer"),
      ] {
        let before = try readFile(path)
        let result = try runAlora(["convert", adapter, "--base", base, "--outfile", path, "--force"])
        #expect(result.status == 3 && result.errors.contains("would overwrite \(name),"), "\(result.errors)")
        #expect(try readFile(path) == before)
      }
    }
  }

  @Test func anOutputThatIsTheBaseGGUFIsRefused() throws {
    try withTemporaryDirectory { directory in
      let base = directory + "/base.gguf"
      let before = try readFile(testData("inference/qwen2/base.gguf"))
      try writeFile(before, to: base)
      let result = try runAlora([
        "convert", try testData("inference/qwen2/adapter"), "--base", base, "--outfile", base, "--force",
      ])
      #expect(result.status == 3 && result.errors.contains("would overwrite the base,"), "\(result.errors)")
      #expect(try readFile(base) == before)
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
      let result = try runAlora(arguments + ["--json"])
      #expect(result.status == 3)
      let adapters = try parseJSON(result.output)["adapters"].elements()
      #expect(try adapters.map { try $0["converted"].boolean() } == [true, false, true])
      let files = try FileManager.default.subpathsOfDirectory(atPath: directory + "/out").filter {
        $0.hasSuffix(".gguf")
      }
      #expect(files.count == 2)
    }
  }

  @Test func whatCannotBeLookedThroughStopsNoOther() throws {
    try withTemporaryDirectory { directory in
      let (tree, outside) = (directory + "/tree", directory + "/outside")
      try AdapterBuilder().write(to: tree + "/a")
      try AdapterBuilder().write(to: outside)
      // Links in circles would be 4⁸ directories to the depth that is looked at.
      for name in ["b", "c", "d", "e"] {
        try FileManager.default.createSymbolicLink(atPath: "\(tree)/\(name)", withDestinationPath: ".")
      }
      try FileManager.default.createSymbolicLink(atPath: tree + "/out", withDestinationPath: outside)
      try FileManager.default.createSymbolicLink(atPath: tree + "/nowhere", withDestinationPath: "none")
      #expect(mkdir(tree.utf8CString + "/\u{1B}[2J".utf8CString) == 0)
      // A name that isn't valid UTF-8 can't be opened by name here, so it is reported rather than skipped.
      #expect(mkdir(tree.utf8CString + [0x2F, CChar(bitPattern: 0xFF)]) == 0)
      let result = try runAlora([
        "convert", "--recursive", tree, "--base", try testData("conversion/bases/llama"), "--outdir", directory + "/o",
        "--json",
      ])
      #expect(result.status == 4, "\(result.errors)")
      let places = try parseJSON(result.output)["adapters"].elements()
      #expect(try places.map { try $0["converted"].boolean() } == [true, false])
      #expect(result.errors.contains("tree/out: this link leads out of the tree"), "\(result.errors)")
      #expect(result.errors.split(separator: "\n").count == 1)
      #expect(FileManager.default.fileExists(atPath: directory + "/o/a"))
    }
  }

  @Test func aPathThatIsTooLongLeavesNoDirectories() throws {
    try withTemporaryDirectory { directory in
      try AdapterBuilder().write(to: directory + "/tree/a")
      let result = try runAlora([
        "convert", "--recursive", directory + "/tree", "--base", try testData("conversion/bases/llama"), "--outdir",
        directory + "/o" + String(repeating: "/x", count: 3000),
      ])
      #expect(result.status == 4 && result.output.contains("name too long"), "\(result.output)")
      #expect(!FileManager.default.fileExists(atPath: directory + "/o"))
      let file = try runAlora([
        "convert", "--recursive", directory + "/tree", "--base", try testData("conversion/bases/llama"), "--outdir",
        directory + "/tree/a/adapter_config.json",
      ])
      #expect(file.status == 4 && file.output.contains("give the path of a directory"), "\(file.output)")
    }
  }

  @Test func wordsOfTheCallCannotSteerTheTerminal() throws {
    for arguments in [
      ["convert", "a", "--base", "b", "--outtype", "\u{1B}[2J"], ["\u{1B}[2J"], ["inspect", "x", "--\u{1B}[2J"],
    ] {
      let result = try runAlora(arguments)
      #expect(result.status == 2)
      #expect(result.errors.contains("\\u{1b}[2J") && !result.errors.contains("\u{1B}"), "\(result.errors)")
    }
  }
}

extension String {
  /// The bytes, without an end.
  fileprivate var utf8CString: [CChar] { utf8.map { CChar(bitPattern: $0) } }
}

private func mkdir(_ path: [CChar]) -> Int32 { mkdir(path + [0], 0o777) }
