import AloraAdapters
import AloraGGUF
import AloraJSON
import AloraModels
import AloraSystem
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

/// Rules of llama.cpp's loader, against the verdicts of llama.cpp itself (testdata/gguf/loader/loader_cases.py).
@Suite struct LoaderRuleTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let verdict: String
    /// Why alora refuses what llama.cpp loads.
    let stricter: String?
    let bytes: [UInt8]

    var testDescription: String { name }

    static let all: [Case] = {
      guard let root = try? JSONDocument(path: testData("gguf/loader/verdicts.json")).root,
        let cases = try? root["cases"].elements()
      else { return [] }
      return cases.compactMap { item in
        guard let header = try? Data(base64Encoded: item["header"].string()) else { return nil }
        return try? Case(
          name: item["name"].string(), verdict: item["verdict"].string(),
          stricter: item[optional: "stricter"]?.string(),
          bytes: Array(header) + [UInt8](repeating: 0, count: item["zeros"].integer()))
      }
    }()
  }

  @Test func thereAreCases() { #expect(Case.all.count > 200) }

  /// What alora says about a file: an error of the reader, or findings.
  private func findings(_ path: String) throws -> [LoaderFinding]? {
    let base = try BaseModel(
      configuration: JSONDocument(path: testData("inference/qwen2/base/config.json"), allowsNonFinite: true).root)
    let adapter: GGUFAdapter
    do { adapter = try GGUFAdapter(path: path) } catch is any DiagnosedError { return nil }
    return adapter.findings + adapter.findings(for: base)
  }

  @Test(arguments: Case.all) func theVerdictIsLlamaCpps(_ item: Case) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/a.gguf"
      try writeFile(item.bytes, to: path)
      guard let findings = try findings(path) else {
        #expect(item.verdict != "loads" || item.stricter != nil, "the reader refuses it")
        return
      }
      let effects = findings.map(\.effect)
      switch item.verdict {
      case "loads": #expect(!effects.contains(.refuses) || item.stricter != nil, "\(findings)")
      // What comes first in the loader decides; an abort may come before or after a refusal.
      default: #expect(effects.map(\.rawValue).contains(item.verdict), "\(item.verdict): \(findings)")
      }
      if item.verdict == "loads", item.stricter == nil {
        let fatal = findings.filter(\.isFatal)
        #expect(fatal.isEmpty)
      }
    }
  }

  /// No rule is left without a case.
  @Test func everyRuleHasACase() throws {
    var rules: Set<LoaderFinding.Rule> = []
    try withTemporaryDirectory { directory in
      for item in Case.all {
        try writeFile(item.bytes, to: directory + "/a.gguf")
        let found = try findings(directory + "/a.gguf") ?? []
        rules.formUnion(found.map(\.rule))
      }
    }
    // Those that a change of one Qwen2 adapter's bytes doesn't reach are tested below.
    #expect(Set(LoaderFinding.Rule.allCases).subtracting(rules) == [.byteOrder, .severalParts, .neverApplied])
  }

  private func write(_ path: String, _ keys: [(String, GGUFValue)], _ tensors: [(String, [Int])]) throws {
    var metadata = GGUFMetadata()
    for (key, value) in keys { metadata[key] = value }
    let declarations = try tensors.map { name, extents in
      TensorDeclaration(name: name, dtype: .f32, shape: try #require(Shape(extents)))
    }
    let layout = try GGUFLayout(metadata: metadata, tensors: declarations)
    let writer = try GGUFWriter(path: path, replacesExisting: true, layout: layout)
    for tensor in declarations {
      let zeros = [UInt8](repeating: 0, count: 4 * tensor.shape.elementCount)
      try writer.write(zeros.span.bytes, of: tensor.name)
    }
    try writer.finish()
  }

  @Test func anAdapterInPartsIsRefused() throws {
    try withTemporaryDirectory { directory in
      for part in 0..<2 {
        try write(
          "\(directory)/a-0000\(part + 1)-of-00002.gguf",
          [
            ("general.type", .string("adapter")), ("split.no", .uint16(UInt16(part))), ("split.count", .uint16(2)),
          ], [("x\(part).lora_a", [1, 4])])
      }
      let adapter = try GGUFAdapter(path: directory + "/a-00001-of-00002.gguf")
      #expect(adapter.findings.contains { $0.rule == .severalParts && $0.effect == .refuses })
    }
  }

  @Test func aBigEndianAdapterIsRefused() throws {
    try withTemporaryDirectory { directory in
      func big<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        (0..<(Value.bitWidth / 8)).map { UInt8(truncatingIfNeeded: value >> (Value.bitWidth - 8 - 8 * $0)) }
      }
      var bytes = Array("GGUF".utf8) + big(UInt32(3)) + big(Int64(0)) + big(Int64(1))
      bytes += big(UInt64(12)) + Array("general.type".utf8) + big(UInt32(8)) + big(UInt64(7)) + Array("adapter".utf8)
      try writeFile(bytes, to: directory + "/a.gguf")
      let findings = try GGUFAdapter(path: directory + "/a.gguf").findings
      #expect(findings.first?.rule == .byteOrder && findings.first?.effect == .refuses)
    }
  }

  /// llama.cpp loads adapters on some tensors and never applies them.
  @Test func tensorsThatAreNeverAppliedAreFound() throws {
    var found = 0
    for json in try JSONDocument(path: testData("conversion/architectures/cases.json")).root.elements() {
      let base = try BaseModel(configuration: json["base"])
      let names = base.modules.flatMap { $0.targets.map(\.tensorName) }
      guard let name = base.neverApplied(among: names).first else { continue }
      try withTemporaryDirectory { directory in
        let path = directory + "/a.gguf"
        try write(
          path, [("general.type", .string("adapter"))], [(name + ".lora_a", [1, 4]), (name + ".lora_b", [4, 1])])
        let findings = try GGUFAdapter(path: path).findings(for: base)
        #expect(findings.contains { $0.rule == .neverApplied && $0.effect == .ignores })
      }
      found += 1
    }
    #expect(found > 0)
  }
}
