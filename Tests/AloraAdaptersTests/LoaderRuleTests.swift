import AloraAdapters
import AloraGGUF
import AloraJSON
import AloraModels
import AloraSystem
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
    // Big-endian files and files in parts have tests of their own.
    #expect(Set(LoaderFinding.Rule.allCases).subtracting(rules) == [.byteOrder, .severalParts])
  }
}
