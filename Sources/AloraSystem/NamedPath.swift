/// A path and the name that its user gives it: `name=path`.
package struct NamedPath: Hashable, Sendable {
  package let name: String
  package let path: String

  package init(name: String, path: String) {
    self.name = name
    self.path = path
  }

  /// The paths in a list. One without a name is called `adapter`, or by its place in the list: `adapter2`.
  ///
  /// A path may contain '=' if a file or directory of that name exists.
  package static func all(_ texts: [String]) -> [NamedPath] {
    texts.enumerated().map { index, text in
      let equals = FileSystem.kind(of: text) == nil ? text.firstIndex(of: "=") : nil
      let name = equals.map { String(text[..<$0]) } ?? (index == 0 ? "adapter" : "adapter\(index + 1)")
      return NamedPath(name: name, path: equals.map { String(text[text.index(after: $0)...]) } ?? text)
    }
  }
}
