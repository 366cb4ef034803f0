package import AloraInference
internal import AloraTensors
package import AloraTokenization
package import AloraVerification

/// The result of a verification and what its readers need to know about the files: the input of every renderer.
package struct VerificationReport: CheckedReport {
  /// As the caller named them.
  package let model: String
  package let adapter: String
  package let golden: String?
  /// ``Adapter/digest`` in hexadecimal.
  package let adapterDigest: String
  package let result: VerificationResult
  /// How the model's vocabulary spells a token; nil if it has no tokenizer.
  let piece: (@Sendable (Int) -> String?)?

  package init(
    model: String, adapter: String, golden: String?, adapterDigest: String, result: VerificationResult,
    piece: (@Sendable (Int) -> String?)? = nil
  ) {
    self.model = model
    self.adapter = adapter
    self.golden = golden
    self.adapterDigest = adapterDigest
    self.result = result
    self.piece = piece
  }

  /// - Parameter tokenizer: spells the tokens of findings; nil: they are shown as numbers.
  package init(
    model: String, adapter: Adapter, golden: String?, result: VerificationResult, tokenizer: Tokenizer?
  ) {
    self.init(
      model: model, adapter: adapter.path, golden: golden, adapterDigest: adapter.digest.description, result: result,
      piece: tokenizer.map { tokenizer -> @Sendable (Int) -> String? in { tokenizer.spelling(of: $0) } })
  }

  package var list: CheckList { CheckList(self) }
  package var passed: Bool { result.passed }
  package func text(style: TextStyle) -> String { TextReport(style: style).text(self) }

  var verdicts: [Verdict] { result.verdicts }
  var cases: [CaseReport] { result.cases }
}
