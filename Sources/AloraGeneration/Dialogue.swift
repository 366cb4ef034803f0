package import AloraSystem

/// A line of a dialogue: a prompt, or a command that begins with a slash.
package enum DialogueLine: Hashable, Sendable {
  case empty
  case prompt(String)
  /// A prompt that is forgotten after its answer.
  case fork(String)
  /// Who answers from now on, and a prompt to answer at once. Nil: the base.
  case adapter(String?, prompt: String?)
  case reset, cache, help, quit

  package init(_ line: String) {
    let words = line.split(separator: " ", maxSplits: 2).map(String.init)
    switch words.first {
    case nil: self = .empty
    case "/adapter":
      self = .adapter(
        words.count > 1 && words[1] != "base" ? words[1] : nil, prompt: words.count > 2 ? words[2] : nil)
    case "/fork": self = .fork(String(line.dropFirst("/fork ".count)))
    case "/reset": self = .reset
    case "/cache": self = .cache
    case "/help": self = .help
    case "/quit": self = .quit
    default: self = .prompt(line)
    }
  }
}

/// A conversation whose turns are lines that come one after the other.
package struct Dialogue {
  package enum Event {
    /// The next line can come; nil: the base answers it.
    case ready(adapter: String?)
    case wantsHelp
    case wantsCacheSize
    /// A piece of an answer.
    case text(String)
    case answered(RunSession.Answer)
    case failed(any DiagnosedError)
  }

  package let session: RunSession
  /// Who answers the next line; nil: the base.
  private var adapter: String?
  private let survivesErrors: Bool
  private let report: (Event) -> Void

  /// - Parameters:
  ///   - survivesErrors: whether an error is reported and the dialogue goes on. A script ends, so that nobody else answers its
  ///     next lines.
  ///   - report: called with everything that happens.
  package init(
    _ session: RunSession, adapter: String?, survivesErrors: Bool, report: @escaping (Event) -> Void
  ) {
    self.session = session
    self.adapter = adapter
    self.survivesErrors = survivesErrors
    self.report = report
  }

  /// Answers until the input ends.
  ///
  /// - Throws: what reading and answering throw, unless the dialogue survives errors of answering.
  package mutating func run(_ lines: LineReader) throws {
    var lines = lines
    while true {
      report(.ready(adapter: adapter))
      guard let line = try lines.next() else { break }
      do {
        guard try take(DialogueLine(String(decoding: line, as: UTF8.self))) else { break }
      } catch let error as any DiagnosedError where survivesErrors { report(.failed(error)) }
    }
  }

  /// - Returns: whether the dialogue goes on.
  private mutating func take(_ line: DialogueLine) throws -> Bool {
    switch line {
    case .empty: break
    case .quit: return false
    case .help: report(.wantsHelp)
    case .cache: report(.wantsCacheSize)
    case .reset: session.reset()
    case .adapter(let name, let prompt):
      _ = try session.adapter(named: name)
      adapter = name
      if let prompt { try answer(RunTurn(prompt: prompt, adapter: name)) }
    case .fork(let prompt):
      var turn = RunTurn(prompt: prompt, adapter: adapter)
      turn.isFork = true
      try answer(turn)
    case .prompt(let prompt): try answer(RunTurn(prompt: prompt, adapter: adapter))
    }
    return true
  }

  private func answer(_ turn: RunTurn) throws {
    for answer in try session.answer([turn], tell: { report(.text($1)) }) { report(.answered(answer)) }
  }
}
