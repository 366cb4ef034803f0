package import AloraTensors

/// The element type of an array.
package enum NPYElement: Hashable, Sendable {
  /// F16, F32, F64, I8 to I64, U8 to U64, BOOL.
  case number(DType)
  /// Byte strings of that many bytes, NUL-padded.
  case bytes(Int)
  /// Strings of that many characters, UTF-32, NUL-padded.
  case text(Int)

  /// The bytes of an element; nil if they can't be counted.
  var byteCount: Int? {
    switch self {
    case .number(let dtype): dtype.byteCount(elementCount: 1)
    case .bytes(let count): count
    case .text(let count): count.multipliedReportingOverflow(by: 4).overflow ? nil : count * 4
    }
  }

  /// NumPy's name: `f4`, `i8`, `b1`, `S12`, `U12`; nil for types that NumPy lacks.
  var numpyName: String? {
    switch self {
    case .bytes(let count): "S\(count)"
    case .text(let count): "U\(count)"
    case .number(let dtype): Self.numbers.first { $0.dtype == dtype }?.name
    }
  }

  private static let numbers: [(name: String, dtype: DType)] = [
    ("f2", .f16), ("f4", .f32), ("f8", .f64), ("i1", .i8), ("i2", .i16), ("i4", .i32), ("i8", .i64), ("u1", .u8),
    ("u2", .u16), ("u4", .u32), ("u8", .u64), ("b1", .bool),
  ]

  init?(numpyName name: Substring) {
    if let number = Self.numbers.first(where: { $0.name == name }) {
      self = .number(number.dtype)
    } else if let count = Int(name.dropFirst()), count >= 0, name.dropFirst().utf8.allSatisfy({ $0 >= 0x30 }) {
      switch name.first {
      case "S": self = .bytes(count)
      case "U": self = .text(count)
      default: return nil
      }
    } else {
      return nil
    }
  }
}

/// The header of an `.npy` array.
struct NPYHeader: Equatable {
  var element: NPYElement
  var isBigEndian = false
  var isFortranOrder = false
  var shape: Shape

  /// The bytes of the array's data; nil if they can't be counted.
  var dataByteCount: Int? {
    guard let itemByteCount = element.byteCount else { return nil }
    let (product, overflow) = shape.elementCount.multipliedReportingOverflow(by: itemByteCount)
    return overflow ? nil : product
  }

  /// A problem of a header. The reader adds the array's name.
  struct Defect: Error {
    let code: NPZError.Code
    let problem: String
  }

  init(element: NPYElement, shape: Shape) {
    self.element = element
    self.shape = shape
  }

  /// Parses the dictionary of a header.
  init(parsing text: [UInt8]) throws(Defect) {
    var parser = PythonLiteralParser(text)
    guard let members = parser.dictionary() else {
      throw Defect(
        code: .malformedHeader, problem: "the array's header is not a Python dictionary of names, numbers and text")
    }
    guard members.count == 3, case .text(let descriptor)? = members["descr"],
      case .boolean(let isFortranOrder)? = members["fortran_order"], case .tuple(let extents)? = members["shape"]
    else {
      if case .other? = members["descr"] {
        throw Defect(code: .unsupportedType, problem: "arrays of records are not supported")
      }
      throw Defect(code: .malformedHeader, problem: "the array's header has to say descr, fortran_order and shape")
    }
    guard let order = descriptor.first, "<>|=".contains(order),
      let element = NPYElement(numpyName: descriptor.dropFirst()), order != "|" || element.isOrderless
    else {
      throw Defect(code: .unsupportedType, problem: "arrays of type '\(descriptor)' are not supported")
    }
    guard extents.count <= NPZFormat.dimensionLimit, let shape = Shape(extents) else {
      throw Defect(code: .invalidShape, problem: "the shape \(extents) has too many elements or dimensions")
    }
    self.element = element
    self.isBigEndian = order == ">"
    self.isFortranOrder = isFortranOrder
    self.shape = shape
    guard dataByteCount != nil else {
      throw Defect(code: .invalidShape, problem: "the bytes of \(extents) elements of type '\(descriptor)' overflow")
    }
  }

  /// The whole header of version 1.0 as `numpy.save` writes it.
  var encoded: [UInt8] {
    let name = element.numpyName ?? ""
    let order = element.isOrderless ? "|" : "<"
    let extents = shape.dimensions.map(String.init)
    let tuple = extents.count == 1 ? "(\(extents[0]),)" : "(\(extents.joined(separator: ", ")))"
    var text = "{'descr': '\(order)\(name)', 'fortran_order': False, 'shape': \(tuple), }"
    // NumPy leaves room for a first extent of 21 digits, so that it can grow in place.
    if let first = extents.first { text += String(repeating: " ", count: max(0, 21 - first.utf8.count)) }
    while !(text.utf8.count + 11).isMultiple(of: 64) { text += " " }
    text += "\n"
    let count = text.utf8.count
    return NPZFormat.npyMagic + [1, 0, UInt8(count & 0xFF), UInt8(truncatingIfNeeded: count >> 8)] + Array(text.utf8)
  }
}

extension NPYElement {
  /// Whether elements are single bytes, so that byte order doesn't matter.
  var isOrderless: Bool {
    switch self {
    case .bytes: true
    case .text: false
    case .number(let dtype): dtype.block.bitCount == 8
    }
  }
}
