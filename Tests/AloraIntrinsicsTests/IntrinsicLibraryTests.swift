import AloraSystem
import AloraTestSupport
import Foundation
import Testing

@testable import AloraIntrinsics

@Suite struct IntrinsicLibraryTests {
  @Test(arguments: [
    ("answerability/granite/alora", "answerability"), ("answerability/granite/lora", "answerability"),
    ("rag/answerability/granite/alora", "answerability"), ("answerability/alora/granite", "answerability"),
    ("granite/alora", "library"), ("alora/granite", "library"), ("alora", "alora"), ("", "library"),
    ("mine", "mine"), ("group/mine", "mine"),
  ]) func adaptersAreNamedAfterTheirIntrinsic(_ path: String, _ name: String) {
    #expect(LibraryNames.name(ofPath: path, root: "/somewhere/library") == name)
  }

  private func entry(_ name: String, _ path: String, isActivated: Bool) -> IntrinsicLibrary.Entry {
    .init(name: name, treePath: path, weights: "\(path)/a.gguf", isActivated: isActivated, configuration: nil)
  }

  @Test func adaptersOfOneNameGetNamesOfTheirOwn() {
    var library = IntrinsicLibrary(directory: "out")
    library.add(entry("a", "a/b/alora", isActivated: true))
    library.add(entry("a", "a/b/lora", isActivated: false))
    library.add(entry("c", "x/c/lora", isActivated: false))
    library.add(entry("c", "y/c/lora", isActivated: false))
    library.nameApart()
    #expect(library.entries.map(\.name) == ["a", "a-lora", "x-c-lora", "y-c-lora"])
  }

  @Test(arguments: [
    ("{}", "version"), (#"{"version":2,"adapters":[]}"#, "version"), (#"{"version":1}"#, "adapters"),
    (#"{"version":1,"adapters":{}}"#, "adapters"), (#"{"version":1,"adapters":[3]}"#, "adapters[0]"),
    (#"{"version":1,"adapters":[{"name":"a"}]}"#, "path"),
    (#"{"version":1,"adapters":[{"name":"","path":"x"}]}"#, "name"),
    (#"{"version":1,"adapters":[{"name":"a","path":"x"},{"name":"a","path":"y"}]}"#, "[1].name"),
    (#"{"version":1,"adapters":[{"name":"a","path":"/etc/passwd"}]}"#, "isn't below the library"),
    (#"{"version":1,"adapters":[{"name":"a","path":"../out.gguf"}]}"#, "isn't below the library"),
    (#"{"version":1,"adapters":[{"name":"a","path":"link.gguf"}]}"#, "isn't below the library"),
    (#"{"version":1,"adapters":[{"name":"a","path":"."}]}"#, "isn't below the library"),
  ]) func listsThatCantBeLoadedAreRefused(_ list: String, _ mention: String) throws {
    try withTemporaryDirectory { directory in
      let library = directory + "/library"
      try FileManager.default.createDirectory(atPath: library, withIntermediateDirectories: true)
      try Data().write(to: URL(fileURLWithPath: directory + "/out.gguf"))
      try FileManager.default.createSymbolicLink(
        atPath: library + "/link.gguf", withDestinationPath: directory + "/out.gguf")
      try Data(list.utf8).write(to: URL(fileURLWithPath: library + "/serve.json"))
      let error = #expect(throws: (any Error).self) { try ServedLibrary(directory: library) }
      #expect("\(error.map { "\($0)" } ?? "")".contains(mention))
    }
  }
}
