internal import AloraSystem

/// Reads the data of one member from front to back. Checks length and checksum after the last byte.
final class ZipMemberStream {
  private let file: MappedFile
  private let member: ZipMember
  private let inflater: Inflater?
  private var storedOffset = 0
  private var runningChecksum: UInt32 = 0
  /// The bytes that have not been read.
  private(set) var remaining: Int

  private static let chunkByteCount = 1 << 16

  init(file: MappedFile, member: ZipMember) throws(NPZError) {
    self.file = file
    self.member = member
    remaining = member.byteCount
    inflater = member.isDeflated ? Inflater() : nil
    guard !member.isDeflated || inflater != nil else { throw failure(.tooLarge, "not enough memory to inflate") }
  }

  private func failure(_ code: NPZError.Code, _ problem: String) -> NPZError {
    NPZError(code, path: file.path, byteOffset: member.dataOffset + storedOffset, name: member.name, problem: problem)
  }

  /// Exactly `count` bytes.
  ///
  /// - Throws: `truncated` if the member has fewer left, `corruptData`, `checksumMismatch`, ``FileError``.
  func read(_ count: Int) throws -> [UInt8] {
    guard count <= remaining else {
      throw failure(.truncated, "\(count) bytes are needed, \(remaining) are left of the array")
    }
    // Memory is allocated as data arrives, so that an invented size costs nothing.
    var bytes: [UInt8] = []
    while bytes.count < count {
      let wanted = min(count - bytes.count, Self.chunkByteCount)
      if let inflater {
        try inflate(inflater, into: &bytes, limit: wanted)
      } else {
        bytes += try nextStored(wanted)
      }
    }
    remaining -= count
    runningChecksum = checksum(runningChecksum, of: unsafe bytes.span.bytes)
    if remaining == 0 { try checkEnd() }
    return bytes
  }

  private func nextStored(_ limit: Int) throws -> [UInt8] {
    let start = member.dataOffset + storedOffset
    let count = min(limit, member.storedByteCount - storedOffset)
    storedOffset += count
    return try file.read(start..<(start + count))
  }

  private func inflate(_ inflater: Inflater, into bytes: inout [UInt8], limit: Int) throws {
    if inflater.needsInput, storedOffset < member.storedByteCount {
      inflater.supply(try nextStored(Self.chunkByteCount))
    }
    guard let produced = inflater.inflate(into: &bytes, limit: limit) else {
      throw failure(.corruptData, "the compressed data is damaged")
    }
    let isStuck = produced == 0 && (inflater.isAtEnd || storedOffset == member.storedByteCount && inflater.needsInput)
    if isStuck { throw failure(.corruptData, "the compressed data ends before the array does") }
  }

  private func checkEnd() throws {
    if let inflater {
      var surplus: [UInt8] = []
      while !inflater.isAtEnd {
        if inflater.needsInput {
          guard storedOffset < member.storedByteCount else {
            throw failure(.corruptData, "the compressed data does not end")
          }
          inflater.supply(try nextStored(Self.chunkByteCount))
        }
        guard let produced = inflater.inflate(into: &surplus, limit: 1), produced == 0 else {
          throw failure(.corruptData, "the compressed data is longer than the directory says")
        }
      }
      guard inflater.needsInput, storedOffset == member.storedByteCount else {
        throw failure(.corruptData, "there are bytes after the compressed data")
      }
    }
    if let expected = member.checksum, expected != runningChecksum {
      throw failure(.checksumMismatch, "the data's CRC-32 doesn't match the directory's")
    }
  }
}
