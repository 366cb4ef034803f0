package import AloraInference
internal import AloraModels
package import AloraSystem
internal import AloraTensors

/// A prefix cache that may come from a file, and may go to one.
package struct StoredCache {
  package let cache: PrefixCache
  /// Of the model's files when the cache was opened, because they may be replaced during a long run; nil if the cache is
  /// neither loaded nor saved.
  private let filesDigest: Digest?

  /// - Parameters:
  ///   - path: a saved cache to begin with; nil: an empty one.
  ///   - isSaved: whether it is going to be saved.
  /// - Throws: as ``PrefixCache/init(model:byteLimit:path:filesDigest:)``; what reading the model's files throws.
  package init(_ model: Model, byteLimit: Int, from path: String?, isSaved: Bool) throws {
    filesDigest = path == nil && !isSaved ? nil : try model.source.digest()
    cache =
      if let path, let filesDigest {
        try PrefixCache(model: model, byteLimit: byteLimit, path: path, filesDigest: filesDigest)
      } else { PrefixCache(model: model, byteLimit: byteLimit) }
  }

  /// - Throws: as ``PrefixCache/save(to:filesDigest:)``.
  package func save(to file: AtomicFile) throws {
    guard let filesDigest else { preconditionFailure("a cache that was not opened to be saved") }
    try cache.save(to: file, filesDigest: filesDigest)
  }
}
