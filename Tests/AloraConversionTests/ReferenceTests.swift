import AloraModels
import AloraSystem
import AloraConversion
import AloraGGUF
import AloraJSON
import AloraAdapters
import AloraTensors
import AloraTestSupport
import AloraTokenization
import Foundation
import Testing

/// A case of testdata/conversion: a small adapter, its base, and what llama.cpp's converter makes of it.
struct ReferenceCase: CustomTestStringConvertible, Sendable {
  let name: String

  static let all: [ReferenceCase] = {
    let directory = (try? testData("conversion/cases")) ?? ""
    return (try? FileManager.default.contentsOfDirectory(atPath: directory))?.sorted().map(ReferenceCase.init) ?? []
  }()

  var testDescription: String { name }
  func path(_ file: String) throws -> String { try testData("conversion/cases/\(name)/\(file)") }
  func expected() throws -> JSON { try JSONDocument(path: path("expected.json")).root }
  func base() throws -> BaseModel {
    let name = try expected()["base"].string()
    return try BaseModel(
      configuration: JSONDocument(path: testData("conversion/bases/\(name)/config.json"), allowsNonFinite: true).root)
  }
  func plan(_ outputType: OutputType) throws -> ConversionPlan {
    var options = ConversionPlan.Options()
    options.outputType = outputType
    let base = try expected()["base"].string()
    if let tokenizer = Tokenizer.tokenizerPath(ofModel: try testData("conversion/bases/\(base)")) {
      options.binding.tokenize = { try Tokenizer(path: tokenizer).encode($0, addsSpecialTokens: false) }
    }
    return try ConversionPlan(
      adapter: AdapterDirectory(path: testData("conversion/cases/\(name)")), base: self.base(), options: options)
  }
}

/// Cases that this package refuses on purpose, with the reason's code.
private let refusals: [String: @Sendable (any Error) -> Bool] = [
  "llama-tied-lm-head": { ($0 as? AdapterError)?.code == .tiedOutput },
  "llama-alpha-zero": { ($0 as? AdapterError)?.code == .noEffect },
  "llama-layer-norm": { ($0 as? AdapterError)?.code == .unsupportedField },
]

@Suite struct ReferenceTests {
  @Test func thereAreCases() {
    #expect(ReferenceCase.all.count > 40)
    #expect(Set(refusals.keys).isSubset(of: ReferenceCase.all.map(\.name)))
  }

  /// The tensors are those of the reference, byte for byte and in its order, wherever the reference is right.
  @Test(arguments: ReferenceCase.all) func tensorsEqualTheReference(_ item: ReferenceCase) throws {
    if let isExpected = refusals[item.name] {
      #expect(performing: { _ = try item.plan(.f32) }, throws: isExpected)
      return
    }
    let outtypes = try item.expected()["outtypes"]
    for type in OutputType.allCases {
      let expected = try outtypes[type.rawValue]
      let plan = try item.plan(type)
      try withTemporaryDirectory { directory in
        let path = directory + "/out.gguf"
        _ = try plan.write(to: path, replacesExisting: false)
        let file = try GGUFFileSet(path: path)
        guard try expected["reference"].string() == "right" else { return }
        try compareTensors(file, expected, "\(item.name) \(type)")
        try compareMetadata(file.metadata, expected, "\(item.name) \(type)")
      }
    }
  }

  private func compareTensors(_ file: GGUFFileSet, _ expected: JSON, _ label: String) throws {
    let tensors = try expected["tensors"].elements()
    #expect(file.tensors.count == tensors.count, "\(label)")
    for (found, wanted) in zip(file.tensors, tensors) {
      let (name, type, hash) = (try wanted["name"].string(), try wanted["type"].string(), try wanted["sha256"].string())
      let extents = try wanted["ne"].elements().map { try $0.integer() }
      #expect(found.name == name, "\(label)")
      #expect(found.dtype.name == type, "\(label) \(name)")
      #expect(Array(found.shape.dimensions.reversed()) == extents, "\(label) \(name)")
      #expect(try sha256(file.readBytes(of: found)) == hash, "\(label) \(name)")
    }
  }

  /// Every key of the reference is there with its type and value.
  private func compareMetadata(_ metadata: GGUFMetadata, _ expected: JSON, _ label: String) throws {
    for entry in try expected["metadata"].elements() {
      let key = try entry["key"].string()
      let value = try #require(metadata[key], "\(label) \(key)")
      switch try entry["type"].string() {
      case "STRING":
        let text = try entry["value"].string()
        #expect(value.text == text, "\(label) \(key)")
      case "FLOAT32":
        let number = try entry["value"].number()
        #expect(value == .float32(Float(number)), "\(label) \(key)")
      case "UINT32":
        let number = try entry["value"].integer()
        #expect(value == .uint32(UInt32(number)), "\(label) \(key)")
      case "ARRAY" where try entry["element"].string() == "STRING":
        let texts = try entry["value"].elements().map { try $0.string() }
        #expect(value == .array(GGUFArray(texts)), "\(label) \(key)")
      default:
        let numbers = try entry["value"].elements().map { try $0.integer() }
        #expect(value == .array(GGUFArray(numbers.map(UInt32.init))), "\(label) \(key)")
      }
    }
  }

  /// A legacy invocation string becomes its tokens without special ones, less the first, whether or not the tokenizer
  /// would add a BOS.
  @Test(arguments: ["llama-bos-legacy", "llama-no-bos-legacy"])
  func legacyInvocationIsTokenized(_ name: String) throws {
    let item = ReferenceCase(name: name)
    let tokens = try item.expected()["invocation_tokens"].elements().map { try $0.integer() }
    #expect(try item.plan(.f32).invocationTokens == tokens)
  }

  @Test func legacyInvocationWithoutTokenizerIsRefused() throws {
    let item = ReferenceCase(name: "llama-bos-legacy")
    let adapter = try AdapterDirectory(path: testData("conversion/cases/\(item.name)"))
    let error = caught(AdapterError.self) { _ = try ConversionPlan(adapter: adapter, base: item.base()) }
    #expect(error?.code == .missingTokenizer)
  }

  /// The module that PEFT wraps for a parameter of experts: it nests those of one module, the last one outermost.
  private static func nameInPEFT(_ name: String) -> String {
    guard name.hasSuffix(".experts.gate_up_proj") || name.hasSuffix(".experts.down_proj") else { return name }
    let experts = name.split(separator: ".").dropLast().joined(separator: ".")
    return name.hasSuffix(".gate_up_proj") ? experts + ".base_layer" : experts
  }

  /// PEFT's own scaling of each module is what the plan says it is.
  @Test(arguments: ReferenceCase.all.filter { refusals[$0.name] == nil })
  func scalingsAreThoseOfPEFT(_ item: ReferenceCase) throws {
    let plan = try item.plan(.f32)
    let expected = try item.expected()["modules"]
    for module in plan.modules {
      let wanted = try expected[Self.nameInPEFT(module.name)]
      let (rank, scaling) = (try wanted["r"].integer(), try wanted["scaling"].number())
      #expect(module.rank == rank)
      #expect(module.scaling == scaling)
    }
    let count = try expected.members().count
    #expect(plan.modules.count == count)
  }
}
