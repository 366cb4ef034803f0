internal import AloraSystem
internal import AloraGGUF

extension Hyperparameters.GlobalHeads {
  /// The heads of layers with a window, and what differs in the others.
  struct Both {
    let usual: (keyValueHeadCount: Int, headDimension: Int)
    let global: Hyperparameters.GlobalHeads
  }

  /// Nil if all layers have the same heads.
  ///
  /// Source: llama.cpp `src/llama-hparams.cpp` (`n_embd_head_k`, `n_head_kv`), `src/models/gemma4.cpp`.
  /// - Throws: ``GGUFError``; ``ArchitectureError`` `invalidHyperparameter`.
  static func both(_ reader: GGUFReader, heads: Int, hidden: Int) throws -> Both? {
    let metadata = reader.file.metadata
    guard reader.has("attention.key_length_swa") else { return nil }
    let countKey = "\(reader.prefix).attention.head_count_kv"
    let layerCount = try metadata.integer(forKey: "\(reader.prefix).block_count", in: Hyperparameters.layers)
    guard let hasWindow = try reader.flags("attention.sliding_window_pattern", layerCount: layerCount) else {
      return nil
    }
    var counts = [Int](repeating: heads, count: layerCount)
    if case .array = metadata[countKey] {
      counts = try metadata.integers(forKey: countKey)
    } else if let count = try metadata.integer(ifPresent: countKey, in: Hyperparameters.extent) {
      counts = [Int](repeating: count, count: layerCount)
    }
    let (windowed, global) = (
      Set((0..<min(layerCount, counts.count)).filter { hasWindow[$0] }.map { counts[$0] }),
      Set((0..<min(layerCount, counts.count)).filter { !hasWindow[$0] }.map { counts[$0] })
    )
    guard windowed.count <= 1, global.count <= 1 else {
      throw ArchitectureError(
        .unsupportedVariant, path: reader.file.path, place: countKey,
        problem: "the key-value heads of layers of one kind differ")
    }
    guard counts.count >= layerCount, let count = global.first ?? windowed.first, count >= 1,
      heads.isMultiple(of: count)
    else { throw reader.error(countKey, "the key-value heads of its layers do not go together with \(heads) heads") }
    let lengthKey = "attention.key_length"
    let length = try reader.integer(lengthKey, default: hidden / heads)
    guard length >= 2, length.isMultiple(of: 2) else {
      throw reader.error("\(reader.prefix).\(lengthKey)", "heads of \(length) are not supported")
    }
    let firstGlobal = hasWindow.firstIndex(of: false) ?? 0
    return Both(
      usual: (windowed.first ?? count, try reader.integer("attention.key_length_swa", default: length)),
      global: Self(
        isGlobal: hasWindow.map { !$0 }, keyValueHeadCount: count, headDimension: length,
        hasValueProjection: reader.file.tensor(named: "blk.\(firstGlobal).attn_v.weight") != nil))
  }
}
