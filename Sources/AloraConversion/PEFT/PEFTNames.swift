internal import AloraAdapters
internal import AloraModels

/// The names by which `adapter_config.json` targets the modules of an adapter, and by which it gives their ranks.
///
/// An ending of a name is used where everything that the base has under it is adapted, so that PEFT adapts nothing else;
/// the whole name otherwise.
struct PEFTNames {
  let targetModules: [String]
  let targetParameters: [String]

  init(_ updates: [PEFTUpdate], base: BaseModel) {
    let adapted = Set(updates.map(\.module.name))
    // PEFT rewrites these names to parameters of experts in models that have experts, also for modules without them.
    let rewritten: Set<Substring> = ["gate_proj", "up_proj", "down_proj", "gate", "w1", "w2", "w3"]
    let hasExperts = (0..<base.hyperparameters.layerCount).contains { layer in
      !base.modules(ofTensor: "blk.\(layer).ffn_down_exps.weight").isEmpty
    }
    var modules: [String] = []
    var parameters: [String] = []
    // By ending, which is all that the search depends on: there are few, and each looks through the whole base.
    var known: [Substring: String?] = [:]
    func shortest(_ name: String, components: Int) -> String {
      // A model of several parts may have the same names in the others.
      guard !name.contains("language_model") else { return name }
      let ending = Self.ending(name, components)
      let found = known[ending] ?? Self.shortest(ending, adapted, base)
      known[ending] = .some(found)
      return found ?? name
    }
    for update in updates {
      let name = update.module.name
      if update.experts != nil {
        // A stack that is its module's weight is called like a linear module's.
        parameters.append(shortest(name, components: name.hasSuffix(".weight") ? 3 : 2))
      } else if update.isRouter || (hasExperts && rewritten.contains(Self.ending(name, 1))) {
        parameters.append(shortest(name, components: 2) + ".weight")
      } else {
        modules.append(shortest(name, components: 1))
      }
    }
    // An ending may name other modules too, which are targeted by their whole names: then it would name them again.
    targetModules = Self.sorted(modules)
    targetParameters = Self.sorted(parameters)
  }

  private static func sorted(_ names: [String]) -> [String] {
    Set(names).sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
  }

  /// The last components of a name.
  static func ending(_ name: String, _ components: Int) -> Substring {
    var rest = name[...]
    var start = name.startIndex
    for _ in 0..<components {
      guard let dot = rest.lastIndex(of: ".") else { return name[...] }
      start = name.index(after: dot)
      rest = name[..<dot]
    }
    return name[start...]
  }

  /// An ending of names, if the adapter has every module of the base that it names.
  private static func shortest(_ ending: Substring, _ adapted: Set<String>, _ base: BaseModel) -> String? {
    let tail = "." + ending
    let others = base.modules.contains { module in
      !adapted.contains(module.name) && (module.name == ending || module.name.hasSuffix(tail))
    }
    guard !others else { return nil }
    // The base's list leaves out what only some layers have.
    let parents = Set(
      adapted.filter { $0.hasSuffix(tail) }.compactMap { other -> String? in
        var parts = other.split(separator: ".").map(String.init)
        guard let index = parts.firstIndex(where: { Int($0) != nil }) else { return nil }
        parts[index] = "{layer}"
        return parts.joined(separator: ".")
      })
    for parent in parents {
      for layer in 0..<base.hyperparameters.layerCount {
        let name = parent.split(separator: ".").map { $0 == "{layer}" ? "\(layer)" : String($0) }.joined(separator: ".")
        guard !adapted.contains(name) else { continue }
        if base.module(named: name) != nil { return nil }
        let module = name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
        if base.experts(ofModule: module).contains(where: { $0.name == name }) { return nil }
      }
    }
    return String(ending)
  }

  /// Rules that give each name its value where it isn't the default, by endings if all with the ending agree.
  static func patterns<Value: Hashable>(
    _ values: [(name: String, value: Value)], default common: Value, isWeight: (String) -> Bool
  ) -> [(pattern: String, value: Value)] {
    var byEnding: [Substring: Set<Value>] = [:]
    for (name, value) in values { byEnding[ending(name, 1), default: []].insert(value) }
    var rules: [(pattern: String, value: Value)] = []
    var known: Set<String> = []
    for (name, value) in values where value != common {
      let last = ending(name, 1)
      let chosen = byEnding[last]?.count == 1 ? String(last) : name
      // PEFT names a module that it adapts by a parameter with the parameter.
      let pattern = chosen.replacing(".", with: "\\.") + (isWeight(name) ? "(\\.weight)?" : "")
      if known.insert(pattern).inserted { rules.append((pattern, value)) }
    }
    return rules
  }
}
