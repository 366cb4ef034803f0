import AloraSystem
import AloraTestSupport
import Testing

@testable import AloraSwitch

/// The same slots as a GGUF, whose converter reorders rows and puts a slot of zeros first.
@Suite struct SwitchGGUFTests {
  @Test func aGGUFHasTheSameSlots() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/switch.gguf"
      try writeSwitch(to: path)
      let check = try SwitchCheck(SwitchModel(path: path), library: testData("switch"))
      let names = check.entries.map { $0.adapter?.split(separator: "/").last.map(String.init) }
      #expect(names == ["plain", "ranked", "patterned"] && check.entries[0].outcome == .equal)
      guard case .wrongScaling(let wrong, .rankStabilizationIgnored) = check.entries[1].outcome else {
        Issue.record("\(check.entries[1])")
        return
      }
      #expect(wrong.count == 4 && check.model.isGGUF && check.model.description.gain == nil)
    }
  }

  @Test func headsThatDoNotDivideTheRowsAreRefused() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/switch.gguf"
      try writeSwitch(to: path, counts: (7, 2))
      let error = #expect(throws: SwitchError.self) { try SwitchModel(path: path) }
      #expect(error?.code == .wrongShape)
    }
  }
}
