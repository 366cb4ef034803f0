package import AloraSystem
package import AloraTensors

/// A model in one GGUF file or in several, opened by the first.
///
/// Parts are named `…-00001-of-00003.gguf`, and `split.no`, `split.count` and `split.tensors.count` describe them. The
/// model's metadata is the first part's.
///
/// Source: `llama_split_path` and `llama_model_loader` of llama.cpp.
package final class GGUFFileSet: TensorSource {
  /// At least one; the first holds the model's metadata.
  package let parts: [GGUFFile]
  package let tensors: [TensorDescription]
  package let metadata: GGUFMetadata
  package var path: String { parts[0].path }
  /// Tensors of types that llama.cpp doesn't know, of all parts; empty unless they were asked for.
  package var foreignTensors: [GGUFForeignTensor] { parts.flatMap(\.foreignTensors) }
  private let index: TensorIndex
  /// The part that each tensor is in.
  private let partOfTensor: [Int]

  private static let partLimit = 65_535
  private static let numberKey = "split.no"
  private static let countKey = "split.count"
  private static let tensorCountKey = "split.tensors.count"

  /// - Parameter path: a whole model, or the first part of one.
  /// One file as it is, even if it is a part of several.
  package init(part: GGUFFile) throws {
    parts = [part]
    metadata = part.metadata
    (tensors, partOfTensor, index) = try Self.merge(parts)
  }

  /// - Throws: as ``GGUFFile``; `notFirstPart`, `invalidPartName`, `missingPart`, `inconsistentParts`.
  package init(path: String, limits: GGUFLimits = GGUFLimits()) throws {
    let first = try GGUFFile(path: path, limits: limits)
    var parts = [first]
    // 0 and 1 both mean that there are no other parts.
    let count = try first.metadata.integer(ifPresent: Self.countKey, in: 0...Self.partLimit) ?? 1
    if count > 1 {
      let number = try first.metadata.integer(forKey: Self.numberKey, in: 0...Self.partLimit)
      guard number == 0 else {
        throw GGUFError(
          .notFirstPart, path: path, subject: "key \(Self.numberKey)",
          problem: "this is part \(number + 1) of \(count), not the first")
      }
      guard let prefix = Self.prefix(ofFirstPart: path, count: count) else {
        throw GGUFError(
          .invalidPartName, path: path,
          problem: "the name of the first of \(count) parts has to end in '\(Self.suffix(part: 0, count: count))'")
      }
      for number in 1..<count {
        parts.append(try Self.part(number, of: count, path: prefix + Self.suffix(part: number, count: count), limits))
      }
    }
    self.parts = parts
    metadata = first.metadata
    (tensors, partOfTensor, index) = try Self.merge(parts)
    let stated = try first.metadata.integer(ifPresent: Self.tensorCountKey)
    if count > 1, let stated, stated != tensors.count {
      throw first.metadata.error(
        .inconsistentParts, Self.tensorCountKey,
        "the first part announces \(stated) tensors, but the parts contain \(tensors.count)")
    }
  }

  /// A model in the files of another one: parts of its tensors under names of their own.
  ///
  /// - Parameter views: a tensor's description, within the bytes of the tensor of `whole` with that name. Names are unique.
  package init(
    _ whole: GGUFFileSet, metadata: GGUFMetadata, views: [(tensor: TensorDescription, of: String)]
  ) {
    parts = whole.parts
    self.metadata = metadata
    var index = TensorIndex()
    var partOfTensor: [Int] = []
    for (number, view) in views.enumerated() {
      guard let position = whole.index[view.of], index.insert(view.tensor.name, index: number) else {
        preconditionFailure("a view of no tensor, or two of one name")
      }
      partOfTensor.append(whole.partOfTensor[position])
    }
    tensors = views.map(\.tensor)
    self.index = index
    self.partOfTensor = partOfTensor
  }

  package func tensor(named name: String) -> TensorDescription? { index[name].map { tensors[$0] } }

  /// - Throws: `unsupportedByteOrder`.
  package func file(of tensor: TensorDescription) throws -> MappedFile {
    guard let position = index[tensor.name] else { preconditionFailure("a tensor of another source") }
    return try parts[partOfTensor[position]].file(of: tensor)
  }

  private static func part(_ number: Int, of count: Int, path: String, _ limits: GGUFLimits) throws -> GGUFFile {
    let part: GGUFFile
    do { part = try GGUFFile(path: path, limits: limits) } catch let error as FileError where error.code == .notFound {
      throw GGUFError(.missingPart, path: path, problem: "part \(number + 1) of \(count) is missing")
    }
    let stated = try part.metadata.integer(forKey: numberKey, in: 0...partLimit)
    guard stated == number else {
      throw part.metadata.error(
        .inconsistentParts, numberKey, "by its name this is part \(number + 1), by its metadata part \(stated + 1)")
    }
    guard try part.metadata.integer(ifPresent: countKey) ?? count == count else {
      throw part.metadata.error(.inconsistentParts, countKey, "expected \(count) parts, as the first part says")
    }
    return part
  }

  private static func merge(_ parts: [GGUFFile]) throws(GGUFError) -> ([TensorDescription], [Int], TensorIndex) {
    var tensors: [TensorDescription] = []
    var partOfTensor: [Int] = []
    var index = TensorIndex()
    for (number, part) in parts.enumerated() {
      for tensor in part.tensors {
        guard index.insert(tensor.name, index: tensors.count) else {
          throw GGUFError(
            .duplicateTensor, path: part.path, subject: "tensor \(tensor.name)",
            problem: "the tensor is in another part too")
        }
        tensors.append(tensor)
        partOfTensor.append(number)
      }
    }
    return (tensors, partOfTensor, index)
  }

  /// `-00002-of-00003.gguf` for part 1.
  static func suffix(part: Int, count: Int) -> String {
    func padded(_ number: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
    return "-\(padded(part + 1))-of-\(padded(count)).gguf"
  }

  private static func prefix(ofFirstPart path: String, count: Int) -> String? {
    let suffix = suffix(part: 0, count: count)
    return path.hasSuffix(suffix) ? String(path.dropLast(suffix.count)) : nil
  }
}
