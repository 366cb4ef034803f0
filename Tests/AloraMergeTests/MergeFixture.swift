import AloraJSON
import AloraMerge
import AloraModels
import AloraSafetensors
import AloraSystem
import AloraTensors
import AloraTestSupport
import Foundation

/// A model and an adapter that PEFT merged, in copies that a test may change.
struct MergeFixture {
  let name: String
  private var base: String { get throws { try testData("inference/\(isDoRA ? "llama" : name)/base") } }
  private var adapter: String {
    get throws { try testData(isDoRA ? "merge/\(name)" : "inference/\(name)/adapter") }
  }
  var isDoRA: Bool { name.hasPrefix("dora") }

  /// The digests in testdata/merge/peft.json, by the model's name and the type.
  static func digests() throws -> [(name: String, type: DType, digest: String)] {
    let json = try JSONDocument(path: testData("merge/peft.json")).root["digests"]
    return try json.members().flatMap { name, types in
      try types.members().map { (name, $0.name == "f32" ? .f32 : .bf16, try $0.value.string()) }
    }
  }

  /// Copies the base with its weights in one type, and the adapter without its invocation.
  func write(to directory: String, type: DType) throws -> (base: String, adapter: String) {
    let (base, adapter) = (directory + "/base", directory + "/adapter")
    try FileManager.default.copyItem(atPath: self.adapter, toPath: adapter)
    let configuration = adapter + "/adapter_config.json"
    let text = try String(contentsOfFile: configuration, encoding: .utf8)
    let plain = text.replacing(/"(alora_)?invocation_(tokens|string)": *(\[[^\]]*\]|"[^"]*")/) {
      "\"alora_invocation_\($0.2)\": null"
    }
    try plain.write(toFile: configuration, atomically: true, encoding: .utf8)
    try FileManager.default.createDirectory(atPath: base, withIntermediateDirectories: true)
    for file in try FileManager.default.contentsOfDirectory(atPath: self.base) {
      let (source, target) = (try self.base + "/" + file, base + "/" + file)
      if file.hasSuffix(".safetensors") {
        try rewrite(source, to: target, type: type)
      } else {
        try FileManager.default.copyItem(atPath: source, toPath: target)
      }
    }
    return (base, adapter)
  }

  private func rewrite(_ path: String, to target: String, type: DType) throws {
    let file = try SafetensorsFile(path: path)
    let layout = try SafetensorsLayout(
      metadata: file.metadata,
      tensors: file.tensors.map { TensorDeclaration(name: $0.name, dtype: type, shape: $0.shape) }, keepsOrder: true)
    let writer = try SafetensorsWriter(path: target, replacesExisting: false, layout: layout)
    var (values, bytes): ([Float], [UInt8]) = ([], [])
    for tensor in layout.tensors {
      guard let source = file.tensor(named: tensor.name) else { continue }
      ElementConversion.widen(
        try file.readBytes(of: source), source.dtype, count: source.shape.elementCount, into: &values)
      ElementConversion.narrow(values, to: type, into: &bytes)
      try writer.write(bytes.span.bytes, of: tensor.name)
    }
    try writer.finish()
  }

  /// The SHA-256 of the tensors in some directory's files, sorted by name: name, NUL, bytes.
  static func digest(of directory: String) throws -> String {
    let files = try SafetensorsFileSet(directory: directory)
    var hasher = Digest.Hasher()
    for tensor in files.tensors.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
      hasher.add(Array(tensor.name.utf8) + [0])
      hasher.add(try files.readBytes(of: tensor))
    }
    return hasher.end().description
  }
}

/// The values of a tensor.
func values(_ name: String, in source: any TensorSource) throws -> [Float] {
  guard let tensor = source.tensor(named: name) else { return [] }
  var values: [Float] = []
  ElementConversion.widen(
    try source.readBytes(of: tensor), tensor.dtype, count: tensor.shape.elementCount, into: &values)
  return values
}
