import AloraJSON
import AloraTemplates
import AloraTestSupport
import Foundation
import Testing

/// Jinja's filters, tests and functions, as Jinja has them: testdata/tokenizers/chat/builtins.json, and other cases of the same
/// generator where ALORA_TEMPLATE_CASES names them (`make templates`).
@Suite struct TemplateBuiltinTests {
  /// What fails here although Jinja has an answer, which depends on more than the values: whether two equal ones are one
  /// object, arguments that it does not look at, and numbers beyond 64 bits.
  private static let refusals = [
    "'sameas' between two values", "has no parts", "takes a whole number as", "an attribute is a string or a number",
    "a number becomes too large", "takes a string as wrapstring",
  ]

  @Test func builtinsAreThoseOfJinja() throws {
    let path =
      try ProcessInfo.processInfo.environment["ALORA_TEMPLATE_CASES"]
      ?? testData("tokenizers/chat/builtins.json")
    let data = try JSONDocument(path: path).root
    var count = 0
    for entry in try data["cases"].elements() {
      let item = try entry.elements()
      let source = try item[0].string()
      let expected = item[1].isNull ? nil : try item[1].string()
      var failure = "fails"
      let found: String?
      do { found = try ChatTemplate(source).render(messages: parseJSON("[]"), variables: data["data"]) } catch {
        found = nil
        failure = "\(error)"
      }
      if expected != nil, found == nil, Self.refusals.contains(where: { failure.contains($0) }) { continue }
      #expect(found.map { Array($0.utf8) } == expected.map { Array($0.utf8) }, "\(source): \(found ?? failure)")
      count += 1
    }
    #expect(count >= 1000)
  }
}
