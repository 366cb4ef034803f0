/// Names of adapters in libraries of intrinsics.
enum LibraryNames {
  private static let technologies = ["alora", "lora"]

  /// The name of an adapter, by its path below the root of a library.
  ///
  /// Granite's libraries have the layouts `<intrinsic>/<base>/<technology>` and `<intrinsic>/<technology>/<base>`. In any
  /// other tree, an adapter has the name of its directory.
  /// Source: granite-common 0.4.1, `intrinsics/util.py` (`obtain_lora`).
  static func name(ofPath path: String, root: String) -> String {
    var components = path.split(separator: "/").map(String.init)
    let outer = root.split(separator: "/").last.map(String.init) ?? "adapter"
    if components.isEmpty { components = [outer] }
    let count = components.count
    let isInnermost = components.last.map(technologies.contains) ?? false
    let isSecond = count > 1 && technologies.contains(components[count - 2])
    guard isInnermost || isSecond else { return components[count - 1] }
    // Trees that begin within an intrinsic have its name in the root's.
    return count >= 3 ? components[count - 3] : count == 2 || isSecond ? outer : components[count - 1]
  }
}
