internal import AloraSystem
package import AloraTensors

/// An array's properties, known without reading its data.
package struct NPZArray: Sendable {
  package let name: String
  package let element: NPYElement
  /// Row-major, outermost first, also for arrays stored in Fortran order.
  package let shape: Shape
  package let isFortranOrder: Bool
  package let isBigEndian: Bool
  package let isCompressed: Bool
  /// The bytes that it takes in the file.
  package let storedByteCount: Int
  let member: ZipMember
  let dataByteCount: Int
}

/// The arrays of an `.npz` archive, or the single array of an `.npy` file, which gets NumPy's default name, `arr_0`.
///
/// Opening reads the directory and the header of each array. It checks that members don't overlap, that sizes agree, and
/// that names are plain. Data is read, inflated and checked against its checksum on request.
package final class NPZFile: Sendable {
  package let path: String
  package let limits: NPZLimits
  /// In the order of the directory.
  package let arrays: [NPZArray]
  private let index: TensorIndex
  private let mapping: MappedFile

  /// - Throws: ``FileError``; ``NPZError``: every code up to `sizeMismatch`.
  package init(path: String, limits: NPZLimits = NPZLimits()) throws {
    let mapping = try MappedFile(path: path)
    self.path = path
    self.limits = limits
    self.mapping = mapping
    let isPlain = try mapping.byteCount >= 6 && mapping.read(0..<6) == NPZFormat.npyMagic
    let members =
      isPlain
      ? [
        ZipMember(
          name: "arr_0" + NPZFormat.memberSuffix, isDeflated: false, checksum: nil, dataOffset: 0,
          storedByteCount: mapping.byteCount, byteCount: mapping.byteCount)
      ] : try ZipDirectory(file: mapping, limits: limits).members
    var arrays: [NPZArray] = []
    var index = TensorIndex()
    // NumPy returns other members as raw bytes; they aren't needed here.
    for member in members where member.name.hasSuffix(NPZFormat.memberSuffix) {
      let array = try Self.array(member, mapping)
      _ = index.insert(array.name, index: arrays.count)
      arrays.append(array)
    }
    if arrays.isEmpty {
      let found = try FileSignature(mapping)
      if found == .pytorchArchive {
        throw NPZError(
          .notNPZ, path: path, problem: "not NumPy arrays: \(found.problem(or: ""))", found: found)
      }
    }
    self.arrays = arrays
    self.index = index
  }

  /// The array with this name, if the archive contains it.
  package subscript(name: String) -> NPZArray? { index[name].map { arrays[$0] } }

  /// - Throws: `missingArray`.
  package func array(named name: String) throws(NPZError) -> NPZArray {
    guard let array = self[name] else { throw failure(.missingArray, name, "there is no such array") }
    return array
  }

  /// An error about an array, for callers that check more than its format.
  package func failure(_ code: NPZError.Code, _ name: String, _ problem: String) -> NPZError {
    NPZError(code, path: path, name: name, problem: problem)
  }

  /// A stream of the array's elements, as they are stored.
  func stream(of array: NPZArray) throws -> ZipMemberStream {
    let stream = try ZipMemberStream(file: mapping, member: array.member)
    _ = try stream.read(array.member.byteCount - array.dataByteCount)
    return stream
  }

  private static func array(_ member: ZipMember, _ mapping: MappedFile) throws -> NPZArray {
    let name = String(member.name.dropLast(NPZFormat.memberSuffix.count))
    func failure(_ code: NPZError.Code, _ problem: String) -> NPZError {
      NPZError(code, path: mapping.path, byteOffset: member.dataOffset, name: name, problem: problem)
    }
    let stream = try ZipMemberStream(file: mapping, member: member)
    guard member.byteCount >= 10 else {
      throw failure(.malformedHeader, "\(member.byteCount) bytes are too few for an .npy array")
    }
    let start = try stream.read(8)
    guard start.starts(with: NPZFormat.npyMagic), (1...3).contains(start[6]), start[7] == 0 else {
      throw failure(.malformedHeader, "the member is not an .npy array of version 1.0, 2.0 or 3.0")
    }
    let lengthByteCount = start[6] == 1 ? 2 : 4
    guard stream.remaining >= lengthByteCount else {
      throw failure(.malformedHeader, "the array's header is truncated")
    }
    let length = ZipFields(bytes: try stream.read(lengthByteCount))
    let headerByteCount = length.number(at: 0, byteCount: lengthByteCount).map { Int($0) } ?? .max
    guard headerByteCount <= min(stream.remaining, NPZFormat.npyHeaderByteLimit) else {
      throw failure(.malformedHeader, "the array's header claims to have \(headerByteCount) bytes")
    }
    let text = try stream.read(headerByteCount)
    let header: NPYHeader
    do throws(NPYHeader.Defect) { header = try NPYHeader(parsing: text) } catch {
      throw failure(error.code, error.problem)
    }
    let available = member.byteCount - 8 - lengthByteCount - headerByteCount
    guard let dataByteCount = header.dataByteCount, dataByteCount == available else {
      throw failure(
        .sizeMismatch,
        "an array of shape \(header.shape) has \(header.dataByteCount ?? .max) bytes, but there are \(available)")
    }
    return NPZArray(
      name: name, element: header.element, shape: header.shape, isFortranOrder: header.isFortranOrder,
      isBigEndian: header.isBigEndian, isCompressed: member.isDeflated, storedByteCount: member.storedByteCount,
      member: member, dataByteCount: dataByteCount)
  }
}
