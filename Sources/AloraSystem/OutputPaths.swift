/// The files that a long run will write, looked at before it begins.
package enum OutputPaths {
  /// The first output that would replace an input or another output; nil if there is none.
  ///
  /// - Parameter inputs: files and directories that the run reads.
  package static func firstOverwriting(_ outputs: [String], inputs: [String]) -> String? {
    var taken = Set(inputs.map(place))
    return outputs.first { !taken.insert(place($0)).inserted }
  }

  /// - Throws: ``FileError`` if a file can't be written, as far as that can be seen now.
  package static func checkWritable(_ paths: [String]) throws(FileError) {
    for path in paths { _ = try AtomicFile(path: path, replacesExisting: true) }
  }

  /// One name for each place: with links resolved, as far as there is something.
  private static func place(_ path: String) -> String {
    if let known = FileSystem.canonicalPath(path) { return known }
    let (directory, name) = splitPath(path)
    return (FileSystem.canonicalPath(directory) ?? directory) + "/" + name
  }
}
