package import AloraConversion
internal import AloraModels
internal import AloraSystem

/// The conversion of a library of intrinsics: its adapters, and the lists by which servers and clients find them.
package struct LibraryConversion {
  private let tree: TreeConversion
  private let root: String
  private let bases: [ConversionBase]
  private let directory: String
  private var libraries: [String: IntrinsicLibrary] = [:]
  /// What the checks need of each base; nil for a base without a tokenizer that can be read.
  private var checked: [String: IntrinsicBase?] = [:]

  /// - Parameters:
  ///   - directory: the root of the output. Each of several bases has a directory of its own in it.
  ///   - replacesExisting: whether lists that exist are replaced.
  /// - Throws: ``FileError`` `alreadyExists`.
  package init(
    _ tree: TreeConversion, root: String, bases: [ConversionBase], directory: String, replacesExisting: Bool
  ) throws {
    self.tree = tree
    self.root = root
    self.bases = bases
    self.directory = directory
    guard !replacesExisting else { return }
    for base in bases {
      for path in IntrinsicLibrary.files(in: libraryDirectory(base)) where FileSystem.kind(of: path) != nil {
        throw FileError(.alreadyExists, operation: "write", path: path, detail: "a file of that name exists")
      }
    }
  }

  private func libraryDirectory(_ base: ConversionBase) -> String {
    [directory, TreeConversion.directory(of: base, among: bases)].compactMap { $0 }.joined(separator: "/")
  }

  /// Converts the adapters, as ``TreeConversion/run(_:_:directory:separatesBases:write:report:)`` does, and checks each one's
  /// `io.yaml`.
  ///
  /// - Parameter report: called with the findings of an adapter's `io.yaml` too.
  package mutating func run(
    _ request: ConversionRequest, write: (AdapterConversion, String) throws -> AdapterConversion.Summary?,
    report: (String, TreeConversion.Outcome, [IntrinsicFinding]) -> Void
  ) {
    let tree = tree
    tree.run(bases, request, directory: directory, separatesBases: true, write: write) { name, outcome in
      guard case .planned(let conversion, let output, _) = outcome, let base = conversion.base else {
        return report(name, outcome, [])
      }
      do {
        report(name, outcome, try add(conversion, base, treePath: name, output: output))
      } catch { report(name, .failed(error), []) }
    }
  }

  private mutating func add(
    _ conversion: AdapterConversion, _ base: ConversionBase, treePath: String, output: String
  ) throws -> [IntrinsicFinding] {
    let configurationPath = "\(tree.path(of: treePath))/\(IntrinsicConfiguration.fileName)"
    let hasConfiguration = FileSystem.kind(of: configurationPath) == .regularFile
    let configuration = hasConfiguration ? try IntrinsicConfiguration(path: configurationPath) : nil
    let place = libraryDirectory(base)
    let entry = IntrinsicLibrary.Entry(
      name: LibraryNames.name(ofPath: treePath, root: FileSystem.canonicalPath(root) ?? root), treePath: treePath,
      weights: String(output.dropFirst(place.count + 1)), isActivated: conversion.invocationTokens != nil,
      configuration: configuration?.isReadable == true ? configurationPath : nil)
    libraries[place, default: IntrinsicLibrary(directory: place)].add(entry)
    guard let configuration else { return [] }
    let known = checkedBase(base)
    var findings = try IntrinsicLint(configuration, base: known, invocation: conversion.invocationTokens).findings()
    if known == nil { findings.append(.tokensNotChecked) }
    if let model = configuration.model, model != entry.name {
      findings.append(.otherModel(model, name: entry.name))
    }
    return findings
  }

  private mutating func checkedBase(_ base: ConversionBase) -> IntrinsicBase? {
    if let known = checked[base.path] { return known }
    let found = try? IntrinsicBase(source: base.source)
    checked[base.path] = .some(found)
    return found
  }

  /// Writes the lists of what was converted, one library for each base that has adapters.
  ///
  /// - Returns: the libraries, by their directories.
  /// - Throws: ``FileError``.
  package mutating func writeLists(replacesExisting: Bool) throws -> [IntrinsicLibrary] {
    try libraries.values.sorted { $0.directory < $1.directory }.map { library in
      var library = library
      library.nameApart()
      try library.write(replacesExisting: replacesExisting)
      return library
    }
  }
}
