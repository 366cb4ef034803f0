package import AloraSystem

/// A rule of llama.cpp's adapter loader, or of `gguf_init` below it, that a GGUF adapter breaks.
///
/// The GGUF reader already refuses what breaks the container's own rules: version, alignment, duplicate keys and names,
/// names of more than 63 bytes, unknown types, offsets, truncated data. The rules here are those that a well-formed GGUF can break.
///
/// Source: llama.cpp `src/llama-adapter.cpp` (`llama_adapter_lora_init_impl`), `ggml/src/gguf.cpp`
/// (`gguf_init_from_reader`, `gguf_get_val_str`, `gguf_get_val_f32`), build 11434.
package struct LoaderFinding: Hashable, Sendable {
  package enum Rule: String, Hashable, Sendable, CaseIterable {
    /// ggml reads only the machine's own byte order, little-endian on every machine that matters.
    case byteOrder = "byte-order"
    /// ggml has no arrays of arrays.
    case nestedArray = "nested-array"
    /// The loader opens one file; it doesn't look for further parts.
    case severalParts = "several-parts"
    case missingKey = "missing-key"
    /// The value has another type than the loader reads.
    case keyType = "key-type"
    case keyValue = "key-value"
    /// The adapter is for another architecture than the base.
    case architecture
    /// Neither `.lora_a` nor `.lora_b` nor `_norm.weight`.
    case suffix
    /// A norm: the loader skips it.
    case norm
    case incompletePair = "incomplete-pair"
    /// The base has no such tensor, or none that llama.cpp applies an adapter to.
    case unknownTensor = "unknown-tensor"
    case shape
    /// A tensor that llama.cpp loads adapters for and never applies them to.
    case neverApplied = "never-applied"
    /// A and B have different ranks, or rank 0.
    case rank
    /// A type that llama.cpp can't multiply with.
    case factorType = "factor-type"
    case noPairs = "no-pairs"
    case missingAlpha = "missing-alpha"
    case zeroAlpha = "zero-alpha"
    case emptyInvocation = "empty-invocation"
  }

  /// What llama.cpp does with the file.
  package enum Effect: String, Hashable, Sendable, CaseIterable {
    case refuses, aborts
    /// It loads the file and doesn't apply this part.
    case ignores
    /// It loads the file with scale 1, whatever the training's was.
    case scalesByOne = "scales-by-one"
    /// It loads the file as a plain LoRA.
    case alwaysActive = "always-active"
    /// It loads the file and computes NaN.
    case producesNaN = "produces-nan"
  }

  package enum Place: Hashable, Sendable, CustomStringConvertible {
    case file
    case key(String)
    case tensor(String)

    package var description: String {
      switch self {
      case .file: "file"
      case .key(let key): "key \(key)"
      case .tensor(let name): "tensor \(name)"
      }
    }
  }

  package let rule: Rule
  package let effect: Effect
  package let place: Place
  package let found: String?
  package let expected: String?

  init(_ rule: Rule, _ effect: Effect, _ place: Place, found: String? = nil, expected: String? = nil) {
    self.rule = rule
    self.effect = effect
    self.place = place
    self.found = found
    self.expected = expected
  }

  /// Whether the adapter can't be used. The others load, and mean something else than one might think.
  package var isFatal: Bool {
    switch effect {
    case .refuses, .aborts, .ignores, .producesNaN: true
    case .scalesByOne, .alwaysActive: false
    }
  }
}

// MARK: - As an error

extension LoaderFinding {
  /// What is wrong, as an error's problem.
  package var problem: String {
    let (found, expected) = (found ?? "", expected ?? "")
    let engine =
      switch effect {
      case .refuses: "llama.cpp refuses the file"
      case .aborts: "llama.cpp aborts"
      case .ignores: "llama.cpp ignores it"
      case .scalesByOne: "the scale is 1, as in llama.cpp"
      case .alwaysActive: "the adapter is active everywhere, as in llama.cpp"
      case .producesNaN: "llama.cpp computes NaN"
      }
    let clause =
      switch rule {
      case .byteOrder: "the file is big-endian"
      case .nestedArray: "the value is an array of arrays"
      case .severalParts: "the adapter is split into \(found) files, and the loader opens only one"
      case .missingKey: "the key is missing, expected \(expected)"
      case .keyType: "its type is \(found), expected \(expected)"
      case .keyValue: "its value is \(found), expected \(expected)"
      case .architecture: "the adapter is for '\(found)', but the base is '\(expected)'"
      case .suffix: "the name doesn't end in .lora_a or .lora_b"
      case .norm: "it is a norm, not a LoRA factor"
      case .incompletePair: "its other factor, \(expected), is missing"
      case .unknownTensor: "the base (\(expected)) has no such tensor that an adapter can change"
      case .neverApplied: "no \(expected) model of llama.cpp applies adapters to this tensor"
      case .shape: "its shape is \(found), expected \(expected)"
      case .rank: "lora_a has rank \(found), lora_b rank \(expected)"
      case .factorType: "its type is \(found), but factors must be floating-point numbers"
      case .noPairs: "the file has no pair of LoRA factors"
      case .missingAlpha: "the key is missing"
      case .zeroAlpha: "it is 0"
      case .emptyInvocation: "the list is empty"
      }
    return "\(clause); \(engine)"
  }

  /// What the user can do.
  package var remedy: Remedy? {
    switch rule {
    case .unknownTensor, .architecture, .shape: "give the base that the adapter was trained on"
    case .severalParts: "merge the parts into one file"
    default: "convert the adapter again from its PEFT directory"
    }
  }

  func error(path: String) -> AdapterError {
    let code: AdapterError.Code =
      switch rule {
      case .architecture: .wrongBase
      case .unknownTensor: .unknownModule
      case .shape, .rank: .wrongShape
      case .incompletePair: .incompletePair
      case .noPairs: .noTensors
      default: .brokenLoaderRule
      }
    return AdapterError(
      code, path: path, place: place == .file ? nil : place.description, problem: problem, remedy: remedy)
  }
}
