import AloraGeneration
import AloraInference
import AloraJSON
import AloraServing
import AloraTestSupport
import AloraTokenization
import Foundation
import Testing

@testable import AloraServer

/// OpenAI's routes.
@Suite(.timeLimit(.minutes(5))) struct CompletionTests {
  private func chat(_ model: String, _ content: String, _ more: String = "") -> String {
    #"{"model":"\#(model)","temperature":0,"max_tokens":6,"messages":[{"role":"user","content":"\#(content)"}]\#(more)}"#
  }

  @Test func aChatIsAnsweredAsRunAnswersIt() async throws {
    try await withServer { client, server in
      for (model, adapter) in [("tiny", nil), ("check", "check"), ("tiny:other", "other"), ("plain", "plain")] {
        let response = try await client.post("/v1/chat/completions", chat(model, "Hi"))
        #expect(response.status == 200, "\(response.body)")
        let json = try response.json
        let invocation = try adapter.flatMap { try server.state.registry.resolve($0)?.adapter.invocationTokens }
        let tokens = try server.state.encoder.tokens(
          of: [ChatMessages.message("user", "Hi")], invocation: invocation)
        let (text, count) = try server.aloneTokens(tokens, adapter: adapter, limit: 6)
        let choice = try json["choices"].elements()[0]
        #expect(try choice["message"]["content"].string() == text)
        #expect(try choice["message"]["role"].string() == "assistant")
        #expect(try choice["finish_reason"].string() == (count == 6 ? "length" : "stop"))
        #expect(try json["object"].string() == "chat.completion" && json["model"].string() == model)
        #expect(try json["usage"]["prompt_tokens"].integer() == tokens.count)
        #expect(try json["usage"]["completion_tokens"].integer() == count)
        #expect(try json["usage"]["total_tokens"].integer() == tokens.count + count)
        // Active where the invocation begins, instead of the generation prompt.
        let start = invocation == nil ? adapter == nil ? nil : 0 : tokens.count - 3
        #expect(try json["alora"][optional: "activation_start"]?.integer() == start)
        #expect(try json["alora"][optional: "adapter"]?.string() == adapter)
      }
    }
  }

  @Test func aStreamIsTheSameTextAndEndsWithDone() async throws {
    try await withServer { client, _ in
      for path in ["/v1/chat/completions", "/v1/completions"] {
        let isChat = path.contains("chat")
        let body =
          isChat ? chat("check", "Hi HJH", #","n":2"#) : #"{"prompt":"A HJH","model":"check","temperature":0,"n":2}"#
        let whole = try await client.post(path, body).json
        let stream = try await client.post(
          path, body.dropLast() + #","stream":true,"stream_options":{"include_usage":true}}"#)
        #expect(stream.headers["content-type"] == "text/event-stream")
        var texts = ["", ""]
        var reasons: [String] = []
        var usage: JSON?
        for event in try stream.events() {
          if let found = try event[optional: "usage"] { usage = found }
          for choice in try event["choices"].elements() {
            let part = try isChat ? choice["delta"][optional: "content"]?.string() : choice["text"].string()
            texts[try choice["index"].integer()] += part ?? ""
            if let reason = try choice[optional: "finish_reason"] { reasons.append(try reason.string()) }
          }
        }
        let expected = try whole["choices"].elements().map {
          try isChat ? $0["message"]["content"].string() : $0["text"].string()
        }
        #expect(texts == expected && !texts[0].isEmpty)
        #expect(reasons == ["length", "length"])
        #expect(try usage?["prompt_tokens"].integer() == whole["usage"]["prompt_tokens"].integer())
        #expect(try usage?["completion_tokens"].integer() == whole["usage"]["completion_tokens"].integer())
      }
    }
  }

  @Test func tokensWithLogProbabilitiesJoinToTheContent() async throws {
    try await withServer { client, _ in
      let body = chat("check", "Hi HJH there", #","logprobs":true,"top_logprobs":4"#)
      let choice = try await client.post("/v1/chat/completions", body).json["choices"].elements()[0]
      let tokens = try choice["logprobs"]["content"].elements()
      #expect(try tokens.map { try $0["token"].string() }.joined() == choice["message"]["content"].string())
      for token in tokens {
        let best = try token["top_logprobs"].elements()
        #expect(best.count == 4)
        // The greedy choice is the first alternative.
        #expect(try best[0]["token"].string() == token["token"].string())
        #expect(try best[0]["logprob"].number() == token["logprob"].number())
        #expect(try token["logprob"].number() <= 0)
        #expect(try token["bytes"].elements().count == token["token"].string().utf8.count)
      }
      let request = #"{"prompt":"Hi","logprobs":2,"max_tokens":5,"temperature":0}"#
      let text = try await client.post("/v1/completions", request).json
      let rows = try text["choices"].elements()[0]["logprobs"]
      // The likeliest third token ends the text.
      #expect(try rows["tokens"].elements().map { try $0.string() } == ["h", "O"])
      #expect(try rows["text_offset"].integers(in: 0...9) == [0, 1])
    }
  }

  @Test func tokensAreNamedByNumberOnRequest() async throws {
    try await withServer { client, server in
      func probabilities(_ more: String) async throws -> JSON {
        let body = #"{"prompt":"Hi","logprobs":2,"max_tokens":5,"seed":7\#(more)}"#
        return try await client.post("/v1/completions", body).json["choices"].elements()[0]["logprobs"]
      }
      let (texts, numbers) = (
        try await probabilities(""), try await probabilities(#","return_tokens_as_token_ids":true"#)
      )
      let tokenizer = server.state.encoder.tokenizer
      let names = try zip(texts["tokens"].elements(), numbers["tokens"].elements()).map {
        (tokens: try tokenizer.encode($0.string(), addsSpecialTokens: false), name: try $1.string())
      }
      #expect(names.contains { $0.tokens.count == 1 })
      for (tokens, name) in names where tokens.count == 1 { #expect(name == "token_id:\(tokens[0])") }
      for best in try numbers["top_logprobs"].elements() {
        #expect(try best.members().allSatisfy { try $0.name.hasPrefix("token_id:") && $0.value.number() <= 0 })
      }
    }
  }

  @Test func severalPromptsAreAnsweredInTheirOrder() async throws {
    try await withServer { client, server in
      let body = #"{"prompt":["Ab","Xy z",[1,2,3]],"temperature":0,"max_tokens":4,"model":"tiny"}"#
      let choices = try await client.post("/v1/completions", body).json["choices"].elements()
      let prompts = try ["Ab", "Xy z"].map { try server.state.encoder.tokenizer.encode($0) } + [[1, 2, 3]]
      #expect(choices.count == 3)
      for (index, choice) in choices.enumerated() {
        #expect(try choice["index"].integer() == index)
        #expect(try choice["text"].string() == server.alone(prompts[index], adapter: nil, limit: 4))
      }
    }
  }

  @Test func theSameSeedGivesTheSameTextAndAnotherSeedOrNoneAnother() async throws {
    try await withServer { client, _ in
      func text(_ more: String) async throws -> (text: String, seed: String) {
        let json = try await client.post("/v1/completions", #"{"prompt":"Hi","max_tokens":30\#(more)}"#).json
        return (try json["choices"].elements()[0]["text"].string(), try json["alora"]["seed"].string())
      }
      let one = try await text(#","seed":7"#)
      #expect(try await text(#","seed":7"#).text == one.text)
      #expect(try await text(#","seed":8"#).text != one.text)
      let free = try await text("")
      #expect(try await text("").text != free.text)
      // What the answer calls its seed repeats it.
      let number = try #require(UInt64(free.seed))
      #expect(try await text(#","seed":\#(Int64(bitPattern: number))"#).text == free.text)
    }
  }

  @Test func stopTextsEndAnAnswer() async throws {
    try await withServer { client, _ in
      let whole = try await client.post("/v1/chat/completions", chat("tiny", "Hi")).json
      let text = try whole["choices"].elements()[0]["message"]["content"].string()
      let stop = String(text.dropFirst(2).prefix(2))
      let cut = try await client.post("/v1/chat/completions", chat("tiny", "Hi", #","stop":["\#(stop)","never"]"#)).json
      let choice = try cut["choices"].elements()[0]
      let found = try #require(text.range(of: stop))
      #expect(try choice["message"]["content"].string() == String(text[..<found.lowerBound]))
      #expect(try choice["finish_reason"].string() == "stop")
    }
  }

  @Test func documentsToolsAndVariablesReachTheTemplate() async throws {
    try await withServer { client, _ in
      // The template writes nothing of them, but refuses nothing either.
      let more =
        #","documents":[{"text":"x"}],"tools":null,"chat_template_kwargs":{"adapter_name":"check","thinking":true}"#
      let json = try await client.post("/v1/chat/completions", chat("tiny", "Hi", more)).json
      #expect(try json["alora"]["adapter"].string() == "check")
    }
  }

  /// The digest that a header asks for is that of the logits, whatever else runs.
  @Test func theDigestOfTheLogitsIsTheSameUnderLoad() async throws {
    try await withServer { client, _ in
      func digest(_ number: Int) async throws -> String {
        let model = ["tiny", "check", "other", "plain"][number % 4]
        let body = chat(model, String(repeating: "ab ", count: number % 5 * 30), #","max_completion_tokens":20"#)
        let json = try await client.post("/v1/chat/completions", body, headers: ["X-Alora-Debug": "logits"]).json
        return try json["alora"]["logits_digest"].string()
      }
      var alone: [String] = []
      for number in 0..<20 { alone.append(try await digest(number)) }
      #expect(Set(alone).count == 20)
      let together = try await withThrowingTaskGroup(of: (Int, String).self) { group in
        for number in 0..<40 { group.addTask { (number % 20, try await digest(number % 20)) } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      for (number, digest) in together { #expect(digest == alone[number]) }
    }
  }
}
