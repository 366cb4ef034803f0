internal import AloraSystem
internal import AloraGeneration
internal import AloraTokenization

/// `alora run` with lines of standard input.
struct RunDialogue {
  let session: RunSession
  /// Who answers the next line; nil: the base.
  var adapter: String?
  let isQuiet: Bool

  private static let help = """
    /adapter NAME [TEXT]   NAME (or base) answers from now on, and TEXT if there is one
    /fork [TEXT]           answers TEXT, then forgets it
    /reset                 forgets the conversation; what was computed stays in the cache
    /cache                 tells what the cache holds
    /quit                  ends

    """

  init(session: RunSession, adapter: String?, isQuiet: Bool) {
    self.session = session
    self.adapter = adapter
    self.isQuiet = isQuiet
  }

  /// Answers until the input ends.
  ///
  /// - Throws: what answering throws where input is no terminal; there, an error is told and the dialogue goes on.
  mutating func run() throws {
    let isTerminal = FileSystem.isTerminal(descriptor: 0)
    if isTerminal, !isQuiet { Console.standardError.write("/help tells what can be said besides.\n") }
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
