internal import AloraSystem
internal import ArgumentParser

/// Remedies in the words of one call: with the names of the options that its command has.
struct RemedyNames {
  private let arguments: [String]
  /// Every option of the command, by its long name.
  private let options: Set<String>

  /// - Parameter arguments: the call, without the program's name.
  init(arguments: [String]) {
    self.arguments = arguments
    var command: any ParsableCommand.Type = AloraCommand.self
    for word in arguments {
      let subcommands = command.configuration.subcommands
      guard let next = subcommands.first(where: { $0.configuration.commandName == word }) else { break }
      command = next
    }
    let help = AloraCommand.helpMessage(for: command, includeHidden: true, columns: 1000)
    options = Set(help.split { !$0.isLetter && $0 != "-" }.map(String.init).filter { $0.hasPrefix("--") })
  }

  /// One line: path, place, problem and remedy.
  func line(_ error: any DiagnosedError) -> String {
    let head = [error.path, error.place, error.problem].compactMap { $0 }.joined(separator: ": ")
    let remedy = error.remedy.flatMap { text($0, path: error.path) }
    return (remedy.map { "\(head); \($0)" } ?? head).escapingControlCharacters()
  }

  /// - Returns: nil if the command has no option for the remedy.
  func text(_ remedy: Remedy, path: String? = nil) -> String? {
    switch remedy {
    case .advice(let text): text
    case .overwrite: name("force").map { "give \($0) to replace it" }
    case .otherOutput: outputOption(path).map { "give another \($0)" } ?? "write to another path"
    case .outputType(let type): name("outtype").map { "give \($0) \(type)" }
    case .ignoreField(let field):
      name("ignore-field").map { "give \($0) \(field) if you know that it changes nothing" }
    case .wholeTree: name("recursive").map { "convert a tree of adapters with \($0)" }
    case .inspectValues: "look for NaN, infinite or huge weights with alora inspect --tensors --values"
    case .fewerPositions: name("positions").map { "keep fewer, with \($0) last" }
    case .acceptBaseline: name("accept").map { "if the change is intended, accept it with \($0)" }
    case .longerTimeout: name("server-timeout").map { "give the server more time with \($0)" }
    case .chooseServerAdapter: name("server-adapter").map { "choose one with \($0)" }
    case .chooseServerBase: name("server-base").map { "name it with \($0)" }
    case .nameTokenizer:
      (name("base") ?? name("model")).map { "give a base with a tokenizer: \($0)" } ?? remedy.description
    case .nameBase: name("base").map { "name the base with \($0), so that they are compared module by module" }
    case .leaveOutTowers:
      name("text-only").map { "leave these modules out with \($0), or train only the language model's" }
        ?? remedy.description
    case .exceedContext:
      name("beyond-context").map { "shorten the prompt, or allow it with \($0)" } ?? "shorten the prompt"
    case .plainPrompt:
      arguments.contains("--chat") ? "leave out --chat" : name("prompt").map { "give the prompt as text, with \($0)" }
    case .mergeAdapter: mergeCommand(path)
    case .either(let remedies): either(remedies.compactMap { text($0, path: path) })
    }
  }

  /// The call of `alora merge` with this call's base, and the adapter that the error is about.
  private func mergeCommand(_ path: String?) -> String {
    let base = value(of: ["--base", "--model"])
    let isDirectory = base.map { FileSystem.kind(of: $0) == .directory } ?? true
    let output = isDirectory ? "--outdir merged" : "--outfile merged.gguf"
    return "merge the adapter into the base: alora merge --model \(Self.quoted(base ?? "BASE")) "
      + "--adapter \(Self.quoted(path.flatMap(argument(containing:)) ?? "ADAPTER")) \(output)"
  }

  /// The path in this call that is `path`, or a directory with it; the value of `name=path` counts.
  private func argument(containing path: String) -> String? {
    let places = arguments.flatMap { argument in
      [argument] + (argument.firstIndex(of: "=").map { [String(argument[argument.index(after: $0)...])] } ?? [])
    }
    return places.first { place in
      !place.isEmpty && (place == path || path.hasPrefix(place.hasSuffix("/") ? place : place + "/"))
    }
  }

  /// The value of the first of these options in this call.
  private func value(of names: [String]) -> String? {
    for (index, argument) in arguments.enumerated() {
      let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
      guard let option = parts.first, names.contains(option) else { continue }
      if parts.count == 2 { return parts[1] }
      if index + 1 < arguments.count { return arguments[index + 1] }
    }
    return nil
  }

  /// A word as a shell takes it.
  private static func quoted(_ word: String) -> String {
    let isPlain = word.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
      default: "-_./=:@,+".utf8.contains(byte)
      }
    }
    return isPlain && !word.isEmpty ? word : "'\(word.replacing("'", with: "'\\''"))'"
  }

  /// What to write instead of a call that can't be parsed, if that's easy to guess.
  ///
  /// - Parameter message: the parser's.
  func hint(after message: String) -> String? {
    for (index, argument) in arguments.enumerated() where argument.hasPrefix("--") {
      let option = String(argument.prefix { $0 != "=" })
      if option == "--output" || option == "--outfile", name(String(option.dropFirst(2))) == nil {
        let other = option == "--output" ? "outfile" : "output"
        return name(other).map { "Hint: this command writes to \($0)." }
      }
      let value = index + 1 < arguments.count ? arguments[index + 1] : ""
      guard message.contains("Missing value for '\(option)"), value.hasPrefix("-") else { continue }
      return "Hint: a value that begins with '-' needs '=': \(option)='\(value)'"
    }
    return nil
  }

  private func either(_ texts: [String]) -> String? {
    guard let first = texts.first else { return nil }
    // "give a, or give b" repeats itself.
    let verb = "give "
    let rest = texts.dropFirst().map {
      $0.hasPrefix(verb) && first.hasPrefix(verb) ? $0.dropFirst(verb.count) : $0[...]
    }
    return ([first[...]] + rest).joined(separator: ", or ")
  }

  /// The option with its dashes, if the command has it.
  private func name(_ option: String) -> String? {
    options.contains("--" + option) ? "--" + option : nil
  }

  /// The option that named the output `path` in this call, or the command's usual one.
  private func outputOption(_ path: String?) -> String? {
    for (index, argument) in arguments.enumerated() {
      let isJoined = argument.hasPrefix("--") && argument.contains("=")
      let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
      let option = isJoined ? parts[0] : index > 0 ? arguments[index - 1] : ""
      let value = isJoined ? parts.dropFirst().first ?? "" : argument
      guard let path, option.hasPrefix("--"), options.contains(option), !value.isEmpty else { continue }
      let isFolder = path.hasPrefix(value.hasSuffix("/") ? value : value + "/")
      // `--report html=FILE` names its file after a kind.
      if value == path || isFolder || value.hasSuffix("=" + path) { return option }
    }
    return ["outfile", "output", "outdir"].lazy.compactMap(name).first
  }
}

extension DiagnosedError {
  /// One line for the user who made this call.
  var line: String { RemedyNames(arguments: CallArguments.words ?? []).line(self) }
}
