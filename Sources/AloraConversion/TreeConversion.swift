internal import AloraAdapters
internal import AloraModels
internal import AloraSystem

/// The conversion of every adapter in a tree of directories.
package struct TreeConversion {
  /// What became of an adapter, or of a directory of the tree.
  package enum Outcome {
    /// - Parameter summary: nil if nothing was written.
    case planned(AdapterConversion, output: String, summary: AdapterConversion.Summary?)
    /// An adapter that can't be converted.
    case failed(any Error)
    /// A directory that can't be searched.
    case unsearchable(any Error)
  }

  private let root: String
  private let tree: AdapterTree
  /// Links that lead out of the tree and aren't followed.
  package var linksOut: [String] { tree.linksOut }

  /// - Throws: ``FileError``; ``AdapterError`` `missingConfiguration` for a tree without adapters.
  package init(root: String) throws {
    self.root = root
    tree = try AdapterTree(root: root)
    guard !tree.adapters.isEmpty || !tree.failures.isEmpty else {
      throw AdapterError(
        .missingConfiguration, path: root, problem: "no directory in it contains \(ModelFiles.adapterConfiguration)",
        remedy: "give the root of a library: <intrinsic>/<base>/{lora,alora}/")
    }
  }

  /// Converts the adapters one after the other. One that fails doesn't stop the others.
  ///
  /// - Parameters:
  ///   - directory: the root of the output, which has the tree's own structure: that keeps adapters of one name apart.
  ///   - separatesBases: whether each of several bases has a directory of its own, named after it.
  ///   - write: writes a conversion to a path; nil if nothing is to be written.
  ///   - report: called for each adapter and each directory that can't be searched, with its path below the root.
  package func run(
    _ bases: [ConversionBase], _ request: ConversionRequest, directory: String?, separatesBases: Bool = false,
    write: (AdapterConversion, String) throws -> AdapterConversion.Summary?, report: (String, Outcome) -> Void
  ) {
    for path in tree.adapters {
      let name = relative(path)
      do {
        let conversion = try AdapterConversion(path: path, bases: bases, request: request)
        let base = separatesBases ? conversion.base.flatMap { Self.directory(of: $0, among: bases) } : nil
        let output = [directory, base, name, conversion.defaultName(adapterPath: path)]
          .compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: "/")
        report(name, .planned(conversion, output: output, summary: try write(conversion, output)))
      } catch { report(name, .failed(error)) }
    }
    for (path, error) in tree.failures { report(relative(path), .unsearchable(error)) }
  }

  /// The name of a base's own directory; nil if there is only one base.
  package static func directory(of base: ConversionBase, among bases: [ConversionBase]) -> String? {
    guard bases.count > 1 else { return nil }
    let alike = bases.filter { $0.shortName == base.shortName }
    guard alike.count > 1, let index = alike.firstIndex(where: { $0.path == base.path }) else { return base.shortName }
    return "\(base.shortName)-\(index + 1)"
  }

  /// The adapter's directory, by its path below the root.
  package func path(of name: String) -> String { name.isEmpty ? root : "\(root)/\(name)" }

  private func relative(_ path: String) -> String { String(path.dropFirst(root.count).drop { $0 == "/" }) }
}
