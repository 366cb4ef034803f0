import AloraModels
import AloraTemplates
import AloraSystem
import AloraTestSupport
import AloraTokenization
import Foundation
import Testing

/// Tokenizers and templates with random damage: read and used, or refused with a diagnosed error.
///
/// ALORA_FUZZ_SECONDS lets them run longer, ALORA_FUZZ_SEED from another seed.
@Suite struct MutationTests {
  private let seed = ProcessInfo.processInfo.environment["ALORA_FUZZ_SEED"].flatMap { UInt64($0) } ?? 20_261_124
  private let end = Date().addingTimeInterval(
    ProcessInfo.processInfo.environment["ALORA_FUZZ_SECONDS"].flatMap { Double($0) } ?? 0)

  /// At least `count` rounds, and as many as fit into the time.
  private func rounds(_ count: Int, _ body: () throws -> Void) rethrows {
    var done = 0
    while done < count || Date() < end {
      try body()
      done += 1
    }
  }

  private func damage(_ bytes: inout [UInt8], _ snippets: [String], _ random: inout SeededRandom) {
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      // The settings of a tokenizer.json come before its vocabulary.
      let limit = Bool.random(using: &random) ? bytes.count : min(bytes.count, 2500)
      let place = Int.random(in: 0..<max(limit, 1), using: &random)
      switch Int.random(in: 0..<4, using: &random) {
      case 0 where !bytes.isEmpty: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 1: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...20, using: &random)))
      case 2 where !bytes.isEmpty: bytes.swapAt(place, Int.random(in: 0..<bytes.count, using: &random))
      default: bytes.insert(contentsOf: Array((snippets.randomElement(using: &random) ?? "").utf8), at: place)
      }
    }
  }

  @Test func damagedTokenizersAreUsedOrRefused() throws {
    var random = SeededRandom(seed: seed)
    var texts = try GeneratedTexts(seed: seed, inserted: ["<s>", "<|x|>", "alone", "  "])
    let files = try TokenizerCase.all.flatMap { item in
      try ["tokenizer.json", "vocabulary.gguf"].map { try testData("tokenizers/cases/\(item.name)/\($0)") }
    }.filter { FileManager.default.fileExists(atPath: $0) }
    let snippets = [
      "true", "false", "null", "0", "-1", "99999999999", "\"\"", "[]", "{}", "\"(a|aa)+$\"", "\"\\\\p{L}*\"",
      "\"Removed\"",
      "\"Metaspace\"", "\"Sequence\"", ",", "\"id\":1,",
    ]
    try withTemporaryDirectory { directory in
      try rounds(150) {
        let file = try #require(files.randomElement(using: &random))
        var bytes = try readFile(file)
        damage(&bytes, snippets, &random)
        let path = directory + (file.hasSuffix(".gguf") ? "/vocabulary.gguf" : "/tokenizer.json")
        try writeFile(bytes, to: path)
        do {
          let tokenizer = try Tokenizer(path: path)
          let tokens = try tokenizer.encode(texts.next() + String(repeating: "ab ", count: 300))
          _ = try tokenizer.decode(tokens + [-1, Int.random(in: 0...1000, using: &random)])
        } catch let error as any DiagnosedError {
          #expect(!error.description.contains("\n"), "seed \(seed)")
        }
      }
    }
  }

  @Test func damagedTemplatesAreUsedOrRefused() throws {
    var random = SeededRandom(seed: seed)
    let sources = try ["smol", "headers", "thinking", "roles", "inst", "turns", "macros"].map {
      try readFile(testData("tokenizers/chat/\($0).jinja"))
    }
    let snippets = [
      "{{", "}}", "{%", "%}", "{#", "-", "|", "(", ")", "[", "]", "loop", "namespace(", "range(", "messages", " if ",
      " else ",
      " in ", " is ", " not ", "9223372036854775807", "-1", "'a'", "~", "+", "*", "//", "%", ".x", "[::-1]", "|tojson",
      "|length",
      "|list", "|join", "|indent(", "|map(", "{% endfor %}", "{% endif %}",
    ]
    let messages = try parseJSON(
      #"[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":"b"}]"#
    )
    try rounds(300) {
      var bytes = try #require(sources.randomElement(using: &random))
      damage(&bytes, snippets, &random)
      do {
        _ = try ChatTemplate(String(decoding: bytes, as: UTF8.self)).render(messages: messages, tools: messages)
      } catch let error as any DiagnosedError {
        #expect(!error.description.contains("\n"), "seed \(seed)")
      }
    }
  }
}
