import AloraModels
import AloraSystem
import AloraTestSupport
import AloraTokenization
import Foundation
import Testing

/// What a path turns out to be, for commands that need something else there.
@Suite struct PathContentsTests {
  private func modelCode(_ path: String) -> PathError.Code? {
    caught(PathError.self) { _ = try ModelSource(path: path) }?.code
  }

  private func makeDirectory(_ path: String, _ names: [String]) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for name in names { try writeFile([0x7B, 0x7D], to: "\(path)/\(name)") }
  }

  @Test(arguments: ["HuggingFaceTB/SmolLM2-135M-Instruct", "org/x", "ibm-granite/granite-4.0-micro"])
  func aHubIdentifierIsNotFoundOnDisk(_ path: String) {
    let error = caught(PathError.self) { _ = try ModelSource(path: path) }
    #expect(error?.code == .hubIdentifier && error?.category == .inputOutput)
    #expect(error?.remedy?.description.contains("hf download \(path)") == true)
  }

  @Test(arguments: ["/none/x", "none", "a/b/c", "./org/x", "models/base.gguf", "org/na me", "-x/y"])
  func otherPathsAreNot(_ path: String) { #expect(modelCode(path) == .notFound) }

  @Test func anExistingFolderIsNotAnOrganization() throws {
    try withTemporaryDirectory { directory in #expect(modelCode(directory + "/none") == .notFound) }
  }

  @Test func aLinkToNowhereIsNamed() throws {
    try withTemporaryDirectory { directory in
      try FileManager.default.createSymbolicLink(atPath: directory + "/l.gguf", withDestinationPath: "../blobs/abc")
      let error = caught(FileError.self) { _ = try ModelSource(path: directory + "/l.gguf") }
      #expect(error?.code == .notFound && error?.detail.contains("../blobs/abc") == true)
      try makeDirectory(directory + "/base", ["config.json"])
      try FileManager.default.createSymbolicLink(
        atPath: directory + "/base/tokenizer.json", withDestinationPath: "none")
      #expect(caught(FileError.self) { _ = try Tokenizer(path: directory + "/base") }?.code == .notFound)
    }
  }

  private static let directories: [(names: [String], hint: String)] = [
    (["model-Q8_0.gguf", "README.md"], "model-Q8_0.gguf"),
    (["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"], "m-00001-of-00002.gguf"),
    (["a.gguf", "b.gguf"], "a.gguf, b.gguf"), (["adapter_config.json", "adapter_model.safetensors"], "adapter"),
    (["adapters.safetensors"], "MLX"), (["model_index.json"], "diffusers"),
    (["params.json", "consolidated.safetensors"], "layout"), ([], "empty"), (["README.md"], "config.json"),
  ]

  @Test(arguments: directories.indices) func aDirectoryIsNamedByWhatItContains(_ index: Int) throws {
    let (names, hint) = Self.directories[index]
    try withTemporaryDirectory { directory in
      try makeDirectory(directory, names)
      let error = caught(PathError.self) { _ = try ModelSource(path: directory) }
      #expect(error?.code == .foreignDirectory && error?.category == .refusedInput)
      #expect(error?.description.contains(hint) == true, "\(error?.description ?? "")")
    }
  }

  @Test func aRepositoryOfTheHubCacheNamesItsSnapshot() throws {
    try withTemporaryDirectory { directory in
      let repository = directory + "/models--org--m"
      try makeDirectory(repository + "/snapshots/abc123", ["config.json"])
      try makeDirectory(repository + "/refs", ["main"])
      let error = caught(PathError.self) { _ = try ModelSource(path: repository) }
      #expect(error?.remedy?.description.contains("\(repository)/snapshots/abc123") == true)
    }
  }

  @Test(arguments: ["", "/"]) func aConfigurationMeansItsDirectory(_ suffix: String) throws {
    let path = try testData("inference/qwen2/base")
    let whole = try ModelSource(path: path + suffix)
    let configuration = try ModelSource(path: path + "/config.json")
    #expect(try whole.base().modules.map(\.name) == configuration.base().modules.map(\.name))
    #expect(try whole.digest() == configuration.digest())
  }

  @Test(arguments: [
    (["pytorch_model.bin"], "pickle"), (["consolidated.safetensors"], "Mistral"), (["m.gguf"], "m.gguf"),
    (["tf_model.h5"], "tf_model.h5"), ([], "model.safetensors"),
  ]) func missingWeightsAreExplained(_ names: [String], _ hint: String) throws {
    try withTemporaryDirectory { directory in
      try makeDirectory(directory, ["config.json"] + names)
      let source = try ModelSource(path: directory)
      let error = caught(PathError.self) { _ = try source.weights() }
      #expect(error?.code == .missingPart && error?.description.contains(hint) == true, "\(error?.description ?? "")")
    }
  }

  @Test(arguments: ["tokenizer.model", "tekken.json", "vocab.json"])
  func aTokenizerOfAnotherKindIsNamed(_ name: String) throws {
    try withTemporaryDirectory { directory in
      try makeDirectory(directory, ["config.json", name])
      let error = caught(TokenizationError.self) { _ = try ModelSource(path: directory).tokenizer() }
      #expect(error?.code == .missingTokenizer && error?.problem.contains(name) == true)
    }
  }

  @Test(arguments: [
    #"{"quant_method": "bitsandbytes", "load_in_4bit": true}"#, #"{"quant_method": "gptq", "bits": 4}"#,
    #"{"quant_method": "awq"}"#, #"{"quant_method": "mxfp8"}"#, #"{"load_in_8bit": true}"#,
    #"{"quant_method": "compressed-tensors"}"#, #"{"quant_method": "modelopt", "quant_algo": "NVFP4"}"#,
    #"{"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {"num_bits": 4, "type": "int"}}}}"#,
  ]) func quantizedWeightsAreRefusedBeforeTheyAreRead(_ quantization: String) throws {
    try withTemporaryDirectory { directory in
      try makeDirectory(directory, ["model.safetensors"])
      for text in [
        #"{"quantization_config": \#(quantization)}"#,
        #"{"text_config": {"quantization_config": \#(quantization)}}"#,
      ] {
        try writeFile(Array(text.utf8), to: directory + "/config.json")
        let error = caught(ArchitectureError.self) { _ = try ModelSource(path: directory).weights() }
        #expect(error?.code == .quantizedWeights && error?.place?.contains("quantization_config") == true)
      }
    }
  }

  @Test(.disabled(if: getuid() == 0, "the superuser may read everything"))
  func aDirectoryWithoutPermissionIsAnInputOutputError() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/base"
      try makeDirectory(path, ["config.json"])
      #expect(chmod(path, 0) == 0)
      defer { _ = chmod(path, 0o700) }
      for inner in [path, path + "/config.json"] {
        let error = caught(FileError.self) { _ = try ModelSource(path: inner) }
        #expect(error?.code == .permissionDenied && error?.category == .inputOutput)
      }
    }
  }
}
