import Foundation
#if canImport(FoundationXML)
  import FoundationXML
#endif

/// A document as its elements. The HTML reports are well-formed XML, too, so that a strict parser can hold them to account.
public struct XMLPage {
  public struct Element {
    public let name: String
    public let attributes: [String: String]
    /// The names of the elements around it, outermost first.
    public let path: [String]
    public fileprivate(set) var text = ""
  }

  public let elements: [Element]
  /// Nil where it is well-formed.
  public let error: (any Error)?

  public init(_ markup: String) {
    let parser = XMLParser(data: Data(markup.utf8))
    let delegate = Collector()
    parser.delegate = delegate
    let isWellFormed = parser.parse()
    error = isWellFormed ? nil : parser.parserError
    elements = delegate.elements
  }

  public func all(_ name: String, class kind: String? = nil) -> [Element] {
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
