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

  /// `-` means standard output to most tools. A binary file that appears complete or not at all can't go there.
  ///
  /// - Throws: `ValidationError` for `-`.
  static func checkIsFile(_ path: String?, option: String) throws {
    guard path == "-" else { return }
    throw ValidationError("\(option) needs a file, and '-' is standard output. For a file of that name, give ./-.")
  }

  /// - Throws: ``FileError`` if a file can't be written, as far as that can be seen now.
  static func checkWritable(_ paths: [String]) throws {
    for path in paths { _ = try AtomicFile(path: path, replacesExisting: true) }
  }

  /// One name for each place: with links resolved, as far as there is something.
  private static func place(_ path: String) -> String {
    if let known = FileSystem.canonicalPath(path) { return known }
    let (directory, name) = splitPath(path)
    return (FileSystem.canonicalPath(directory) ?? directory) + "/" + name
  }
}
