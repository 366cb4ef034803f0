import AloraAdapters
import AloraConversion
import AloraGGUF
import AloraInspection
import AloraJSON
import AloraModels
import AloraSystem
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

/// PEFT → GGUF → PEFT → GGUF.
struct RoundTrip {
  let directory: String
  let base: ConversionBase

  init(_ directory: String, base: String) throws {
    self.directory = directory
    self.base = try ConversionBase(path: base)
  }

  func convert(_ adapter: String, to name: String, _ type: OutputType = .f32) throws -> [UInt8] {
    let conversion = try Conversion(
      adapterPath: adapter, bases: [base], outputType: type, ignoredFields: [], baseModelID: nil,
      leavesOutTowers: false)
    _ = try conversion.plan.write(to: "\(directory)/\(name)", replacesExisting: true)
    return try readFile("\(directory)/\(name)")
  }

  @discardableResult func back(_ gguf: String, to name: String) throws -> PEFTPlan {
    let plan = try PEFTPlan(AdapterSource(path: "\(directory)/\(gguf)"), base: base)
    try plan.write(to: "\(directory)/\(name)", replacesExisting: false)
    return plan
  }

  /// Converts there, back and there again.
  func run(_ adapter: String, _ type: OutputType = .f32) throws -> (first: [UInt8], second: [UInt8]) {
    let first = try convert(adapter, to: "first-\(type).gguf", type)
    try back("first-\(type).gguf", to: "back-\(type)")
    return (first, try convert("\(directory)/back-\(type)", to: "second-\(type).gguf", type))
  }
}

@Suite struct RoundTripTests {
  /// Every class of the table that has fixtures, experts among them.
  @Test(arguments: TracedCase.all) func everyArchitectureComesBack(_ item: TracedCase) throws {
    let json = try TracedCase.elements()[item.index]
    try withTemporaryDirectory { directory in
      try item.adapter(json).write(to: directory + "/adapter")
      try makeConfiguration(json["base"], in: directory + "/base")
      let trip = try RoundTrip(directory, base: directory + "/base")
      let first = try trip.convert(directory + "/adapter", to: "first.gguf")
      let joined = try trip.back("first.gguf", to: "back").notes.contains {
        if case .joinedParts = $0 { true } else { false }
      }
      let second = try trip.convert(directory + "/back", to: "second.gguf")
      // Gate and up of single experts are one parameter in transformers 5, whose rank is the sum of both.
      #expect((first == second) == !joined)
      guard joined else { return }
      try trip.back("second.gguf", to: "again")
      #expect(try trip.convert(directory + "/again", to: "third.gguf") == second)
    }
  }

  /// Module by module, the adapter and its GGUF are the same, in whatever order the classes have rows, columns and experts.
  @Test(arguments: TracedCase.all) func everyArchitectureIsTheSameToADiff(_ item: TracedCase) throws {
    let json = try TracedCase.elements()[item.index]
    try withTemporaryDirectory { directory in
      let (adapter, base) = (directory + "/adapter", directory + "/base")
      try item.adapter(json).write(to: adapter)
      try makeConfiguration(json["base"], in: base)
      let bytes = try RoundTrip(directory, base: base).convert(adapter, to: "a.gguf")
      func difference() throws -> Difference {
        try Difference(
          Subject(path: adapter), Subject(path: directory + "/a.gguf"), base: ModelSource(path: base))
      }
      let same = try difference()
      #expect(same.isEmpty && same.comparedTensorCount > 0, "\(same.entries)")
      // One element of each tensor: a bit of its exponent, because 0 and -0 are equal.
      var changed = bytes
      let tensors = try GGUFFile(path: directory + "/a.gguf").tensors.filter { $0.dtype == .f32 }
      for tensor in tensors { changed[tensor.byteRange.upperBound - 1] ^= 0x40 }
      try writeFile(changed, to: directory + "/a.gguf")
      #expect(try Set(difference().entries.map(\.name)) == Set(tensors.map(\.name)))
    }
  }

  /// Every rule of scalings, ranks, targets and types, in every element type, with the model cards.
  @Test(arguments: ReferenceCase.all) func everyCaseComesBack(_ item: ReferenceCase) throws {
    guard (try? item.plan(.f32)) != nil else { return }
    for type in OutputType.allCases {
      try withTemporaryDirectory { directory in
        let base = try testData("conversion/bases/\(item.expected()["base"].string())")
        let result = try RoundTrip(directory, base: base).run(
          testData("conversion/cases/\(item.name)"), type)
        #expect(result.first == result.second, "\(type)")
      }
    }
  }

  private func makeConfiguration(_ json: JSON, in directory: String) throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try Data(json.serialized.utf8).write(to: URL(fileURLWithPath: directory + "/config.json"))
  }
}
