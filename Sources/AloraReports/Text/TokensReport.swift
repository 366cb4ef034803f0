internal import AloraAdapters
package import AloraGeneration
package import AloraJSON
internal import AloraSystem
internal import AloraTokenization

/// An adapter's invocation, what is wrong with it, and where a prompt activates.
package struct TokensReport {
  /// A prompt, and where it activates.
  private struct Prompt {
    let tokens: [Int]
    let pieces: [String]
    /// The first adapted token, by PEFT's rule.
    let activationStart: Int?
    /// The first token that llama-server adapts.
    let serverStart: Int?
  }

  private let adapter: String
  private let tokenizerPath: String?
  private let invocation: Invocation?
  private let pieces: [String?]
  private let findings: [InvocationFinding]
  private let prompt: Prompt?

  /// - Parameter prompt: the tokens of a prompt, if there is one.
  package init(_ survey: InvocationSurvey, prompt: [Int]? = nil) {
    adapter = survey.adapterPath
    tokenizerPath = survey.tokenizerPath
    invocation = survey.invocation
    pieces = survey.invocation?.tokens.map { survey.tokenizer?.piece(of: $0) } ?? []
    findings = survey.findings
    self.prompt = prompt.map { tokens in
      Prompt(
        tokens: tokens, pieces: tokens.map { survey.tokenizer?.piece(of: $0) ?? "" },
        activationStart: ActivationRule.peft.start(in: tokens, invocation: survey.invocation?.tokens),
        serverStart: ActivationRule.llamaServer.start(in: tokens, invocation: survey.invocation?.tokens))
    }
  }

  /// schemas/tokens.schema.json
  package var json: JSONValue {
    .members([
      "adapter": .string(adapter),
      "tokenizer": tokenizerPath.map { .string($0) } ?? .null,
      "invocation": invocation.map { invocation -> JSONValue in
        [
          "tokens": .array(invocation.tokens.map { .integer($0) }),
          "pieces": .array(pieces.map { $0.map { .string($0) } ?? .null }),
          "text": invocation.text.map { .string($0) } ?? .null,
          "legacy": .boolean(invocation.isLegacy),
        ]
      } ?? .null,
      "findings": .array(
        findings.map { finding in
          [
            "id": .string(finding.identifier.rawValue), "severity": .string(finding.severity.rawValue),
            "explanation": .string(finding.explanation), "fix": .string(finding.fix),
            "example": finding.example.map { .string($0) } ?? .null,
          ]
        }),
      "prompt": prompt.map { prompt in
        [
          "tokens": .array(prompt.tokens.map { .integer($0) }),
          "pieces": .array(prompt.pieces.map { .string($0) }),
          "activation_start": prompt.activationStart.map { .integer($0) } ?? .null,
          "adapted_count": .integer(prompt.activationStart.map { prompt.tokens.count - $0 } ?? 0),
          "llama_server_start": prompt.serverStart.map { .integer($0) } ?? .null,
        ]
      },
    ])
  }

  /// A few lines for people; with a prompt, its tokens, the adapted ones marked.
  package func text(_ style: TextStyle) -> String {
    var fields = FieldTable(style)
    fields.add("adapter", adapter)
    if let invocation {
      fields.add("invocation", "\(invocation.tokens)")
      if tokenizerPath != nil { fields.add("pieces", pieces.map { $0 ?? "?" }.joined(separator: " ")) }
      if let text = invocation.text { fields.add("text", text.debugDescription) }
    } else {
      fields.add("invocation", "none: a plain LoRA, active everywhere")
    }
    fields.add("tokenizer", tokenizerPath ?? "none: name the base to see the text and to check the sequence")
    for finding in findings {
      fields.add(
        finding.severity.rawValue, "\(finding.identifier.rawValue): \(finding.explanation)",
        style: finding.severity == .error ? .red : finding.severity == .warning ? .yellow : .blue)
      if let example = finding.example { fields.add("", "e.g. \(example.debugDescription)") }
      fields.add("", "fix: \(finding.fix)")
    }
    if invocation != nil, tokenizerPath != nil, findings.isEmpty { fields.add("findings", "none", style: .green) }
    guard let prompt else { return fields.text }
    fields.add("prompt", "\(counted(prompt.tokens.count, "token")), \(activationText(prompt))")
    if invocation != nil { fields.add("llama-server", serverText(prompt)) }
    var table = ColumnTable(rightAligned: [0, 2])
    for (index, token) in prompt.tokens.enumerated() {
      let isAdapted = prompt.activationStart.map { index >= $0 } ?? false
      table.add([String(index), isAdapted ? "*" : "", String(token), prompt.pieces[index]])
    }
    return fields.text + "\n" + table.text
  }

  private func activationText(_ prompt: Prompt) -> String {
    guard let start = prompt.activationStart else { return "the invocation does not occur: the base answers" }
    return "adapted from \(start) on (\(prompt.tokens.count - start) tokens, marked *)"
  }

  private func serverText(_ prompt: Prompt) -> String {
    guard let start = prompt.serverStart else {
      return prompt.activationStart == nil ? "does not find it either" : "does not find it: the base answers"
    }
    return "adapted from \(start) on, one token early where there is one before"
  }
}
