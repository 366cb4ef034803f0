import AloraSystem
import AloraTestSupport
import Foundation
import Testing

@testable import AloraEngineCheck

@Suite struct HTTPTests {
  private func parse(_ text: String, limit: Int = 1000, pieces: Int = .max, ends: Bool = true) throws -> HTTPResponse {
    var parser = HTTPResponseParser(url: "u", bodyByteLimit: limit)
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: min(pieces, max(1, bytes.count))) {
      let piece = Array(bytes[start..<min(bytes.count, start + min(pieces, bytes.count))])
      if let response = try parser.take(piece) { return response }
    }
    return try #require(ends ? try parser.take([]) : nil)
  }

  static let good: [(String, String)] = [
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"),
    ("HTTP/1.1 200 \r\nX: y\r\ncontent-LENGTH:5 \r\n\r\nhello", "hello"),
    ("HTTP/1.0 200 OK\n\nhello", "hello"),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n", "hello"),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n005 \r\nhello\r\n0\r\nA: b\r\n\r\n", "hello"),
    ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"),
    ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", ""),
    ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
  ]

  @Test(arguments: good) func answersAreReadHoweverTheyAreDivided(_ text: String, _ body: String) throws {
    for pieces in 1...text.utf8.count {
      #expect(try parse(text, pieces: pieces).body == Array(body.utf8), "\(pieces)")
    }
  }

  @Test(arguments: [good[0].0, good[3].0, good[5].0]) func anAnswerCutAnywhereIsRefused(_ text: String) throws {
    for count in 0..<text.utf8.count {
      #expect(throws: ServerError.self, "\(count)") {
        try parse(String(decoding: text.utf8.prefix(count), as: UTF8.self))
      }
    }
  }

  @Test(arguments: [
    "HTTP/2 200 OK\r\n\r\n", "hello\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 999 OK\r\n\r\n", "\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999999\r\n\r\n", "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n",
    "HTTP/1.1 200 OK\r\n: c\r\n\r\n", "HTTP/1.1 200 OK\r\nA: \u{1}\r\n\r\n", "HTTP/1.1 200 OK\r\nnothing\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: \(String(repeating: "b", count: 9000))\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: \(String(repeating: "b", count: 9000))",
    "HTTP/1.1 200 OK\r\n\(String(repeating: "A: b\r\n", count: 12000))",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\(String(repeating: "A: b\r\n", count: 12000))",
  ]) func whatIsNoHTTPIsRefused(_ text: String) throws {
    let error = #expect(throws: ServerError.self) { try parse(text) }
    #expect(error?.code == .malformedResponse, "\(text.prefix(80)): \(error.map { "\($0)" } ?? "")")
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n\(String(repeating: "x", count: 1001))",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7ffffffffffffff\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n3e8\r\n",
  ]) func whatIsTooLongIsNotRead(_ text: String) throws {
    let error = #expect(throws: ServerError.self) { try parse(text) }
    #expect(error?.code == .tooLarge)
  }

  @Test func changedAnswersNeverCrash() {
    var random = SeededRandom(seed: 5)
    for (text, _) in Self.good {
      for _ in 0..<3000 {
        var bytes = Array(text.utf8)
        for _ in 0...Int(random.next() % 3) {
          bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
        }
        var parser = HTTPResponseParser(url: "u", bodyByteLimit: 1000)
        _ = try? parser.take(bytes)
      }
    }
  }

  @Test(
    arguments: [
      ("http://127.0.0.1:8080", "127.0.0.1", 8080, ""), ("HTTP://localhost/", "localhost", 80, ""),
      ("http://[::1]:99/a/b//", "::1", 99, "/a/b"), ("http://h:1/llama", "h", 1, "/llama"),
      ("http://[::1]", "::1", 80, ""),
    ] as [(String, String, UInt16, String)]) func addresses(
      _ text: String, _ host: String, _ port: UInt16, _ prefix: String
    )
    throws
  {
    let address = try ServerAddress(text)
    #expect(address.host == host && address.port == port && address.prefix == prefix)
  }

  @Test(arguments: [
    "", "127.0.0.1:8080", "ftp://a", "http://", "http://:80", "http://a:", "http://a:0", "http://a:65536",
    "http://a:-1",
    "http://a:+1", "http://a b", "http://a\r\nX: y", "http://u@h", "http://h?q", "http://h#f", "http://[::1",
    "http://[::1]x",
    "http://::1", "http://é",
  ]) func badAddresses(_ text: String) {
    let error = #expect(throws: ServerError.self) { try ServerAddress(text) }
    #expect(error?.code == .badAddress && error?.category == .usage)
  }

  @Test func addressesShareTheTimeThatIsLeft() {
    let deadline = Deadline(after: 600)
    #expect((100_000...200_000).contains(deadline.share(of: 3).milliseconds))
    #expect((500_000...600_001).contains(deadline.share(of: 1).milliseconds))
    #expect(Deadline(after: -1).share(of: 2).milliseconds == 0)
  }

  @Test func encryptionIsDeclined() {
    let error = #expect(throws: ServerError.self) { try ServerAddress("https://127.0.0.1") }
    #expect(error?.code == .encryptedAddress)
  }
}

/// The client against a server that misbehaves.
@Suite struct LlamaServerTests {
  private func client(_ server: FakeServer, timeout: Double = 600, limit: Int = 1 << 20) throws -> LlamaServer {
    LlamaServer(address: try ServerAddress(server.url), timeout: timeout, candidateCount: 3, bodyByteLimit: limit)
  }

  private func code(_ body: () throws -> Void) -> ServerError.Code? {
    do {
      try body()
      return nil
    } catch { return (error as? ServerError)?.code }
  }

  private let request = CompletionRequest(tokens: [1, 2], scales: [0: 1])

  @Test func nobodyListens() throws {
    let port = try RefusingPort()
    let client = LlamaServer(address: try ServerAddress(port.url))
    #expect(withExtendedLifetime(port) { code { _ = try client.properties() } } == .unreachable)
    let nowhere = LlamaServer(address: try ServerAddress("http://nowhere.invalid"))
    #expect(code { _ = try nowhere.properties() } == .unreachable)
  }

  @Test(
    arguments: [
      (.init(text: ""), .connectionLost),
      (.init(text: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"), .connectionLost),
      (.init(text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}"), .connectionLost),
      (.init(pieces: [Array("HTTP/1.1 200 OK\r\n".utf8), [], [], []], pause: 0.3), .timedOut),
      (.init(pieces: [[]], pause: 1), .timedOut), (.init(text: "SSH-2.0-x\r\n"), .malformedResponse),
      (.init(json: "{"), .malformedResponse), (.init(json: "[]"), .malformedResponse),
      (.init(json: ""), .malformedResponse),
      (.init(json: #"{"default_generation_settings": {"n_ctx": -1}}"#), .malformedResponse),
      (.init(json: #"{"build_info": 3}"#), .malformedResponse),
      (.init(json: "\"" + String(repeating: "x", count: 3000) + "\""), .tooLarge),
      (.init(status: "404 Not Found", json: "{}"), .refused), (.init(status: "503 Busy", json: "<html>"), .refused),
      (.init(status: "302 Found", json: ""), .refused),
    ] as [(FakeServer.Reply, ServerError.Code)]) func badAnswers(
      _ reply: FakeServer.Reply, _ expected: ServerError.Code
    )
    throws
  {
    var reply = reply
    reply.staysOpen = expected == .timedOut
    let server = try FakeServer { [reply] _ in reply }
    let client = try client(server, timeout: expected == .timedOut ? 0.5 : 600, limit: 2000)
    #expect(code { _ = try client.properties() } == expected)
  }

  /// A server that ends while it is busy leaves the socket, whose number is soon another server's, alone.
  @Test func serversThatEndTakeNobodysConnections() throws {
    for round in 0..<20 {
      let isBusy = DispatchSemaphore(value: 0)
      var silent: FakeServer? = try FakeServer { _ in
        isBusy.signal()
        var reply = FakeServer.Reply(pieces: [])
        reply.staysOpen = true
        return reply
      }
      let url = try #require(silent?.url)
      let connection = try TCPConnection(to: try ServerAddress(url), url: url, deadline: Deadline(after: 600))
      try connection.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
      isBusy.wait()
      silent = nil
      let next = try FakeServer { _ in .init(json: #"{"build_info": "next", "total_slots": 1}"#) }
      _ = consume connection
      for _ in 0..<3 { #expect(try client(next).properties().build == "next", "\(round)") }
    }
  }

  @Test func theServersWordsArePassedOn() throws {
    let server = try FakeServer { _ in
      .init(status: "400 Bad", json: #"{"error": {"code": 400, "message": "too\nlong"}}"#)
    }
    let client = try client(server)
    let error = #expect(throws: ServerError.self) { try client.complete(request) }
    #expect(error?.status == 400)
    #expect(error.map { "\($0)" }?.contains("status 400: too\\u{a}long") == true)
  }

  @Test(arguments: [
    #"{}"#, #"{"completion_probabilities": []}"#, #"{"completion_probabilities": [{}]}"#,
    #"{"completion_probabilities": [{"top_logprobs": []}]}"#,
    #"{"completion_probabilities": [{"top_logprobs": [{"id": -1, "logprob": -1}]}]}"#,
    #"{"completion_probabilities": [{"top_logprobs": [{"id": 1, "logprob": 0.5}]}]}"#,
    #"{"completion_probabilities": [{"top_logprobs": [{"id": 1, "logprob": null}]}]}"#,
    #"{"completion_probabilities": [{"top_logprobs": [{"id": 1, "logprob": -1}, {"id": 1, "logprob": -2}]}]}"#,
    #"{"completion_probabilities": [{"top_logprobs": [{"id": 1, "logprob": -1}]}], "tokens_evaluated": 3}"#,
    #"{"completion_probabilities": [{"top_logprobs": [{"id": 1, "logprob": -1e999}]}]}"#,
  ]) func completionsThatSayNothing(_ json: String) throws {
    let server = try FakeServer { _ in .init(json: json) }
    let client = try client(server)
    #expect(code { _ = try client.complete(request) } == .malformedResponse)
  }

  @Test(
    arguments: [
      (.native, #"{}"#), (.native, #"{"completion_probabilities": []}"#),
      (.native, #"{"completion_probabilities": null, "tokens_evaluated": 2}"#),
      (.openAI, #"{"choices": [{}]}"#), (.openAI, #"{"choices": [{"logprobs": null}]}"#),
      (.openAI, #"{"choices": [{"logprobs": {"content": []}}], "usage": {"prompt_tokens": 2}}"#),
    ] as [(CompletionRequest.Endpoint, String)]) func probabilitiesMayBeMissing(
      _ endpoint: CompletionRequest.Endpoint, _ json: String
    )
    throws
  {
    let server = try FakeServer { _ in .init(json: json) }
    let client = try client(server)
    let request = CompletionRequest(tokens: [1, 2], scales: [0: 1], endpoint: endpoint)
    #expect(try client.answer(request) == nil)
    #expect(code { _ = try client.complete(request) } == .malformedResponse)
  }

  @Test func candidatesAreRead() throws {
    let list =
      #"[{"top_logprobs": [{"id": 5, "logprob": 0}, {"id": 9, "logprob": -3.25}, {"id": 2, "logprob": -3e38}]}]"#
    let server = try FakeServer { request in
      request.path == "/completion"
        ? .init(json: #"{"completion_probabilities": \#(list), "timings": {"cache_n": 1}}"#)
        : .init(json: #"{"choices": [{"logprobs": {"content": \#(list)}}]}"#)
    }
    for endpoint in CompletionRequest.Endpoint.allCases {
      var request = request
      request.endpoint = endpoint
      let answer = try client(server).complete(request)
      #expect(answer.candidates.map(\.token) == [5, 9] && answer.candidates.map(\.logProbability) == [0, -3.25])
      #expect(answer.cachedTokenCount == (endpoint == .native ? 1 : nil))
    }
  }

  @Test func adaptersAreRead() throws {
    let text = #"[{"id": 0, "path": "a", "scale": 0.5, "alora_invocation_tokens": [1, 2]}, {"id": 1}]"#
    let server = try FakeServer { _ in .init(json: text) }
    let adapters = try client(server).adapters()
    #expect(adapters.map(\.invocationTokens) == [[1, 2], nil] && adapters.map(\.path) == ["a", ""])
    #expect(adapters.map(\.defaultScale) == [0.5, nil])
    let twice = try FakeServer { _ in .init(json: #"[{"id": 0}, {"id": 0}]"#) }
    let other = try client(twice)
    #expect(code { _ = try other.adapters() } == .malformedResponse)
    withExtendedLifetime((server, twice)) {}
  }
}
