package import AloraSystem

/// What a front end has an option for.
package enum RemedyOption: CaseIterable, Sendable {
  case overwrite, outputType, ignoredField, wholeTree, positions, baselineAcceptance, timeout, serverAdapter, serverBase
  case tokenizerSource, base, languageModelOnly, beyondContext, prompt
  /// Shows the values of tensors.
  case inspection
  /// Writes the prompt as a chat, and is in use.
  case chatInUse
}

/// The names of a front end's options, as its users write them.
package protocol OptionNames {
  /// - Returns: nil if there is no such option.
  func name(of option: RemedyOption) -> String?
  /// The option that named an output, or the usual one if `path` is nil or no option named it.
  func outputName(of path: String?) -> String?
  /// How to merge an adapter into its base.
  ///
  /// - Parameter path: the adapter's, or that of a file in it.
  func mergeCommand(adapterPath path: String?) -> String
}

extension Remedy {
  /// The remedy as a clause in the imperative.
  ///
  /// - Parameter path: what the error is about.
  /// - Returns: nil if the front end has no option for it.
  package func text(_ names: some OptionNames, path: String? = nil) -> String? {
    switch self {
    case .advice(let text): text
    case .overwrite: names.name(of: .overwrite).map { "give \($0) to replace it" }
    case .otherOutput: names.outputName(of: path).map { "give another \($0)" } ?? "write to another path"
    case .outputType(let type): names.name(of: .outputType).map { "give \($0) \(type)" }
    case .ignoreField(let field):
      names.name(of: .ignoredField).map { "give \($0) \(field) if you know that it changes nothing" }
    case .wholeTree: names.name(of: .wholeTree).map { "convert a tree of adapters with \($0)" }
    case .inspectValues: names.name(of: .inspection).map { "look for NaN, infinite or huge weights with \($0)" }
    case .fewerPositions: names.name(of: .positions).map { "keep fewer, with \($0) last" }
    case .acceptBaseline: names.name(of: .baselineAcceptance).map { "if the change is intended, accept it with \($0)" }
    case .longerTimeout: names.name(of: .timeout).map { "give the server more time with \($0)" }
    case .chooseServerAdapter: names.name(of: .serverAdapter).map { "choose one with \($0)" }
    case .chooseServerBase: names.name(of: .serverBase).map { "name it with \($0)" }
    case .nameTokenizer:
      names.name(of: .tokenizerSource).map { "give a base with a tokenizer: \($0)" } ?? description
    case .nameBase:
      names.name(of: .base).map { "name the base with \($0), so that they are compared module by module" }
    case .leaveOutTowers:
      names.name(of: .languageModelOnly).map {
        "leave these modules out with \($0), or train only the language model's"
      } ?? description
    case .exceedContext:
      names.name(of: .beyondContext).map { "shorten the prompt, or allow it with \($0)" } ?? "shorten the prompt"
    case .plainPrompt:
      names.name(of: .chatInUse).map { "leave out \($0)" }
        ?? names.name(of: .prompt).map { "give the prompt as text, with \($0)" }
    case .mergeAdapter: "merge the adapter into the base: \(names.mergeCommand(adapterPath: path))"
    case .either(let remedies): Self.either(remedies.compactMap { $0.text(names, path: path) })
    }
  }

  private static func either(_ texts: [String]) -> String? {
    guard let first = texts.first else { return nil }
    // "give a, or give b" repeats itself.
    let verb = "give "
    let rest = texts.dropFirst().map {
      $0.hasPrefix(verb) && first.hasPrefix(verb) ? $0.dropFirst(verb.count) : $0[...]
    }
    return ([first[...]] + rest).joined(separator: ", or ")
  }
}

extension DiagnosedError {
  /// One line: path, place, problem and remedy.
  package func line(_ names: some OptionNames) -> String {
    let head = [path, place, problem].compactMap { $0 }.joined(separator: ": ")
    let remedy = remedy.flatMap { $0.text(names, path: path) }
    return (remedy.map { "\(head); \($0)" } ?? head).escapingControlCharacters()
  }
}
