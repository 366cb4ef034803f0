public import AloraNPZ
internal import AloraTensors

/// Golden logits: prompts as tokens, and what the base and the adapted model answer at some or all positions.
///
/// For case i: `tokens_i` int `[T]`; `base_logits_i`, `adapted_logits_i` float `[P, V]`; optional `positions_i` int `[P]`
/// (default: all T), `activation_start_i` (-1: adapter off) and `tolerance_i`, or one `tolerance` for all: the |Δ| that is
/// allowed, as a part of a row's greatest magnitude.
public struct GoldenFile: Sendable {
  public struct Case: Sendable {
    public let index: Int
    public let tokens: [Int]
    /// The positions whose rows are kept, in rising order.
    public let positions: [Int]
    /// What the file says; nil where it says nothing. -1: adapter off.
    public let activationStart: Int?
    public let hasBase: Bool
    public let hasAdapted: Bool
    /// What the file allows; nil where it says nothing.
    public let tolerance: Double?
  }

  public let file: NPZFile
  public let cases: [Case]
  /// Nil where others have made the file.
  public let record: GoldenRecord?

  /// Reads everything but the logits.
  ///
  /// - Throws: ``NPZError`` (`missingArray` where there is no case, `wrongShape`, `wrongType`, `valueOutOfRange`), ``FileError``.
  public init(path: String, vocabularySize: Int) throws {
    let file = try NPZFile(path: path)
    _ = try file.array(named: "tokens_0")
    var cases: [Case] = []
    while file["tokens_\(cases.count)"] != nil {
      cases.append(try Self.read(cases.count, file, vocabularySize))
    }
    try Self.checkNumbers(file, caseCount: cases.count)
    self.file = file
    self.cases = cases
    record = try GoldenRecord(file, caseCount: cases.count)
  }

  /// A case behind a gap would never be looked at.
  private static func checkNumbers(_ file: NPZFile, caseCount: Int) throws(NPZError) {
    for array in file.arrays {
      guard let mark = array.name.lastIndex(of: "_"), let number = Int(array.name[array.name.index(after: mark)...]),
        caseArrays.contains(String(array.name[..<mark])), number >= caseCount
      else { continue }
      throw file.failure(
        .missingArray, "tokens_\(caseCount)",
        "it is missing, though \(array.name) is there: cases are numbered from 0 without a gap, and each has its tokens"
      )
    }
  }

  private static let caseArrays: Set = [
    "tokens", "base_logits", "adapted_logits", "positions", "activation_start", "tolerance",
  ]

  private static func read(_ index: Int, _ file: NPZFile, _ vocabularySize: Int) throws -> Case {
    let tokens = try file.integers(named: "tokens_\(index)")
    guard !tokens.isEmpty, tokens.allSatisfy({ (0..<vocabularySize).contains($0) }) else {
      throw file.failure(.valueOutOfRange, "tokens_\(index)", "it is empty or holds ids that the model does not have")
    }
    let name = "positions_\(index)"
    let positions = file[name] == nil ? Array(tokens.indices) : try file.integers(named: name)
    guard !positions.isEmpty, zip(positions, positions.dropFirst()).allSatisfy({ $0 < $1 }),
      positions.allSatisfy(tokens.indices.contains)
    else { throw file.failure(.valueOutOfRange, name, "positions must rise and lie within the \(tokens.count) tokens") }
    let logits = ["base_logits_\(index)", "adapted_logits_\(index)"]
    for name in logits {
      guard let array = file[name] else { continue }
      guard array.shape.dimensions == [positions.count, vocabularySize] else {
        throw file.failure(
          .wrongShape, name, "its shape is \(array.shape), and [\(positions.count), \(vocabularySize)] is expected")
      }
    }
    let start = "activation_start_\(index)"
    return Case(
      index: index, tokens: tokens, positions: positions,
      activationStart: file[start] == nil ? nil : try file.integer(named: start), hasBase: file[logits[0]] != nil,
      hasAdapted: file[logits[1]] != nil,
      tolerance: try tolerance("tolerance_\(index)", file) ?? tolerance("tolerance", file))
  }

  private static func tolerance(_ name: String, _ file: NPZFile) throws -> Double? {
    guard file[name] != nil else { return nil }
    let values = try file.floats(named: name)
    guard values.count == 1, values[0] > 0, values[0] < 1 else {
      throw file.failure(.valueOutOfRange, name, "a tolerance is one number above 0 and below 1")
    }
    return Double(values[0])
  }
}
