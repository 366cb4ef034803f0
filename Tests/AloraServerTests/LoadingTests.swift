import AloraJSON
import AloraTestSupport
import Foundation
import Testing

@testable import AloraServer

/// Loading and unloading while the server runs.
@Suite(.timeLimit(.minutes(5))) struct LoadingTests {
  private func digest(_ client: LoopbackClient, _ model: String) async throws -> String {
    let body =
      #"{"model":"\#(model)","temperature":0,"max_tokens":8,"messages":[{"role":"user","content":"Hi there"}]}"#
    let response = try await client.post("/v1/chat/completions", body, headers: ["X-Alora-Debug": "logits"])
    guard response.status == 200 else { return "\(response.status)" }
    return try response.json["alora"]["logits_digest"].string()
  }

  /// A name that stands for another adapter later never gets what the first one left in the cache.
  @Test func aLoadedAdapterAnswersAndTheCacheStaysRight() async throws {
    try await withServer { settings, _ in
      settings.adapterRoot = ""
    } _: { client, server in
      let (check, other) = (try await digest(client, "check"), try await digest(client, "other"))
      #expect(check != other)
      for _ in 0..<2 {
        for (path, expected) in [("llama-linear", other), ("\(server.directory)/llama-output", check)] {
          let loaded = try await client.post("/v1/load_lora_adapter", #"{"lora_name":"new","lora_path":"\#(path)"}"#)
          #expect(loaded.status == 200, "\(loaded.body)")
          #expect(try await digest(client, "new") == expected)
          #expect(try await client.post("/v1/unload_lora_adapter", #"{"lora_name":"new"}"#).status == 200)
          #expect(try await digest(client, "new") == "404")
        }
      }
      #expect(try await client.post("/v1/unload_lora_adapter", #"{"lora_name":"new"}"#).status == 404)
    }
  }

  @Test func nothingOutsideOfTheRootIsLoaded() async throws {
    try await withServer { settings, _ in
      settings.adapterRoot = ""
    } _: { client, server in
      let outside = try testData("inference/llama-output/adapter")
      try FileManager.default.createSymbolicLink(atPath: server.directory + "/link", withDestinationPath: outside)
      var bodies: [String] = []
      let name = (server.directory as NSString).lastPathComponent
      for path in [
        outside, "/etc/passwd", "..", ".", "", "../\(name)", "link", "llama-output/../../\(name)/../x", "nothing",
        "llama-output\\u0000", "/", server.directory,
      ] {
        let response = try await client.post("/v1/load_lora_adapter", #"{"lora_name":"x","lora_path":"\#(path)"}"#)
        #expect(response.status == 400, "\(path): \(response.body)")
        bodies.append(response.body)
      }
      // The answer doesn't tell what exists.
      #expect(Set(bodies).count == 1)
      let base = try await client.post("/v1/load_lora_adapter", #"{"lora_name":"x","lora_path":"base"}"#)
      #expect(base.status == 400 && !base.body.contains(server.directory))
      for taken in ["check", "tiny", "base"] {
        let body = #"{"lora_name":"\#(taken)","lora_path":"llama-output"}"#
        #expect(try await client.post("/v1/load_lora_adapter", body).json["error"]["code"].string() == "name_taken")
      }
    }
  }

  @Test func noMoreAdaptersAreLoadedThanAllowed() async throws {
    try await withServer({ settings, _ in settings.adapterRoot = "" }, adapterLimit: 4) { client, _ in
      let codes = try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<6 {
          group.addTask {
            let body = #"{"lora_name":"n\#(number)","lora_path":"llama-output"}"#
            return try await client.post("/v1/load_lora_adapter", body).status
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(codes.filter { $0 == 200 }.count == 1)
    }
  }

  @Test func anAdapterCanStandForAllRequestsThatNameNone() async throws {
    try await withServer { settings, _ in
      settings.adapterRoot = ""
    } _: { client, _ in
      func text(_ prompt: String, _ more: String = "") async throws -> String {
        let body = #"{"prompt":"\#(prompt)","temperature":0,"n_predict":8\#(more)}"#
        return try await client.post("/completion", body).json["content"].string()
      }
      let (base, adapted) = (try await text("Hi HJH"), try await text("Hi HJH", #","lora":[{"id":0}]"#))
      #expect(base != adapted)
      #expect(try await client.post("/lora-adapters", #"[{"id":0,"scale":1.0}]"#).status == 200)
      #expect(try await client.get("/lora-adapters").json.elements()[0]["scale"].number() == 1)
      #expect(try await text("Hi HJH") == adapted)
      #expect(try await text("Hi HJH", #","lora":[]"#) == base)
      // Without the invocation, the base answers, as in llama-server.
      let plain = try await text("Hi")
      #expect(try await client.post("/lora-adapters", "[]").status == 200)
      #expect(try await text("Hi") == plain)
      #expect(try await text("Hi HJH") == base)
      #expect(try await client.post("/lora-adapters", #"[{"id":9}]"#).status == 404)
      #expect(try await client.post("/lora-adapters", #"{"id":0}"#).status == 400)
    }
  }
}
