internal import AloraReports
internal import AloraSystem
internal import ArgumentParser

/// The options of one call's command, for remedies that name them.
struct RemedyNames: OptionNames {
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

  func name(of option: RemedyOption) -> String? {
    switch option {
    case .overwrite: name("--force")
    case .outputType: name("--outtype")
    case .ignoredField: name("--ignore-field")
    case .wholeTree: name("--recursive")
    case .positions: name("--positions")
    case .baselineAcceptance: name("--accept")
    case .timeout: name("--server-timeout")
    case .serverAdapter: name("--server-adapter")
    case .serverBase: name("--server-base")
    case .tokenizerSource: name("--base") ?? name("--model")
    case .base: name("--base")
    case .languageModelOnly: name("--text-only")
    case .beyondContext: name("--beyond-context")
    case .prompt: name("--prompt")
    case .inspection: "alora inspect --tensors --values"
    case .chatInUse: arguments.contains("--chat") ? "--chat" : nil
    }
  }

  /// The call of `alora merge` with this call's base, and the adapter that the error is about.
  func mergeCommand(adapterPath path: String?) -> String {
    let base = values.first { ["--base", "--model"].contains($0.option) }?.value
    let isDirectory = base.map { FileSystem.kind(of: $0) == .directory } ?? true
    let adapter = path.flatMap(argument(containing:)) ?? "ADAPTER"
    return "alora merge --model \((base ?? "BASE").quotedForShell) --adapter \(adapter.quotedForShell) "
      + (isDirectory ? "--outdir merged" : "--outfile merged.gguf")
  }

  /// The option that named the output `path` in this call, or the command's usual one.
  func outputName(of path: String?) -> String? {
    let named = values.first { option, value in
      // `--report html=FILE` names its file after a kind.
      options.contains(option) && path.map { contains($0, in: value) || value.hasSuffix("=" + $0) } ?? false
    }
    return named?.option ?? ["--outfile", "--output", "--outdir"].lazy.compactMap(name).first
  }

  /// What to write instead of a call that can't be parsed, if that's easy to guess.
  ///
  /// - Parameter message: the parser's.
  func hint(after message: String) -> String? {
    for (index, argument) in arguments.enumerated() where argument.hasPrefix("--") {
      let option = String(argument.prefix { $0 != "=" })
      if option == "--output" || option == "--outfile", name(option) == nil {
        return name(option == "--output" ? "--outfile" : "--output").map { "Hint: this command writes to \($0)." }
      }
      let value = index + 1 < arguments.count ? arguments[index + 1] : ""
      guard message.contains("Missing value for '\(option)"), value.hasPrefix("-") else { continue }
      return "Hint: a value that begins with '-' needs '=': \(option)='\(value)'"
    }
    return nil
  }

  /// The option, if the command has it.
  private func name(_ option: String) -> String? { options.contains(option) ? option : nil }

  /// The values of this call, each with the word before it, or with its option in `--option=value`.
  private var values: [(option: String, value: String)] {
    zip([""] + arguments, arguments).map { previous, word in
      guard word.hasPrefix("--"), let sign = word.firstIndex(of: "=") else { return (previous, word) }
      return (String(word[..<sign]), String(word[word.index(after: sign)...]))
    }
  }

  /// The path in this call that is `path`, or a directory with it; the value of `name=path` counts.
  private func argument(containing path: String) -> String? {
    let places = arguments.flatMap { argument in
      [argument] + (argument.firstIndex(of: "=").map { [String(argument[argument.index(after: $0)...])] } ?? [])
    }
    return places.first { contains(path, in: $0) }
  }

  /// Whether `path` is `place`, or in it.
  private func contains(_ path: String, in place: String) -> Bool {
    !place.isEmpty && (path == place || path.hasPrefix(place.hasSuffix("/") ? place : place + "/"))
  }
}

extension DiagnosedError {
  /// One line for the user who made this call.
  var line: String { line(RemedyNames(arguments: CallArguments.words ?? [])) }
}
