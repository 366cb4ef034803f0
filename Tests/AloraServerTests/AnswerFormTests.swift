import AloraJSON
import AloraTestSupport
import Testing

@testable import AloraServer

/// Answers of a form, by every name that clients have for it. The vocabulary has letters and digits, but no quotes or braces.
@Suite(.timeLimit(.minutes(5))) struct AnswerFormTests {
  private static let schema = #"{"type":"boolean"}"#
  private static let messages =
    #""messages":[{"role":"user","content":"Hi"}],"max_tokens":40,"temperature":1.5,"logprobs":true"#

  static let chats = [
    #""response_format":{"type":"json_schema","json_schema":{"name":"x","strict":true,"schema":\(schema)}}"#,
    #""structured_outputs":{"json":\(schema)}"#, #""guided_json":\(schema)"#,
    #""guided_json":"{\"type\":\"boolean\"}""#,
  ].map { $0.replacing("\\(schema)", with: schema) }

  @Test func chatsFitTheirSchemaUnderEveryName() async throws {
    try await withServer { client, _ in
      for (index, member) in Self.chats.enumerated() {
        for adapter in ["tiny", "check", "plain"] {
          let body = "{\"model\":\"\(adapter)\",\"seed\":\(index),\(member),\(Self.messages)}"
          let response = try await client.post("/v1/chat/completions", body)
          #expect(response.status == 200, "\(member): \(response.body)")
          let choice = try response.json["choices"].elements()[0]
          let text = try choice["message"]["content"].string()
          #expect(["true", "false"].contains(text), "\(member): \(text)")
          #expect(try choice["finish_reason"].string() == "stop")
          let pieces = try choice["logprobs"]["content"].elements().map { try $0["token"].string() }
          #expect(pieces.joined() == text)
        }
      }
    }
  }

  @Test func otherRoutesHaveNamesOfTheirOwn() async throws {
    try await withServer { client, _ in
      let calls = [
        ("/completion", #"{"prompt":"Hi","n_predict":40,"json_schema":\#(Self.schema)}"#, "content"),
        ("/api/generate", #"{"model":"tiny","prompt":"Hi","stream":false,"format":\#(Self.schema)}"#, "response"),
      ]
      for (path, body, member) in calls {
        let response = try await client.post(path, body)
        #expect(response.status == 200, "\(response.body)")
        #expect(["true", "false"].contains(try response.json[member].string()), "\(response.body)")
      }
    }
  }

  /// Requests of several schemas at once don't mix.
  @Test func schemasDoNotMeet() async throws {
    try await withServer { client, _ in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<12 {
          group.addTask {
            let body =
              #"{"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"integer","minimum":\#(number * 10),"#
              + #""maximum":\#(number * 10 + 9)}}},"seed":\#(number),\#(Self.messages)}"#
            let text = try await client.post("/v1/chat/completions", body).json["choices"].elements()[0]["message"][
              "content"
            ]
            .string()
            let value = try #require(Int(text))
            #expect((number * 10...number * 10 + 9).contains(value))
          }
        }
        try await group.waitForAll()
      }
    }
  }
}
