package import AloraModels
package import AloraSystem
package import AloraGGUF
internal import AloraJSON
package import AloraNPZ
package import AloraAdapters
package import AloraSafetensors
internal import AloraSwitch
package import AloraTensors

/// Something that can be looked into.
package enum Subject: Sendable {
  case gguf(GGUFFileSet)
  case safetensors(SafetensorsFileSet)
  case adapterDirectory(AdapterDirectory)
  case baseDirectory(BaseDirectory)
  case npz(NPZFile)

  /// Opens what lies at `path`; only headers are read.
  ///
  /// - Throws: ``FileError``; ``PathError``, which says what is there instead; what reading the found kind throws.
  package init(path: String) throws {
    let contents = try PathContents(path: path)
    switch contents {
    case .gguf: self = .gguf(try Self.gguf(path))
    case .safetensors: self = .safetensors(SafetensorsFileSet(file: try SafetensorsFile(path: path)))
    case .safetensorsIndex: self = .safetensors(try SafetensorsFileSet(indexPath: path))
    case .arrays: self = .npz(try NPZFile(path: path))
    case .adapterConfiguration: self = .adapterDirectory(try AdapterDirectory(path: path))
    case .configuration: self = .baseDirectory(try BaseDirectory(path: path))
    case .directory(let directory) where directory.hasAdapterConfiguration:
      self = .adapterDirectory(try AdapterDirectory(path: path))
    case .directory(let directory) where directory.hasConfiguration:
      self = .baseDirectory(try BaseDirectory(path: path))
    case .json, .foreign, .directory: throw contents.unexpected(at: path, for: .subject)
    }
  }

  /// A whole GGUF, or what there is of it: one part, tensors of unknown types.
  private static func gguf(_ path: String) throws -> GGUFFileSet {
    do { return try GGUFFileSet(path: path) } catch let error as GGUFError
      where [.notFirstPart, .invalidPartName, .missingPart, .inconsistentParts, .invalidTensorType].contains(error.code)
    {
      return try GGUFFileSet(part: GGUFFile(path: path, readsForeignTypes: true))
    }
  }

  package var tensors: [TensorDescription] {
    switch self {
    case .gguf(let file): file.tensors
    case .safetensors(let file): file.tensors
    case .adapterDirectory(let directory): directory.weights?.tensors ?? []
    case .baseDirectory(let directory): directory.weights?.tensors ?? []
    case .npz: []
    }
  }

  /// Nothing would be found to differ in what is not looked at.
  ///
  /// - Throws: ``InspectionError``.
  func checkComparable() throws(InspectionError) {
    switch self {
    case .npz(let file):
      throw InspectionError(
        path: file.path, problem: "NumPy arrays can't be compared",
        remedy: "give adapters, GGUFs or safetensors; alora verify compares an adapter with golden logits")
    case .baseDirectory(let directory) where directory.weights == nil:
      throw InspectionError(
        path: directory.path, problem: "it contains no weights to compare",
        remedy: "give the whole model, or an adapter")
    default: break
    }
  }

  /// The bytes of one of `tensors`, or of a part of it.
  ///
  /// - Throws: ``FileError``; ``GGUFError`` for big-endian data.
  package func bytes(of tensor: TensorDescription, in range: Range<Int>) throws -> [UInt8] {
    switch self {
    case .gguf(let file): return try file.readBytes(of: tensor, in: range)
    case .safetensors(let file): return try file.readBytes(of: tensor, in: range)
    case .adapterDirectory(let directory): return try directory.weights?.readBytes(of: tensor, in: range) ?? []
    case .baseDirectory(let directory): return try directory.weights?.readBytes(of: tensor, in: range) ?? []
    case .npz: return []
    }
  }

  /// The adapter, if it is one.
  ///
  /// - Throws: as reading the factors: those that may be 0 are read.
  package func adapter() throws -> AdapterSummary? {
    switch self {
    case .gguf(let file):
      guard GGUFAdapter.isAdapter(file) else { return nil }
      let adapter = try GGUFAdapter(file)
      return try AdapterSummary(gguf: adapter, idlePairCount: idlePairCount(adapter.pairs))
    case .adapterDirectory(let directory):
      return AdapterSummary(directory: directory, idlePairCount: try idlePairCount(directory.pairs))
    case .safetensors, .baseDirectory, .npz: return nil
    }
  }

  /// The base model, if it is a supported one, and the name of its architecture.
  var base: (model: BaseModel?, architectureName: String?) {
    switch self {
    case .gguf(let file) where !GGUFAdapter.isAdapter(file):
      (try? BaseModel(gguf: file), file.metadata[GGUFAdapterFormat.Key.architecture]?.text)
    case .baseDirectory(let directory): (directory.model, directory.architectureName)
    case .gguf, .safetensors, .adapterDirectory, .npz: (nil, nil)
    }
  }

  /// How many pairs add nothing, because A or B is all zeros. A factor is read up to its first other element.
  private func idlePairCount(_ pairs: [FactorPair]) throws -> Int {
    if case .gguf(let file) = self, file.parts.contains(where: \.isBigEndian) { return 0 }
    let values = TensorValues(self)
    return try pairs.count { pair in
      for tensor in [pair.b, pair.a] where try values.isZero(tensor) { return true }
      return false
    }
  }

  /// What one should know about the files, beside what they hold.
  package var notes: [InspectionNote] {
    switch self {
    case .gguf(let file):
      var notes: [InspectionNote] = []
      let count = (try? file.metadata.integer(ifPresent: "split.count")) ?? 1
      if count > 1, file.parts.count == 1 {
        let number = (try? file.metadata.integer(ifPresent: "split.no")) ?? 0
        notes.append(.partOfSplit(number: number.addingReportingOverflow(1).partialValue, count: count))
      }
      let foreign = Set(file.foreignTensors.map(\.typeName)).sorted()
      if !foreign.isEmpty { notes.append(.foreignTypes(count: file.foreignTensors.count, types: foreign)) }
      return notes
    case .baseDirectory(let directory):
      let layers = directory.model?.hyperparameters.recurrence?.layersWithDecays ?? []
      // A switch is run without its slots, as a model of its base's class.
      let isSwitch = SwitchDescription.describes(configuration: try? directory.source.configuration())
      return (isSwitch ? [] : directory.obstacle.map { [.modelUnusable(problem: $0.problem)] } ?? [])
        + (layers.isEmpty ? [] : [.decaysAsLogarithms(layerCount: layers.count)])
    case .safetensors, .adapterDirectory, .npz: return []
    }
  }
}

/// A file that cannot be looked into.
package struct InspectionError: DiagnosedError, Hashable {
  package let path: String?
  package let problem: String
  package let remedy: Remedy?
  package var place: String? { nil }
  package var category: ErrorCategory { .refusedInput }
}

/// A base model's directory: its configuration, and its weights if it contains any.
package struct BaseDirectory: Sendable {
  package let source: ModelSource
  /// `architectures` of config.json, or `model_type`.
  package let architectureName: String?
  /// Nil if the architecture isn't supported; ``obstacle`` says why.
  package let model: BaseModel?
  package let obstacle: (any DiagnosedError)?
  package let weights: (any TensorSource)?
  package var path: String { source.path }

  init(path: String) throws {
    source = try ModelSource(path: path)
    let root = try source.configuration()
    let names = try? root?[optional: "architectures"]?.elements().map { try $0.string() }
    architectureName = names?.first ?? (try? root?[optional: "model_type"]?.string())
    do {
      model = try source.base()
      obstacle = nil
    } catch let error as any DiagnosedError {
      (model, obstacle) = (nil, error)
    }
    weights = source.hasWeights ? try source.tensors() : nil
  }
}
