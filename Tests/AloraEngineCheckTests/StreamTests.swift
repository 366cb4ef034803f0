import AloraSystem
import AloraTestSupport
import Foundation
import Testing

@testable import AloraEngineCheck

/// Answers that a server streams.
@Suite(.timeLimit(.minutes(2))) struct StreamTests {
  private static let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
  private static let first = "data: {\"content\":\"a\",\"tokens\":[5],\"stop\":false}\n\n"
  private static let second = "data: {\"content\":\"b\",\"tokens\":[6,7],\"stop\":false}\r\n\r\n"
  private static let last = "data: {\"content\":\"\",\"stop\":true,\"timings\":{\"cache_n\":9}}\n\ndata: [DONE]\n\n"

  private func answer(_ pieces: [String], pause: Double = 0) throws -> StreamedAnswer {
    let server = try FakeServer { _ in .init(pieces: pieces.map { Array($0.utf8) }, pause: pause) }
    return try LlamaServer(address: ServerAddress(server.url)).generate([1, 2], scales: [0: 1], limit: 3)
  }

  @Test func theTokensAreThoseOfTheEventsHoweverTheyAreDivided() throws {
    let text = Self.head + Self.first + ": a comment\n\n" + Self.second + Self.last
    for count in [1, 7, 50, text.utf8.count] {
      let bytes = Array(text.utf8)
      let pieces = stride(from: 0, to: bytes.count, by: count).map {
        String(decoding: bytes[$0..<min(bytes.count, $0 + count)], as: UTF8.self)
      }
      let answer = try answer(pieces)
      #expect(answer.tokens == [5, 6, 7] && answer.cachedTokenCount == 9, "\(count)")
    }
  }

  @Test func theFirstTokenHasItsOwnTime() throws {
    let start = MonotonicClock.seconds
    let answer = try answer([Self.head, Self.first, Self.second, Self.last], pause: 0.3)
    let whole = MonotonicClock.seconds - start
    // One pause before the head, one before the first event; two after it.
    #expect(answer.secondsToFirstToken >= 0.6 && whole - answer.secondsToFirstToken > 0.2, "\(answer), \(whole)")
  }

  @Test(arguments: [
    "data: {\"stop\":true}\n\n", "data: {\"stop\":false}\n\n", "data: {\"tokens\":[-1]}\n\n", "data: {\n\n", "",
    "data: [1]\n\n",
  ]) func whatIsNoAnswerIsRefused(_ text: String) throws {
    let error = try #require(throws: ServerError.self) { try answer([Self.head + text]) }
    #expect(error.code == .malformedResponse && !error.description.contains("\n"))
  }

  @Test func aServerWithoutAnActivatedLoRACannotBeMeasured() throws {
    let server = try FakeServer { _ in .init(json: #"[{"id":0,"path":"a","scale":1}]"#) }
    let error = try #require(throws: ServerError.self) {
      try ConversationLoad([LlamaServer(address: ServerAddress(server.url))])
    }
    #expect(error.code == .noAdapter)
  }

  @Test func serversWithOtherAdaptersAreNotCompared() throws {
    let servers = try ["[1,2]", "[1,3]"].map { tokens in
      try FakeServer { _ in .init(json: #"[{"id":0,"path":"a","scale":1,"alora_invocation_tokens":\#(tokens)}]"#) }
    }
    let error = try #require(throws: ServerError.self) {
      try ConversationLoad(servers.map { LlamaServer(address: try ServerAddress($0.url)) })
    }
    #expect(error.code == .notComparable && error.url.contains("\(servers[1].port)"))
  }
}
