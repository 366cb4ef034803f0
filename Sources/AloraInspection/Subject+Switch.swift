internal import AloraGGUF
internal import AloraModels
package import AloraSwitch
internal import AloraSystem
internal import AloraTensors
internal import AloraTokenization

extension Subject {
  /// The slots' description and the tensors, if it is a Granite Switch.
  ///
  /// - Throws: ``SwitchError``; what reading the configuration or the header throws.
  func graniteSwitch() throws -> (description: SwitchDescription, tensors: (any TensorSource)?)? {
    switch self {
    case .gguf(let file) where SwitchDescription.describes(metadata: file.metadata):
      return (try SwitchDescription(metadata: file.metadata, path: file.path), file)
    case .baseDirectory(let directory):
      let configuration = try directory.source.configuration()
      guard SwitchDescription.describes(configuration: configuration) else { return nil }
      return (try SwitchDescription(configuration: configuration, path: directory.path), directory.weights)
    case .gguf, .safetensors, .adapterDirectory, .npz: return nil
    }
  }

  /// The tokenizer that a model brings along; nil if it has none that can be read.
  var ownTokenizer: Tokenizer? {
    switch self {
    case .gguf(let file): try? Tokenizer(gguf: file.metadata)
    case .baseDirectory(let directory): directory.source.tokenizerPath == nil ? nil : try? directory.source.tokenizer()
    case .safetensors, .adapterDirectory, .npz: nil
    }
  }
}

/// A Granite Switch: what sits in its slots, or why that can't be read.
package typealias SwitchInspection = Result<SwitchContents, UnreadableSwitch>

/// Why the slots can't be read.
package struct UnreadableSwitch: Error, Hashable, Sendable {
  package let place: String?
  package let problem: String
}

extension Subject {
  /// What sits in the slots; nil if it isn't a Granite Switch.
  func switchInspection() throws -> SwitchInspection? {
    do {
      guard let (description, tensors) = try graniteSwitch() else { return nil }
      return .success(try SwitchContents(description, tensors: tensors, tokenizer: ownTokenizer))
    } catch let error as any DiagnosedError where error.category == .refusedInput {
      return .failure(UnreadableSwitch(place: error.place, problem: error.problem))
    }
  }
}
