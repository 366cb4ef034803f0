/// The directory of a path, `.` if it names none, and the last component, which is empty after a slash.
package func splitPath(_ path: String) -> (directory: String, name: Substring) {
  guard let slash = path.lastIndex(of: "/") else { return (".", path[...]) }
  let directory = slash == path.startIndex ? "/" : String(path[..<slash])
  return (directory, path[path.index(after: slash)...])
}

/// The directory of a path; `.` if it names none.
package func parentDirectory(of path: String) -> String { splitPath(path).directory }
