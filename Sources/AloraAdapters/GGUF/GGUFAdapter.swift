internal import AloraSystem
package import AloraGGUF
internal import AloraTensors

/// A LoRA adapter in GGUF, read as far as it can be read. What llama.cpp's loader would say about it is in ``findings``.
package struct GGUFAdapter: Sendable {
  package let file: GGUFFileSet
  /// `general.architecture`.
  package let architecture: String?
  /// `adapter.lora.alpha`; nil if it is missing or isn't an f32.
  package let alpha: Float?
  /// `adapter.alora.invocation_tokens`, of any integer type; nil for a plain LoRA.
  package let invocationTokens: [Int]?
  /// The factors of each tensor of the base, in the file's order. `module` is the name of the base's tensor.
  package let pairs: [FactorPair]
  /// What llama.cpp's loader objects to without seeing the base, in the order of its checks.
  package let findings: [LoaderFinding]

  package var path: String { file.path }

  /// Whether a GGUF is meant to be an adapter: it says so in one of its keys, or it has LoRA factors.
  package static func isAdapter(_ file: GGUFFileSet) -> Bool {
    typealias Key = GGUFAdapterFormat.Key
    return file.metadata[Key.type]?.text == GGUFAdapterFormat.type
      || file.metadata.keys.contains { $0.hasPrefix(Key.adapterPrefix) }
      || file.tensors.contains { GGUFAdapterFormat.factor($0.name) != nil }
  }

  /// - Throws: ``GGUFError``, ``FileError``.
  package init(path: String) throws { try self.init(GGUFFileSet(path: path)) }

  /// - Throws: ``GGUFError`` `valueOutOfRange` for an invocation that is too long; ``AdapterError`` `notAnAdapter`.
  package init(_ file: GGUFFileSet) throws {
    typealias Key = GGUFAdapterFormat.Key
    guard Self.isAdapter(file) else {
      throw AdapterError(
        .notAnAdapter, path: file.path, place: "key \(Key.type)",
        problem: "the file isn't a LoRA adapter: it has no adapter keys and no LoRA factors",
        remedy: "give the adapter's PEFT directory or its GGUF")
    }
    self.file = file
    var keys = KeyRules(file.metadata)
    keys.checkContainer(file)
    keys.require(Key.type, value: GGUFAdapterFormat.type)
    architecture = keys.string(Key.architecture)
    keys.require(Key.adapterType, value: GGUFAdapterFormat.adapterType)
    alpha = keys.alpha()
    invocationTokens = try keys.invocationTokens()
    let (pairs, findings) = Self.pairs(of: file)
    self.pairs = pairs
    self.findings = keys.findings + findings
  }

  /// Factor of a pair's B · A.
  package func scale(of pair: FactorPair) -> Float { GGUFAdapterFormat.scale(alpha: alpha ?? 0, rank: pair.rank) }

  private static func pairs(of file: GGUFFileSet) -> ([FactorPair], [LoaderFinding]) {
    var pairs: [FactorPair] = []
    var findings: [LoaderFinding] = []
    for tensor in file.tensors {
      let place = LoaderFinding.Place.tensor(tensor.name)
      guard let (base, isA) = GGUFAdapterFormat.factor(tensor.name) else {
        findings.append(
          tensor.name.hasSuffix(GGUFAdapterFormat.skippedSuffix)
            ? LoaderFinding(.norm, .ignores, place) : LoaderFinding(.suffix, .refuses, place))
        continue
      }
      let otherName = base + (isA ? GGUFAdapterFormat.suffixB : GGUFAdapterFormat.suffixA)
      guard let other = file.tensor(named: otherName) else {
        findings.append(LoaderFinding(.incompletePair, .refuses, place, expected: otherName))
        continue
      }
      if !tensor.dtype.isFactorType {
        findings.append(LoaderFinding(.factorType, .aborts, place, found: tensor.dtype.name))
      }
      guard isA else { continue }
      let pair = FactorPair(
        module: base, isEmbedding: base == GGUFAdapterFormat.embeddingTensor, storage: .gguf, a: tensor, b: other)
      pairs.append(pair)
      if pair.rankOfA != pair.rank {
        findings.append(
          LoaderFinding(
            .rank, pair.isEmbedding ? .aborts : .refuses, place, found: "\(pair.rankOfA)", expected: "\(pair.rank)"))
      } else if pair.rank == 0 {
        findings.append(LoaderFinding(.rank, .producesNaN, place, found: "0", expected: "0"))
      }
    }
    if pairs.isEmpty, findings.isEmpty { findings.append(LoaderFinding(.noPairs, .ignores, .file)) }
    return (pairs, findings)
  }
}

extension DType {
  /// Whether llama.cpp can multiply by a matrix of this type.
  fileprivate var isFactorType: Bool { isFloatingPoint && ![.f64, .q8_1, .q8K].contains(self) }
}

/// The loader's rules about keys.
private struct KeyRules {
  private let metadata: GGUFMetadata
  private(set) var findings: [LoaderFinding] = []

  init(_ metadata: GGUFMetadata) { self.metadata = metadata }

  mutating func checkContainer(_ file: GGUFFileSet) {
    if file.parts.contains(where: \.isBigEndian) { findings.append(LoaderFinding(.byteOrder, .refuses, .file)) }
    for entry in metadata.entries {
      guard case .array(let array) = entry.value, array.elementType == .array else { continue }
      findings.append(LoaderFinding(.nestedArray, .refuses, .key(entry.key)))
    }
    if file.parts.count > 1 {
      findings.append(LoaderFinding(.severalParts, .refuses, .file, found: "\(file.parts.count)"))
    }
  }

  /// A key's value; an array of one element counts as that element, as in ggml's `gguf_get_val_str`.
  private func scalar(_ key: String) -> GGUFValue? {
    guard let value = metadata[key] else { return nil }
    guard case .array(let array) = value, array.count == 1 else { return value }
    return array.first { _ in true }
  }

  mutating func string(_ key: String, value expected: String? = nil) -> String? {
    guard let value = scalar(key) else {
      findings.append(
        LoaderFinding(.missingKey, .refuses, .key(key), expected: expected.map { "'\($0)'" } ?? "the base's name"))
      return nil
    }
    guard value.type == .string else {
      findings.append(
        LoaderFinding(.keyType, .aborts, .key(key), found: metadata[key]?.typeName ?? "", expected: "str"))
      return nil
    }
    return value.plainString
  }

  mutating func require(_ key: String, value expected: String) {
    guard let text = string(key, value: expected), text != expected else { return }
    findings.append(LoaderFinding(.keyValue, .refuses, .key(key), found: "'\(text)'", expected: "'\(expected)'"))
  }

  mutating func alpha() -> Float? {
    let key = GGUFAdapterFormat.Key.alpha
    guard let value = scalar(key) else {
      findings.append(LoaderFinding(.missingAlpha, .scalesByOne, .key(key)))
      return nil
    }
    guard case .float32(let alpha) = value else {
      findings.append(
        LoaderFinding(.keyType, .aborts, .key(key), found: metadata[key]?.typeName ?? "", expected: "f32"))
      return nil
    }
    if alpha == 0 { findings.append(LoaderFinding(.zeroAlpha, .scalesByOne, .key(key))) }
    if !alpha.isFinite {
      findings.append(LoaderFinding(.keyValue, .producesNaN, .key(key), found: "\(alpha)", expected: "a finite number"))
    }
    return alpha
  }

  mutating func invocationTokens() throws(GGUFError) -> [Int]? {
    let key = GGUFAdapterFormat.Key.invocationTokens
    guard let value = metadata[key] else { return nil }
    guard case .array(let array) = value, array.elementType == .uint32 else {
      findings.append(
        LoaderFinding(.keyType, .refuses, .key(key), found: value.typeName, expected: "arr[u32]"))
      guard case .array(let array) = value, array.count <= GGUFAdapterFormat.invocationLimit else { return nil }
      return array.integers
    }
    guard array.count > 0 else {
      findings.append(LoaderFinding(.emptyInvocation, .alwaysActive, .key(key)))
      return nil
    }
    return try metadata.integers(ifPresent: key, atMost: GGUFAdapterFormat.invocationLimit)
  }
}

extension GGUFValue {
  /// A string's text; bytes that aren't UTF-8 are replaced.
  fileprivate var plainString: String? {
    if case .bytes(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil }
  }
}
