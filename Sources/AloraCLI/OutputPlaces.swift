internal import AloraSystem
internal import ArgumentParser

/// The files that a long run will write, looked at before it begins.
enum OutputPlaces {
  /// - Parameter inputs: files and directories that the run reads.
  /// - Throws: `ValidationError` if an output would replace an input or another output.
  static func checkDistinct(_ outputs: [String], inputs: [String]) throws {
    var taken = Set(inputs.map(place))
    for path in outputs where !taken.insert(place(path)).inserted {
      throw ValidationError("'\(path)' would be overwritten: this run already reads or writes it.")
    }
  }

  /// - Throws: ``FileError`` where a file cannot be written, as far as that can be seen now.
  static func checkWritable(_ paths: [String]) throws {
    for path in paths { _ = try AtomicFile(path: path, replacesExisting: true) }
  }

  /// One name for each place: with links resolved, as far as there is something.
  private static func place(_ path: String) -> String {
    if let known = FileSystem.canonicalPath(path) { return known }
    let slash = path.lastIndex(of: "/")
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    return (FileSystem.canonicalPath(directory) ?? directory) + "/" + name
  }
}
