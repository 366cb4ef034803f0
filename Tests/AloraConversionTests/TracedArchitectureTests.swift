import AloraAdapters
import AloraConversion
import AloraGGUF
import AloraJSON
import AloraModels
import AloraSystem
import AloraTestSupport
import AloraTensors
import Testing

/// A class that the merge oracle has checked: an adapter on all of its linear modules and experts, with numbers that
/// follow from the tensors' names.
struct TracedCase: CustomTestStringConvertible, Sendable {
  let index: Int
  let testDescription: String

  static let all: [TracedCase] = {
    let cases = (try? elements()) ?? []
    return cases.enumerated().map { index, json in
      TracedCase(index: index, testDescription: (try? json["class"].string()) ?? "")
    }
  }()

  static func elements() throws -> [JSON] {
    try JSONDocument(path: testData("conversion/architectures/cases.json")).root.elements()
  }

  func adapter(_ json: JSON) throws -> AdapterBuilder {
    var builder = AdapterBuilder()
    builder.configurationText = try json["adapter"].serialized
    builder.tensors = []
    for entry in try json["tensors"].elements() {
      let parts = try entry.elements()
      let shape = try parts[1].integers(in: 1...(1 << 20))
      for layer in try parts[2].integers(in: -1...1000) {
        let pieces = try parts[0].string().split(separator: "{layer}", omittingEmptySubsequences: false)
        let name = pieces.joined(separator: "\(layer)")
        let seed = name.utf8.reduce(0) { $0 + Int($1) }
        let values = (0..<shape.reduce(1, *)).map { Float(($0 * 37 + seed) % 251 - 125) / 64 }
        builder.tensors.append(.init(name, shape, values))
      }
    }
    return builder
  }
}

@Suite struct TracedArchitectureTests {
  @Test func thereAreCases() { #expect(TracedCase.all.count > 80) }

  /// The tensors are those that agreed with llama.cpp's conversion of the base and of PEFT's merged model.
  @Test(arguments: TracedCase.all) func tensorsAreTheOracles(_ item: TracedCase) throws {
    let json = try TracedCase.elements()[item.index]
    try withTemporaryDirectory { directory in
      try item.adapter(json).write(to: directory + "/adapter")
      let base = try BaseModel(configuration: json["base"])
      let plan = try ConversionPlan(adapter: AdapterDirectory(path: directory + "/adapter"), base: base)
      _ = try plan.write(to: directory + "/out.gguf", replacesExisting: false)
      #expect(try digest(directory + "/out.gguf") == json["sha256"].string())
    }
  }

  private func digest(_ path: String) throws -> String {
    let file = try GGUFFileSet(path: path)
    var bytes: [UInt8] = []
    let data = try readFile(path)
    for tensor in file.tensors.sorted(by: { Array($0.name.utf8).lexicographicallyPrecedes(Array($1.name.utf8)) }) {
      let shape = tensor.shape.dimensions.map(String.init).joined(separator: ", ")
      bytes += Array("\(tensor.name) [\(shape)]\n".utf8) + data[tensor.byteRange]
    }
    return sha256(bytes)
  }
}
