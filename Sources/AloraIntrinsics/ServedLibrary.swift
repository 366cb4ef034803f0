internal import AloraJSON
package import AloraSystem

/// A library that a server can't load.
package typealias LibraryError = CodedError<LibraryErrorCode>

package enum LibraryErrorCode: ErrorCode {
  case invalidList
  /// A path that isn't below the library's directory.
  case pathLeadsOut
}

/// The adapters of a library that ``IntrinsicLibrary`` wrote, for a server to load.
///
/// Format: schemas/serve-library.schema.json.
package struct ServedLibrary {
  package struct Adapter: Hashable, Sendable {
    package let name: String
    package let path: String
  }

  package let adapters: [Adapter]
  private static let adapterLimit = 1024

  /// - Throws: ``FileError``; ``JSONError``; ``LibraryError``.
  package init(directory: String) throws {
    let path = "\(directory)/\(IntrinsicLibrary.servedName)"
    let root = try JSONDocument(path: path).root
    func invalid(_ place: String, _ problem: String) -> LibraryError {
      LibraryError(
        .invalidList, path: path, place: place, problem: problem,
        remedy: "convert the library again, or correct the file")
    }
    // The only version of this form.
    _ = try root["version"].integer(in: 1...1)
    let elements = try root["adapters"].elements()
    guard elements.count <= Self.adapterLimit else {
      throw invalid("$.adapters", "\(elements.count) adapters; at most \(Self.adapterLimit) can be loaded")
    }
    let canonical = FileSystem.canonicalPath(directory) ?? directory
    var adapters: [Adapter] = []
    for (index, element) in elements.enumerated() {
      let place = "$.adapters[\(index)]"
      let (adapter, relative) = (try element["name"].string(), try element["path"].string())
      guard (1...256).contains(adapter.utf8.count), !adapters.contains(where: { $0.name == adapter }) else {
        throw invalid("\(place).name", "'\(adapter)' is empty, too long, or another adapter's name too")
      }
      guard !relative.hasPrefix("/"), !relative.utf8.contains(0) else {
        throw LibraryError(
          .pathLeadsOut, path: path, place: "\(place).path", problem: "'\(relative)' isn't below the library")
      }
      let full = "\(directory)/\(relative)"
      if let target = FileSystem.canonicalPath(full), !target.hasPrefix(canonical + "/") {
        throw LibraryError(
          .pathLeadsOut, path: path, place: "\(place).path", problem: "'\(relative)' isn't below the library")
      }
      adapters.append(Adapter(name: adapter, path: full))
    }
    self.adapters = adapters
  }
}
