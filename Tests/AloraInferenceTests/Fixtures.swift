import AloraInference
import AloraNPZ
import AloraSafetensors
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

/// A golden file of a fixture: what PEFT computed in f32.
struct Golden {
  struct Case {
    let tokens: [Int]
    let base: [Float]
    let adapted: [Float]
    let activationStart: Int?
  }
  let cases: [Case]

  init(path: String) throws {
    let file = try NPZFile(path: path)
    var cases: [Case] = []
    while file["tokens_\(cases.count)"] != nil {
      let index = cases.count
      let start = try file.integer(named: "activation_start_\(index)")
      cases.append(
        Case(
          tokens: try file.integers(named: "tokens_\(index)"), base: try file.floats(named: "base_logits_\(index)"),
          adapted: try file.floats(named: "adapted_logits_\(index)"), activationStart: start < 0 ? nil : start))
    }
    self.cases = cases
  }
}

/// One of the tiny models under testdata/inference.
struct Fixture: CustomTestStringConvertible, Sendable {
  let name: String
  var testDescription: String { name }

  static let all: [Fixture] = {
    let root = (try? testData("inference")) ?? ""
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    return names.filter { FileManager.default.fileExists(atPath: "\(root)/\($0)/golden.npz") }.sorted().map(
      Fixture.init)
  }()

  /// Those with a whole GGUF.
  static let withGGUF = all.filter { FileManager.default.fileExists(atPath: (try? $0.gguf) ?? "") }

  var directory: String { get throws { try testData("inference/\(name)") } }
  var base: String { get throws { try directory + "/base" } }
  var gguf: String { get throws { try directory + "/base.gguf" } }
  var adapter: String { get throws { try directory + "/adapter" } }
  var golden: Golden { get throws { try Golden(path: directory + "/golden.npz") } }
}

/// The tensors of a safetensors file, to be written again with a change.
func safetensors(_ path: String) throws -> [AdapterBuilder.Tensor] {
  let bytes = try readFile(path)
  return try SafetensorsFile(path: path).tensors.map {
    var tensor = AdapterBuilder.Tensor($0.name, $0.shape.dimensions, [])
    tensor.dtype = $0.dtype.name
    tensor.bytes = Array(bytes[$0.byteRange])
    return tensor
  }
}

/// The logits of a whole text in one call.
func logits(
  _ evaluator: Evaluator, _ tokens: [Int], adapter: Adapter? = nil, start: Int? = nil
) throws -> [Float] {
  let sequence = TokenSequence(
    model: evaluator.model, adapter: adapter, activationStart: start, declaredLength: tokens.count)
  return try evaluator.evaluate([Work(sequence, tokens: tokens, logits: .all)])[0].values
}

/// max |a - b| / max |b|
func relativeError(_ values: [Float], _ expected: [Float]) -> Float {
  guard values.count == expected.count else { return .infinity }
  var (difference, magnitude) = (Float(0), Float(0))
  for (a, b) in zip(values, expected) {
    guard a.isFinite else { return .infinity }
    difference = max(difference, abs(a - b))
    magnitude = max(magnitude, abs(b))
  }
  return difference / magnitude
}

func sameBits(_ a: [Float], _ b: [Float]) -> Bool {
  guard a.count == b.count else { return false }
  return a.withUnsafeBytes { left in
    b.withUnsafeBytes { right in
      guard let first = left.baseAddress, let second = right.baseAddress else { return left.count == right.count }
      return memcmp(first, second, left.count) == 0
    }
  }
}
