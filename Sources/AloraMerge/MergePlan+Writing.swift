internal import AloraAdapters
internal import AloraGGUF
internal import AloraModels
internal import AloraSafetensors
internal import AloraSystem
package import AloraTensors

extension MergePlan {
  private static let copiedByteCount = 1 << 20

  /// The bytes of all tensors of the output, which ``writeGGUF(to:replacesExisting:division:progress:)`` counts.
  package var dataByteCount: Int {
    let types = outputTypes
    return source.tensors.reduce(0) { sum, tensor in
      sum + (tensor.shape.byteCount(of: types[tensor.name] ?? tensor.dtype) ?? tensor.byteRange.count)
    }
  }

  private var outputTypes: [String: DType] {
    Dictionary(changed.map { ($0.name, $0.outputType) }) { first, _ in first }
  }

  /// Writes the merged model as one GGUF: complete, or not at all. Memory doesn't depend on the size of the model.
  ///
  /// - Parameters:
  ///   - division: the threads that quantize. The bytes don't depend on it.
  ///   - progress: called with the bytes of tensors written so far.
  /// - Returns: the file's size.
  /// - Throws: ``MergeError``, ``FileError``, ``GGUFError``, ``AdapterError`` `notFinite`.
  package func writeGGUF(
    to path: String, replacesExisting: Bool, division: WorkDivision = .none, progress: (Int) -> Void = { _ in }
  ) throws -> Int {
    guard let gguf = model.gguf else {
      throw MergeError(
        .wrongForm, path: model.path, problem: "it is a Hugging Face model, which becomes a directory",
        remedy: "give a directory to write, or the model's GGUF")
    }
    try refuseInput(path)
    var metadata = gguf.metadata
    // A part of a split says so in its keys, and a whole file is written.
    for key in ["split.no", "split.count", "split.tensors.count"] { metadata[key] = nil }
    let types = outputTypes
    let layout = try GGUFLayout(
      metadata: metadata,
      tensors: gguf.tensors.map {
        TensorDeclaration(name: $0.name, dtype: types[$0.name] ?? $0.dtype, shape: $0.shape)
      })
    let writer = try GGUFWriter(path: path, replacesExisting: replacesExisting, layout: layout)
    var merger = TensorMerger(path: model.path, division: division)
    var done = 0
    for (tensor, place) in zip(gguf.tensors, layout.tensors) {
      try write(tensor, as: place.dtype, &merger) { bytes in
        try writer.write(unsafe bytes.span.bytes, of: place.name)
        done += bytes.count
        progress(done)
      }
    }
    try requireEffect(merger)
    try writer.finish()
    return layout.byteCount
  }

  /// Writes the merged model as a directory with the base's files: all of them, or none that makes it a model. Shards stay
  /// shards.
  ///
  /// - Returns: the size of all files.
  /// - Throws: ``MergeError``, ``FileError``, ``SafetensorsError``, ``AdapterError`` `notFinite`.
  package func writeDirectory(
    to path: String, replacesExisting: Bool, progress: (Int) -> Void = { _ in }
  ) throws -> Int {
    guard let files = source as? SafetensorsFileSet else {
      throw MergeError(
        .wrongForm, path: model.path, problem: "it is a GGUF, which becomes a GGUF",
        remedy: "give a file to write, or the Hugging Face model")
    }
    let output = try OutputDirectory(path: path, model: model, weights: files, replacesExisting: replacesExisting)
    for part in files.files { try refuseInput(output.file(named: String(splitPath(part.path).name))) }
    try output.create()
    do {
      let count = try write(files, to: output, replacesExisting: replacesExisting, progress: progress)
      return count
    } catch {
      output.removeIfEmpty()
      throw error
    }
  }

  private func write(
    _ files: SafetensorsFileSet, to output: OutputDirectory, replacesExisting: Bool, progress: (Int) -> Void
  ) throws -> Int {
    let companions = try output.companions()
    var writers: [SafetensorsWriter] = []
    var merger = TensorMerger(path: model.path)
    var (done, total) = (0, companions.reduce(0) { $0 + $1.byteCount })
    for file in files.files {
      let layout = try SafetensorsLayout(
        metadata: file.metadata.isEmpty ? nil : file.metadata,
        tensors: file.tensors.map { TensorDeclaration(name: $0.name, dtype: $0.dtype, shape: $0.shape) },
        keepsOrder: true)
      let writer = try SafetensorsWriter(
        path: output.file(named: String(splitPath(file.path).name)), replacesExisting: replacesExisting, layout: layout)
      for place in layout.tensors {
        guard let tensor = file.tensor(named: place.name) else { continue }
        try write(tensor, in: file.file(of: tensor), as: place.dtype, &merger) { bytes in
          try writer.write(unsafe bytes.span.bytes, of: place.name)
          done += bytes.count
          progress(done)
        }
      }
      total += layout.byteCount
      writers.append(writer)
    }
    try requireEffect(merger)
    for writer in writers { try writer.finish() }
    // config.json last: without it, the directory isn't a model.
    for companion in companions { try companion.commit() }
    return total
  }

  private func write(
    _ tensor: TensorDescription, as type: DType, _ merger: inout TensorMerger, _ write: ([UInt8]) throws -> Void
  ) throws {
    try self.write(tensor, in: source.file(of: tensor), as: type, &merger, write)
  }

  private func write(
    _ tensor: TensorDescription, in file: MappedFile, as type: DType, _ merger: inout TensorMerger,
    _ write: ([UInt8]) throws -> Void
  ) throws {
    if let updates = updates[tensor.name] {
      return try merger.merge(tensor, in: file, updates, to: type, write: write)
    }
    let range = tensor.byteRange
    for first in stride(from: range.lowerBound, to: range.upperBound, by: Self.copiedByteCount) {
      try write(try file.read(first..<min(first + Self.copiedByteCount, range.upperBound)))
    }
  }

  private func refuseInput(_ path: String) throws(MergeError) {
    let parts = model.gguf?.parts.map(\.path) ?? (source as? SafetensorsFileSet)?.files.map(\.path) ?? []
    let inputs = parts + [adapter.path] + adapter.members.flatMap { [$0.fileOfA.path, $0.fileOfB.path] }
    guard inputs.contains(where: { FileSystem.isSameFile($0, path) }) else { return }
    throw MergeError(
      .outputIsInput, path: path, problem: "the output would replace a file that is read for it", remedy: .otherOutput)
  }

  private func requireEffect(_ merger: TensorMerger) throws(MergeError) {
    guard !merger.hasEffect else { return }
    let types = Set(changed.map(\.outputType.name)).sorted().joined(separator: ", ")
    throw MergeError(
      .noEffect, path: adapter.path,
      problem: "merged into \(types), every weight keeps its value: the updates are too small for the type",
      remedy: model.gguf == nil ? "merge into the model in F32" : .outputType("f32"))
  }
}
