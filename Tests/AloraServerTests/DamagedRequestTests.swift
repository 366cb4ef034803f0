import AloraTestSupport
import Testing

@testable import AloraServer

/// What the fuzzer looks for, in a form for every run: damaged bodies are understood or refused, and never the server's fault.
@Suite(.timeLimit(.minutes(5))) struct DamagedRequestTests {
  private static let bodies = [
    #"{"model":"check","messages":[{"role":"user","content":[{"type":"text","text":"HJH"}]}],"max_tokens":3,"n":2,"seed":-1,"#
      + #""temperature":0.5,"stop":["a"],"logprobs":true,"top_logprobs":5,"tools":[{"type":"function","function":{"name":"f"}}]}"#,
    #"{"messages":[{"role":"user","content":"A"}],"chat_template_kwargs":{"adapter_name":"check"},"documents":[{"text":"t"}],"#
      + #""structured_outputs":{"json":{"type":"object","properties":{"a":{"enum":[1,"b"]}},"required":["a"]}}}"#,
    #"{"prompt":["a",[1,2]],"model":"plain","logprobs":2,"guided_json":"{\"type\":\"integer\"}","echo":false,"best_of":1}"#,
    #"{"prompt":[1,"HJH",2],"n_predict":-1,"lora":[{"id":0,"scale":0.5}],"json_schema":{"type":"string"},"n_probs":3}"#,
    #"{"model":"tiny","prompt":"a","system":"b","raw":true,"format":"json","options":{"num_predict":2,"top_k":1},"think":false}"#,
    #"[{"id":0,"scale":1.0},{"id":2,"scale":0}]"#,
  ]
  private static let pieces = [
    "null", "{}", "[]", "\"\"", "-1", "1e999", "9223372036854775808", "0.5", "true", "[[[[", "\\ud800", "\u{0}", ",",
    ":", "\"",
    "\"model\":\"nobody\"", "{\"$ref\":\"#\"}",
  ].map { Array($0.utf8) }

  private func damaged(_ body: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    var body = body
    for _ in 0...Int.random(in: 0..<3, using: &random) {
      let start = Int.random(in: 0..<max(1, body.count), using: &random)
      let end = min(body.count, start + Int.random(in: 0..<12, using: &random))
      let piece = Self.pieces.randomElement(using: &random) ?? []
      // Mostly whole values, so that something still is JSON.
      if Bool.random(using: &random), let colon = body[start...].firstIndex(of: 0x3A),
        let next = body[colon...].firstIndex(where: { $0 == 0x2C || $0 == 0x7D })
      {
        body.replaceSubrange((colon + 1)..<next, with: piece)
      } else {
        body.replaceSubrange(start..<end, with: piece)
      }
    }
    return body
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>) func damagedBodiesAreNeverTheServersFault(_ seed: UInt64) async throws
  {
    try await withServer { _, server in
      var random = SeededRandom(seed: seed)
      var understoodCount = 0
      for number in 0..<300 {
        let text = Self.bodies[number % Self.bodies.count]
        let body = damaged(Array(text.utf8), &random)
        for kind in RequestBody.allCases {
          guard let refusal = kind.refusal(of: body, server.state) else {
            understoodCount += 1
            continue
          }
          let text = String(decoding: body, as: UTF8.self)
          #expect((400..<500).contains(refusal.status), "seed \(seed), \(kind): \(refusal), \(text)")
          #expect(!refusal.message.isEmpty && !refusal.message.contains("\n"), "seed \(seed), \(kind): \(text)")
        }
      }
      #expect(understoodCount > 0)
    }
  }
}
