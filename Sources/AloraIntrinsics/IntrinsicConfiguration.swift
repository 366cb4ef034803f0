internal import AloraJSON
internal import AloraSystem
internal import AloraYAML

/// An intrinsic's `io.yaml`: what a client asks an adapter, and what it makes of the answer.
///
/// Source: granite-common 0.4.1, `intrinsics/util.py` (`make_config_dict`), `input.py` and `output.py`; mellea reads the same
/// files.
package struct IntrinsicConfiguration: Sendable {
  /// The file's name beside an adapter.
  package static let fileName = "io.yaml"
  static let requiredFields = ["model", "response_format", "transformations"]
  static let optionalFields = [
    "logprobs_workaround", "docs_as_message", "instruction", "parameters", "sentence_boundaries",
  ]
  static let transformationTypes = [
    "decode_sentences", "drop_duplicates", "explode", "likelihood", "merge_spans", "nest", "project",
  ]

  package let path: String
  /// The model that a client names unless its caller names one; nil: none.
  let model: String?
  /// The JSON schema of the answer; nil: any text.
  let schema: JSONValue?
  /// What is appended to the chat as the user's last message, as a Python format string; nil: nothing.
  let instruction: String?
  let likelihoods: [Likelihood]
  /// What is wrong with the fields themselves.
  let fieldFindings: [IntrinsicFinding]
  /// Whether clients can read the file at all.
  let isReadable: Bool

  /// The value of a category, by the probabilities of the tokens that begin it.
  struct Likelihood: Hashable, Sendable {
    let path: [SchemaPath.Step]
    let categories: [Category]
  }

  struct Category: Hashable, Sendable {
    /// As the file spells it.
    let spelling: String
    let value: JSONValue
  }

  /// - Throws: ``FileError``.
  package init(path: String) throws {
    let file = try MappedFile(path: path)
    guard file.byteCount <= Self.largestFile else {
      self.init(unreadable: path, [.tooLarge(byteCount: file.byteCount, limit: Self.largestFile)])
      return
    }
    self.init(path: path, text: String(decoding: try file.read(0..<file.byteCount), as: UTF8.self))
  }

  private static let largestFile = 1 << 20

  init(path: String, text: String) {
    let root: YAMLValue
    do { root = try YAMLValue(parsing: text, scalars: .typed) } catch {
      self.init(unreadable: path, [.malformed(problem: error.problem)])
      return
    }
    guard case .map(let members) = root else {
      self.init(unreadable: path, [.malformed(problem: "it isn't a mapping of fields")])
      return
    }
    var reader = IntrinsicFields(members)
    self.init(path: path, &reader)
  }

  private init(unreadable path: String, _ findings: [IntrinsicFinding]) {
    self.path = path
    (model, schema, instruction, likelihoods) = (nil, nil, nil, [])
    (fieldFindings, isReadable) = (findings, false)
  }

  private init(path: String, _ reader: inout IntrinsicFields) {
    self.path = path
    reader.checkNames()
    model = reader.text("model")
    schema = reader.schema()
    instruction = reader.text("instruction")
    likelihoods = reader.likelihoods()
    reader.checkRest()
    (fieldFindings, isReadable) = (reader.findings, true)
  }
}
