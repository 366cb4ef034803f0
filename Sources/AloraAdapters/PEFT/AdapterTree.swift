internal import AloraModels
package import AloraSystem

/// The adapters in a tree of directories, such as IBM's Granite libraries, and the places that could not be searched.
///
/// Links to directories are not followed. Links within the tree would find an adapter twice or form a loop; links out of it
/// would read files that nobody named.
package struct AdapterTree {
  private static let depthLimit = 8

  /// The directories that contain an adapter_config.json, sorted by name.
  package private(set) var adapters: [String] = []
  package private(set) var failures: [(path: String, error: FileError)] = []
  /// Links that lead out of the tree.
  package private(set) var linksOut: [String] = []
  private let canonicalRoot: String?

  /// - Throws: ``FileError`` if the root cannot be listed.
  package init(root: String) throws(FileError) {
    let root = root.utf8.count > 1 && root.hasSuffix("/") ? String(root.dropLast()) : root
    canonicalRoot = FileSystem.canonicalPath(root)
    try collect(root, depth: 0)
  }

  private mutating func collect(_ directory: String, depth: Int) throws(FileError) {
    let names = try FileSystem.names(inDirectory: directory)
    if FileSystem.kind(of: "\(directory)/\(ModelFiles.adapterConfiguration)") == .regularFile {
      adapters.append(directory)
    }
    guard depth < Self.depthLimit else { return }
    for name in names where !name.hasPrefix(".") {
      let path = "\(directory)/\(name)"
      do throws(FileError) {
        switch try FileSystem.entryKind(of: path) {
        case .directory: try collect(path, depth: depth + 1)
        case .link: note(linkAt: path)
        case .regularFile, .other: break
        }
      } catch { failures.append((path, error)) }
    }
  }

  private mutating func note(linkAt path: String) {
    guard FileSystem.kind(of: path) == .directory, let canonicalRoot, let target = FileSystem.canonicalPath(path) else {
      return
    }
    if target != canonicalRoot, !target.utf8.starts(with: (canonicalRoot + "/").utf8) { linksOut.append(path) }
  }
}
