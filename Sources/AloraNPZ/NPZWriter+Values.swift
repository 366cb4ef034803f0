package import AloraTensors

extension NPZWriter {
  /// Writes an F32 array.
  ///
  /// Shape: as given; `values` in row-major order.
  /// - Throws: as ``add(_:element:shape:bytes:)``.
  package func add(_ name: String, floats values: [Float], shape: Shape) throws {
    let bits = values.map { $0.bitPattern.littleEndian }
    try add(name, element: .number(.f32), shape: shape, bytes: unsafe bits.span.bytes)
  }

  /// Writes an I64 array, the type that NumPy gives integers.
  ///
  /// - Throws: as ``add(_:element:shape:bytes:)``.
  package func add(_ name: String, integers values: [Int], shape: Shape) throws {
    let bits = values.map { Int64($0).littleEndian }
    try add(name, element: .number(.i64), shape: shape, bytes: unsafe bits.span.bytes)
  }

  /// Writes an I64 scalar.
  ///
  /// - Throws: as ``add(_:element:shape:bytes:)``.
  package func add(_ name: String, integer value: Int) throws {
    guard let scalar = Shape([]) else { return }
    try add(name, integers: [value], shape: scalar)
  }

  /// Writes a scalar of bytes with the text in UTF-8, for which `json.loads(archive[name].item())` works.
  ///
  /// - Throws: as ``add(_:element:shape:bytes:)``; `invalidText` if the text ends in NUL, which NumPy would cut off.
  package func add(_ name: String, text: String) throws {
    guard text.utf8.last != 0 else {
      throw NPZError(.invalidText, path: nil, name: name, problem: "text that ends in NUL would come back without it")
    }
    guard let scalar = Shape([]) else { return }
    // NumPy has no empty byte strings: it stores a NUL and cuts it off again.
    let bytes = text.isEmpty ? [0] : [UInt8](text.utf8)
    try add(name, element: .bytes(bytes.count), shape: scalar, bytes: unsafe bytes.span.bytes)
  }

  /// Appends floats to the F32 array that has begun.
  ///
  /// - Throws: as ``write(_:)-(RawSpan)``.
  package func write(floats values: [Float]) throws {
    let bits = values.map { $0.bitPattern.littleEndian }
    try write(unsafe bits.span.bytes)
  }
}
