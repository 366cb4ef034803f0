/// The fields of `adapter_config.json` that bear on what a LoRA adapter's weights mean.
///
/// Source: PEFT `tuners/lora/config.py` (`LoraConfig`) and `config.py` (`PeftConfig`), read up to version 0.21.
package struct AdapterConfiguration: Hashable, Sendable {
  /// Which modules the adapter changes.
  package enum Targets: Hashable, Sendable {
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
  package struct PatternRule<Value: Hashable & Sendable>: Hashable, Sendable {
    package let pattern: String
    package let value: Value
  }

  /// The file that was read.
  package let path: String?
  /// `peft_type`: LORA, or a type that isn't read any further.
  package var type: String?
  /// `r`, the default rank; PEFT's own default is 8.
  package var rank = 8
  /// `lora_alpha`, the default alpha; PEFT's own default is 8.
  package var alpha = 8.0
  /// `use_rslora`: the scaling is alpha / √r instead of alpha / r.
  package var isRankStabilized = false
  /// `use_dora`: the merged weight's rows are rescaled to trained norms. Read for merging only.
  package var rescalesWeights = false
  /// The multiplier of B · A itself, which MLX records instead of alpha.
  package var scale: Double?
  package var rankPattern: [PatternRule<Int>] = []
  package var alphaPattern: [PatternRule<Double>] = []

  package var targets = Targets.unspecified
  package var excluded: Targets?
  /// `target_parameters`: names or dotted endings of parameters, such as those of experts.
  package var targetParameters: [String] = []
  /// `layers_to_transform`; nil for all layers.
  package var layers: Set<Int>?
  /// `layers_pattern`; empty for PEFT's default of any numbered path component.
  package var layerPatterns: [String] = []

  /// `bias`: whether PEFT also trained biases (`all`, `lora_only`).
  package var trainsBiases = false
  /// `ensure_weight_tying`: whether an adapted embedding adapts the tied output layer as well.
  package var tiesAdaptedEmbeddings = false

  /// `alora_invocation_tokens`; nil for a plain LoRA and for a legacy aLoRA.
  package var invocationTokens: [Int]?
  /// `invocation_string` of IBM's older `alora` package.
  package var invocationString: String?
  /// `alora_invocation_string`, which some trainers write beside the tokens.
  package var invocationText: String?

  /// `base_model_name_or_path`.
  package var baseModelName: String?
  package var revision: String?
  package var taskType: String?
  package var version: String?

  package var notes: [AdapterNote] = []

  /// Whether `target_parameters` names the parameter of that path.
  ///
  /// Source: PEFT `tuners/tuners_utils.py` (`_inject_parameters`).
  package func targetsParameter(_ path: String) -> Bool {
    targetParameters.contains { path == $0 || path.hasSuffix("." + $0) }
  }

  /// An aLoRA is active only from its invocation on; any other LoRA everywhere.
  package var isActivated: Bool { invocationTokens != nil || invocationString != nil }

  init(path: String?) { self.path = path }

  /// A configuration of nothing but its targeted parameters, for what ``targetsParameter(_:)`` says of them.
  package init(targetParameters: [String]) {
    path = nil
    self.targetParameters = targetParameters
  }
}
