internal import AloraAdapters
internal import AloraGeneration
internal import AloraJSON
internal import AloraSystem
internal import AloraTokenization

extension IntrinsicLint {
  /// Whether the chat that a client sends contains the adapter's invocation.
  func instructionFindings(_ base: IntrinsicBase) throws -> [IntrinsicFinding] {
    guard let template = configuration.instruction else {
      return try invocation.map { try invocationFindings($0, instruction: nil, base) } ?? []
    }
    switch PythonFormat.filled(template, with: "a") {
    case .failure(let error): return [.malformedInstruction(problem: error.problem)]
    case .success(let instruction):
      return try invocation.map { try invocationFindings($0, instruction: instruction, base) } ?? []
    }
  }

  private func invocationFindings(
    _ invocation: [Int], instruction: String?, _ base: IntrinsicBase
  ) throws -> [IntrinsicFinding] {
    guard !invocation.isEmpty, base.encoder.template != nil else { return [] }
    func contains(_ chat: String) throws -> Bool {
      let tokens = try base.encoder.tokenizer.encode(chat, addsSpecialTokens: false)
      return InvocationSearch.lastOccurrence(of: invocation, in: tokens) != nil
    }
    let (plain, instructed): (String, String?)
    do {
      let user = ChatMessages.message("user", "a")
      plain = try base.encoder.text(of: [user])
      instructed = try instruction.map { try base.encoder.text(of: [user, ChatMessages.message("user", $0)]) }
    } catch { return [.templateRefuses(problem: (error as? any DiagnosedError)?.problem ?? "\(error)")] }
    if try contains(plain) { return [.invocationInTemplate] }
    if let instructed, try contains(instructed) { return [] }
    let text = try? base.encoder.tokenizer.decode(invocation, skipsSpecialTokens: false)
    if let instruction, let text, !text.isEmpty, instruction.contains(text) {
      return [.invocationRetokenizes(text: text)]
    }
    return [.invocationNotInInstruction(text: text)]
  }
}

/// The part of Python's format strings that `str.format` accepts in an instruction.
enum PythonFormat {
  struct Malformed: Error { let problem: String }

  /// The text with a value in place of every field.
  static func filled(_ text: String, with value: String) -> Result<String, Malformed> {
    var result = ""
    var rest = text[...]
    while let character = rest.popFirst() {
      switch character {
      case "{":
        if rest.first == "{" {
          result += "{"
          rest.removeFirst()
          continue
        }
        var depth = 1
        var name = ""
        while depth > 0 {
          guard let next = rest.popFirst() else { return .failure(Malformed(problem: "a '{' has no '}'")) }
          depth += next == "{" ? 1 : next == "}" ? -1 : 0
          name.append(next)
        }
        guard name.first?.isLetter == true || name.first == "_" else {
          return .failure(Malformed(problem: "'{\(name)' names no argument"))
        }
        result += value
      case "}":
        guard rest.first == "}" else { return .failure(Malformed(problem: "a single '}'")) }
        result += "}"
        rest.removeFirst()
      default: result.append(character)
      }
    }
    return .success(result)
  }
}
