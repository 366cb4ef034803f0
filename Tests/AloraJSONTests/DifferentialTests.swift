import AloraSystem
import AloraJSON
import AloraTestSupport
import Foundation
import Testing

/// Documents with what Python's json says of each, by `testdata/json/make_documents.py`.
private struct Document {
  enum Verdict: UInt8 { case refused, accepted, acceptedWithNonFinite, duplicate }

  let verdict: Verdict
  let digest: UInt64
  let bytes: [UInt8]

  static func all(path: String) throws -> [Document] {
    let data = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    var documents: [Document] = []
    var offset = 0
    func number(_ count: Int) throws -> UInt64 {
      let field = try #require(offset + count <= data.count ? data[offset..<(offset + count)] : nil)
      offset += count
      return field.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    while offset < data.count {
      let length = Int(try number(2))
      let verdict = try #require(Verdict(rawValue: UInt8(try number(1))))
      let digest = try number(8)
      let bytes = try #require(offset + length <= data.count ? Array(data[offset..<(offset + length)]) : nil)
      documents.append(Document(verdict: verdict, digest: digest, bytes: bytes))
      offset += length
    }
    return documents
  }

  /// What is wrong with the reader's answer, or nil.
  func disagreement() -> String? {
    var codes: [JSONError.Code?] = []
    var digests: [UInt64?] = []
    for allowsNonFinite in [false, true] {
      do throws(JSONError) {
        let root = try JSONDocument(parsing: bytes.span.bytes, allowsNonFinite: allowsNonFinite).root
        codes.append(nil)
        digests.append((try? canonical(root)).map(Self.digest))
        // What is written is read again as the same.
        let again = try JSONDocument(parsing: Array(root.serialized.utf8).span.bytes, allowsNonFinite: allowsNonFinite)
          .root
        if (try? canonical(again)).map(Self.digest) != digests.last { return "serialized() changes the value" }
      } catch {
        codes.append(error.code)
        digests.append(nil)
      }
    }
    switch verdict {
    case .refused: return codes == [.malformed, .malformed] ? nil : "has to be refused"
    case .duplicate: return codes[0] != nil && codes[1] == .duplicateKey ? nil : "a name occurs twice"
    case .acceptedWithNonFinite:
      if codes != [.malformed, nil] { return "has to be read only if NaN is allowed" }
      return digests[1] == digest ? nil : "another value"
    case .accepted:
      return codes != [nil, nil] ? "has to be read" : digests == [digest, digest] ? nil : "another value"
    }
  }

  private static func digest(_ bytes: [UInt8]) -> UInt64 {
    bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }

  /// As `canonical` in the script.
  private func canonical(_ value: JSON) throws -> [UInt8] {
    switch value.kind {
    case .null: return Array("n".utf8)
    case .boolean: return Array((try value.boolean() ? "t" : "f").utf8)
    case .integer: return Array("i\(value.serialized)".utf8)
    case .number:
      let text = value.serialized
      if text == "NaN" { return Array("dnan".utf8) }
      guard let number = try? value.number() else { return Array((text.hasPrefix("-") ? "d-inf" : "dinf").utf8) }
      let digits = String(number.bitPattern, radix: 16)
      return Array("d\(String(repeating: "0", count: 16 - digits.count))\(digits)".utf8)
    case .string: return Self.tagged(try value.utf8())
    case .array: return try Array("[".utf8) + value.elements().flatMap(canonical) + Array("]".utf8)
    case .object:
      return try Array("{".utf8)
        + value.members().flatMap { try Self.tagged(Array($0.name.utf8)) + canonical($0.value) } + Array("}".utf8)
    }
  }

  private static func tagged(_ bytes: [UInt8]) -> [UInt8] { Array("s\(bytes.count):".utf8) + bytes }
}

@Suite struct DifferentialTests {
  /// `make json-versions` names more documents, made from other seeds.
  @Test func everyDocumentIsReadAsPythonReadsIt() throws {
    let more = ProcessInfo.processInfo.environment["ALORA_JSON_DOCUMENTS"]?.split(separator: ":").map(String.init) ?? []
    for path in try [testData("json/documents.bin")] + more {
      let documents = try Document.all(path: path)
      try #require(documents.count > 1000)
      for verdict in [Document.Verdict.refused, .accepted, .acceptedWithNonFinite, .duplicate] {
        #expect(documents.contains { $0.verdict == verdict })
      }
      var count = 0
      for document in documents {
        guard let problem = document.disagreement() else { continue }
        count += 1
        if count <= 20 { Issue.record("\(problem): \(document.bytes.debugText)") }
      }
      #expect(count == 0, "of \(documents.count) documents in \(path)")
    }
  }
}

extension [UInt8] {
  fileprivate var debugText: String {
    "\(String(decoding: self, as: UTF8.self).debugDescription) \(prefix(40).map { String($0, radix: 16) }.joined(separator: " "))"
  }
}
