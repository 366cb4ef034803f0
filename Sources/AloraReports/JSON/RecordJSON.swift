package import AloraAdapters
package import AloraInference
package import AloraJSON
internal import AloraModels
internal import AloraSystem
package import AloraTensors
package import AloraVerification

/// What `alora logits` has written: its report, and the file's `meta`.
package struct LogitsReport {
  package let model: String
  package let evaluator: Evaluator
  package let adapter: Adapter?
  /// Nil if the user gave the activation start.
  package let rule: ActivationRule?
  package let listsPositions: Bool
  package let texts: [(text: LogitsRecorder.Text, digest: Digest)]

  package init(
    model: String, evaluator: Evaluator, adapter: Adapter?, rule: ActivationRule?, listsPositions: Bool,
    texts: [(text: LogitsRecorder.Text, digest: Digest)]
  ) {
    self.model = model
    self.evaluator = evaluator
    self.adapter = adapter
    self.rule = rule
    self.listsPositions = listsPositions
    self.texts = texts
  }

  /// One line for people.
  package func summary(path: String) -> String {
    let rowCount = texts.reduce(0) { $0 + $1.text.positions.count }
    return "\(counted(texts.count, "text")), \(counted(rowCount, "position")) written to \(path)"
  }

  /// Schema: schemas/logits.schema.json.
  package var json: JSONValue {
    [
      "model": .string(model),
      "adapter": adapter.map { .string($0.path) } ?? .null,
      "adapter_sha256": adapter.map { .string($0.digest.description) } ?? .null,
      "activation": .string(rule?.rawValue ?? "given"),
      "backend": .string(evaluator.model.backend.rawValue),
      "vocabulary_size": .integer(evaluator.model.vocabularySize),
      "texts": .array(
        texts.map { text, digest in
          .members([
            "token_count": .integer(text.tokens.count), "activation_start": .integer(text.activationStart ?? -1),
            "positions": listsPositions ? .array(text.positions.map { .integer($0) }) : nil,
            "sha256": .string(digest.description),
          ])
        }),
    ]
  }
}

/// What `alora golden record` has written: its report, and the file's `meta`.
package struct GoldenRecordReport {
  package let model: Model
  package let adapter: Adapter
  package let modelDigest: Digest
  package let cases: [GoldenRecorder.Case]
  /// Of this program.
  package let version: String

  package init(
    model: Model, adapter: Adapter, modelDigest: Digest, cases: [GoldenRecorder.Case], version: String
  ) {
    self.model = model
    self.adapter = adapter
    self.modelDigest = modelDigest
    self.cases = cases
    self.version = version
  }

  /// One line for people.
  package func summary(path: String) -> String {
    let rowCount = cases.reduce(0) { $0 + $1.positions.count }
    let offCount = cases.count { $0.activationStart == nil }
    return "\(counted(cases.count, "prompt")), \(counted(rowCount, "position")) written to \(path)"
      + (offCount == 0 ? "" : "; the adapter is off in \(offCount), because its invocation doesn't occur")
  }

  /// Schema: schemas/golden-record.schema.json.
  package var json: JSONValue {
    [
      "by": .string("alora \(version)"), "model": .string(model.source.path), "adapter": .string(adapter.path),
      "exactness_version": .integer(exactnessVersion), "model_sha256": .string(modelDigest.description),
      "adapter_sha256": .string(adapter.digest.description), "vocabulary_size": .integer(model.vocabularySize),
      "cases": .array(
        cases.map { item in
          [
            "name": .string(item.name), "token_count": .integer(item.tokenCount),
            "activation_start": .integer(item.activationStart ?? -1),
            "first_position": .integer(item.positions.lowerBound), "position_count": .integer(item.positions.count),
            "base_sha256": .string(item.baseDigest.description),
            "adapted_sha256": .string(item.adaptedDigest.description),
          ]
        }),
    ]
  }
}
