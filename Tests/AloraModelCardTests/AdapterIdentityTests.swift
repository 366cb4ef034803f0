import AloraJSON
import AloraTestSupport
import Foundation
import Testing

@testable import AloraModelCard

@Suite struct AdapterIdentityTests {
  /// gguf-py's own answers, from testdata/modelcards/make_fixtures.py.
  @Test func namesArePartedAsInTheReference() throws {
    let cases = try JSONDocument(path: testData("modelcards/expected.json")).root["ids"].elements()
    #expect(cases.count > 600)
    for item in cases {
      // Name, weights, title, and the components.
      let fields = try item.elements()
      let (identifier, weightCount) = (try fields[0].string(), try fields[1].integer())
      let expected = try fields[3...].map { $0.isNull ? nil : try $0.string() }
      let found = ModelIdentifier(identifier, weightCount: weightCount)
      let parts = [found.name, found.organization, found.basename, found.finetune, found.version, found.sizeLabel]
      #expect(parts == expected, "\(identifier.debugDescription) with \(weightCount) weights")
      #expect(ModelIdentifier.title(of: identifier) == (try fields[2].string()), "\(identifier.debugDescription)")
    }
  }

  /// A megabyte of models would become a file with more keys than a reader accepts, and a name of a megabyte takes long.
  @Test func cardsOfMoreThanAnyoneWritesAreNotUsed() throws {
    try withTemporaryDirectory { directory in
      func identity(_ card: String) throws -> AdapterIdentity {
        try "---\n\(card)\n---\n".write(toFile: directory + "/README.md", atomically: true, encoding: .utf8)
        return AdapterIdentity(directory: directory, baseModelName: nil, baseModelID: nil, weightCount: 1)
      }
      let most = try identity("base_model:\n" + String(repeating: "- a/b-1b\n", count: 1024))
      #expect(most.notes.isEmpty && most.entries.contains { $0.value == .uint32(1024) })
      let more = try identity("base_model:\n" + String(repeating: "- a/b-1b\n", count: 1025))
      #expect(more.notes == [.cardUnusable(problem: "a list has more than 1024 items")])
      let name = "a/" + String(repeating: "b-", count: 100_000)
      let long = try identity("base_model: \(name)")
      #expect(long.notes.isEmpty && long.entries.contains { $0.key == "general.base_model.0.name" })
    }
  }

  /// A card that Windows saved: a byte order mark, CRLF.
  @Test func marksAndCRLFChangeNothing() throws {
    try withTemporaryDirectory { directory in
      var found: [[AdapterIdentity.Entry]] = []
      for (mark, end) in [("", "\n"), ("\u{FEFF}", "\r\n")] {
        let card = ["---", "tags: [größe, \"😀\"]", "license: mit", "---", "# Prüfer", ""].joined(separator: end)
        try (mark + card).write(toFile: directory + "/README.md", atomically: true, encoding: .utf8)
        let identity = AdapterIdentity(directory: directory, baseModelName: nil, baseModelID: nil, weightCount: 1)
        #expect(identity.notes.isEmpty)
        found.append(identity.entries)
      }
      #expect(found[0].contains { $0.value == .strings(["größe", "😀"]) })
      #expect(found[0] == found[1])
    }
  }

  @Test func cardsGiveTheKeysOfTheReferenceInItsOrder() throws {
    for item in try JSONDocument(path: testData("modelcards/expected.json")).root["cards"].elements() {
      try withTemporaryDirectory { root in
        let directory = root + "/" + (try item["folder"].string())
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let card = try item["card"].string()
        try "---\n\(card)---\n# Title\n".write(toFile: directory + "/README.md", atomically: true, encoding: .utf8)
        let found = AdapterIdentity(
          directory: directory, baseModelName: nil, baseModelID: nil, weightCount: try item["weights"].integer())
        // Of a base that is a path we record nothing.
        let namesPath = ["base_model: ./models/local-7B\n", "base_model: org/name/extra\n"].contains(card)
        let entries = try item["entries"].elements().map { try $0.elements() }
        let expected = try entries.filter { entry in
          let key = try entry[0].string()
          return !namesPath || !key.hasPrefix("general.base_model.")
        }
        #expect(found.entries.map(\.key) == (try expected.map { try $0[0].string() }), "\(card)")
        for (entry, wanted) in zip(found.entries, expected) {
          switch entry.value {
          case .string(let text): #expect(try wanted[1].string() == text, "\(entry.key) of \(card)")
          case .strings(let texts): #expect(try wanted[1].elements().map { try $0.string() } == texts, "\(entry.key)")
          case .uint32(let number): #expect(try wanted[1].integer() == Int(number), "\(entry.key)")
          }
        }
        let fileName = try item["file_name"].string()
        #expect(found.defaultFileName(outputType: "f16") == fileName)
      }
    }
  }

  private func identity(card: String? = nil, baseModelName: String?, baseModelID: String? = nil) throws
    -> AdapterIdentity
  {
    try withTemporaryDirectory { directory in
      if let card { try card.write(toFile: directory + "/README.md", atomically: true, encoding: .utf8) }
      return AdapterIdentity(
        directory: directory, baseModelName: baseModelName, baseModelID: baseModelID, weightCount: 1_000_000)
    }
  }

  @Test func theConfigurationsBaseIsTheFallback() throws {
    let found = try identity(baseModelName: "org/Base-7B")
    #expect(
      found.entries.contains {
        $0.key == "general.base_model.0.repo_url" && $0.value == .string("https://huggingface.co/org/Base-7B")
      })
    let card = try identity(card: "---\nbase_model: a/b\n---\n", baseModelName: "org/Base-7B")
    #expect(card.entries.contains { $0.key == "general.base_model.0.organization" && $0.value == .string("A") })
    let named = try identity(card: "---\nbase_model: a/b\n---\n", baseModelName: "org/Base-7B", baseModelID: "c/d")
    #expect(named.entries.contains { $0.key == "general.base_model.0.organization" && $0.value == .string("C") })
  }

  /// PEFT writes what it was given as the base's name into the configuration, and into the card three times.
  @Test(arguments: [
    "/home/me/models/base", "./out/base", "../base", "~/x", "C:\\models\\x", "C:/x", ".\\x", "a/b/c", "out/",
    "file:///x",
  ]) func aPathOfTheTrainingMachineIsNotRecorded(_ path: String) throws {
    let configured = try identity(baseModelName: path)
    #expect(!configured.entries.contains { $0.key.hasPrefix("general.base_model") })
    #expect(configured.notes == [.localBase(path: path)])

    let card = """
      ---
      base_model: '\(path)'
      tags:
      - 'base_model:adapter:\(path)'
      - 'base_model:\(path)'
      - lora
      ---

      """
    for name in [path, nil] {
      let found = try identity(card: card, baseModelName: name)
      #expect(!found.entries.contains { $0.key.hasPrefix("general.base_model") })
      #expect(found.entries.first { $0.key == "general.tags" }?.value == .strings(["lora"]))
      #expect(found.notes == configured.notes)
    }
    // A base that is known is recorded, whoever names it.
    for (name, id) in [("org/Base-7B", nil), (path, "org/Base-7B")] as [(String, String?)] {
      let found = try identity(card: card, baseModelName: name, baseModelID: id)
      #expect(found.entries.contains { $0.key == "general.base_model.0.name" && $0.value == .string("Base 7B") })
      #expect(found.notes == (id == nil ? configured.notes : []))
    }
  }

  @Test func pathsAreLeftOutOfAListOfBases() throws {
    let tag = "base_model:adapter:org/Base-7B"
    let card = "---\nbase_model: [/home/me/x, org/Base-7B, plain]\ntags: ['\(tag)']\n---\n"
    let found = try identity(card: card, baseModelName: nil)
    #expect(found.entries.contains { $0.key == "general.base_model.count" && $0.value == .uint32(2) })
    #expect(found.entries.contains { $0.key == "general.base_model.0.name" && $0.value == .string("Base 7B") })
    #expect(found.entries.contains { $0.key == "general.tags" && $0.value == .strings([tag]) })
    #expect(found.notes.count == 1)
  }

  @Test(arguments: [
    "---\na: &x [1]\nb: *x\n---\n", "---\n{\n---\n", "---\n- a\n---\n", "---\nx: \"\n---\n",
    "---\na: " + String(repeating: "[", count: 1000) + "\n---\n", "---\n\u{0}\n---\n",
  ]) func aMalformedCardIsNotedAndNotUsed(_ card: String) throws {
    let found = try identity(card: card, baseModelName: nil)
    #expect(found.notes.count == 1)
    #expect(
      found.entries.allSatisfy {
        ["general.name", "general.basename", "general.finetune", "general.size_label", "general.version"].contains(
          $0.key)
      })
  }

  @Test(arguments: ["base_model:\n", "base_model: []\n", "base_model: ''\n", "base_models:\n"])
  func aCardWithoutABaseFallsBackToTheConfiguration(_ text: String) throws {
    let found = try identity(card: "---\n\(text)---\n", baseModelName: "org/Base-7B")
    #expect(found.entries.contains { $0.key == "general.base_model.0.name" && $0.value == .string("Base 7B") })
  }

  /// As gguf-py: a field that is there and null counts nothing, and hides the field that would come after it.
  @Test(arguments: ["datasets:\n", "datasets: null\n", "datasets: []\n", "datasets:\ndataset: a/b\n"])
  func aCardWithoutDataSetsCountsNone(_ text: String) throws {
    let found = try identity(card: "---\n\(text)---\n", baseModelName: nil)
    let entries = found.entries.filter { $0.key.hasPrefix("general.dataset.") }
    #expect(entries.map(\.key) == ["general.dataset.count"] && entries.first?.value == .uint32(0))
  }

  @Test func anEmptyNameIsTheDirectorys() throws {
    let found = try identity(card: "---\nname: ''\nauthor: ''\n---\n", baseModelName: nil)
    #expect(found.entries.first?.key == "general.name")
    #expect(!found.entries.contains { $0.key == "general.author" || $0.value == .string("") })
  }

  @Test(arguments: ["a/../b", "..", "x\u{1B}[31my", "  ", "a\nb", "\u{202E}x"])
  func fileNamesArePlain(_ name: String) throws {
    let quoted = name.unicodeScalars.map { "\\u" + String(0x10000 + $0.value, radix: 16).dropFirst() }.joined()
    let found = try identity(card: "---\nname: \"\(quoted)\"\nbasename: \"\(quoted)\"\n---\n", baseModelName: nil)
    let fileName = found.defaultFileName(outputType: "f32")
    #expect(fileName.hasSuffix("-F32-LoRA.gguf") && !fileName.hasPrefix("."))
    #expect(!fileName.contains("/") && !fileName.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202E })
  }

  @Test func languagesAndVersionsStayText() throws {
    let found = try identity(card: "---\nversion: 1.10\nlanguage:\n- no\n- yes\n---\n", baseModelName: nil)
    #expect(found.entries.contains { $0.key == "general.version" && $0.value == .string("1.10") })
    #expect(found.entries.contains { $0.key == "general.languages" && $0.value == .strings(["no", "yes"]) })
  }
}
