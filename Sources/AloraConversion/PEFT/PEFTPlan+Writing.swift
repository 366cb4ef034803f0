internal import AloraJSON
internal import AloraModels
internal import AloraSafetensors
internal import AloraSystem
internal import AloraTensors

extension PEFTPlan {
  /// Writes the directory. Each file appears complete, and adapter_config.json, without which it isn't an adapter, last.
  ///
  /// Holds one tensor at a time in memory, and the tensors that it is made from.
  ///
  /// - Parameter progress: called with the bytes of the weights written so far.
  /// - Throws: ``FileError``; ``AdapterError`` `notFinite`; ``ConversionError`` `outputIsInput`.
  package func write(
    to directory: String, replacesExisting: Bool, progress: (Int) -> Void = { _ in }
  ) throws {
    let paths = [ModelFiles.adapterWeights, ModelFiles.card, ModelFiles.adapterConfiguration].map {
      "\(directory)/\($0)"
    }
    for path in paths where inputs.contains(where: { FileSystem.isSameFile($0, path) }) {
      throw ConversionError(
        .outputIsInput, path: path, problem: "the output would replace a file of the adapter that is read",
        remedy: .otherOutput)
    }
    try FileSystem.createDirectory(directory)
    let card = try AtomicFile(path: paths[1], replacesExisting: replacesExisting)
    let configuration = try AtomicFile(path: paths[2], replacesExisting: replacesExisting)
    let writer = try SafetensorsWriter(path: paths[0], replacesExisting: replacesExisting, layout: layout)
    var byName: [String: PEFTTensor] = [:]
    for tensor in tensors { byName[tensor.declaration.name] = tensor }
    for place in layout.tensors {
      guard let tensor = byName[place.name] else { continue }
      let bytes = try tensor.bytes()
      try writer.write(unsafe bytes.span.bytes, of: place.name)
      progress(place.byteRange.upperBound)
    }
    let (text, json) = ([UInt8](self.card.utf8), [UInt8]((self.configuration.serialized() + "\n").utf8))
    try card.write(unsafe text.span.bytes)
    try configuration.write(unsafe json.span.bytes)
    try writer.finish()
    try card.commit()
    try configuration.commit()
  }
}
