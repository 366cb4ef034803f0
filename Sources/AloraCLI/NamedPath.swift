internal import AloraSystem
internal import ArgumentParser

/// A path and the name that its user gives it: `name=path`.
struct NamedPath {
  let name: String
  let path: String

  /// A path may contain '=' if a file or directory of that name exists.
  static func all(_ arguments: [String]) -> [NamedPath] {
    arguments.enumerated().map { index, text in
      let equals = FileSystem.kind(of: text) == nil ? text.firstIndex(of: "=") : nil
      let name = equals.map { String(text[..<$0]) } ?? (index == 0 ? "adapter" : "adapter\(index + 1)")
      return NamedPath(name: name, path: equals.map { String(text[text.index(after: $0)...]) } ?? text)
    }
  }

  /// - Throws: `ValidationError` unless every adapter has a name of its own.
  static func check(_ arguments: [String]) throws {
    let names = all(arguments).map(\.name)
    guard Set(names).count == names.count, !names.contains("base"), !names.contains("") else {
      throw ValidationError("Each adapter needs a name of its own, and none is called 'base'.")
    }
  }
}
