import AloraSystem
import AloraModels
import AloraGGUF
import AloraJSON
import AloraTestSupport
import Foundation
import Testing

@Suite struct BaseModelTests {
  private static let names = [
    "gemma3-six-layers", "granite-moe", "granite-moe-hybrid", "granite-untied", "llama-llama3-sharded", "phi3-longrope",
    "qwen2",
  ]

  private func file(_ name: String) throws -> GGUFFileSet {
    try withTemporaryDirectory { directory in
      try writeFile(baseGGUF(name), to: directory + "/base.gguf")
      return try GGUFFileSet(path: directory + "/base.gguf")
    }
  }

  /// A GGUF and the directory it was converted from describe one model.
  @Test(arguments: names) func aGGUFAndItsDirectoryAgree(_ name: String) throws {
    let gguf = try BaseModel(gguf: file(name))
    let directory = try BaseModel(
      configuration: JSONDocument(path: testData("inference/\(name)/base/config.json"), allowsNonFinite: true).root)
    #expect(gguf.architectureName == directory.architectureName)
    let (mine, theirs) = (gguf.hyperparameters, directory.hyperparameters)
    #expect(mine.layerCount == theirs.layerCount && mine.hiddenSize == theirs.hiddenSize)
    #expect(mine.headCount == theirs.headCount && mine.keyValueHeadCount == theirs.keyValueHeadCount)
    #expect(mine.headDimension == theirs.headDimension && mine.vocabularySize == theirs.vocabularySize)
    #expect(mine.expertCount == theirs.expertCount && mine.tiesEmbeddings == theirs.tiesEmbeddings)
    for module in directory.modules {
      let other = try #require(gguf.module(named: module.name), "\(module.name)")
      #expect(other.targets == module.targets && other.inputCount == module.inputCount, "\(module.name)")
    }
  }

  /// Every target of every module is a tensor of the GGUF that llama.cpp's converter wrote.
  @Test(arguments: names) func targetsAreTensors(_ name: String) throws {
    let file = try file(name)
    let base = try BaseModel(gguf: file)
    for target in base.modules.flatMap(\.targets) { #expect(file.tensor(named: target.tensorName) != nil) }
  }

  @Test(arguments: [
    (#"{"architectures": ["NoSuchForCausalLM"]}"#, ArchitectureError.Code.unknownArchitecture),
    (#"{"architectures": []}"#, .unknownArchitecture), (#"{}"#, .unknownArchitecture),
  ]) func whatIsNotSupportedIsNamed(_ text: String, _ code: ArchitectureError.Code) throws {
    let error = caught(ArchitectureError.self) { _ = try BaseModel(configuration: parseJSON(text)) }
    #expect(error?.code == code)
  }

  @Test func aMissingTensorOfTheBaseIsNamed() throws {
    try withTemporaryDirectory { directory in
      var bytes = try readFile(testData("inference/qwen2/base.gguf"))
      // One letter of one name, of the same length.
      let name = Array("blk.1.ffn_down.weight".utf8)
      let start = try #require(bytes.indices.first { bytes[$0...].starts(with: name) })
      bytes[start + 4] = UInt8(ascii: "7")
      try writeFile(bytes, to: directory + "/base.gguf")
      let error = caught(ArchitectureError.self) {
        _ = try BaseModel(gguf: GGUFFileSet(path: directory + "/base.gguf"))
      }
      #expect(error?.code == .missingTensor && error?.place == "tensor blk.1.ffn_down.weight")
    }
  }

  @Test func aBaseSaysItsName() throws {
    let common =
      #""architectures": ["Qwen2ForCausalLM"], "hidden_size": 64, "num_attention_heads": 4, "#
      + #""num_hidden_layers": 2, "intermediate_size": 128, "vocab_size": 100"#
    func name(_ json: String) throws -> String? { try BaseModel(configuration: parseJSON(json)).statedName?.name }
    #expect(try name("{\(common)}") == nil)
    #expect(try name(#"{"_name_or_path": "Qwen/Qwen2-0.5B", \#(common)}"#) == "Qwen/Qwen2-0.5B")
    for path in ["/tmp/x", "./out", "~/x", "a/b/c", "x", ""] {
      #expect(try name(#"{"_name_or_path": "\#(path)", \#(common)}"#) == nil)
    }
    try withTemporaryDirectory { directory in
      let folder = directory + "/models--Qwen--Qwen2-0.5B/snapshots/abc"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try writeFile(Array("{\(common)}".utf8), to: folder + "/config.json")
      let base = try BaseModel(configuration: JSONDocument(path: folder + "/config.json").root)
      #expect(base.statedName == .init(name: "Qwen/Qwen2-0.5B", isWhole: true))
    }
  }
}
