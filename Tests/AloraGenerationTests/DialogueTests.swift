import AloraInference
import AloraSwitch
import AloraSystem
import AloraTestSupport
import AloraTokenization
import Foundation
import Testing

@testable import AloraGeneration

@Suite struct DialogueTests {
  @Test(
    arguments: [
      ("", DialogueLine.empty), ("   ", .empty), ("/help", .help), ("/quit now", .quit), ("/reset", .reset),
      ("/cache", .cache), ("/adapter", .adapter(nil, prompt: nil)), ("/adapter base", .adapter(nil, prompt: nil)),
      ("/adapter one", .adapter("one", prompt: nil)),
      ("/adapter one two  three", .adapter("one", prompt: "two  three")),
      ("/adapter base two", .adapter(nil, prompt: "two")), ("/fork  x y", .fork(" x y")), ("/fork", .fork("")),
      ("/unknown", .prompt("/unknown")), (" a b ", .prompt(" a b ")),
    ] as [(String, DialogueLine)])
  func aLineIsACommandOrAPrompt(_ text: String, _ line: DialogueLine) {
    #expect(DialogueLine(text) == line)
  }

  /// The lines of a file through a dialogue with a tiny model: what is reported, in order.
  private func events(_ lines: [String], survivesErrors: Bool) throws -> (events: [String], error: (any Error)?) {
    var seen: [String] = []
    var failure: (any Error)?
    try withSpellingModel { directory in
      let loaded = try LoadedModel(
        .init(path: directory + "/base"), adapters: [NamedPath(name: "one", path: directory + "/llama-output")],
        pool: ThreadPool(threadCount: 1))
      let stored = try StoredCache(loaded.model, byteLimit: 1 << 20, from: nil, isSaved: false)
      let session = try RunSession(
        loaded, settings: RunSession.Settings(limit: 2), ignoresEnd: true, schema: nil, cache: stored.cache)
      var dialogue = Dialogue(session, adapter: nil, survivesErrors: survivesErrors) { event in
        switch event {
        case .ready(let adapter): seen.append("> \(adapter ?? "base")")
        case .wantsHelp: seen.append("help")
        case .wantsCacheSize: seen.append("cache")
        case .text: break
        case .answered(let answer): seen.append("\(answer.adapter ?? "base") \(answer.promptTokenCount)")
        case .failed: seen.append("failed")
        }
      }
      let path = directory + "/lines"
      try writeFile(Array(lines.joined(separator: "\n").utf8), to: path)
      let handle = try #require(FileHandle(forReadingAtPath: path))
      do {
        try dialogue.run(LineReader(descriptor: handle.fileDescriptor, name: "lines", byteLimit: 1000))
      } catch { failure = error }
    }
    return (seen, failure)
  }

  @Test func linesAreAnsweredInTurn() throws {
    let lines = ["/help", "abc", "/fork de", "f", "/adapter one HJH", "/reset", "x", "/cache", "/quit", "never"]
    let (events, error) = try events(lines, survivesErrors: false)
    #expect(error == nil)
    #expect(
      events == [
        "> base", "help", "> base", "base 3", "> base", "base 7", "> base", "base 6", "> base", "one 11", "> one",
        "> one", "one 1", "> one", "cache", "> one",
      ])
  }

  @Test func anErrorEndsAScriptAndNotATerminal() throws {
    let lines = ["/adapter nobody", "a"]
    let script = try events(lines, survivesErrors: false)
    #expect((script.error as? GenerationError)?.code == .unknownAdapter && script.events == ["> base"])
    let terminal = try events(lines, survivesErrors: true)
    #expect(terminal.error == nil && terminal.events == ["> base", "failed", "> base", "base 1", "> base"])
  }
}

@Suite struct NumberListTests {
  @Test(
    arguments: [
      ("1", [1]), ("1,2,-3", [1, 2, -3]), ("1, 2", [1, 2]), ("", nil), ("1,,2", nil), ("1,x", nil), ("1,2,", nil),
      ("1.5", nil), ("99999999999999999999", nil),
    ] as [(String, [Int]?)])
  func aListIsNumbersAndCommas(_ text: String, _ numbers: [Int]?) {
    #expect(TokenLists.numbers(in: text) == numbers)
  }
}
