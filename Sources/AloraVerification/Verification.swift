internal import AloraArchitectures
public import AloraInference
internal import AloraNPZ

/// Proves what an adapter promises of a base (DESIGN.md, "What verify proves").
///
/// Every proof runs for every prompt; one that fails hides no other.
public struct Verification {
  let model: Model
  let adapter: Adapter
  let evaluator: Evaluator
  /// |Δ| against goldens, as a part of the row's greatest magnitude.
  let tolerance: Double
  /// Ten times what float32 PEFT and this engine differ by on a 30-layer model (1e-5), and a hundredth of what the least
  /// of the known mistakes changes.
  public static let defaultTolerance = 1e-4
  static let window = 64

  public init(model: Model, adapter: Adapter, evaluator: Evaluator, tolerance: Double = defaultTolerance) {
    self.model = model
    self.adapter = adapter
    self.evaluator = evaluator
    self.tolerance = tolerance
  }

  private struct Findings {
    var failures: [Verdict.Proof: [String]] = [:]
    var rowsBefore = 0
    var entriesBefore = 0
    var reuses = 0
    var effect = 0.0
    var worstGolden = 0.0
    var goldenRows = 0
    var sameTop = 0
    var activatedCount = 0
    var scaling = Scaling.untried
    /// For each change of the activation, the largest relative effect.
    var sensitivity: [String: Double] = [:]

    mutating func fail(_ proof: Verdict.Proof, _ text: String) { failures[proof, default: []].append(text) }
  }

  /// A prompt run from scratch: the sequence, a digest of each row, and the rows themselves where they are wanted.
  struct Run {
    let sequence: TokenSequence
    var digests: [Digest] = []
    var rows: [Int: [Float]] = [:]
  }

  /// - Parameter progress: called with the number of prompts done.
  /// - Throws: ``InferenceError``, ``NPZError``, ``FileError``: what cannot be run at all.
  public func run(
    prompts: [VerificationPrompt], golden: GoldenFile?, progress: (Int) -> Void = { _ in }
  ) throws -> [Verdict] {
    var findings = Findings()
    checkStructure(golden, &findings)
    let cases = golden?.cases.map { VerificationPrompt(name: "case \($0.index)", tokens: $0.tokens) } ?? prompts
    for (index, prompt) in cases.enumerated() {
      try verify(prompt, golden.map { ($0, $0.cases[index]) }, &findings)
      progress(index + 1)
    }
    return verdicts(findings, hasGolden: golden != nil, promptCount: cases.count)
  }

  private func checkStructure(_ golden: GoldenFile?, _ findings: inout Findings) {
    for token in adapter.invocationTokens ?? [] where !(0..<model.vocabularySize).contains(token) {
      findings.fail(.structure, "invocation token \(token) is no token of the base, which has \(model.vocabularySize)")
    }
    for item in golden?.cases ?? [] {
      let start = ActivationRule.peft.start(in: item.tokens, invocation: adapter.invocationTokens) ?? -1
      if let expected = item.activationStart, expected != start {
        findings.fail(
          .structure,
          "case \(item.index): the golden was made with activation start \(expected), the adapter's tokens give \(start)"
        )
      }
    }
  }

  func scratch(
    _ tokens: [Int], start: Int?, parts: [Int], keeping kept: Set<Int>, adapter: Adapter? = nil
  ) throws -> Run {
    var run = Run(
      sequence: TokenSequence(
        model: model, adapter: adapter ?? self.adapter, activationStart: start, declaredLength: tokens.count))
    var first = 0
    var index = 0
    while first < tokens.count {
      let count = min(parts[index % parts.count], tokens.count - first)
      let logits = try evaluator.evaluate([
        Work(run.sequence, tokens: Array(tokens[first..<(first + count)]), logits: .all)
      ])[0]
      for position in first..<(first + count) {
        let row = Array(logits[position])
        run.digests.append(Digest(floats: row))
        if kept.contains(position) { run.rows[position] = row }
      }
      first += count
      index += 1
    }
    return run
  }

  private func verify(
    _ prompt: VerificationPrompt, _ golden: (file: GoldenFile, item: GoldenFile.Case)?, _ findings: inout Findings
  ) throws {
    let tokens = prompt.tokens
    let start = ActivationRule.peft.start(in: tokens, invocation: adapter.invocationTokens)
    let last = tokens.count - 1
    let kept = Set(golden?.item.positions ?? []).union([last])
    // Divided differently, so that no computation is compared with itself.
    let base = try scratch(tokens, start: nil, parts: [5, 1, 13, 2], keeping: kept)
    let adapted = try scratch(tokens, start: start, parts: [Self.window], keeping: kept)
    compareBefore(start ?? tokens.count, prompt, base, adapted, &findings)
    try reuse(prompt, start, base, adapted, &findings)
    if let start, start <= last {
      findings.activatedCount += 1
      if let one = base.rows[last], let other = adapted.rows[last] {
        findings.effect = max(findings.effect, RowComparison(expected: one, found: other).relative)
      }
    }
    let hypotheses = try hypotheses(tokens, start, kept)
    for (name, rows) in hypotheses {
      guard let row = rows[last], let truth = adapted.rows[last] else { continue }
      findings.sensitivity[name] = max(
        findings.sensitivity[name] ?? 0, RowComparison(expected: truth, found: row).relative)
    }
    guard let golden else { return }
    let result = try compare(
      golden.file, golden.item, base: base.rows, adapted: adapted.rows, hypotheses: hypotheses
    ) { expected in
      try scalingThatFits(
        expected, tokens: tokens, start: start, base: base.rows, adapted: adapted.rows, known: &findings.scaling)
    }
    for failure in result.failures { findings.fail(.afterActivation, failure) }
    findings.worstGolden = max(findings.worstGolden, result.worst)
    findings.goldenRows += result.rowCount
    findings.sameTop += result.sameTop
  }

  /// Proof 2: rows, keys and values before the activation are the base's.
  private func compareBefore(
    _ start: Int, _ prompt: VerificationPrompt, _ base: Run, _ adapted: Run, _ findings: inout Findings
  ) {
    let h = model.graph.base.hyperparameters
    for position in 0..<min(start, prompt.tokens.count) {
      findings.rowsBefore += 1
      if base.digests[position] != adapted.digests[position] {
        return findings.fail(
          .beforeActivation, "\(prompt.name): the logits of position \(position) differ, activation starts at \(start)")
      }
      for layer in 0..<h.layerCount {
        for head in 0..<h.keyValueHeadCount {
          findings.entriesBefore += 1
          let one = base.sequence.entry(layer: layer, head: head, position: position)
          let other = adapted.sequence.entry(layer: layer, head: head, position: position)
          guard zip(one, other).contains(where: { $0.bitPattern != $1.bitPattern }) else { continue }
          return findings.fail(
            .beforeActivation,
            "\(prompt.name): the cached key or value of position \(position), layer \(layer), head \(head) differs")
        }
      }
    }
  }

  /// Proof 3: going on from a cache gives the bits of computing everything anew, in every order.
  private func reuse(
    _ prompt: VerificationPrompt, _ start: Int?, _ base: Run, _ adapted: Run, _ findings: inout Findings
  ) throws {
    let tokens = prompt.tokens
    let shared = min(start ?? tokens.count, tokens.count - 1)
    func check(_ order: String, from source: Run, count: Int, start: Int?, expected: Run) throws -> TokenSequence {
      let sequence = try TokenSequence(
        continuing: source.sequence, count: count, adapter: adapter, activationStart: start)
      let rest = Array(tokens[count...])
      let logits = try evaluator.evaluate([Work(sequence, tokens: rest, logits: .all)])[0]
      findings.reuses += 1
      for position in count..<tokens.count where Digest(floats: Array(logits[position])) != expected.digests[position] {
        findings.fail(.cacheReuse, "\(prompt.name), \(order): the logits of position \(position) differ")
        break
      }
      return sequence
    }
    let first = try check("base, then adapter", from: base, count: shared, start: start, expected: adapted)
    _ = try check("adapter, then base", from: adapted, count: shared, start: nil, expected: base)
    _ = try check("adapter twice", from: adapted, count: tokens.count - 1, start: start, expected: adapted)
    _ = try check(
      "base, adapter, base", from: Run(sequence: first), count: shared, start: nil, expected: base)
    guard let start, start < tokens.count else { return }
    // What the adapter has changed must not pass for the base's.
    if !isRefused(continuing: adapted.sequence, count: tokens.count) {
      findings.fail(.cacheReuse, "\(prompt.name): adapted keys and values were accepted as the base's")
    }
  }

  /// Whether the base declines to go on from these positions of `sequence`.
  private func isRefused(continuing sequence: TokenSequence, count: Int) -> Bool {
    do throws(InferenceError) {
      _ = try TokenSequence(continuing: sequence, count: count)
      return false
    } catch {
      return error.code == .foreignCache
    }
  }

  /// What other engines and known mistakes would compute.
  private func hypotheses(
    _ tokens: [Int], _ start: Int?, _ kept: Set<Int>
  ) throws -> [(name: String, rows: [Int: [Float]])] {
    guard let start, adapter.isActivated, start < tokens.count else { return [] }
    var others: [(String, Int?)] = [("adapter off", nil)]
    if start + 1 < tokens.count { others.append(("activation one token late", start + 1)) }
    if start > 0 { others.append(("activation one token early", start - 1)) }
    if start > 1 { others.append(("adapted from the first token", 0)) }
    return try others.map { name, other in
      (name, try scratch(tokens, start: other, parts: [Self.window], keeping: kept).rows)
    }
  }

  private func verdicts(_ all: Findings, hasGolden: Bool, promptCount: Int) -> [Verdict] {
    var findings = all
    if findings.activatedCount == 0 {
      findings.fail(.afterActivation, "no prompt activates the adapter")
    } else if findings.effect == 0 {
      findings.fail(.afterActivation, "the adapter changes nothing: its factors are zero")
    }
    let dull = findings.sensitivity.filter { !($0.value > tolerance) }.keys.sorted()
    for name in dull { findings.fail(.sensitivity, "these prompts would not show: \(name)") }
    if adapter.isActivated, findings.sensitivity.isEmpty {
      findings.fail(.sensitivity, "no prompt activates the adapter, so none would show a wrong activation")
    }
    let least = findings.sensitivity.min { $0.value < $1.value }
    let details: [Verdict.Proof: String] = [
      .structure: "\(adapter.moduleCount) modules, invocation \(adapter.invocationTokens.map { "\($0)" } ?? "none")",
      .beforeActivation: "\(findings.rowsBefore) positions, \(findings.entriesBefore) keys and values, bit for bit",
      .cacheReuse: "\(findings.reuses) continuations of caches in \(promptCount) prompts, bit for bit",
      .afterActivation: hasGolden
        ? "\(findings.goldenRows) golden rows, greatest |Δ| \(findings.worstGolden) of the row's magnitude, "
          + "\(findings.sameTop) with the same top token"
        : "the adapter moves logits by up to \(findings.effect) of their magnitude",
      .sensitivity: least.map { "the least visible mistake (\($0.key)) would move logits by \($0.value)" }
        ?? "an ordinary LoRA: there is no activation to get wrong",
    ]
    return Verdict.Proof.allCases.map {
      Verdict(proof: $0, failures: findings.failures[$0] ?? [], detail: details[$0] ?? "")
    }
  }
}
