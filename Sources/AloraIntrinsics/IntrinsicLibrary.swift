internal import AloraJSON
internal import AloraSystem

/// The adapters of one base, and the files by which servers and clients find them.
///
/// mellea and other clients of Granite's libraries read `adapter_index.json` and the copies of `io.yaml` in `io_configs`; a
/// server reads `serve.json`.
/// Source: mellea 0.8, `backends/adapters/adapter.py` (`EmbeddedIntrinsicAdapter.from_model_directory`), for the index.
package struct IntrinsicLibrary {
  package static let indexName = "adapter_index.json"
  package static let servedName = "serve.json"
  static let configurationDirectory = "io_configs"

  /// An adapter of a tree, as it is converted.
  package struct Entry: Hashable, Sendable {
    /// By which clients ask for it.
    package var name: String
    /// Below the tree's root.
    let treePath: String
    /// Below the library's directory.
    let weights: String
    let isActivated: Bool
    /// The adapter's `io.yaml`; nil if it has none that clients can read.
    let configuration: String?
  }

  package let directory: String
  package private(set) var entries: [Entry] = []

  package init(directory: String) { self.directory = directory }

  /// The files that a library writes besides the adapters and the copies of `io.yaml`.
  static func files(in directory: String) -> [String] {
    [indexName, servedName].map { "\(directory)/\($0)" }
  }

  mutating func add(_ entry: Entry) { entries.append(entry) }

  /// Gives each adapter a name of its own.
  ///
  /// Of a plain and an Activated LoRA with the same name, the Activated one keeps it, and the other becomes `NAME-lora`.
  /// Further ones are named after their paths.
  mutating func nameApart() {
    for name in Set(entries.map(\.name)) {
      let indices = entries.indices.filter { entries[$0].name == name }
      guard indices.count > 1 else { continue }
      let activated = indices.filter { entries[$0].isActivated }
      if indices.count == 2, activated.count == 1 {
        for index in indices where !entries[index].isActivated { entries[index].name += "-lora" }
      } else {
        for index in indices {
          entries[index].name = entries[index].treePath.split(separator: "/").joined(separator: "-")
        }
      }
    }
  }

  /// Writes the copies of `io.yaml`, then the two lists of them.
  ///
  /// - Throws: ``FileError``.
  func write(replacesExisting: Bool) throws {
    for entry in entries {
      guard let configuration = entry.configuration else { continue }
      let file = try MappedFile(path: configuration)
      let path = "\(directory)/\(Self.configurationPath(entry))"
      try FileSystem.createDirectory(parentDirectory(of: path))
      try AtomicFile.write(file.read(0..<file.byteCount), to: path, replacesExisting: replacesExisting)
    }
    for (name, content) in [(Self.indexName, index), (Self.servedName, served)] {
      try AtomicFile.write(
        Array((content.serialized() + "\n").utf8), to: "\(directory)/\(name)", replacesExisting: replacesExisting)
    }
  }

  private static func configurationPath(_ entry: Entry) -> String {
    "\(configurationDirectory)/\(entry.name)/\(IntrinsicConfiguration.fileName)"
  }

  /// What mellea reads: the adapters that have an `io.yaml`.
  private var index: JSONValue {
    let adapters = entries.filter { $0.configuration != nil }.map { entry -> JSONValue in
      [
        "adapter_name": .string(entry.name), "technology": .string(entry.isActivated ? "alora" : "lora"),
        "io_config": .string(Self.configurationPath(entry)),
      ]
    }
    return ["adapters": .array(adapters)]
  }

  /// Schema: schemas/serve-library.schema.json
  private var served: JSONValue {
    let adapters = entries.map { entry -> JSONValue in
      ["name": .string(entry.name), "path": .string(entry.weights)]
    }
    return ["version": 1, "adapters": .array(adapters)]
  }
}
