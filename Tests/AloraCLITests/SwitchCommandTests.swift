import AloraJSON
import AloraTestSupport
import Testing

/// Commands on a Granite Switch that can't be run, because testdata lacks its base's weights.
@Suite struct SwitchCommandTests {
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
