internal import AloraSystem
internal import AloraJSON
internal import AloraTensors

/// The header of one file, parsed and checked.
struct SafetensorsHeader {
  let metadata: [String: String]
  /// In the order of their data.
  let tensors: [TensorDescription]
  let byteCount: Int

  init(file: MappedFile) throws {
    let path = file.path
    func failure(_ code: SafetensorsError.Code, at place: String?, _ problem: String) -> SafetensorsError {
      SafetensorsError(code, path: path, place: place, problem: problem)
    }
    let lengthByteCount = SafetensorsFormat.lengthByteCount
    guard file.byteCount >= lengthByteCount else {
      throw failure(.headerTruncated, at: "byte 0", "the file has \(file.byteCount) bytes, its header at least 8")
    }
    let stated = try file.read(0..<lengthByteCount).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    // Checked before the length: in a file of another format, these eight bytes aren't a length.
    if file.byteCount > lengthByteCount {
      let first = try file.read(lengthByteCount..<(lengthByteCount + 1))
      guard first == [UInt8(ascii: "{")] else {
        let found = try FileSignature(file)
        throw SafetensorsError(
          .notSafetensors, path: path, place: "byte 8",
          problem: "not a safetensors file: \(found.problem(or: "its header doesn't start with '{'"))",
          remedy: found.remedy)
      }
    }
    guard stated <= UInt64(SafetensorsFormat.headerByteLimit) else {
      throw failure(
        .headerTooLarge, at: "byte 0",
        "the header has \(stated) bytes, at most \(SafetensorsFormat.headerByteLimit) are allowed")
    }
    let available = file.byteCount - lengthByteCount
    guard stated <= UInt64(available) else {
      throw failure(.headerTruncated, at: "byte 0", "the header has \(stated) bytes, but \(available) are left")
    }
    byteCount = lengthByteCount + Int(stated)
    // A private copy: what is checked is what is parsed, even while another process writes the file.
    let text = try file.read(lengthByteCount..<byteCount)
    let parser = SafetensorsHeaderParser(path: path, dataOffset: byteCount)
    let content: Result<SafetensorsHeaderParser.Content, SafetensorsError>
    do throws(JSONError) {
      content = try parser.parse(JSONDocument(parsing: unsafe text.span.bytes, path: path).root)
    } catch {
      let code: SafetensorsError.Code = error.code == .duplicateKey ? .duplicateName : .invalidHeader
      throw failure(code, at: error.place.map { "header, \($0)" } ?? "header", error.problem)
    }
    (metadata, tensors) = try content.get()
    try parser.checkCoverage(tensors, fileByteCount: file.byteCount)
  }
}

/// The parsing of a header's JSON.
struct SafetensorsHeaderParser {
  let path: String
  let dataOffset: Int

  typealias Content = (metadata: [String: String], tensors: [TensorDescription])

  private func failure(_ code: SafetensorsError.Code, _ name: String, _ problem: String) -> SafetensorsError {
    SafetensorsError(code, path: path, place: "tensor \(name)", problem: problem)
  }

  /// - Returns: the content, or the error of the first bad entry.
  /// - Throws: ``JSONError`` if the root isn't an object.
  func parse(_ root: JSON) throws(JSONError) -> Result<Content, SafetensorsError> {
    let members = try root.members()
    var metadata: [String: String] = [:]
    var tensors: [TensorDescription] = []
    do throws(SafetensorsError) {
      for (name, value) in members {
        if name == SafetensorsFormat.metadataName {
          metadata = try self.metadata(value)
        } else {
          tensors.append(try tensor(name, value))
        }
      }
    } catch {
      return .failure(error)
    }
    // As the reference sorts them: by both ends, so that an empty tensor comes before the one at its place.
    tensors.sort {
      ($0.byteRange.lowerBound, $0.byteRange.upperBound) < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
    }
    return .success((metadata, tensors))
  }

  private func metadata(_ value: JSON) throws(SafetensorsError) -> [String: String] {
    if value.isNull { return [:] }
    do throws(JSONError) {
      var metadata: [String: String] = [:]
      for (key, text) in try value.members() { metadata[key] = try text.string() }
      return metadata
    } catch {
      throw SafetensorsError(.invalidMetadata, path: path, place: error.place, problem: error.problem)
    }
  }

  private func tensor(_ name: String, _ value: JSON) throws(SafetensorsError) -> TensorDescription {
    let dtypeName: String
    let shapeText: JSON
    let extents: [JSON]
    let offsets: [JSON]
    do throws(JSONError) {
      dtypeName = try value["dtype"].string()
      shapeText = try value["shape"]
      extents = try shapeText.elements()
      offsets = try value["data_offsets"].elements()
    } catch {
      throw failure(.invalidTensor, name, error.problem)
    }
    guard let dtype = SafetensorsFormat.dtype(named: dtypeName) else {
      throw failure(.unknownDType, name, "'\(dtypeName)' is not a safetensors dtype")
    }
    var dimensions: [Int] = []
    for extent in extents { dimensions.append(try integer(extent, .invalidShape, name)) }
    guard let shape = Shape(dimensions) else {
      throw failure(.invalidShape, name, "the number of elements of \(shapeText.excerpt) overflows")
    }
    guard offsets.count == 2 else {
      throw failure(.invalidOffsets, name, "data_offsets has \(offsets.count) elements, not 2")
    }
    let first = try integer(offsets[0], .invalidOffsets, name)
    let last = try integer(offsets[1], .invalidOffsets, name)
    let (start, startOverflow) = dataOffset.addingReportingOverflow(first)
    let (end, endOverflow) = dataOffset.addingReportingOverflow(last)
    guard first <= last, !startOverflow, !endOverflow else {
      throw failure(.invalidOffsets, name, "data_offsets [\(first), \(last)] are not a byte range")
    }
    guard let byteCount = shape.byteCount(of: dtype) else {
      // Types below the byte may also fail to fill whole ones.
      let overflows = shape.elementCount.multipliedReportingOverflow(by: dtype.block.bitCount).overflow
      throw failure(
        overflows ? .invalidShape : .sizeMismatch, name,
        overflows
          ? "the bytes of \(shape) \(dtype) overflow" : "\(shape) elements of type \(dtype) don't fill whole bytes"
      )
    }
    guard byteCount == last - first else {
      throw failure(
        .sizeMismatch, name,
        "\(shape) elements of type \(dtype) take \(byteCount) bytes, data_offsets say \(last - first)")
    }
    return TensorDescription(name: name, dtype: dtype, shape: shape, byteRange: start..<end)
  }

  private func integer(_ value: JSON, _ code: SafetensorsError.Code, _ name: String) throws(SafetensorsError) -> Int {
    do throws(JSONError) { return try value.integer(in: 0 ... .max) } catch { throw failure(code, name, error.problem) }
  }

  /// Checks that sorted tensors follow one another from the header's end to the file's.
  func checkCoverage(_ tensors: [TensorDescription], fileByteCount: Int) throws(SafetensorsError) {
    var end = dataOffset
    for tensor in tensors {
      let start = tensor.byteRange.lowerBound
      guard start == end else {
        throw start < end
          ? failure(.overlappingTensors, tensor.name, "its data starts \(end - start) bytes before the last one's ends")
          : failure(.holeInData, tensor.name, "\(start - end) bytes before its data belong to no tensor")
      }
      end = tensor.byteRange.upperBound
    }
    if end > fileByteCount {
      throw SafetensorsError(
        .dataTruncated, path: path, place: "byte \(fileByteCount)",
        problem: "the file ends \(end - fileByteCount) bytes before its tensors do")
    }
    if end < fileByteCount {
      throw SafetensorsError(
        .trailingBytes, path: path, place: "byte \(end)",
        problem: "\(fileByteCount - end) bytes after the last tensor belong to no tensor")
    }
  }
}
