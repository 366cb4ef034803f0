/// JUnit's XML.
///
/// Schema: schemas/verify-junit.xsd, a subset of Jenkins' junit-10.xsd, which GitLab reads too. It has no times, because the
/// tests share their forward passes.
package struct JUnitReport: Sendable {
  let list: CheckList

  package init(_ list: CheckList) { self.list = list }

  /// The file's text.
  package var text: String {
    let tests = list.tests
    let counts = "tests=\"\(tests.count)\" failures=\"\(tests.count { $0.outcome == .failed })\" errors=\"0\""
    let skipped = tests.count { $0.outcome == .skipped }
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    text += "<testsuites name=\"\(list.title.escapedForXML)\" \(counts)>\n"
    text += "  <testsuite name=\"\(list.subject.escapedForXML)\" \(counts) skipped=\"\(skipped)\">\n"
    text += "    <properties>\n"
    for (name, value) in [("adapter", list.subject)] + list.properties {
      text += "      <property name=\"\(name)\" value=\"\(value.escapedForXML)\"/>\n"
    }
    text += "    </properties>\n"
    for test in tests { text += element(test) }
    return text + "  </testsuite>\n</testsuites>\n"
  }

  private func element(_ test: CheckList.Test) -> String {
    // GitLab shows the class as the suite; Jenkins takes what is before its last dot for the package.
    var text = "    <testcase classname=\"alora.verify.\(test.group)\" name=\"\(test.name.escapedForXML)\""
    guard test.output != nil || !test.messages.isEmpty else { return text + "/>\n" }
    text += ">\n"
    // Jenkins shows only the first message of a test case, so one element has all of them.
    if let first = test.messages.first {
      if test.outcome == .skipped {
        text += "      <skipped message=\"\(first.escapedForXML)\"/>\n"
      } else {
        text += "      <failure type=\"\(test.group)\" message=\"\(first.escapedForXML)\">"
        text += test.messages.joined(separator: "\n").escapedForXML + "</failure>\n"
      }
    }
    if let output = test.output { text += "      <system-out>\(output.escapedForXML)</system-out>\n" }
    return text + "    </testcase>\n"
  }
}
