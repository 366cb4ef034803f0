package import AloraTensors
internal import AloraSystem

/// A safetensors file before its data: the bytes of its header, and where each tensor will lie.
///
/// Tensors are laid out as the reference does it, by type, the widest first, then by name; or in the order given. The same
/// content gives the same bytes; metadata is sorted by key, which the reference leaves to chance.
package struct SafetensorsLayout: Sendable {
  /// The tensors, in the order that their data must be written.
  package let tensors: [TensorDescription]
  /// The bytes of the finished file.
  package let byteCount: Int
  let header: [UInt8]

  private struct Entry {
    let rank: Int
    let declaration: TensorDeclaration
    let byteCount: Int
  }

  /// - Parameters:
  ///   - metadata: nil for none, which is not the same as an empty one.
  ///   - keepsOrder: whether the tensors' data stay in the order given, if each then lies at a multiple of its element size.
  /// - Throws: `unknownDType`, `duplicateName`, `sizeMismatch`, `invalidShape`, `invalidTensor` (the reserved name),
  ///   `headerTooLarge`.
  package init(
    metadata: [String: String]?, tensors declarations: [TensorDeclaration], keepsOrder: Bool = false,
    path: String? = nil
  ) throws(SafetensorsError) {
    let entries = try Self.ranked(declarations, keepsOrder: keepsOrder, path: path)
    var members: [String] = []
    if let metadata {
      let sorted = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      let pairs = sorted.map { "\(Self.quoted($0.key)):\(Self.quoted($0.value))" }.joined(separator: ",")
      members.append("\(Self.quoted(SafetensorsFormat.metadataName)):{\(pairs)}")
    }
    var end = 0
    for entry in entries {
      let (next, overflow) = end.addingReportingOverflow(entry.byteCount)
      guard !overflow else { throw Self.tooLarge(path) }
      let shape = entry.declaration.shape.dimensions.map(String.init).joined(separator: ",")
      members.append(
        "\(Self.quoted(entry.declaration.name)):{\"dtype\":\"\(entry.declaration.dtype.name)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(end),\(next)]}")
      end = next
    }
    var text = [UInt8]("{\(members.joined(separator: ","))}".utf8)
    // Spaces, so that the data starts at a multiple of 8.
    while !text.count.isMultiple(of: SafetensorsFormat.lengthByteCount) { text.append(UInt8(ascii: " ")) }
    guard text.count <= SafetensorsFormat.headerByteLimit else {
      throw SafetensorsError(
        .headerTooLarge, path: path, place: nil, problem: "the header would have \(text.count) bytes")
    }
    header = (0..<SafetensorsFormat.lengthByteCount).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
    let (total, overflow) = header.count.addingReportingOverflow(end)
    guard !overflow else { throw Self.tooLarge(path) }
    byteCount = total
    var first = header.count
    var tensors: [TensorDescription] = []
    for entry in entries {
      tensors.append(
        TensorDescription(
          name: entry.declaration.name, dtype: entry.declaration.dtype, shape: entry.declaration.shape,
          byteRange: first..<(first + entry.byteCount)))
      first += entry.byteCount
    }
    self.tensors = tensors
  }

  private static func ranked(
    _ declarations: [TensorDeclaration], keepsOrder: Bool, path: String?
  ) throws(SafetensorsError) -> [Entry] {
    var entries: [Entry] = []
    var names = TensorIndex()
    for declaration in declarations {
      func failure(_ code: SafetensorsError.Code, _ problem: String) -> SafetensorsError {
        SafetensorsError(code, path: path, place: "tensor \(declaration.name)", problem: problem)
      }
      guard let rank = SafetensorsFormat.dtypes.firstIndex(of: declaration.dtype) else {
        throw failure(.unknownDType, "safetensors has no dtype for \(declaration.dtype)")
      }
      guard declaration.name != SafetensorsFormat.metadataName else {
        throw failure(.invalidTensor, "the name is reserved")
      }
      guard names.insert(declaration.name, index: entries.count) else {
        throw failure(.duplicateName, "two tensors have this name")
      }
      let shape = declaration.shape
      guard let byteCount = shape.byteCount(of: declaration.dtype) else {
        let overflows = shape.elementCount.multipliedReportingOverflow(by: declaration.dtype.block.bitCount).overflow
        if overflows { throw tooLarge(path) }
        throw failure(.sizeMismatch, "\(shape) elements of \(declaration.dtype) don't fill whole bytes")
      }
      entries.append(Entry(rank: rank, declaration: declaration, byteCount: byteCount))
    }
    if keepsOrder, areAligned(entries) { return entries }
    return entries.sorted {
      $0.rank == $1.rank
        ? $0.declaration.name.utf8.lexicographicallyPrecedes($1.declaration.name.utf8) : $0.rank < $1.rank
    }
  }

  /// Whether each tensor's data begins at a multiple of its element's size, as readers that map a file need it.
  private static func areAligned(_ entries: [Entry]) -> Bool {
    var start = 0
    for entry in entries {
      let size = max(1, entry.declaration.dtype.byteCount(elementCount: 1) ?? 1)
      guard start.isMultiple(of: size) else { return false }
      start = start.addingReportingOverflow(entry.byteCount).partialValue
    }
    return true
  }

  private static func tooLarge(_ path: String?) -> SafetensorsError {
    SafetensorsError(.invalidShape, path: path, place: nil, problem: "the sizes of the tensors overflow")
  }

  /// A JSON string, escaped as the reference does it: only what must be.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\u{8}": result += "\\b"
      case "\u{C}": result += "\\f"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{0}"..<" ":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
