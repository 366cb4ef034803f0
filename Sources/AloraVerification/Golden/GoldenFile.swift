package import AloraGeneration
package import AloraInference
package import AloraNPZ
internal import AloraSystem
internal import AloraTensors

/// Golden logits: prompts as tokens, and the logits of the base and the adapted model at some or all positions.
///
/// For case i: `tokens_i` int `[T]`; `base_logits_i`, `adapted_logits_i` float `[P, V]`; optional `positions_i` int `[P]`
/// (default: all T), `activation_start_i` (-1: adapter off) and `tolerance_i`, or one `tolerance` for all: the largest
/// difference allowed, relative to the row's largest logit.
package struct GoldenFile: Sendable {
  package struct Case: Sendable {
    package let index: Int
    package let tokens: [Int]
    /// The positions whose rows the file has, rising.
    package let positions: [Int]
    /// Nil if the file doesn't say; -1: the adapter is off.
    package let activationStart: Int?
    package let hasBase: Bool
    package let hasAdapted: Bool
    package let tolerance: Tolerance?
  }

  package let file: NPZFile
  package let cases: [Case]
  /// Nil for a file that this program didn't make.
  package let record: GoldenRecord?

  /// Reads everything but the logits.
  ///
  /// - Throws: ``GoldenError``; ``NPZError`` (`missingArray`, `wrongShape`, `wrongType`, `valueOutOfRange`); ``FileError``.
  package init(path: String, vocabularySize: Int) throws {
    let file = try NPZFile(path: path)
    try Self.checkNames(file)
    var cases: [Case] = []
    while file["tokens_\(cases.count)"] != nil {
      cases.append(try Self.read(cases.count, file, vocabularySize))
    }
    try Self.checkNumbers(file, caseCount: cases.count)
    self.file = file
    self.cases = cases
    record = try GoldenRecord(file, caseCount: cases.count)
  }

  /// - Throws: ``InferenceError`` `tooLong` for the first prompt that is longer.
  package func check(_ limit: ContextLimit) throws(InferenceError) { try limit.check(prompts, path: file.path) }

  /// The prompts, without logits.
  var prompts: [NamedPrompt] { cases.map { NamedPrompt(name: "case \($0.index)", tokens: $0.tokens) } }

  private static let arrays: Set = [
    "tokens", "base_logits", "adapted_logits", "positions", "activation_start", "tolerance",
  ]

  /// - Throws: ``GoldenError`` `foreignNames`.
  private static func checkNames(_ file: NPZFile) throws(GoldenError) {
    let hasTokens = file["tokens_0"] != nil
    let hasRows = file["base_logits_0"] != nil || file["adapted_logits_0"] != nil
    guard !hasTokens || (!hasRows && file["logits_0"] != nil) else { return }
    let found = file.arrays.prefix(8).map { "\($0.name) \($0.shape)" } + (file.arrays.count > 8 ? ["…"] : [])
    throw GoldenError(
      .foreignNames, path: file.path, place: "array \(hasTokens ? "adapted_logits_0" : "tokens_0")",
      problem: "is missing; the file has \(found.isEmpty ? "no arrays" : found.joined(separator: ", "))",
      remedy: """
        name the arrays of the first prompt tokens_0, base_logits_0 (without the adapter) and adapted_logits_0 \
        (with it), those of the second tokens_1, and so on
        """)
  }

  /// A case after a gap would never be read.
  private static func checkNumbers(_ file: NPZFile, caseCount: Int) throws(NPZError) {
    for array in file.arrays {
      guard let mark = array.name.lastIndex(of: "_"), let number = Int(array.name[array.name.index(after: mark)...]),
        arrays.contains(String(array.name[..<mark])), number >= caseCount
      else { continue }
      throw file.failure(
        .missingArray, "tokens_\(caseCount)",
        "it is missing, but \(array.name) exists: cases are numbered from 0 without gaps, and each has tokens")
    }
  }

  private static func read(_ index: Int, _ file: NPZFile, _ vocabularySize: Int) throws -> Case {
    let tokens = try file.integers(named: "tokens_\(index)")
    guard !tokens.isEmpty, tokens.allSatisfy({ $0 >= 0 }) else {
      throw file.failure(.valueOutOfRange, "tokens_\(index)", "it is empty, or has negative ids")
    }
    if let token = tokens.first(where: { $0 >= vocabularySize }) {
      throw GoldenError(
        .otherVocabulary, path: file.path, place: "array tokens_\(index)",
        problem:
          "token \(token) is outside the base's vocabulary of \(vocabularySize) tokens: the golden is from another "
          + "model", remedy: "give the base that the golden was made with")
    }
    let name = "positions_\(index)"
    let positions = file[name] == nil ? Array(tokens.indices) : try file.integers(named: name)
    guard !positions.isEmpty, zip(positions, positions.dropFirst()).allSatisfy({ $0 < $1 }),
      positions.allSatisfy(tokens.indices.contains)
    else { throw file.failure(.valueOutOfRange, name, "positions must rise and be within the \(tokens.count) tokens") }
    let logits = ["base_logits_\(index)", "adapted_logits_\(index)"]
    for name in logits where file[name] != nil {
      try checkShape(file, name, index, positions.count, vocabularySize)
    }
    let start = "activation_start_\(index)"
    return Case(
      index: index, tokens: tokens, positions: positions,
      activationStart: file[start] == nil ? nil : try file.integer(named: start), hasBase: file[logits[0]] != nil,
      hasAdapted: file[logits[1]] != nil,
      tolerance: try tolerance("tolerance_\(index)", file, .goldenCase) ?? tolerance("tolerance", file, .goldenFile))
  }

  private static func checkShape(
    _ file: NPZFile, _ name: String, _ index: Int, _ rowCount: Int, _ vocabularySize: Int
  ) throws {
    let shape = try file.array(named: name).shape.dimensions
    guard shape != [rowCount, vocabularySize] else { return }
    if shape.count == 3, shape[0] == 1 { throw batchDimension(file, name, shape) }
    if let width = shape.last, (1...2).contains(shape.count), width != vocabularySize {
      throw GoldenError(
        .otherVocabulary, path: file.path, place: "array \(name)",
        problem:
          "its rows have \(width) logits, but the base's vocabulary has \(vocabularySize) tokens: the golden is from "
          + "another model", remedy: "give the base that the golden was made with")
    }
    if (1...2).contains(shape.count), file["positions_\(index)"] == nil {
      let count = shape.count == 1 ? 1 : shape[0]
      let reshaped = shape.count == 1 ? ", and reshape the row to [1, \(vocabularySize)]" : ""
      throw GoldenError(
        .missingPositions, path: file.path, place: "array \(name)",
        problem: "it has \(count) \(count == 1 ? "row" : "rows") for \(rowCount) tokens",
        remedy: "add positions_\(index) with the position of each row ([\(rowCount - 1)] for the last token)\(reshaped)"
      )
    }
    throw file.failure(
      .wrongShape, name,
      "its shape is \(file[name]?.shape.description ?? "unknown"), not [\(rowCount), \(vocabularySize)]")
  }

  private static func batchDimension(_ file: NPZFile, _ name: String, _ shape: [Int]) -> GoldenError {
    GoldenError(
      .batchDimension, path: file.path, place: "array \(name)",
      problem: "its shape \(shape) is that of a batch of one prompt", remedy: "save it without the batch: array[0]")
  }

  private static func tolerance(_ name: String, _ file: NPZFile, _ source: Tolerance.Source) throws -> Tolerance? {
    guard file[name] != nil else { return nil }
    let values = try file.floats(named: name)
    guard values.count == 1, values[0] > 0, values[0] < 1 else {
      throw file.failure(.valueOutOfRange, name, "a tolerance is one number above 0 and below 1")
    }
    return Tolerance(Double(values[0]), source: source)
  }
}
