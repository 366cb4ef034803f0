import AloraJSON
import AloraNPZ
import AloraTestSupport
import Foundation
import Testing

/// Commands on a Granite Switch. The one in testdata lacks its base's weights.
@Suite(.timeLimit(.minutes(5))) struct SwitchCommandTests {
  private func turn(_ model: String, _ arguments: [String]) throws -> JSON {
    let result = try runAlora(["run", "--model", model, "--json", "--ignore-end"] + arguments)
    #expect(result.status == 0, "\(arguments): \(result.errors)")
    let value = try parseJSON(result.output)
    let validator = try SchemaValidator(path: testData("../schemas/run.schema.json"))
    #expect(try validator.violations(in: value) == [])
    return try value["turns"].elements()[0]
  }

  /// The pieces of ``writeSpellingSwitch(to:)``.
  private func text(_ tokens: [Int]) -> String {
    let control = [29: "<plain>", 30: "<ranked>", 31: "<patterned>"]
    return tokens.map { control[$0] ?? String(Array("ABCDEFGHIJKLMNOPQRSTUVWXYZa .")[$0]) }.joined()
  }

  @Test func runAnswersAsGraniteSwitchDoes() throws {
    let file = try NPZFile(path: testData("switch/golden.npz"))
    try withTemporaryDirectory { directory in
      let path = directory + "/model"
      try writeSpellingSwitch(to: path)
      for index in 0..<5 {
        let tokens = try file.integers(named: "tokens_\(index)")
        let last = try file.floats(named: "logits_\(index)").suffix(32)
        let expected = try #require(last.indices.max { last[$0] < last[$1] }) - last.startIndex
        let turn = try turn(path, ["--prompt", text(tokens), "-n", "1"])
        #expect(
          try turn["tokens"].integers(in: 0...31) == [expected] && turn["prompt_tokens"].integer() == tokens.count)
        let start = tokens.firstIndex { $0 >= 29 }
        #expect(try turn[optional: "activation_start"]?.serialized ?? "null" == start.map { "\($0)" } ?? "null")
        let name = start.map { ["plain", "ranked", "patterned"][tokens[$0] - 29] }
        #expect(try turn[optional: "adapter"]?.serialized ?? "null" == name.map { "\"\($0)\"" } ?? "null")
      }
    }
  }

  @Test func aNameMustAgreeWithTheControlToken() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/model"
      try writeSpellingSwitch(to: path)
      let byToken = try turn(path, ["--prompt", "DB<ranked>E", "-n", "4"])
      let byName = try turn(path, ["--prompt", "DB<ranked>E", "-n", "4", "--use", "ranked"])
      #expect(try byToken["tokens"].serialized == byName["tokens"].serialized)
      // In a chat, the template or alora writes the token.
      let chat = try turn(path, ["--chat", "--use", "plain", "--prompt", "HI", "-n", "1"])
      #expect(try chat["prompt_tokens"].integer() == "HI..a".count && chat["activation_start"].integer() == 3)
      for (arguments, words) in [
        (["--use", "ranked", "--prompt", "A<plain>B"], "'plain' on, and 'ranked' was asked for"),
        (["--prompt", "A<plain>B<patterned>"], "of 'plain' and 'patterned', and alora"),
      ] {
        let result = try runAlora(["run", "--model", path] + arguments)
        #expect(result.status == 3 && result.errors.contains(words), "\(result)")
      }
      let taken = try runAlora(["run", "--model", path, "--adapter", "plain=x", "--prompt", "A"])
      #expect(taken.status == 2 && taken.errors.contains("an adapter of the model itself"), "\(taken)")
    }
  }

  @Test func aGGUFsSlotsHaveNumbersAndAverage() throws {
    try withTemporaryDirectory { directory in
      try writeSpellingSwitch(to: directory + "/model")
      let path = directory + "/x.gguf"
      try writeSwitch(to: path, hasWeights: true)
      let output = directory + "/l.npz"
      for (tokens, status) in [("3,1,30,4", 0), ("29,1,31", 3), ("29,1,30", 3)] {
        let result = try runAlora(["logits", "--model", path, "--tokens", tokens, "--output", output])
        #expect(result.status == status, "\(result)")
        #expect(result.errors.contains("which average to 'slot-2'") == (tokens == "29,1,31"), "\(result)")
      }
      let checkpoint = directory + "/c.npz"
      _ = try runAlora(["logits", "--model", directory + "/model", "--tokens", "3,1,30,4", "--output", checkpoint])
      let (one, other) = (try NPZFile(path: output), try NPZFile(path: checkpoint))
      #expect(try one.floats(named: "logits_0") == other.floats(named: "logits_0"))
      #expect(try one.integers(named: "activation_start_0") == [2])
    }
  }

  @Test func inspectAndDiffShowTheSlots() throws {
    let path = try testData("switch/composed")
    let result = try runAlora(["inspect", path, "--json"])
    let description = try parseJSON(result.output)
    #expect(result.status == 0 && description.serialized.contains("\"ranked\""), "\(description.serialized)")
    #expect(try runAlora(["diff", path, path]).status == 0)
  }

  @Test func aSwitchWithoutItsBaseIsRefused() throws {
    let path = try testData("switch/composed")
    for arguments in [
      ["logits", "--tokens", "1,2", "--output", "/dev/null/x.npz"], ["run", "--prompt", "x"], ["serve"],
    ] {
      let result = try runAlora([arguments[0], "--model", path] + arguments.dropFirst())
      #expect(result.status == 3 && result.errors.contains("input_layernorm"), "\(result.errors)")
    }
  }

  @Test func aNameThatNoAdapterHasIsWrongUsage() throws {
    let result = try runAlora(["run", "--model", testData("switch/composed"), "--use", "x", "--prompt", "y"])
    #expect(result.status == 2 && result.errors.contains("--use names no --adapter"))
  }
}
