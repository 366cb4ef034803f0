/// The fields of `adapter_config.json` that bear on what a LoRA adapter's weights mean.
///
/// Source: PEFT `tuners/lora/config.py` (`LoraConfig`) and `config.py` (`PeftConfig`), read up to version 0.21.
public struct AdapterConfiguration: Hashable, Sendable {
  /// Which modules the adapter changes.
  public enum Targets: Hashable, Sendable {
    /// Names or dotted endings of names.
    case names([String])
    /// A regular expression that must match a module's whole path.
    case pattern(String)
    /// Every linear module but the output layer.
    case allLinear
    /// The configuration leaves it to PEFT's table of model types.
    case unspecified
  }

  /// A value for modules whose path matches a regular expression; the first match in the file's order wins.
  public struct PatternRule<Value: Hashable & Sendable>: Hashable, Sendable {
    public let pattern: String
    public let value: Value
  }

  /// The file that was read.
  public let path: String?
  /// `peft_type`: LORA, or a type that isn't read any further.
  public var type: String?
  /// `r`, the default rank; PEFT's own default is 8.
  public var rank = 8
  /// `lora_alpha`, the default alpha; PEFT's own default is 8.
  public var alpha = 8.0
  /// `use_rslora`: the scaling is alpha / √r instead of alpha / r.
  public var isRankStabilized = false
  public var rankPattern: [PatternRule<Int>] = []
  public var alphaPattern: [PatternRule<Double>] = []

  public var targets = Targets.unspecified
  public var excluded: Targets?
  /// `target_parameters`: names or dotted endings of parameters, such as those of experts.
  public var targetParameters: [String] = []
  /// `layers_to_transform`; nil for all layers.
  public var layers: Set<Int>?
  /// `layers_pattern`; empty for PEFT's default of any numbered path component.
  public var layerPatterns: [String] = []

  /// `bias`: whether PEFT also trained biases (`all`, `lora_only`).
  public var trainsBiases = false
  /// `ensure_weight_tying`: whether an adapted embedding adapts the tied output layer as well.
  public var tiesAdaptedEmbeddings = false

  /// `alora_invocation_tokens`; nil for a plain LoRA and for a legacy aLoRA.
  public var invocationTokens: [Int]?
  /// `invocation_string` of IBM's older `alora` package.
  public var invocationString: String?
  /// `alora_invocation_string`, which some trainers write beside the tokens.
  public var invocationText: String?

  /// `base_model_name_or_path`.
  public var baseModelName: String?
  public var revision: String?
  public var taskType: String?
  public var version: String?

  public var notes: [AdapterNote] = []

  /// Whether `target_parameters` names the parameter of that path.
  ///
  /// Source: PEFT `tuners/tuners_utils.py` (`_inject_parameters`).
  public func targetsParameter(_ path: String) -> Bool {
    targetParameters.contains { path == $0 || path.hasSuffix("." + $0) }
  }

  /// An aLoRA is active only from its invocation on; any other LoRA everywhere.
  public var isActivated: Bool { invocationTokens != nil || invocationString != nil }

  init(path: String?) { self.path = path }
}
