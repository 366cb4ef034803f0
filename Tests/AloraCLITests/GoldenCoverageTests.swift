import AloraJSON
import AloraNPZ
import AloraTensors
import AloraTestSupport
import Testing

/// Goldens that look at too little prove nothing, and those that look elsewhere than at a text's end do.
@Suite struct GoldenCoverageTests {
  /// What of the second case of the llama fixture's goldens, whose activation starts at 8, is written as case 0.
  struct Part: CustomTestStringConvertible, Sendable {
    let testDescription: String
    /// The fixture's name of an array by the name that is written.
    var names: [String: String] = [:]
    /// How many rows are kept, from the first on; nil for all.
    var rowCount: Int?
    let failed: [String]

    static let all: [Part] = [
      .init(testDescription: "tokens alone", failed: ["after-activation", "sensitivity"]),
      .init(
        testDescription: "base rows", names: ["base_logits": "base_logits"],
        failed: ["after-activation", "sensitivity"]),
      .init(
        testDescription: "a misspelt name", names: ["base_logits": "base_logits", "adapted_logit": "adapted_logits"],
        failed: ["after-activation", "sensitivity"]),
      .init(
        testDescription: "rows before the activation",
        names: ["base_logits": "base_logits", "adapted_logits": "adapted_logits"], rowCount: 8,
        failed: ["after-activation", "sensitivity"]),
      .init(testDescription: "adapted rows", names: ["adapted_logits": "adapted_logits"], failed: []),
    ]
  }

  @Test(arguments: Part.all) func goldensHaveRowsOfTheActiveAdapter(_ part: Part) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/g.npz"
      try write(path, [(0, part)])
      let proofs = try verify("llama", path).report["proofs"].elements()
      let failed = try proofs.filter { try !$0["passed"].boolean() }.map { try $0["proof"].string() }
      #expect(failed == part.failed, "\(proofs.map(\.serialized))")
    }
  }

  /// What stands behind a gap in the numbers would never be compared.
  @Test(arguments: [(0, 2), (0, 7)]) func aGapInTheNumbersIsRefused(_ first: Int, _ second: Int) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/g.npz"
      let whole = try #require(Part.all.last)
      try write(path, [(first, whole), (second, whole)])
      let result = try runAlora(arguments("llama", path))
      #expect(result.status == 3 && result.errors.contains("tokens_1"), "\(result.errors)")
      try write(path, [(first, whole), (1, whole)])
      #expect(try verify("llama", path).status == 0)
    }
  }

  /// Where a window or a long text makes the last row forget where the activation was, rows beside it still tell.
  @Test func rowsBesideTheActivationShowWhereItIs() throws {
    try withTemporaryDirectory { directory in
      let tokens = (0..<10).map { 20 + $0 % 3 } + [7, 9, 7] + (0..<47).map { 10 + $0 * 5 % 50 }
      try writeFile(Array("{\"tokens\": \(tokens)}\n".utf8), to: directory + "/p.jsonl")
      let base = try testData("inference/mistral-window/base")
      let adapter = try testData("inference/mistral-window/adapter")
      func failures(_ positions: String) throws -> [String] {
        let path = "\(directory)/\(positions).npz"
        let made = try runAlora([
          "golden", "record", "--model", base, "--adapter", adapter, "--prompts", directory + "/p.jsonl", "--positions",
          positions, "--output", path,
        ])
        #expect(made.status == 0, "\(made.errors)")
        let proofs = try verify("mistral-window", path).report["proofs"].elements()
        return try proofs.flatMap { try $0["failures"].elements().map { try $0.string() } }
      }
      #expect(try failures("all") == [])
      let atTheEnd = try failures("last")
      #expect(atTheEnd.contains("these prompts would not show: activation one token early"), "\(atTheEnd)")
    }
  }

  /// A tolerance that hides everything hides the scaling, too.
  @Test func everyKnownMistakeIsHeldAgainstTheTolerance() throws {
    let result = try verify("llama", testData("inference/llama/golden.npz"), ["--tolerance", "0.999999"])
    let failures = try result.report["proofs"].elements().flatMap {
      try $0["failures"].elements().map { try $0.string() }
    }
    #expect(failures.contains("these prompts would not show: scaling left out"), "\(failures)")
  }

  private func arguments(_ name: String, _ golden: String) throws -> [String] {
    [
      "verify", "--model", try testData("inference/\(name)/base"), "--adapter",
      try testData("inference/\(name)/adapter"), "--json", "--golden", golden,
    ]
  }

  private func verify(_ name: String, _ golden: String, _ more: [String] = []) throws -> (status: Int32, report: JSON) {
    let result = try runAlora(arguments(name, golden) + more)
    #expect(result.exitedNormally && result.status <= 1, "\(result.errors)")
    return (result.status, try parseJSON(result.output))
  }

  private func write(_ path: String, _ cases: [(index: Int, part: Part)]) throws {
    let source = try NPZFile(path: testData("inference/llama/golden.npz"))
    let writer = try NPZWriter(path: path, replacesExisting: true, compression: .stored)
    for (index, part) in cases {
      let tokens = try source.integers(named: "tokens_1")
      try writer.add("tokens_\(index)", integers: tokens, shape: source.array(named: "tokens_1").shape)
      let count = part.rowCount ?? tokens.count
      if part.rowCount != nil {
        try writer.add("positions_\(index)", integers: Array(0..<count), shape: #require(Shape([count])))
      }
      for (name, original) in part.names.sorted(by: { $0.key < $1.key }) {
        let values = try source.floats(named: original + "_1")
        let width = values.count / tokens.count
        try writer.add(
          "\(name)_\(index)", floats: Array(values[..<(count * width)]), shape: #require(Shape([count, width])))
      }
    }
    try writer.finish()
  }
}
