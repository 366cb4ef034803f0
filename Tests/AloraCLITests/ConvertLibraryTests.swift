import AloraJSON
import AloraTestSupport
import Foundation
import Testing

@Suite struct ConvertLibraryTests {
  private func tree(_ directory: String, ioYAML: String) throws {
    for (name, isActivated) in [("alora", true), ("lora", false)] {
      let path = "\(directory)/tree/certainty/tiny/\(name)"
      var builder = AdapterBuilder()
      if !isActivated { builder.set("alora_invocation_tokens", nil) }
      try builder.write(to: path)
      try Data(ioYAML.utf8).write(to: URL(fileURLWithPath: path + "/io.yaml"))
    }
    try AdapterBuilder().write(to: directory + "/tree/plain")
  }

  private let good = "model: ~\nresponse_format: ~\ntransformations: ~\n"

  @Test func aLibraryIsWrittenForServersAndClients() throws {
    try withTemporaryDirectory { directory in
      try tree(directory, ioYAML: good)
      let arguments = [
        "convert", "--recursive", directory + "/tree", "--base", try testData("conversion/bases/llama"), "--outdir",
        directory + "/out", "--index",
      ]
      let dry = try runAlora(arguments + ["--dry-run"])
      #expect(dry.status == 0 && !FileManager.default.fileExists(atPath: directory + "/out"))
      let report = try expectConforming(arguments + ["--json"], to: "convert")
      #expect(
        try report["libraries"].elements()[0]["adapters"].elements().map { try $0.string() }
          == ["certainty", "certainty-lora", "plain"])
      let out = directory + "/out"
      let index = try parseJSON(String(decoding: readFile(out + "/adapter_index.json"), as: UTF8.self))
      #expect(
        try index["adapters"].elements().map { try $0["io_config"].string() } == [
          "io_configs/certainty/io.yaml", "io_configs/certainty-lora/io.yaml",
        ])
      #expect(try index["adapters"].elements().map { try $0["technology"].string() } == ["alora", "lora"])
      #expect(try String(decoding: readFile(out + "/io_configs/certainty/io.yaml"), as: UTF8.self) == good)
      let served = try parseJSON(String(decoding: readFile(out + "/serve.json"), as: UTF8.self))
      let validator = try SchemaValidator(path: testData("../schemas/serve-library.schema.json"))
      #expect(try validator.violations(in: served) == [])
      for adapter in try served["adapters"].elements() {
        #expect(FileManager.default.fileExists(atPath: "\(out)/\(try adapter["path"].string())"))
      }
      // Nothing that exists is replaced, not even in part.
      let again = try runAlora(arguments)
      #expect(again.status == 4 && again.errors.contains("--force"), "\(again.errors)")
      #expect(try runAlora(arguments + ["--force"]).status == 0)
    }
  }

  @Test func eachOfSeveralBasesHasALibraryOfItsOwn() throws {
    try withTemporaryDirectory { directory in
      try tree(directory, ioYAML: good)
      let result = try runAlora([
        "convert", "--recursive", directory + "/tree", "--base", testData("conversion/bases/llama"), "--base",
        testData("conversion/bases/gemma2"), "--outdir", directory + "/out", "--index", "--json",
      ])
      #expect(result.status == 0, "\(result.output)\(result.errors)")
      let libraries = try parseJSON(result.output)["libraries"].elements()
      #expect(libraries.count == 1)
      let place = try libraries[0]["directory"].string()
      #expect(place.hasPrefix(directory + "/out/"))
      #expect(FileManager.default.fileExists(atPath: place + "/serve.json"))
    }
  }

  @Test func findingsOfAnIOYAMLAreReportedAndUnreadableOnesAreLeftOut() throws {
    try withTemporaryDirectory { directory in
      try tree(directory, ioYAML: "model: [\n")
      let report = try expectConforming(
        [
          "convert", "--recursive", directory + "/tree", "--base", testData("conversion/bases/llama"), "--outdir",
          directory + "/out", "--index", "--json",
        ], to: "convert")
      let finding = try report["adapters"].elements()[0]["io_findings"].elements()[0]
      #expect(try finding["id"].string() == "malformed" && finding["severity"].string() == "error")
      let index = try parseJSON(String(decoding: readFile(directory + "/out/adapter_index.json"), as: UTF8.self))
      #expect(try index["adapters"].elements().isEmpty)
    }
  }

  @Test func theTokensOfAnAdapterComeWithTheFindingsOfItsIOYAML() throws {
    try withTemporaryDirectory { directory in
      try tree(directory, ioYAML: good)
      let adapter = directory + "/tree/certainty/tiny/alora"
      #expect(try expectConforming(["tokens", adapter, "--json"], to: "tokens")[optional: "io_findings"] == nil)
      try tree(directory, ioYAML: "model: ~\nresponse_format: ~\n")
      let report = try expectConforming(["tokens", adapter, "--json"], to: "tokens", status: 1)
      #expect(try report["io_findings"].elements()[0]["id"].string() == "missing-field")
    }
  }

  @Test func theIndexBelongsToATree() throws {
    #expect(try runAlora(["convert", "a", "--base", "b", "--index"]).status == 2)
    #expect(try runAlora(["convert", "a", "--base", "b", "--recursive", "--index", "--dry-run"]).status == 2)
  }
}
