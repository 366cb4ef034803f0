import AloraGeneration
import AloraJSON
import AloraServing
import AloraTestSupport
import Foundation
import ServiceLifecycle
import Testing

@testable import AloraServer

/// What isn't answered, and how that is said.
@Suite(.timeLimit(.minutes(5))) struct RefusalTests {
  private static let messages = #""messages":[{"role":"user","content":"Hi"}]"#
  private static let chats: [(String, Int, String)] = [
    (#"{"model":"nobody",\#(messages)}"#, 404, "model_not_found"),
    (#"{"model":"tiny:nobody",\#(messages)}"#, 404, "model_not_found"),
    (#"{"model":"tiny","chat_template_kwargs":{"adapter_name":"nobody"},\#(messages)}"#, 404, "model_not_found"),
    (#"{"model":"nobody","chat_template_kwargs":{"adapter_name":"check"},\#(messages)}"#, 404, "model_not_found"),
    (#"{"lora":[{"id":77}],\#(messages)}"#, 404, "model_not_found"),
    (#"{"lora":[{"id":0},{"id":1}],\#(messages)}"#, 400, "several_adapters"),
    (#"{"model":"check","lora":[{"id":1}],\#(messages)}"#, 400, "several_adapters"),
    (#"{"lora":{"id":0},\#(messages)}"#, 400, "invalid_value"),
    (#"{"model":"tiny"}"#, 400, "missing"),
    (#"{"messages":[]}"#, 400, "invalid_json"),
    (#"{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}"#, 400, "invalid_json"),
    (#"{"messages":"#, 400, "invalid_json"),
    (#"[]"#, 400, "invalid_json"),
    (#"{"temperature":-1,\#(messages)}"#, 400, "invalid_value"),
    (#"{"temperature":"hot",\#(messages)}"#, 400, "invalid_json"),
    (#"{"n":0,\#(messages)}"#, 400, "invalid_json"),
    (#"{"n":1000,\#(messages)}"#, 400, "invalid_json"),
    (#"{"max_tokens":0,\#(messages)}"#, 400, "invalid_json"),
    (#"{"logprobs":true,"top_logprobs":21,\#(messages)}"#, 400, "invalid_json"),
    (#"{"stop":[1],\#(messages)}"#, 400, "invalid_json"),
    (#"{"stop":{"a":1},\#(messages)}"#, 400, "invalid_value"),
    (#"{"frequency_penalty":0.5,\#(messages)}"#, 400, "unsupported"),
    (#"{"logit_bias":{"1":-100},\#(messages)}"#, 400, "unsupported"),
    (#"{"tool_choice":"required",\#(messages)}"#, 400, "unsupported"),
    (#"{"audio":{"voice":"x"},\#(messages)}"#, 400, "unsupported"),
    // No token contains a brace.
    (#"{"response_format":{"type":"json_object"},\#(messages)}"#, 400, "invalid_schema"),
    (
      #"{"response_format":{"type":"json_schema","json_schema":{"schema":{"not":{"type":"null"}}}},\#(messages)}"#, 400,
      "unsupported"
    ),
    (
      #"{"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"nothing"}}},\#(messages)}"#, 400,
      "invalid_schema"
    ),
    (#"{"response_format":{"type":"json_schema","json_schema":{"schema":false}},\#(messages)}"#, 400, "invalid_schema"),
    (#"{"response_format":{"type":"xml"},\#(messages)}"#, 400, "unsupported"),
    (#"{"response_format":{"type":"json_schema"},\#(messages)}"#, 400, "invalid_value"),
    (#"{"structured_outputs":{"json":{"type":"object"}},\#(messages)}"#, 400, "invalid_schema"),
    (#"{"structured_outputs":{"regex":"a+"},\#(messages)}"#, 400, "unsupported"),
    (#"{"guided_json":"{\"uniqueItems\":true}",\#(messages)}"#, 400, "unsupported"),
    (#"{"guided_regex":"a+",\#(messages)}"#, 400, "unsupported"),
    // Two names for the form.
    (#"{"guided_json":true,"response_format":{"type":"json_object"},\#(messages)}"#, 400, "invalid_value"),
    (#"{"json_schema":{},"structured_outputs":{"json_object":true},\#(messages)}"#, 400, "invalid_value"),
    (#"{"structured_outputs":{"json":{},"json_object":true},\#(messages)}"#, 400, "invalid_value"),
    (#"{"grammar":"root ::= x",\#(messages)}"#, 400, "unsupported"),
    (#"{"messages":[{"role":"user","content":"\#(String(repeating: "a", count: 5000))"}]}"#, 400, "refused"),
  ]

  @Test func whatCantBeDoneIsRefusedInOpenAIsForm() async throws {
    try await withServer { client, _ in
      for (body, status, code) in Self.chats {
        let response = try await client.post("/v1/chat/completions", body)
        #expect(response.status == status, "\(body.prefix(200)): \(response.body)")
        let error = try response.json["error"]
        #expect(try error["code"].string() == code, "\(body.prefix(200)): \(response.body)")
        #expect(try !error["message"].string().isEmpty && !error["type"].string().isEmpty)
      }
    }
  }

  /// Values of these members that change nothing.
  @Test func whatHappensAnywayMayBeAskedFor() async throws {
    try await withServer { client, _ in
      for more in [
        #""frequency_penalty":0,"presence_penalty":0.0,"logit_bias":{},"repetition_penalty":1.0"#,
        #""response_format":{"type":"text"},"tools":[],"tool_choice":"auto","stop":null,"logprobs":null"#,
        #""structured_outputs":null,"guided_json":null,"functions":null,"user":"me","metadata":{},"store":false"#,
        #""stop":[],"top_k":-1,"top_p":1,"min_p":0,"seed":-1,"parallel_tool_calls":true,"n":1"#,
      ] {
        let response = try await client.post("/v1/chat/completions", #"{"max_tokens":1,\#(more),\#(Self.messages)}"#)
        #expect(response.status == 200, "\(more): \(response.body)")
      }
    }
  }

  @Test func anAdapterThatAPromptDoesntActivateIsAnError() async throws {
    try await withServer { client, _ in
      for (path, body) in [
        ("/v1/completions", #"{"model":"check","prompt":"no invocation"}"#),
        ("/completion", #"{"prompt":"none","lora":[{"id":0}]}"#),
      ] {
        let response = try await client.post(path, body)
        #expect(response.status == 400)
        #expect(try response.json["error"]["code"].string() == "invocation_not_found")
      }
      let metrics = try await client.get("/metrics").body
      #expect(metrics.contains(#"alora_adapter_not_activated_total{adapter="check"} 2"#))
      #expect(try await client.post("/v1/completions", #"{"model":"check","prompt":"HJH"}"#).status == 200)
    }
  }

  @Test func unknownPathsAndMethodsAreNotFound() async throws {
    try await withServer { client, _ in
      for (method, path) in [
        ("GET", "/nothing"), ("GET", "/v1/chat/completions"), ("DELETE", "/v1/models"), ("GET", "/v1/models/nobody"),
        ("POST", "/v1/load_lora_adapter"), ("POST", "/lora-adapters"), ("GET", "/../../etc/passwd"),
      ] {
        let response = try await client.request(method, path)
        #expect(response.status == 404, "\(method) \(path): \(response.status)")
        #expect(try !response.json["error"]["code"].string().isEmpty)
      }
    }
  }

  @Test func aQueueThatIsFullSaysWhenToComeBack() async throws {
    try await withServer { _, limits in
      limits.activeCount = 1
      limits.waitingCount = 0
    } _: { client, server in
      let busy = try LoopbackConnection(port: client.port)
      try busy.send(
        client.text("POST", "/completion", #"{"prompt":"a","n_predict":3000,"stream":true,"ignore_eos":true}"#))
      _ = try await busy.receive(until: "data:")
      let response = try await client.post("/v1/completions", #"{"prompt":"a"}"#)
      #expect(response.status == 429)
      #expect(response.headers["retry-after"].flatMap { Int($0) } ?? 0 >= 1)
      #expect(try response.json["error"]["type"].string() == "rate_limit_error")
    }
  }

  @Test func bodiesThatAreTooLongOrTooSlowAreRefused() async throws {
    try await withServer { settings, _ in
      settings.bodyByteLimit = 1000
      settings.bodySeconds = 0.3
    } _: { client, _ in
      let long = try await client.post("/v1/completions", #"{"prompt":"\#(String(repeating: "a", count: 2000))"}"#)
      #expect(long.status == 413)
      let slow = try LoopbackConnection(port: client.port)
      try slow.send(client.text("POST", "/v1/completions", "{", headers: ["Content-Length": "100"]))
      #expect(try await slow.receive(until: "error").contains("408"))
      // Too many headers: the parser's own answer.
      let many = Dictionary(uniqueKeysWithValues: (0..<200).map { ("X-\($0)", "y") })
      #expect(try await client.request("GET", "/health", headers: many).status == 400)
    }
  }

  @Test(arguments: [
    "Content-Length: 1000\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
    "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
  ]) func bodiesThatEndTooEarlyAreTheirCallersFault(_ rest: String) async throws {
    try await withServer { client, _ in
      for path in ["/v1/chat/completions", "/completion", "/api/chat", "/tokenize"] {
        let connection = try LoopbackConnection(port: client.port)
        try connection.send("POST \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(rest)")
        connection.finishSending()
        let answer = try await connection.receive(until: "\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(path): \(answer)")
      }
    }
  }

  @Test func whoGoesAwayEndsTheirRequest() async throws {
    try await withServer { client, server in
      for stream in ["true", "false"] {
        let before = await server.state.engine.snapshot.cancelledCount
        var connection: LoopbackConnection? = try LoopbackConnection(port: client.port)
        try connection?.send(
          client.text(
            "POST", "/completion", #"{"prompt":"a","n_predict":2000,"stream":\#(stream),"ignore_eos":true}"#))
        while await server.state.engine.snapshot.activeCount == 0 { try await Task.sleep(for: .milliseconds(5)) }
        connection = nil
        while await server.state.engine.snapshot.activeCount > 0 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(await server.state.engine.snapshot.cancelledCount == before + 1)
      }
      #expect(try await client.get("/health").status == 200)
    }
  }

  @Test func aServerThatEndsFinishesItsStreams() async throws {
    try await withServer { settings, _ in
      settings.graceSeconds = 200
    } _: { client, server in
      let connection = try LoopbackConnection(port: client.port)
      let body = #"{"prompt":"a","n_predict":200,"stream":true,"ignore_eos":true}"#
      try connection.send(client.text("POST", "/completion", body))
      _ = try await connection.receive(until: "data:")
      await server.group.triggerGracefulShutdown()
      #expect(try await connection.receive(until: "[DONE]").contains(#""tokens_predicted":200"#))
    }
  }

  @Test func aServerThatCantFinishInTimeSaysSo() async throws {
    try await withServer { settings, _ in
      settings.graceSeconds = 1
      settings.answerLimit = 1_000_000
    } _: { client, server in
      let connection = try LoopbackConnection(port: client.port)
      // A tiny model is fast: many answers take long.
      let prompts = Array(repeating: "\"a\"", count: 64).joined(separator: ",")
      let body = #"{"prompt":[\#(prompts)],"max_tokens":4000,"stream":true,"ignore_eos":true}"#
      try connection.send(client.text("POST", "/v1/completions", body))
      _ = try await connection.receive(until: "data:")
      await server.group.triggerGracefulShutdown()
      #expect(try await connection.receive(until: "shutting_down").contains("shutting_down"))
    }
  }
}
