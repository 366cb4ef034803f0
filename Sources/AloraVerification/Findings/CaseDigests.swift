package import AloraTensors
internal import AloraInference

internal import AloraModels

/// Digests of every bit of a prompt's two runs, position by position.
package struct CaseDigests: Sendable {
  /// Of the logits. Shape: `[T]`, as the others.
  package private(set) var base: [Digest] = []
  package private(set) var adapted: [Digest] = []
  /// Of the cached keys and values of all layers and heads, and of the states where a snapshot has them.
  package private(set) var baseCache: [Digest] = []
  package private(set) var adaptedCache: [Digest] = []
}

extension CaseDigests {
  init(_ base: Verification.Run, _ adapted: Verification.Run) {
    self.base = base.digests
    self.adapted = adapted.digests
    baseCache = base.cacheDigests
    adaptedCache = adapted.cacheDigests
  }
}

extension Verification.Run {
  /// The digest of the keys and values of each position, layer by layer and head by head, and of the states after it if they
  /// were kept.
  fileprivate var cacheDigests: [Digest] {
    let h = sequence.model.graph.base.hyperparameters
    return sequence.tokens.indices.map { position in
      var hasher = Digest.Hasher()
      for layer in 0..<h.layerCount {
        for head in 0..<sequence.headCount(layer: layer) {
          hasher.add(sequence.entry(layer: layer, head: head, position: position))
        }
      }
      if let snapshot = sequence.snapshot(at: position + 1) { hasher.add(snapshot.floats(of: sequence.model)) }
      return hasher.end()
    }
  }
}
