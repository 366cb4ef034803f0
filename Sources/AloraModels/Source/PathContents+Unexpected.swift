internal import AloraSystem

/// The kind of file or directory that a command expects at a path.
package enum PathPurpose: Sendable {
  /// A base model.
  case model
  /// An adapter in PEFT's or MLX's layout.
  case peftAdapter
  /// Anything that can be shown.
  case subject

  fileprivate var expectation: String {
    switch self {
    case .model: "a Hugging Face directory, its configuration or a GGUF"
    case .peftAdapter: "the directory of a PEFT or MLX adapter"
    case .subject: "a GGUF, a safetensors or .npz file, an adapter's directory or a model's directory"
    }
  }
}

extension PathContents {
  /// The error about contents that don't serve a purpose: it says what is there, and what to pass instead.
  package func unexpected(at path: String, for purpose: PathPurpose) -> PathError {
    func file(_ problem: String, _ remedy: Remedy?) -> PathError {
      PathError(.foreignFile, path: path, problem: problem, remedy: remedy ?? "pass \(purpose.expectation)")
    }
    let parent = parentDirectory(of: path)
    switch (self, purpose) {
    case (.gguf, .peftAdapter):
      return file("it is already a GGUF file", "use it as it is, or pass the PEFT adapter that it came from")
    case (.gguf, _): return file("it is a GGUF file", nil)
    case (.safetensors, .model), (.safetensorsIndex, .model):
      return file("it contains weights, but not the model's configuration", "pass the directory: \(parent)")
    case (.safetensors, _), (.safetensorsIndex, _):
      return file("it is a file of weights, not an adapter's directory", "pass the directory: \(parent)")
    case (.arrays, _): return file("it contains NumPy arrays", nil)
    case (.configuration, .peftAdapter):
      return file("it is the configuration of a model, not an adapter", nil)
    case (.adapterConfiguration, .model):
      return file("it is the configuration of an adapter, not of a base model", nil)
    case (.configuration, _), (.adapterConfiguration, _), (.json, _):
      return file("it is a JSON file of another kind", nil)
    case (.foreign(let signature), _):
      return file(signature.problem(or: "its format is unknown"), signature.remedy)
    case (.directory(let directory), _): return directory.unexpected(for: purpose)
    }
  }
}

extension DirectoryContents {
  /// The error about a directory that doesn't serve a purpose.
  package func unexpected(for purpose: PathPurpose) -> PathError {
    func error(_ problem: String, _ remedy: Remedy?) -> PathError {
      PathError(.foreignDirectory, path: path, problem: problem, remedy: remedy ?? "pass \(purpose.expectation)")
    }
    if let snapshots = hubSnapshots {
      return error(
        "it is a repository in the Hugging Face cache",
        snapshots.isEmpty
          ? "its snapshots are missing; download it again"
          : "pass its snapshot: \(snapshots.joined(separator: " or "))")
    }
    if isMLXAdapter, !hasAdapterConfiguration {
      return error(
        "it contains MLX's \(ModelFiles.mlxAdapterWeights), but no \(ModelFiles.adapterConfiguration)",
        purpose == .model
          ? "pass the base model" : "add the \(ModelFiles.adapterConfiguration) that mlx_lm.lora wrote beside it")
    }
    if hasAdapterConfiguration, purpose == .model {
      return error("it is the directory of an adapter, not of a base model", "pass the base model")
    }
    if hasConfiguration, purpose == .peftAdapter {
      return error("it is the directory of a model, not of an adapter", nil)
    }
    let ggufs = ggufs
    if ggufs.count == 1 { return error("it contains a GGUF file", "pass the file: \(file(ggufs[0]))") }
    if ggufs.count > 1 {
      let named = ggufs.prefix(3).joined(separator: ", ") + (ggufs.count > 3 ? ", …" : "")
      return error("it contains \(ggufs.count) GGUF files", "pass one of them: \(named)")
    }
    if contains("model_index.json") { return error("it is a pipeline of the diffusers library", nil) }
    if contains("params.json") || contains("consolidated.safetensors") || contains("consolidated.00.pth") {
      return error(
        "it contains a model in its publisher's own layout, without \(ModelFiles.configuration)",
        "download the model in the layout of the transformers library")
    }
    let missing =
      purpose == .peftAdapter
      ? "no \(ModelFiles.adapterConfiguration)"
      : purpose == .model
        ? "no \(ModelFiles.configuration)"
        : "neither \(ModelFiles.adapterConfiguration) nor \(ModelFiles.configuration)"
    if names.isEmpty { return error("the directory is empty", nil) }
    let inner = names.first { name in
      let below = [ModelFiles.adapterConfiguration, ModelFiles.configuration].filter { wanted in
        (purpose != .peftAdapter || wanted == ModelFiles.adapterConfiguration)
          && (purpose != .model || wanted == ModelFiles.configuration)
      }
      return below.contains { FileSystem.kind(of: "\(file(name))/\($0)") == .regularFile }
    }
    return error("it contains \(missing)", inner.map { .either(["perhaps you mean \(file($0))", .wholeTree]) })
  }

  /// For a repository of the Hugging Face cache (`models--org--name`), the directories of its snapshots.
  private var hubSnapshots: [String]? {
    guard contains("snapshots"), contains("refs") || contains("blobs") else { return nil }
    let folder = file("snapshots")
    return ((try? FileSystem.names(inDirectory: folder)) ?? []).map { "\(folder)/\($0)" }
  }
}
