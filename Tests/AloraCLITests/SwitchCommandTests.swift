import AloraNPZ
import AloraTestSupport
import Testing

/// Commands on a Granite Switch that can't be run, because testdata lacks its base's weights.
@Suite struct SwitchCommandTests {
  @Test func inspectAndDiffShowTheSlots() throws {
    let path = try testData("switch/composed")
    let text = try runAlora(["inspect", path]).output
    #expect(text.contains("switch   3 slots of rank up to 4"))
    #expect(text.contains("2  ranked     4     30             5        query, value, output, up  ■"))
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
