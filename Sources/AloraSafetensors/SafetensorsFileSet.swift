package import AloraSystem
internal import AloraJSON
package import AloraTensors

/// The weights of a model: one safetensors file, or several with an index that says which tensor is where.
///
/// Only the tensors that the index names belong to the model. A shard must be a file in the index's own directory. If it is
/// a link, its target must be in that directory too, or in the `blobs` folder beside the snapshots, as in the Hugging Face
/// cache.
package final class SafetensorsFileSet: TensorSource {
  /// The index, or the single file.
  package let path: String
  /// The files, sorted by name.
  package let files: [SafetensorsFile]
  /// All tensors, file by file, in the order of their data.
  package let tensors: [TensorDescription]
  private let index: TensorIndex
  private let fileOfTensor: [Int]

  /// Opens `model.safetensors` in a directory, or else the shards of `model.safetensors.index.json`.
  ///
  /// - Throws: ``FileError`` `notFound` if there is neither; otherwise as ``init(indexPath:)`` or ``SafetensorsFile``.
  package convenience init(directory: String) throws {
    let indexPath = "\(directory)/\(SafetensorsFormat.indexName)"
    let singlePath = "\(directory)/\(SafetensorsFormat.singleName)"
    // As transformers does: a whole file is preferred to shards.
    if FileSystem.kind(of: singlePath) == nil, FileSystem.kind(of: indexPath) != nil {
      try self.init(indexPath: indexPath)
    } else {
      self.init(file: try SafetensorsFile(path: singlePath))
    }
  }

  /// One file as a set.
  package convenience init(file: SafetensorsFile) {
    self.init(path: file.path, files: [file], tensors: [file.tensors])
  }

  /// - Throws: ``FileError``; ``SafetensorsError``: `invalidIndex`, `unsafeShardName`, `missingShard`, `missingTensor`,
  ///   `duplicateName`, and all of ``SafetensorsFile``.
  package convenience init(indexPath: String) throws {
    let map = try Self.weightMap(indexPath)
    let directory = parentDirectory(of: indexPath)
    var files: [SafetensorsFile] = []
    var tensors: [[TensorDescription]] = []
    for (shard, names) in map.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      let file = try Self.openShard(String(decoding: shard, as: UTF8.self), directory: directory, indexPath: indexPath)
      var wanted: [TensorDescription] = []
      for name in names {
        guard let tensor = file.tensor(named: name) else {
          throw SafetensorsError(
            .missingTensor, path: file.path, place: "tensor \(name)",
            problem: "the index says that the tensor is in this shard, but it isn't")
        }
        wanted.append(tensor)
      }
      files.append(file)
      tensors.append(wanted.sorted { $0.byteRange.lowerBound < $1.byteRange.lowerBound })
    }
    self.init(path: indexPath, files: files, tensors: tensors)
  }

  private init(path: String, files: [SafetensorsFile], tensors: [[TensorDescription]]) {
    var index = TensorIndex()
    var flat: [TensorDescription] = []
    var fileOfTensor: [Int] = []
    for (number, tensors) in tensors.enumerated() {
      for tensor in tensors {
        _ = index.insert(tensor.name, index: flat.count)
        flat.append(tensor)
        fileOfTensor.append(number)
      }
    }
    self.path = path
    self.files = files
    self.tensors = flat
    self.index = index
    self.fileOfTensor = fileOfTensor
  }

  package func tensor(named name: String) -> TensorDescription? { index[name].map { tensors[$0] } }

  package func file(of tensor: TensorDescription) -> MappedFile {
    guard let position = index[tensor.name] else { preconditionFailure("a tensor of another source") }
    return files[fileOfTensor[position]].file(of: tensor)
  }

  /// The names of tensors by the UTF-8 bytes of the shard that holds them.
  private static func weightMap(_ path: String) throws -> [[UInt8]: [String]] {
    do {
      let root = try JSONDocument(path: path).root
      var map: [[UInt8]: [String]] = [:]
      for (tensor, shard) in try root["weight_map"].members() { map[try shard.utf8(), default: []].append(tensor) }
      return map
    } catch let error as JSONError {
      throw SafetensorsError(
        error.code == .duplicateKey ? .duplicateName : .invalidIndex, path: path, place: error.place,
        problem: error.problem)
    }
  }

  private static func openShard(_ name: String, directory: String, indexPath: String) throws -> SafetensorsFile {
    func unsafeName(_ problem: String) -> SafetensorsError {
      SafetensorsError(.unsafeShardName, path: indexPath, place: "$.weight_map", problem: problem)
    }
    let isPlain = !name.utf8.contains { $0 == 0 || $0 == UInt8(ascii: "/") }
    guard isPlain, !["", ".", ".."].contains(name) else {
      throw unsafeName("'\(name)' is not the name of a file in the index's directory")
    }
    let path = "\(directory)/\(name)"
    if !isInside(path, directory: directory) {
      let target = FileSystem.canonicalPath(path) ?? path
      throw unsafeName("the shard '\(name)' is a link that leads out of the directory, to \(target)")
    }
    do { return try SafetensorsFile(path: path) } catch let error as FileError where error.code == .notFound {
      throw SafetensorsError(
        .missingShard, path: path, place: nil, problem: "the index names this shard; it is missing")
    }
  }

  /// Whether a path in a directory leads to a file in it, or in the `blobs` folder of its download cache. What doesn't exist
  /// counts as inside.
  package static func isInside(_ path: String, directory: String) -> Bool {
    guard let target = FileSystem.canonicalPath(path), let home = FileSystem.canonicalPath(directory) else {
      return true
    }
    let targetDirectory = parentDirectory(of: target)
    return targetDirectory == home || isBlobStore(targetDirectory, of: home)
  }

  /// Whether `candidate` is `ROOT/blobs` for a snapshot directory `ROOT/snapshots/REVISION…`.
  private static func isBlobStore(_ candidate: String, of home: String) -> Bool {
    guard candidate.hasSuffix("/blobs") else { return false }
    return home.hasPrefix(candidate.dropLast("blobs".count) + "snapshots/")
  }
}
