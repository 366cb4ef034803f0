import AloraTestSupport
import CAloraKernels
import Testing

@testable import AloraTensors

@Suite struct DigestTests {
  private func hex(_ pieces: [[UInt8]], portable: Bool) -> String {
    var hash = alora_sha256()
    alora_sha256_begin(&hash)
    if portable { hash.uses_instructions = 0 }
    for piece in pieces { alora_sha256_add(&hash, piece, piece.count) }
    var digest = [UInt8](repeating: 0, count: 32)
    alora_sha256_end(&hash, &digest)
    return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// The examples that NIST gives for FIPS 180-4, and its million letters.
  @Test(arguments: [false, true]) func theStandardsExamples(portable: Bool) {
    let examples: [(String, String)] = [
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
      (String(repeating: "a", count: 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ]
    for (text, expected) in examples { #expect(hex([Array(text.utf8)], portable: portable) == expected) }
  }

  @Test func theProcessorsInstructionsGiveTheSameHoweverTheBytesComeIn() {
    var random = SeededRandom(seed: 11)
    for _ in 0..<300 {
      let pieces = (0..<Int.random(in: 1...4, using: &random)).map { _ in
        (0..<Int.random(in: 0...300, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      }
      let whole = Array(pieces.joined())
      #expect(hex(pieces, portable: false) == hex([whole], portable: true))
    }
  }
}
