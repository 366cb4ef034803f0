internal import AloraSystem
internal import AloraRegex

/// Decides which modules a configuration targets, and their rank and alpha, by PEFT's rules.
///
/// Source: PEFT `tuners/tuners_utils.py` (`check_target_module_exists`) and `utils/other.py` (`get_pattern_key`).
package struct ModuleMatcher: Sendable {
  /// PEFT's factor of B·A for one module, and its origin.
  package struct Scaling: Hashable, Sendable {
    package let rank: Int
    package let alpha: Double
    /// alpha / r, or alpha / √r if the adapter is rank-stabilized. Computed in double precision, as in Python.
    package let value: Double
  }

  private enum Rule: Sendable {
    case names(Set<String>)
    case pattern(CompiledRegex)
    case allLinear
    case any
  }

  private let configuration: AdapterConfiguration
  private let targets: Rule
  private let excluded: Rule?
  private let layerPatterns: [CompiledRegex]
  private let rankRules: [(CompiledRegex, Int)]
  private let alphaRules: [(CompiledRegex, Double)]

  /// - Throws: `invalidPattern`.
  package init(_ configuration: AdapterConfiguration) throws(AdapterError) {
    func rule(_ targets: AdapterConfiguration.Targets, _ field: String) throws(AdapterError) -> Rule {
      switch targets {
      case .names(let names): .names(Set(names))
      case .pattern(let pattern): .pattern(try compile("(?:\(pattern))\\Z", field, shown: pattern))
      case .allLinear: .allLinear
      case .unspecified: .any
      }
    }
    func compile(_ pattern: String, _ field: String, shown: String) throws(AdapterError) -> CompiledRegex {
      do throws(RegexError) { return try CompiledRegex(pattern, syntax: .python) } catch {
        throw AdapterError(
          .invalidPattern, path: configuration.path, place: "$.\(field)",
          problem: "'\(shown)' is not a valid regular expression: \(error.detail)")
      }
    }
    func rules<Value>(
      _ rules: [AdapterConfiguration.PatternRule<Value>], _ field: String
    ) throws(AdapterError) -> [(CompiledRegex, Value)] {
      var compiled: [(CompiledRegex, Value)] = []
      for rule in rules {
        compiled.append((try compile("(.*\\.)?(\(rule.pattern))$", field, shown: rule.pattern), rule.value))
      }
      return compiled
    }
    self.configuration = configuration
    self.targets = try rule(configuration.targets, "target_modules")
    self.excluded = if let excluded = configuration.excluded { try rule(excluded, "exclude_modules") } else { nil }
    self.rankRules = try rules(configuration.rankPattern, "rank_pattern")
    self.alphaRules = try rules(configuration.alphaPattern, "alpha_pattern")
    var layerPatterns: [CompiledRegex] = []
    for pattern in configuration.layerPatterns.isEmpty ? ["[^.]*"] : configuration.layerPatterns {
      let head = configuration.layerPatterns.isEmpty ? ".*?\\." : "(?:^|.*?\\.)"
      layerPatterns.append(try compile("\(head)\(pattern)\\.(?=\\d+\\.)", "layers_pattern", shown: pattern))
    }
    self.layerPatterns = layerPatterns
  }

  /// The scaling of a module that is targeted.
  ///
  /// - Throws: `invalidPattern` if a pattern backtracks without end.
  package func scaling(ofModule path: String) throws(AdapterError) -> Scaling {
    let rank = try firstMatch(rankRules, path, "rank_pattern") ?? configuration.rank
    let alpha = try firstMatch(alphaRules, path, "alpha_pattern") ?? configuration.alpha
    let divisor = configuration.isRankStabilized ? Double(rank).squareRoot() : Double(rank)
    return Scaling(rank: rank, alpha: alpha, value: configuration.scale ?? alpha / divisor)
  }

  /// Whether the configuration targets the module.
  ///
  /// - Parameters:
  ///   - path: the module's path in the base model: `model.layers.0.self_attn.q_proj`.
  ///   - isOutputLayer: whether it is the output layer, which `all-linear` leaves out.
  /// - Throws: `invalidPattern` if a pattern backtracks without end.
  package func targets(module path: String, isOutputLayer: Bool) throws(AdapterError) -> Bool {
    switch excluded {
    case .names(let names): if Self.isNamed(path, by: names) { return false }
    case .pattern(let regex): if try matches(regex, path, "exclude_modules") { return false }
    case .allLinear, .any, nil: break
    }
    switch targets {
    case .any: return true
    case .allLinear: return !isOutputLayer
    case .pattern(let regex): return try matches(regex, path, "target_modules")
    case .names(let names):
      // A full name is targeted in every layer; an ending only in the layers to transform.
      if names.contains(path) { return true }
      guard Self.isNamed(path, by: names) else { return false }
      guard let layers = configuration.layers else { return true }
      return try layerIndex(ofModule: path).map(layers.contains) ?? false
    }
  }

  private static func isNamed(_ path: String, by names: Set<String>) -> Bool {
    if names.contains(path) { return true }
    var rest = path[...]
    while let dot = rest.firstIndex(of: ".") {
      rest = rest[rest.index(after: dot)...]
      if names.contains(String(rest)) { return true }
    }
    return false
  }

  /// The number that follows the first layer list in the path.
  private func layerIndex(ofModule path: String) throws(AdapterError) -> Int? {
    let bytes = [UInt8](path.utf8)
    for regex in layerPatterns {
      guard let end = try attempt("layers_pattern", { () throws(RegexError) in try regex.matchEnd(in: bytes) }) else {
        continue
      }
      return Int(String(decoding: bytes[end...].prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self))
    }
    return nil
  }

  private func firstMatch<Value>(
    _ rules: [(CompiledRegex, Value)], _ path: String, _ field: String
  ) throws(AdapterError) -> Value? {
    for (regex, value) in rules where try matches(regex, path, field) { return value }
    return nil
  }

  private func matches(_ regex: CompiledRegex, _ path: String, _ field: String) throws(AdapterError) -> Bool {
    try attempt(field) { () throws(RegexError) in try regex.matchesPrefix(of: path) }
  }

  private func attempt<Result>(
    _ field: String, _ body: () throws(RegexError) -> Result
  ) throws(AdapterError) -> Result {
    do throws(RegexError) { return try body() } catch {
      throw AdapterError(
        .invalidPattern, path: configuration.path, place: "$.\(field)", problem: "'\(error.pattern)': \(error.detail)")
    }
  }
}
