package import AloraInference
internal import AloraModels
internal import AloraSystem
internal import AloraTensors

extension ReportContext.Subject {
  /// A file with the digest that `sha256sum` gives; a directory with one of our own.
  ///
  /// - Parameter other: what a directory's digest is of, and that.
  /// - Throws: ``FileError``; what `other` throws.
  private init(path: String, _ other: () throws -> (name: String, digest: Digest)) throws {
    if FileSystem.kind(of: path) == .regularFile {
      self.init(path: path, digest: try Digest(file: path), digestName: "sha256")
    } else {
      let (name, digest) = try other()
      self.init(path: path, digest: digest, digestName: "sha256 of its \(name):")
    }
  }

  package init(_ model: Model, path: String) throws {
    try self.init(path: path) { ("files", try model.source.digest()) }
  }

  package init(_ adapter: Adapter) throws { try self.init(path: adapter.path) { ("factors", adapter.digest) } }

  package init(golden path: String) throws {
    self.init(path: path, digest: try Digest(file: path), digestName: "sha256")
  }
}
