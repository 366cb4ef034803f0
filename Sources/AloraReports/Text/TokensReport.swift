internal import AloraAdapters
package import AloraGeneration
package import AloraIntrinsics
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
    /// What transformers 5 makes of the prompt, if it makes something else of it.
    let transformers5: Transformers5?
  }

  /// A prompt as a tokenizer makes it that transformers 5 builds itself.
  private struct Transformers5 {
    let className: String
    let tokens: [Int]
    let activationStart: Int?
  }

  private let adapter: String
  private let tokenizerPath: String?
  private let invocation: Invocation?
  private let pieces: [String?]
  private let findings: [InvocationFinding]
  private let companions: [NoteText]
  private let prompt: Prompt?
  private let configurationFindings: [IntrinsicFinding]

  /// Whether a finding means that the adapter can't work.
  package var hasErrors: Bool {
    findings.contains { $0.severity == .error } || configurationFindings.contains { $0.severity == .error }
  }

  /// - Parameters:
  ///   - configurationFindings: those of the adapter's `io.yaml`.
  ///   - prompt: the tokens of a prompt, if there is one.
  package init(
    _ survey: InvocationSurvey, configurationFindings: [IntrinsicFinding] = [], prompt: [Int]? = nil,
    transformers5: (className: String, tokens: [Int])? = nil
  ) {
    self.configurationFindings = configurationFindings
    companions = survey.companions.map(\.note)
    adapter = survey.adapterPath
    tokenizerPath = survey.tokenizerPath
    invocation = survey.invocation
    pieces = survey.invocation?.tokens.map { survey.tokenizer?.piece(of: $0) } ?? []
    findings = survey.findings
    self.prompt = prompt.map { tokens in
      Prompt(
        tokens: tokens, pieces: tokens.map { survey.tokenizer?.piece(of: $0) ?? "" },
        activationStart: ActivationRule.peft.start(in: tokens, invocation: survey.invocation?.tokens),
        serverStart: ActivationRule.llamaServer.start(in: tokens, invocation: survey.invocation?.tokens),
        transformers5: transformers5.map { other in
          Transformers5(
            className: other.className, tokens: other.tokens,
            activationStart: ActivationRule.peft.start(in: other.tokens, invocation: survey.invocation?.tokens))
        })
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
      "io_findings": configurationFindings.isEmpty ? nil : .array(configurationFindings.map(\.json)),
      "prompt": prompt.map { prompt in
        [
          "tokens": .array(prompt.tokens.map { .integer($0) }),
          "pieces": .array(prompt.pieces.map { .string($0) }),
          "activation_start": prompt.activationStart.map { .integer($0) } ?? .null,
          "adapted_count": .integer(prompt.activationStart.map { prompt.tokens.count - $0 } ?? 0),
          "llama_server_start": prompt.serverStart.map { .integer($0) } ?? .null,
          "transformers_5": prompt.transformers5.map { other in
            [
              "tokenizer_class": .string(other.className),
              "tokens": .array(other.tokens.map { .integer($0) }),
              "activation_start": other.activationStart.map { .integer($0) } ?? .null,
            ]
          } ?? .null,
        ]
      },
      "notes": .array(companions.map { ["place": $0.place.map { .string($0) } ?? .null, "text": .string($0.text)] }),
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
    for finding in configurationFindings {
      fields.add(
        finding.severity.rawValue, "\(IntrinsicConfiguration.fileName): \(finding.text)", style: finding.severity.style)
    }
    for companion in companions {
      fields.add("note", "\(companion)", style: .yellow)
    }
    if invocation != nil, tokenizerPath != nil, findings.isEmpty { fields.add("findings", "none", style: .green) }
    guard let prompt else { return fields.text }
    fields.add("prompt", "\(counted(prompt.tokens.count, "token")), \(activationText(prompt))")
    if invocation != nil { fields.add("llama-server", serverText(prompt)) }
    if let other = prompt.transformers5 { fields.add("transformers 5", text(other, beside: prompt), style: .yellow) }
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

  private func text(_ other: Transformers5, beside prompt: Prompt) -> String {
    let head =
      "makes \(counted(other.tokens.count, "token")) of the prompt, because its \(other.className) doesn't take tokenizer.json as it is; "
      + "the \(prompt.tokens.count) here are those of tokenizers, transformers 4 and llama.cpp"
    guard invocation != nil else { return head }
    switch (prompt.activationStart, other.activationStart) {
    case (nil, let start?): return "\(head). Only there is the adapter active, from \(start) on"
    case (_?, nil): return "\(head). There the invocation does not occur, and the base answers"
    default: return head
    }
  }

  private func serverText(_ prompt: Prompt) -> String {
    guard let start = prompt.serverStart else {
      return prompt.activationStart == nil ? "does not find it either" : "does not find it: the base answers"
    }
    return "adapted from \(start) on, one token early where there is one before"
  }
}
