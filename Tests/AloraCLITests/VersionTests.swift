import AloraTestSupport
import Testing

/// The command and both Python packages are released together.
@Suite struct VersionTests {
  @Test(
    arguments: [
      ("python/alora-gguf/src/alora_gguf/__init__.py", #"__version__ = "([^"]+)""#),
      ("python/pytest-alora/src/pytest_alora/__init__.py", #"__version__ = "([^"]+)""#),
      // The newest entry.
      ("CHANGELOG.md", #"## ([0-9][^ \n]*)"#),
    ])
  func theVersionIsTheSameEverywhere(_ file: String, _ pattern: String) throws {
    let version = try runAlora(["--version"]).output
    let text = String(decoding: try readFile(testData("../" + file)), as: UTF8.self)
    let match = try #require(text.firstMatch(of: Regex(pattern, as: (Substring, Substring).self)), "\(file)")
    #expect("\(match.output.1)\n" == version, "\(file)")
  }
}
