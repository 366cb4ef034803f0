import AloraTestSupport
import Testing

@testable import AloraEngineCheck

@Suite struct MeasuredServerTests {
  @Test(
    arguments: [
      ("http://a", nil, "http://a"), ("x=http://a", "x", "http://a"), ("http://a/?b=c", nil, "http://a/?b=c"),
      ("=http://a", "", "http://a"),
    ] as [(String, String?, String)])
  func anAddressMayHaveANameBeforeIt(_ text: String, _ name: String?, _ address: String) {
    let split = MeasuredServer.split(text)
    #expect(split.name == name && split.address == address)
  }

  @Test func everyAddressIsReadBeforeTheFirstServerIsAsked() {
    let error = #expect(throws: ServerError.self) {
      try MeasuredServer.all(["http://127.0.0.1:1", "https://a"], timeout: 1)
    }
    #expect(error?.code == .encryptedAddress)
  }
}
