import AloraTemplates
import AloraModels
import AloraSystem
import AloraConversion
import AloraGGUF
import AloraGeneration
import AloraInference
import AloraInspection
import AloraIntrinsics
import AloraJSON
import AloraModelCard
import AloraNPZ
import AloraAdapters
import AloraRegex
import AloraEngineCheck
import AloraTokenization
import AloraVerification

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What an input is read as.
public enum Target: String, CaseIterable, Sendable {
  case json, gguf, safetensors, shards, npz, adapter, tokenizer, template, convert, model
  case golden, cache, response, script, card, pattern, graph, prompts, baseline, engine, schema, intrinsic, request,
    merge, composed, graniteswitch
  /// A planted fault, to prove that faults are found.
  case proof

  /// Files of the parts of an input, in their order.
  private var names: [String] {
    switch self {
    case .json: ["a.json"]
    case .proof: []
    case .gguf: ["a.gguf"]
    case .safetensors: ["a.safetensors"]
    case .shards: ["model.safetensors.index.json", "model-1.safetensors", "model-2.safetensors"]
    case .npz: ["a.npz"]
    case .adapter: ["adapter_config.json", "adapter_model.safetensors", "README.md"]
    case .tokenizer: ["tokenizer.json", "text"]
    case .template: ["template", "messages"]
    case .convert: ["adapter_config.json", "adapter_model.safetensors", "config.json", "README.md"]
    case .model: ["config.json", "model.safetensors"]
    case .golden: ["golden.npz"]
    case .cache: ["cache"]
    case .script: ["script.jsonl"]
    case .card: ["README.md"]
    case .graph: ["config.json"]
    case .prompts: ["prompts.jsonl"]
    case .intrinsic: ["io.yaml"]
    case .baseline: ["baseline.json"]
    case .engine, .merge: ["model.gguf", "adapter.gguf"]
    case .composed: ["config.json", "model.safetensors"]
    case .graniteswitch: ["model.gguf"]
    case .response, .pattern, .schema, .request: []
    }
  }

  /// Writes the parts as files and reads them as the command does.
  ///
  /// - Throws: a ``DiagnosedError``, and nothing else; what is neither ends the process.
  public func read(_ parts: [[UInt8]], in directory: String) throws {
    let parts = self == .cache ? try parts.map(FuzzCache.completed) : parts
    let paths = names.map { "\(directory)/\($0)" }
    for (index, path) in paths.enumerated() {
      if index < parts.count { write(parts[index], to: path) } else { unlink(path) }
    }
    switch self {
    case .proof: plantedFault(parts[0])
    case .json: try readAll(JSONDocument(path: paths[0], allowsNonFinite: true).root)
    case .gguf: try readGGUF(paths[0])
    case .safetensors, .npz, .shards: try inspect(paths[0])
    case .adapter: try inspect(directory)
    case .tokenizer: try tokenize(paths[0], parts.count > 1 ? parts[1] : [])
    case .template: try render(parts)
    case .convert: try convert(directory)
    case .model: try evaluate(directory)
    case .engine: try evaluate(paths[0], adapter: parts.count > 1 ? paths[1] : nil)
    case .merge: try merge(paths, type: parts.count > 2 ? parts[2].first : nil)
    case .composed: try readSwitch(directory)
    case .graniteswitch: try readSwitch(paths[0])
    case .prompts: _ = try PromptLine.all(path: paths[0])
    case .baseline:
      let baseline = try Baseline(path: paths[0])
      precondition(baseline.verdict(against: baseline).passed)
    case .golden: try readGoldens(paths[0])
    case .cache: try FuzzCache.read(paths[0])
    case .response: try readResponse(parts)
    case .script: _ = try RunScript.turns(path: paths[0])
    case .card:
      let identity = AdapterIdentity(
        directory: directory, baseModelName: "org/Base-7B", baseModelID: nil, weightCount: 100_000)
      _ = identity.defaultFileName(outputType: "F32")
    case .pattern: match(parts)
    case .schema: try FuzzSchema.read(parts)
    case .request: try FuzzRequest.read(parts[0])
    case .intrinsic: _ = try IntrinsicLint(IntrinsicConfiguration(path: paths[0])).findings()
    case .graph: _ = try ModelGraph(configuration: JSONDocument(path: paths[0], allowsNonFinite: true).root)
    }
  }

  /// What `inspect --tensors --values` reads.
  private func inspect(_ path: String) throws {
    let subject = try Subject(path: path)
    _ = try subject.adapter()
    let values = TensorValues(subject)
    for tensor in subject.tensors { _ = try values.statistics(of: tensor) }
    if case .npz(let file) = subject {
      _ = try ArchiveSummary(file)
      for array in file.arrays { _ = try TensorStatistics(array, in: file) }
    }
  }

  /// A model is to be what every reader wants; an adapter has tensors only.
  private func readGGUF(_ path: String) throws {
    var failure: (any Error)?
    // Each by itself: what one refuses, another may read.
    let readers: [() throws -> Void] = [
      { _ = try BaseModel(gguf: GGUFFileSet(path: path)) },
      { _ = try ModelGraph(gguf: GGUFFileSet(path: path)) },
      { try tokenize(path, Array("Ein <s> text, 12345 é中 ab ab".utf8)) },
      { _ = try ChatTemplate.ofModel(path) },
    ]
    for reader in readers {
      do { try reader() } catch let error as any DiagnosedError { failure = error }
    }
    try inspect(path)
    if let failure, try GGUFFile(path: path).metadata.string(ifPresent: "general.type") != "adapter" { throw failure }
  }

  private func tokenize(_ path: String, _ text: [UInt8]) throws {
    let tokenizer = try Tokenizer(path: path)
    let tokens = try tokenizer.encode(bytes: Array(text.prefix(4096)))
    _ = try tokenizer.decode(tokens)
    _ = try tokenizer.decode([0, 1, 5, tokenizer.idLimit - 1], skipsSpecialTokens: true)
  }

  private func render(_ parts: [[UInt8]]) throws {
    guard let source = String(validating: parts[0], as: UTF8.self) else { return }
    let template = try ChatTemplate(source, specialTokens: ["bos_token": "<s>", "eos_token": "</s>"])
    let given = parts.count > 1 ? parts[1] : Array(#"[{"role":"user","content":"a"}]"#.utf8)
    let messages = try JSONDocument(parsing: given.span.bytes)
    _ = try template.render(
      messages: messages.root, date: TemplateDate(year: 2024, month: 2, day: 29, hour: 23, minute: 5, second: 7))
  }

  /// The whole way; what it writes must be readable.
  private func convert(_ directory: String) throws {
    let output = directory + "/out.gguf"
    unlink(output)
    let base = try BaseModel(configuration: JSONDocument(path: directory + "/config.json", allowsNonFinite: true).root)
    let adapter = try AdapterDirectory(path: directory)
    let plan = try ConversionPlan(adapter: adapter, base: base)
    let summary = try plan.write(to: output, replacesExisting: true)
    do {
      let written = try GGUFFile(path: output)
      guard written.byteCount == summary.byteCount, written.tensors.count == plan.layout.tensors.count else {
        fatalError("the file written is not the one planned")
      }
      try inspect(output)
    } catch {
      fatalError("the file written cannot be read: \(error)")
    }
  }

  private func evaluate(_ path: String, adapter adapterPath: String? = nil) throws {
    let pool = ThreadPool(threadCount: 1)
    let model = try Model(path: path, pool: pool)
    let adapter = try adapterPath.map { try Adapter(path: $0, model: model, pool: pool) }
    let tokens = [0, 1, 2, 3].filter { $0 < model.vocabularySize }
    let sequence = TokenSequence(
      model: model, adapter: adapter, activationStart: adapter == nil ? nil : 1, declaredLength: tokens.count)
    _ = try Evaluator(model: model, pool: pool).evaluate([Work(sequence, tokens: tokens, logits: .all)])
  }

  /// Four nested comparisons: random inputs would need 2³² attempts.
  private func plantedFault(_ bytes: [UInt8]) {
    guard bytes.count > 4, bytes[0] == 0x61, bytes[1] == 0x6C, bytes[2] == 0x6F, bytes[3] == 0x72 else { return }
    let numbers = [1, 2, 3]
    _ = numbers[Int(bytes[4]) + 3]
  }

  private func readAll(_ json: JSON) throws {
    switch json.kind {
    case .null: break
    case .boolean: _ = try json.boolean()
    case .integer: _ = try json.integer()
    case .number: _ = try json.number()
    case .string: _ = try json.string()
    case .array: for element in try json.elements() { try? readAll(element) }
    case .object: for (_, value) in try json.members() { try? readAll(value) }
    }
  }
}

private func write(_ bytes: [UInt8], to path: String) {
  let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
  guard descriptor >= 0, systemWrite(descriptor, bytes) == bytes.count else {
    fatalError("cannot write \(path)")
  }
  close(descriptor)
}

private func systemWrite(_ descriptor: Int32, _ bytes: [UInt8]) -> Int {
  #if canImport(Glibc)
    Glibc.write(descriptor, bytes, bytes.count)
  #elseif canImport(Musl)
    Musl.write(descriptor, bytes, bytes.count)
  #else
    Darwin.write(descriptor, bytes, bytes.count)
  #endif
}
