import AloraGeneration
import AloraJSON
import AloraSystem
import AloraServing
import AloraTestSupport
import AloraTokenization
import Foundation
import Testing

@testable import AloraServer

/// llama-server's routes, Ollama's, and those for monitoring.
@Suite(.timeLimit(.minutes(5))) struct DialectTests {
  @Test func modelsAreListedWithTheirParents() async throws {
    try await withServer { client, _ in
      let models = try await client.get("/v1/models").json["data"].elements()
      #expect(try models.map { try $0["id"].string() } == ["tiny", "check", "other", "plain"])
      #expect(try models.map { try $0[optional: "parent"]?.string() } == [nil, "tiny", "tiny", "tiny"])
      #expect(try models[1]["invocation"].integers(in: 0...99) == [7, 9, 7])
      for name in ["tiny", "check", "tiny:check"] {
        #expect(try await client.get("/v1/models/\(name)").json["id"].string() == (name == "tiny" ? "tiny" : "check"))
      }
    }
  }

  @Test func llamaServersRoutesAnswer() async throws {
    try await withServer { client, server in
      #expect(try await client.get("/health").json["status"].string() == "ok")
      #expect(try await client.get("/version").json["version"].string() == "1.2.3")
      let body =
        #"{"prompt":"Hi HJH","temperature":0,"n_predict":5,"lora":[{"id":0,"scale":1.0},{"id":1,"scale":0}],"n_probs":3}"#
      let json = try await client.post("/completion", body).json
      let tokens = try server.state.encoder.tokenizer.encode("Hi HJH")
      #expect(try json["content"].string() == server.alone(tokens, adapter: "check", limit: 5))
      #expect(try json["stop_type"].string() == "limit" && json["tokens_predicted"].integer() == 5)
      #expect(try json["completion_probabilities"].elements().count == 5)
      // Half of an adapter isn't all of it.
      let half = try await client.post("/completion", body.replacing(#""scale":1.0"#, with: #""scale":0.1"#)).json
      #expect(
        try half["completion_probabilities"].elements()[0]["logprob"].number()
          != json["completion_probabilities"].elements()[0]["logprob"].number())
      let numbers = try await client.post("/tokenize", #"{"content":"HJH"}"#).json["tokens"].integers(in: 0...99)
      #expect(numbers == [7, 9, 7])
      #expect(try await client.post("/detokenize", #"{"tokens":[7,9,7]}"#).json["content"].string() == "HJH")
      let template = try await client.post("/apply-template", #"{"messages":[{"role":"user","content":"Hi"}]}"#).json
      #expect(try template["prompt"].string() == "uHi.a")
      let adapters = try await client.get("/lora-adapters").json.elements()
      #expect(try adapters.map { try $0["path"].string() } == ["check", "other", "plain"])
      #expect(try adapters[0]["alora_invocation_string"].string() == "HJH")
      #expect(try await client.get("/props").json["total_slots"].integer() == 32)
      #expect(try await client.get("/slots").json.elements().count == 32)
    }
  }

  @Test func ollamasRoutesAnswer() async throws {
    try await withServer { client, server in
      for path in ["/api/tags", "/api/ps"] {
        let models = try await client.get(path).json["models"].elements()
        #expect(
          try models.map { try $0["name"].string() } == ["tiny:latest", "check:latest", "other:latest", "plain:latest"])
      }
      for (name, modelfile) in [("tiny", "FROM tiny\n"), ("check:latest", "FROM tiny\nADAPTER check\n")] {
        let shown = try await client.post("/api/show", #"{"model":"\#(name)"}"#)
        #expect(try shown.status == 200 && shown.json["modelfile"].string() == modelfile)
      }
      let options = #""options":{"temperature":0,"num_predict":4,"num_ctx":100}"#
      let chat =
        #"{"model":"check:latest","messages":[{"role":"user","content":"Hi"}],\#(options),"stream":false,"tools":[]}"#
      let json = try await client.post("/api/chat", chat).json
      let openAI = #"{"model":"check","messages":[{"role":"user","content":"Hi"}],"temperature":0,"max_tokens":4}"#
      let same = try await client.post("/v1/chat/completions", openAI).json["choices"].elements()[0]["message"][
        "content"]
      #expect(try json["message"]["content"].string() == same.string())
      #expect(
        try json["done"].boolean() && json["done_reason"].string() == "length" && json["eval_count"].integer() == 4)
      // It streams unless it's told not to.
      let lines = try await client.post("/api/chat", chat.replacing(#","stream":false"#, with: "")).body
        .split(separator: "\n").map { try parseJSON(String($0)) }
      #expect(try lines.map { try $0["message"]["content"].string() }.joined() == same.string())
      #expect(try lines.last?["done"].boolean() == true)
      let raw = #"{"model":"tiny","prompt":"Hi","raw":true,\#(options),"stream":false}"#
      let tokens = try server.state.encoder.tokenizer.encode("Hi")
      #expect(
        try await client.post("/api/generate", raw).json["response"].string()
          == server.alone(tokens, adapter: nil, limit: 4))
      // Its errors are plain texts.
      let unknown = try await client.post("/api/chat", #"{"model":"nobody","messages":[]}"#)
      #expect(unknown.status == 404)
      #expect(try unknown.json["error"].string().contains("nobody"))
    }
  }

  @Test(arguments: [
    (0, "1970-01-01T00:00:00Z"), (951_782_399, "2000-02-28T23:59:59Z"), (951_868_800, "2000-03-01T00:00:00Z"),
    (1_709_164_800, "2024-02-29T00:00:00Z"), (1_735_689_599, "2024-12-31T23:59:59Z"),
    (4_107_542_400, "2100-03-01T00:00:00Z"),
  ]) func timesAreWrittenByTheCalendar(_ seconds: Int, _ expected: String) {
    #expect(WallClock.text(seconds) == expected)
  }

  /// Each line is a comment or `name{label="value"} number`, and each family has its help and type before it.
  @Test func metricsHavePrometheussForm() async throws {
    try await withServer { client, _ in
      _ = try await client.post("/v1/completions", #"{"model":"check","prompt":"HJH","max_tokens":3}"#)
      let response = try await client.get("/metrics")
      #expect(response.headers["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
      var family = ""
      for line in response.body.split(separator: "\n") {
        if line.hasPrefix("# HELP ") { family = String(line.split(separator: " ")[2]) }
        guard !line.hasPrefix("#") else { continue }
        #expect(line.wholeMatch(of: #/[a-z_]+({[a-z]+="[^"]*"})? \d+/#) != nil, "\(line)")
        #expect(line.hasPrefix(family + " ") || line.hasPrefix(family + "{"), "\(line)")
      }
      #expect(response.body.contains("\nalora_requests_total 1\n"))
      #expect(response.body.contains(#"alora_adapter_generated_tokens_total{adapter="check"} 3"#))
    }
  }
}
