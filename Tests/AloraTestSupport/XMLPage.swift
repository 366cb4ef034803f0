import Foundation
#if canImport(FoundationXML)
  import FoundationXML
#endif

/// A document as its elements. The HTML reports are well-formed XML, too, so that a strict parser can hold them to account.
package struct XMLPage {
  package struct Element {
    package let name: String
    package let attributes: [String: String]
    /// The names of the elements around it, outermost first.
    package let path: [String]
    package fileprivate(set) var text = ""
  }

  package let elements: [Element]
  /// Nil if it is well-formed.
  package let error: (any Error)?

  package init(_ markup: String) {
    let parser = XMLParser(data: Data(markup.utf8))
    let delegate = Collector()
    parser.delegate = delegate
    let isWellFormed = parser.parse()
    error = isWellFormed ? nil : parser.parserError
    elements = delegate.elements
  }

  package func all(_ name: String, class kind: String? = nil) -> [Element] {
    elements.filter { element in
      element.name == name
        && (kind.map { (element.attributes["class"] ?? "").split(separator: " ").map(String.init).contains($0) } ?? true)
    }
  }

  private final class Collector: NSObject, XMLParserDelegate {
    var elements: [Element] = []
    private var open: [Int] = []

    func parser(
      _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
      attributes: [String: String]
    ) {
      elements.append(Element(name: name, attributes: attributes, path: open.map { elements[$0].name }))
      open.append(elements.count - 1)
    }

    func parser(_ parser: XMLParser, foundCharacters text: String) {
      for index in open { elements[index].text += text }
    }

    func parser(
      _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
    ) { open.removeLast() }
  }
}
