import AloraGeneration
import AloraJSON
import AloraTestSupport
import AloraTokenization
import Foundation
import Testing

@testable import AloraServer

/// The page at `/`, and what an answer tells it about each token. `make page-check` uses the page in a browser.
@Suite(.timeLimit(.minutes(5))) struct PageTests {
  @Test func thePageRunsOnlyItsOwnScript() async throws {
    try await withServer { client, _ in
      var nonces: Set<String> = []
      for _ in 0..<3 {
        let page = try await client.get("/")
        #expect(page.status == 200 && page.headers["content-type"] == "text/html; charset=utf-8")
        let policy = try #require(page.headers["content-security-policy"])
        #expect(policy.hasPrefix("default-src 'none'; script-src 'nonce-") && !policy.contains("unsafe"))
        #expect(policy.contains("require-trusted-types-for 'script'") && policy.contains("frame-ancestors 'none'"))
        let nonce = try #require(policy.firstMatch(of: /'nonce-([0-9a-f]{16,})'/)?.1)
        nonces.insert(String(nonce))
        #expect(page.body.components(separatedBy: "nonce=\"\(nonce)\"").count == 3)
        #expect(!page.body.contains("NONCE"))
        #expect(page.headers["x-content-type-options"] == "nosniff" && page.headers["cache-control"] == "no-store")
      }
      #expect(nonces.count == 3)
    }
  }

  @Test func thePageNeedsNoNetworkAndNeverTreatsTextAsMarkup() async throws {
    try await withServer { client, _ in
      let page = try await client.get("/").body
      for forbidden in [
        "http:", "https:", "//cdn", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
      ] {
        #expect(!page.contains(forbidden), "\(forbidden)")
      }
      #expect(page.utf8.count < 16_000)
    }
  }

  @Test func thePageNeedsNoKeyButItsRequestsDo() async throws {
    try await withServer({ settings, _ in settings.apiKeys = ["secret"] }) { client, _ in
      let (page, models) = (try await client.get("/"), try await client.get("/v1/models"))
      #expect(page.status == 200 && models.status == 401)
    }
  }

  private struct Entry: Equatable {
    let token: Int
    let text: String
    let isAdapted: Bool
    let isCached: Bool

    init(_ json: JSON) throws {
      token = try json["token"].integer()
      text = try json["text"].string()
      isAdapted = try json["adapted"].boolean()
      isCached = try json["cached"].boolean()
    }
  }

  private func body(_ model: String, _ more: String = "") -> String {
    #"{"model":"\#(model)","temperature":0,"max_tokens":6,"messages":[{"role":"user","content":"Hi é HJH"}]\#(more)}"#
  }

  private let header = ["X-Alora-Debug": "logits, tokens"]

  @Test(arguments: ["tiny", "check", "plain"]) func anAnswerTellsWhatEachTokenRanWith(_ model: String) async throws {
    try await withServer { client, server in
      // So that something is in the cache.
      _ = try await client.post("/v1/chat/completions", body("tiny"))
      let whole = try await client.post("/v1/chat/completions", body(model), headers: header).json
      let extras = try whole["alora"]
      let entries = try extras["tokens"].elements().map(Entry.init)
      let count = try whole["usage"]["prompt_tokens"].integer()
      let cachedCount = try extras["cached_tokens"].integer()
      let start = try extras[optional: "activation_start"].flatMap { $0.isNull ? nil : try $0.integer() }
      let digest = try extras[optional: "logits_digest"]
      #expect(digest != nil)
      #expect(start == (model == "tiny" ? nil : model == "plain" ? 0 : start) && (model == "tiny") == (start == nil))
      for (index, entry) in entries.enumerated() {
        #expect(entry.isAdapted == (start.map { index >= $0 } ?? false), "\(index)")
        #expect(entry.isCached == (index < cachedCount), "\(index)")
      }
      #expect(cachedCount > 0 || model == "plain")
      // The texts, joined, are the prompt and the answer.
      let tokenizer = server.state.encoder.tokenizer
      let prompt = try tokenizer.decode(entries[..<count].map(\.token), skipsSpecialTokens: false)
      #expect(entries[..<count].map(\.text).joined() == prompt)
      let content = try whole["choices"].elements()[0]["message"]["content"].string()
      #expect(entries[count...].map(\.text).joined() == content)
    }
  }

  @Test func aStreamTellsTheSamePartByPart() async throws {
    try await withServer { client, _ in
      _ = try await client.post("/v1/chat/completions", body("check"))
      let whole = try await client.post("/v1/chat/completions", body("check"), headers: header).json
      let stream = try await client.post("/v1/chat/completions", body("check", #","stream":true"#), headers: header)
      let parts = try stream.events().compactMap { try $0[optional: "alora"]?[optional: "tokens"] }
      let entries = try parts.flatMap { try $0.elements().map(Entry.init) }
      #expect(try entries == whole["alora"]["tokens"].elements().map(Entry.init))
      #expect(try parts[0].elements().count == whole["usage"]["prompt_tokens"].integer())
      // Nobody else gets them.
      let plain = try await client.post("/v1/chat/completions", body("check", #","stream":true"#))
      #expect(!plain.body.contains(#""tokens""#))
    }
  }
}
