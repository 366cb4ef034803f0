import AloraGGUF
import AloraTestSupport
import Foundation
import Testing

/// A GGUF adapter with one key missing or wrong. Every command gives the same answer and names the key.
@Suite struct BrokenAdapterKeyTests {
  struct Change: CustomTestStringConvertible, Sendable {
    let key: String
    let value: GGUFValue?
    /// Whether llama.cpp refuses or aborts on the file.
    let isFatal: Bool

    var testDescription: String { "\(key) = \(value.map { "\($0)" } ?? "missing")" }
  }

  static let changes: [Change] = [
    Change(key: "general.type", value: nil, isFatal: true),
    Change(key: "general.type", value: .string("model"), isFatal: true),
    Change(key: "general.type", value: .uint32(1), isFatal: true),
    Change(key: "adapter.type", value: nil, isFatal: true),
    Change(key: "adapter.type", value: .string("dora"), isFatal: true),
    Change(key: "general.architecture", value: nil, isFatal: true),
    Change(key: "adapter.lora.alpha", value: nil, isFatal: false),
    Change(key: "adapter.lora.alpha", value: .float32(0), isFatal: false),
    Change(key: "adapter.lora.alpha", value: .float64(8), isFatal: true),
    Change(key: "adapter.lora.alpha", value: .uint32(8), isFatal: true),
    Change(key: "adapter.lora.alpha", value: .float32(.nan), isFatal: true),
    Change(key: "adapter.alora.invocation_tokens", value: .array(GGUFArray([Int32(7), 9, 7])), isFatal: true),
    Change(key: "adapter.alora.invocation_tokens", value: .uint32(7), isFatal: true),
    Change(key: "adapter.alora.invocation_tokens", value: .array(GGUFArray([UInt32]())), isFatal: false),
  ]

  @Test(arguments: changes) func everyCommandGivesTheSameAnswer(_ change: Change) throws {
    try withTemporaryDirectory { directory in
      let (base, good, bad) = (
        try testData("inference/llama/base"), directory + "/good.gguf", directory + "/bad.gguf"
      )
      let converted = try runAlora([
        "convert", testData("inference/llama/adapter"), "--base", base, "--outfile", good,
      ])
      #expect(converted.status == 0)
      try rewriteGGUF(good, to: bad, key: change.key, value: change.value)
      let users: [[String]] = [
        ["tokens", bad],
        ["logits", "--model", base, "--adapter", bad, "--tokens", "1,7,9,7,2", "--output", directory + "/l.npz"],
        ["verify", "--model", base, "--adapter", bad],
      ]
      for arguments in users {
        let result = try runAlora(arguments)
        #expect(result.exitedNormally, "\(arguments)")
        #expect((result.status == 3) == change.isFatal, "\(arguments): \(result.errors)")
        #expect(result.errors.contains("key \(change.key): "), "\(arguments): \(result.errors)")
        if change.isFatal { #expect(result.errors.split(separator: "\n").count == 1) }
      }
      // The fixture has no tokenizer, without which nothing runs; the adapter is read before.
      let run = try runAlora(["run", "--model", base, "--adapter", "a=\(bad)", "--prompt", "x"])
      #expect(run.status == 3 && run.errors.contains("key \(change.key): "), "\(run.errors)")
      let inspected = try runAlora(["inspect", bad])
      #expect(inspected.status == 0 && inspected.output.contains("key \(change.key): "), "\(inspected.output)")
      let compared = try runAlora(["diff", good, bad])
      #expect(compared.status == 1 && compared.output.contains(change.key), "\(compared.output)")
      #expect(try runAlora(["diff", bad, bad]).status == 0)
    }
  }
}
