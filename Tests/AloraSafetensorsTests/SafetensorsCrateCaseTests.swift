import AloraSystem
import AloraTestSupport
import Testing

@testable import AloraSafetensors

/// The files that the safetensors crate's own tests try, under the names that they have there.
///
/// Source: huggingface/safetensors `safetensors/src/tensor.rs` (`mod tests`): the cases, not their code.
private struct CrateCase: Sendable, CustomTestStringConvertible {
  let name: String
  /// Nil if the crate reads the file, and so do we.
  let code: SafetensorsError.Code?
  let header: [UInt8]
  var statedLength: UInt64?
  var dataByteCount = 0
  var testDescription: String { name }

  init(
    _ name: String, _ code: SafetensorsError.Code?, _ header: String, statedLength: UInt64? = nil,
    dataByteCount: Int = 0
  ) {
    self.init(name, code, Array(header.utf8), statedLength: statedLength, dataByteCount: dataByteCount)
  }

  init(
    _ name: String, _ code: SafetensorsError.Code?, _ header: [UInt8], statedLength: UInt64? = nil,
    dataByteCount: Int = 0
  ) {
    (self.name, self.code, self.header) = (name, code, header)
    (self.statedLength, self.dataByteCount) = (statedLength, dataByteCount)
  }

  private static func test(_ shape: String, _ offsets: String) -> String {
    #"{"test":{"dtype":"I32","shape":\#(shape),"data_offsets":\#(offsets)}}"#
  }

  static let all: [CrateCase] = [
    CrateCase("test_empty", nil, "{}"),
    CrateCase("test_serialization", nil, test("[2,2]", "[0,16]"), dataByteCount: 16),
    CrateCase("test_empty_shapes_allowed", nil, test("[]", "[0,4]"), dataByteCount: 4),
    CrateCase("test_zero_sized_tensor", nil, test("[2,0]", "[0,0]")),
    CrateCase("test_whitespace_padded_header", nil, "{}\r \t\n"),
    CrateCase("test_json_attack", .overlappingTensors, attack(), dataByteCount: 16),
    CrateCase("test_metadata_incomplete_buffer", .trailingBytes, test("[2,2]", "[0,16]"), dataByteCount: 17),
    CrateCase("test_header_too_large", .headerTooLarge, test("[2,2]", "[0,16]"), statedLength: .max / 2),
    CrateCase("test_header_too_small", .headerTruncated, "", statedLength: nil),
    CrateCase("test_invalid_header_length", .headerTruncated, "", statedLength: 60),
    CrateCase("test_invalid_header_non_utf8", .invalidHeader, [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x7B, 0x7D, 0x7D]),
    CrateCase("test_invalid_header_not_json", .invalidHeader, "{"),
    CrateCase("test_whitespace_start_padded_header_is_not_allowed", .notSafetensors, "\t\n{}\r "),
    CrateCase("test_invalid_info", .sizeMismatch, test("[2,2]", "[0,4]"), dataByteCount: 4),
    CrateCase(
      "test_validation_overflow, of the shape", .invalidShape, test("[2,18446744073709551614]", "[0,16]"),
      dataByteCount: 16),
    CrateCase(
      "test_validation_overflow, of the bytes", .invalidShape, test("[2,9223372036854775807]", "[0,16]"),
      dataByteCount: 16),
  ]

  /// Many names for the same bytes: a file that would be copied as often when it is read.
  private static func attack() -> String {
    let entry = #"{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}"#
    return "{" + (0..<10).map { "\"weight_\($0)\":\(entry)" }.joined(separator: ",") + "}"
  }
}

@Suite struct SafetensorsCrateCaseTests {
  @Test(arguments: CrateCase.all) private func isReadOrRefusedAsByTheCrate(_ item: CrateCase) throws {
    try withTemporaryDirectory { directory in
      var file = ByteBuilder()
      if item.name != "test_header_too_small" { file.append(item.statedLength ?? UInt64(item.header.count)) }
      file.append(item.header)
      file.append([UInt8](repeating: 0, count: item.dataByteCount))
      try writeFile(file.bytes, to: directory + "/f")
      let error = caught(SafetensorsError.self) { _ = try SafetensorsFile(path: directory + "/f") }
      #expect(error?.code == item.code, "\(error.map(\.description) ?? "read")")
    }
  }
}
