import AloraInference
import AloraTestSupport
import Foundation
import Testing

@testable import AloraVerification

/// Bases whose configuration isn't the golden's.
@Suite struct BaseMistakeTests {
  /// The golden prompts are longer than the windows. What the golden's engine did is the opposite of what changes here.
  @Test(
    arguments: ["mistral-window", "ministral3-window", "olmo3", "exaone4", "cohere2", "cohere2-bias", "gemma4"],
    [1, -1])
  func aWindowThatIsOffByOneIsNamed(_ name: String, by difference: Int) throws {
    let result = try result(name) { text in
      text.replacing(#/"sliding_window": (\d+)/#) { "\"sliding_window\": \((Int($0.1) ?? 0) + difference)" }
    }
    #expect(result.failedProofs == [.afterActivation])
    #expect(!result.causes.isEmpty && Set(result.causes) == [.mistake(.graph(.windowsChanged(by: -difference)))])
  }

  /// What else new configurations say and an engine may lose.
  @Test(
    arguments: [
      ("ministral3", #""llama_4_scaling_beta": 0.25"#, #""llama_4_scaling_beta": 0.0"#),
      ("glm4", #""partial_rotary_factor": 0.5"#, #""partial_rotary_factor": 1.0"#),
      ("cohere2", #""logit_scale": 0.25"#, #""logit_scale": 0.5"#),
      ("olmo3", #""factor": 8.0"#, #""factor": 4.0"#),
      ("gemma4", #""partial_rotary_factor": 0.25"#, #""partial_rotary_factor": 0.5"#),
    ])
  func aLostNumberIsCaught(_ name: String, _ before: String, _ after: String) throws {
    let result = try result(name) { $0.replacing(before, with: after) }
    #expect(result.failedProofs == [.afterActivation])
  }

  /// Verifies with a changed configuration of the base.
  private func result(_ name: String, _ change: (String) -> String) throws -> VerificationResult {
    try withTemporaryDirectory { directory in
      let (base, source) = (directory + "/base", try testData("inference/\(name)"))
      try FileManager.default.copyItem(atPath: source + "/base", toPath: base)
      let text = String(decoding: try readFile(base + "/config.json"), as: UTF8.self)
      let changed = change(text)
      #expect(changed != text)
      try writeFile(Array(changed.utf8), to: base + "/config.json")
      return try Verifying(name, base: base).result(golden: source + "/golden.npz")
    }
  }
}
