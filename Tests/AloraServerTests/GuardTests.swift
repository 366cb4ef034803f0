import AloraTestSupport
import Testing

@testable import AloraServer

/// Who may call.
@Suite(.timeLimit(.minutes(5))) struct GuardTests {
  private func status(
    _ client: LoopbackClient, _ path: String = "/v1/models", host: String? = nil, origin: String? = nil,
    key: String? = nil
  ) async throws -> Int {
    var headers: [String: String] = [:]
    headers["Host"] = host
    headers["Origin"] = origin
    headers["Authorization"] = key
    return try await client.get(path, headers: headers).status
  }

  @Test func aNameThatAPageRebindsIsRefused() async throws {
    try await withServer { settings, _ in
      settings.hostNames = ["alora.internal"]
    } _: { client, _ in
      for host in [
        "localhost", "LOCALHOST:80", "127.0.0.1:\(client.port)", "[::1]:1", "192.168.0.7", "alora.internal:8080",
      ] {
        let found = try await status(client, host: host)
        #expect(found == 200, "\(host)")
      }
      for host in [
        "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "1.2.3", "[::1", "0x7f.1", "256.1.1.1",
      ] {
        let found = try await status(client, host: host)
        #expect(found == 403, "\(host)")
      }
    }
  }

  @Test func aPageOfAnotherOriginIsRefused() async throws {
    try await withServer { settings, _ in
      settings.origins = ["https://app.example"]
    } _: { client, _ in
      #expect(try await status(client, origin: "https://app.example") == 200)
      #expect(try await status(client, origin: "http://127.0.0.1:\(client.port)") == 200)
      for origin in ["null", "https://evil.example", "http://localhost:1", "https://app.example.evil.example"] {
        let found = try await status(client, origin: origin)
        #expect(found == 403, "\(origin)")
      }
      let preflight = try await client.request(
        "OPTIONS", "/v1/chat/completions", headers: ["Origin": "https://app.example"])
      #expect(preflight.status == 204)
      #expect(preflight.headers["access-control-allow-origin"] == "https://app.example")
      let refused = try await client.request("OPTIONS", "/v1/models", headers: ["Origin": "https://evil.example"])
      #expect(refused.status == 403 && refused.headers["access-control-allow-origin"] == nil)
    }
  }

  @Test func aServerWithKeysWantsOne() async throws {
    try await withServer { settings, _ in
      settings.apiKeys = ["first-key", "zweiter Schlüssel"]
    } _: { client, _ in
      for key in ["Bearer first-key", "bearer first-key"] { #expect(try await status(client, key: key) == 200) }
      for key in [nil, "", "Bearer", "Bearer ", "Bearer first-ke", "Bearer first-keyy", "first-key", "Basic first-key"]
      {
        let found = try await status(client, key: key)
        #expect(found == 401, "\(key ?? "none")")
      }
      for path in ["/metrics", "/v1/completions", "/api/tags", "/nothing"] {
        let response = try await client.get(path)
        #expect(response.status == 401 && response.headers["www-authenticate"] == "Bearer")
      }
      #expect(try await status(client, "/health") == 200)
      // With keys, any name will do: a proxy's, for example.
      #expect(try await status(client, host: "public.example", key: "Bearer first-key") == 200)
    }
  }

  @Test(arguments: [
    ("a", "a", true), ("", "", true), ("a", "", false), ("", "a", false), ("ab", "abab", false), ("ab", "ac", false),
  ])
  func keysAreEqualOrNot(_ one: String, _ other: String, _ expected: Bool) {
    #expect(Guard.areEqual(one, other) == expected)
  }
}
