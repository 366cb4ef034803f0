import AloraInference
import AloraTestSupport
import Foundation
import Testing

@testable import AloraVerification

/// Adapters, bases and activations that aren't the golden's.
@Suite struct AdapterMistakeTests {
  /// A copy of the llama fixture's adapter with something wrong, and the proof that must fail.
  struct Mutant: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let proof: Verdict.Proof
    /// What the failures must name.
    var cause: (@Sendable (Cause) -> Bool)?
    let change: @Sendable (_ configuration: inout String, _ weights: inout [UInt8]) -> Void

    static let all: [Mutant] = [
      .init(
        testDescription: "alpha doubled", proof: .afterActivation, cause: { $0.isScaling(0.5, nil) }
      ) { text, _ in
        text = text.replacing(#/"lora_alpha": (\d+)/#) { "\"lora_alpha\": \((Int($0.1) ?? 1) * 2)" }
      },
      .init(
        testDescription: "rank-stabilized scaling", proof: .afterActivation,
        cause: { $0.isScaling(nil, .rankStabilizedAdded) }
      ) { text, _ in
        text = text.replacing(#""use_rslora": false"#, with: #""use_rslora": true"#)
      },
      .init(testDescription: "other invocation tokens", proof: .structure) { text, _ in
        text = text.replacing(#/"alora_invocation_tokens": \[[^\]]*\]/#, with: #""alora_invocation_tokens": [9, 7]"#)
      },
      .init(testDescription: "a plain LoRA", proof: .structure) { text, _ in
        text = text.replacing(#/"alora_invocation_tokens": \[[^\]]*\]/#, with: #""alora_invocation_tokens": null"#)
      },
      .init(testDescription: "zero factors", proof: .afterActivation) { _, bytes in
        for index in dataStart(bytes)..<bytes.count { bytes[index] = 0 }
      },
      .init(testDescription: "signs of the first kilobyte flipped", proof: .afterActivation) { _, bytes in
        let start = dataStart(bytes)
        for index in stride(from: start + 3, to: min(start + 1024, bytes.count), by: 4) { bytes[index] ^= 0x80 }
      },
    ]

    private static func dataStart(_ bytes: [UInt8]) -> Int {
      8 + bytes[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
  }

  @Test(arguments: Mutant.all) func mutantsAreCaught(_ mutant: Mutant) throws {
    try withTemporaryDirectory { directory in
      let source = try testData("inference/llama/adapter")
      var configuration = String(decoding: try readFile(source + "/adapter_config.json"), as: UTF8.self)
      var weights = try readFile(source + "/adapter_model.safetensors")
      let before = (configuration, weights)
      mutant.change(&configuration, &weights)
      #expect(configuration != before.0 || weights != before.1)
      try writeFile(Array(configuration.utf8), to: directory + "/adapter_config.json")
      try writeFile(weights, to: directory + "/adapter_model.safetensors")
      let result = try Verifying(adapter: directory).result(golden: testData("inference/llama/golden.npz"))
      #expect(result.failedProofs.contains(mutant.proof), "\(result.failures)")
      if let cause = mutant.cause { #expect(result.causes.contains(where: cause), "\(result.causes)") }
      // Whatever the adapter is, the base's part stays the base's.
      #expect(!result.failedProofs.contains(.beforeActivation) && !result.failedProofs.contains(.cacheReuse))
    }
  }

  @Test func anotherBaseIsNamed() throws {
    try withTemporaryDirectory { directory in
      let base = directory + "/base"
      try FileManager.default.copyItem(atPath: testData("inference/llama/base"), toPath: base)
      let text = String(decoding: try readFile(base + "/config.json"), as: UTF8.self)
      let changed = text.replacing(#/"rms_norm_eps": [0-9.e+-]+/#, with: #""rms_norm_eps": 0.5"#)
      #expect(changed != text)
      try writeFile(Array(changed.utf8), to: base + "/config.json")
      let result = try Verifying(base: base).result(golden: testData("inference/llama/golden.npz"))
      #expect(result.failedProofs == [.afterActivation])
      for failure in result.failures {
        guard case .goldenMissed(let miss) = failure.finding else { continue }
        switch failure.cause {
        case .baseDiffers(let difference): #expect(miss.weights == .base && !difference.isClose)
        case .baseRowsDiffer: #expect(miss.weights == .adapted)
        default: Issue.record("\(String(describing: failure.cause))")
        }
      }
    }
  }

  /// A golden that was made with the activation elsewhere is recognized as that.
  @Test(arguments: [1, -1, 3, -4]) func aMovedActivationIsNamed(_ shift: Int) throws {
    try withTemporaryDirectory { directory in
      let tokens = [1, 20, 30, 40, 7, 9, 7, 11, 12, 13]
      let verifying = try Verifying()
      let verification = verifying.verification
      var item = try GoldenCase(testData("inference/llama/golden.npz"), 1)
      item.tokens = tokens
      (item.base, item.start, item.positions) = (nil, nil, nil)
      let run = try verification.runs(tokens, start: 4 + shift, keeping: Set(tokens.indices)).adapted
      item.adapted = tokens.indices.map { run.rows[$0] ?? [] }
      try item.write(directory + "/h.npz")
      let result = try verifying.result(golden: directory + "/h.npz")
      #expect(result.failedProofs == [.afterActivation])
      #expect(result.causes == [.mistake(.activationShifted(shift))])
    }
  }
}

extension Cause {
  /// - Parameters: nil: any.
  fileprivate func isScaling(_ factor: Double?, _ origin: ScalingMistake.Origin?) -> Bool {
    guard case .mistake(.scaling(let scaling)) = self else { return false }
    return (origin.map { scaling.origin == $0 } ?? true) && (factor.map { abs(scaling.factor - $0) < 1e-3 } ?? true)
  }
}
