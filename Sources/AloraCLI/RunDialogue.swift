internal import AloraSystem
internal import AloraGeneration
internal import AloraReports
internal import AloraTokenization

/// `alora run` on the lines of standard input.
struct RunDialogue {
  let session: RunSession
  /// Who answers the next line; nil: the base.
  var adapter: String?
  let isQuiet: Bool

  private static let help = """
    /adapter NAME [TEXT]   switch to NAME, or to base, and answer TEXT if given
    /fork TEXT             answer TEXT, then forget it
    /reset                 forget the conversation; the cache keeps what was computed
    /cache                 show the cache's size
    /quit                  quit

    """

  init(session: RunSession, adapter: String?, isQuiet: Bool) {
    self.session = session
    self.adapter = adapter
    self.isQuiet = isQuiet
  }

  /// Answers until the input ends.
  ///
  /// On a terminal, an error is shown and the dialogue goes on. A script ends, so that nobody else answers its next lines.
  ///
  /// - Throws: what answering throws, unless the input is a terminal.
  mutating func run() throws {
    let isTerminal = FileSystem.isTerminal(descriptor: 0)
    if isTerminal, !isQuiet { Console.standardError.write("/help lists the commands.\n") }
    var lines = LineReader(descriptor: 0, name: "standard input", byteLimit: 1 << 24)
    while true {
      if isTerminal { Console.standardError.write("\(adapter ?? "base")> ") }
      guard let line = try lines.next() else { break }
      do {
        guard try take(String(decoding: line, as: UTF8.self)) else { break }
      } catch let error as any DiagnosedError where isTerminal {
        Console.standardError.write("alora: \(error.line)\n")
      }
    }
  }

  /// - Returns: whether the dialogue goes on.
  private mutating func take(_ line: String) throws -> Bool {
    let words = line.split(separator: " ", maxSplits: 2)
    switch words.first {
    case "/quit": return false
    case "/help": Console.standardError.write(Self.help)
    case "/reset": session.reset()
    case "/cache":
      let cache = session.generator.cache
      let blocks = "\(counted(cache.blockCount, "block")), \(cache.blockCounts.base) of them the base's"
      Console.standardError.write("\(blocks); \(cache.byteCount / 1_000_000) MB\n")
    case "/adapter":
      let name = words.count > 1 ? String(words[1]) : "base"
      _ = try session.adapter(named: name)
      adapter = name == "base" ? nil : name
      if words.count > 2 { try answer(RunTurn(prompt: String(words[2]), adapter: adapter)) }
    case "/fork":
      var turn = RunTurn(prompt: String(line.dropFirst(6)), adapter: adapter)
      turn.isFork = true
      try answer(turn)
    case nil: break
    default: try answer(RunTurn(prompt: line, adapter: adapter))
    }
    return true
  }

  private func answer(_ turn: RunTurn) throws {
    let answers = try session.answer([turn]) { Console.standardOutput.tell($1) }
    Console.standardOutput.write("\n")
    for answer in answers where !isQuiet {
      Console.standardError.write("alora: \(answer.summary)\n".replacingControlCharacters)
    }
  }
}

extension String {
  /// The line with everything but its end escaped.
  fileprivate var replacingControlCharacters: String { String(dropLast()).escapingControlCharacters() + "\n" }
}
