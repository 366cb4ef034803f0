internal import AloraSystem

/// A member of an archive, its local header checked against the directory.
struct ZipMember {
  let name: String
  let isDeflated: Bool
  /// The CRC-32 of the inflated data; nil for a plain `.npy` file, which has none.
  let checksum: UInt32?
  let dataOffset: Int
  let storedByteCount: Int
  let byteCount: Int
}

/// The directory of a ZIP archive.
struct ZipDirectory {
  private(set) var members: [ZipMember] = []
  private let file: MappedFile
  private let limits: NPZLimits

  private static let endRecordByteCount = 22
  private static let entryByteCount = 46
  private static let localHeaderByteCount = 30
  private static let extended16 = 0xFFFF
  private static let extended32 = 0xFFFF_FFFF

  private struct End {
    var entryCount: Int
    var directoryByteCount: Int
    var directoryOffset: Int
    /// The start of the first end record, where the directory must end.
    var offset: Int
  }

  private struct Entry {
    var name: [UInt8]
    var flags: Int
    var method: Int
    var checksum: UInt32
    var storedByteCount: Int
    var byteCount: Int
    var localOffset: Int
    var entryOffset: Int
  }

  init(file: MappedFile, limits: NPZLimits) throws {
    self.file = file
    self.limits = limits
    let end = try findEnd()
    let entries = try parseEntries(end)
    try locate(entries, end: end)
  }

  private func failure(_ code: NPZError.Code, at offset: Int?, _ problem: String, name: String? = nil) -> NPZError {
    NPZError(code, path: file.path, byteOffset: offset, name: name, problem: problem)
  }

  // MARK: End records

  private func findEnd() throws -> End {
    let tailByteCount = min(file.byteCount, Self.endRecordByteCount + Self.extended16)
    let tailOffset = file.byteCount - tailByteCount
    let tail = ZipFields(bytes: try file.read(tailOffset..<file.byteCount))
    var position = tailByteCount - Self.endRecordByteCount
    while position >= 0 {
      if tail.uint32(at: position) == 0x0605_4B50,
        tail.uint16(at: position + 20) == tailByteCount - position - Self.endRecordByteCount
      {
        return try parseEnd(tail, at: position, tailOffset: tailOffset)
      }
      position -= 1
    }
    let isZip = try file.byteCount >= 4 && file.read(0..<4) == [0x50, 0x4B, 3, 4]
    if isZip { throw failure(.truncated, at: file.byteCount, "the archive has no end record") }
    let found = try FileSignature(file)
    throw NPZError(
      .notNPZ, path: file.path, byteOffset: 0,
      problem: "not NumPy arrays: \(found.problem(or: "neither an .npz archive nor an .npy array"))", found: found)
  }

  private func parseEnd(_ tail: ZipFields, at position: Int, tailOffset: Int) throws -> End {
    let offset = tailOffset + position
    guard let disk = tail.uint16(at: position + 4), let directoryDisk = tail.uint16(at: position + 6),
      let diskEntryCount = tail.uint16(at: position + 8), let entryCount = tail.uint16(at: position + 10),
      let byteCount = tail.uint32(at: position + 12), let directoryOffset = tail.uint32(at: position + 16)
    else { throw failure(.truncated, at: offset, "the end record is truncated") }
    var end = End(
      entryCount: entryCount, directoryByteCount: byteCount, directoryOffset: directoryOffset, offset: offset)
    let isExtended =
      entryCount == Self.extended16 || byteCount == Self.extended32 || directoryOffset == Self.extended32
    let isOneDisk = [0, Self.extended16].contains(disk) && [0, Self.extended16].contains(directoryDisk)
    guard isOneDisk, diskEntryCount == entryCount else {
      throw failure(.unsupportedArchive, at: offset, "the archive is one of several disks")
    }
    if isExtended, let extended = try parseExtendedEnd(before: offset) { end = extended }
    let (directoryEnd, overflow) = end.directoryOffset.addingReportingOverflow(end.directoryByteCount)
    guard !overflow, directoryEnd == end.offset else {
      throw failure(
        .malformedArchive, at: offset,
        "the directory of \(end.directoryByteCount) bytes at \(end.directoryOffset) does not end at \(end.offset)")
    }
    guard end.directoryByteCount <= limits.directoryByteCount else {
      throw failure(.tooLarge, at: end.directoryOffset, "the directory has \(end.directoryByteCount) bytes")
    }
    guard end.entryCount <= limits.memberCount else {
      throw failure(.tooManyMembers, at: offset, "\(end.entryCount) members, at most \(limits.memberCount) are read")
    }
    guard end.entryCount <= end.directoryByteCount / Self.entryByteCount else {
      throw failure(.malformedArchive, at: offset, "\(end.entryCount) members do not fit in the directory")
    }
    return end
  }

  private func parseExtendedEnd(before offset: Int) throws -> End? {
    guard offset >= 20 else { return nil }
    let locator = ZipFields(bytes: try file.read((offset - 20)..<offset))
    guard locator.uint32(at: 0) == 0x0706_4B50 else { return nil }
    guard let recordOffset = locator.uint64(at: 8), recordOffset <= offset - 20, offset - 20 - recordOffset >= 56 else {
      throw failure(.malformedArchive, at: offset - 20, "the ZIP64 end record is not where its locator says")
    }
    let record = ZipFields(bytes: try file.read(recordOffset..<(recordOffset + 56)))
    guard record.uint32(at: 0) == 0x0606_4B50, record.uint32(at: 16) == 0, record.uint32(at: 20) == 0,
      let diskEntryCount = record.uint64(at: 24), let entryCount = record.uint64(at: 32),
      diskEntryCount == entryCount, let byteCount = record.uint64(at: 40), let directoryOffset = record.uint64(at: 48)
    else { throw failure(.malformedArchive, at: recordOffset, "the ZIP64 end record is malformed") }
    return End(
      entryCount: entryCount, directoryByteCount: byteCount, directoryOffset: directoryOffset, offset: recordOffset)
  }

  // MARK: Entries

  private func parseEntries(_ end: End) throws -> [Entry] {
    let directory = ZipFields(bytes: try file.read(end.directoryOffset..<end.offset))
    var entries: [Entry] = []
    var position = 0
    for _ in 0..<end.entryCount {
      let entryOffset = end.directoryOffset + position
      func malformed(_ problem: String) -> NPZError { failure(.malformedArchive, at: entryOffset, problem) }
      guard directory.uint32(at: position) == 0x0201_4B50, let flags = directory.uint16(at: position + 8),
        let method = directory.uint16(at: position + 10),
        let checksum = directory.number(at: position + 16, byteCount: 4),
        let storedByteCount = directory.uint32(at: position + 20), let byteCount = directory.uint32(at: position + 24),
        let nameByteCount = directory.uint16(at: position + 28),
        let extraByteCount = directory.uint16(at: position + 30),
        let commentByteCount = directory.uint16(at: position + 32), let disk = directory.uint16(at: position + 34),
        let localOffset = directory.uint32(at: position + 42),
        let name = directory.slice(at: position + Self.entryByteCount, byteCount: nameByteCount),
        let extra = directory.slice(
          at: position + Self.entryByteCount + nameByteCount, byteCount: extraByteCount)
      else { throw malformed("an entry of the directory is malformed") }
      guard disk == 0 || disk == Self.extended16 else {
        throw failure(.unsupportedArchive, at: entryOffset, "the archive is one of several disks")
      }
      var entry = Entry(
        name: name, flags: flags, method: method, checksum: UInt32(truncatingIfNeeded: checksum),
        storedByteCount: storedByteCount, byteCount: byteCount, localOffset: localOffset, entryOffset: entryOffset)
      guard Self.extend(&entry, by: ZipFields(bytes: extra)) else { throw malformed("the ZIP64 sizes are malformed") }
      entries.append(entry)
      position += Self.entryByteCount + nameByteCount + extraByteCount + commentByteCount
    }
    guard position == end.directoryByteCount else {
      throw failure(.malformedArchive, at: end.directoryOffset, "the directory's length doesn't match its entries")
    }
    return entries
  }

  /// Replaces sizes that say "see the ZIP64 field"; false if that is missing or too short.
  private static func extend(_ entry: inout Entry, by extra: ZipFields) -> Bool {
    let needed = [entry.byteCount, entry.storedByteCount, entry.localOffset].filter { $0 == extended32 }.count
    guard needed > 0 else { return true }
    var position = 0
    while let identifier = extra.uint16(at: position), let byteCount = extra.uint16(at: position + 2) {
      if identifier == 1 {
        guard byteCount >= 8 * needed else { return false }
        var field = position + 4
        func next(_ value: inout Int) -> Bool {
          guard value == extended32 else { return true }
          guard let wide = extra.uint64(at: field) else { return false }
          value = wide
          field += 8
          return true
        }
        return next(&entry.byteCount) && next(&entry.storedByteCount) && next(&entry.localOffset)
      }
      position += 4 + byteCount
    }
    return false
  }

  // MARK: Members

  private mutating func locate(_ entries: [Entry], end: End) throws {
    var names: Set<[UInt8]> = []
    var inflatedByteCount = 0
    var ranges: [(range: Range<Int>, name: String)] = []
    for entry in entries {
      let name = try checkedName(entry)
      guard names.insert(entry.name).inserted else {
        throw failure(.duplicateName, at: entry.entryOffset, "two members have this name", name: name)
      }
      guard entry.flags & 0x2041 == 0 else {
        throw failure(.unsupportedArchive, at: entry.entryOffset, "the member is encrypted", name: name)
      }
      guard entry.method == 0 || entry.method == 8 else {
        throw failure(
          .unsupportedArchive, at: entry.entryOffset, "compression method \(entry.method) is not supported", name: name)
      }
      if entry.method == 0, entry.storedByteCount != entry.byteCount {
        throw failure(.malformedArchive, at: entry.entryOffset, "a stored member has two sizes", name: name)
      }
      if entry.byteCount / NPZFormat.greatestDeflateRatio > entry.storedByteCount {
        throw failure(
          .implausibleSize, at: entry.entryOffset,
          "\(entry.storedByteCount) bytes cannot be inflated to \(entry.byteCount)", name: name)
      }
      if entry.method == 8, entry.byteCount / 100 > entry.storedByteCount {
        let (sum, overflow) = inflatedByteCount.addingReportingOverflow(entry.byteCount)
        guard !overflow, sum <= limits.inflatedByteCount else {
          throw failure(
            .implausibleSize, at: entry.entryOffset,
            "more than \(limits.inflatedByteCount) bytes would be inflated from less than a hundredth", name: name)
        }
        inflatedByteCount = sum
      }
      let dataOffset = try checkLocalHeader(entry, name: name, end: end)
      ranges.append((entry.localOffset..<(dataOffset + entry.storedByteCount), name))
      members.append(
        ZipMember(
          name: name, isDeflated: entry.method == 8, checksum: entry.checksum, dataOffset: dataOffset,
          storedByteCount: entry.storedByteCount, byteCount: entry.byteCount))
    }
    ranges.sort { $0.range.lowerBound < $1.range.lowerBound }
    for (left, right) in zip(ranges, ranges.dropFirst()) where left.range.upperBound > right.range.lowerBound {
      throw failure(
        .overlappingMembers, at: right.range.lowerBound, "it shares bytes with '\(left.name)'", name: right.name)
    }
  }

  private func checkedName(_ entry: Entry) throws(NPZError) -> String {
    guard let name = String(validating: entry.name, as: UTF8.self) else {
      throw failure(.unsafeName, at: entry.entryOffset, "a member's name is not valid UTF-8")
    }
    let components = entry.name.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    let isPlain = components.allSatisfy { !$0.isEmpty && !$0.elementsEqual([0x2E]) && !$0.elementsEqual([0x2E, 0x2E]) }
    guard isPlain, !entry.name.contains(0), !entry.name.contains(UInt8(ascii: "\\")) else {
      throw failure(.unsafeName, at: entry.entryOffset, "the member's name '\(name)' is not a plain relative path")
    }
    return name
  }

  /// Where the member's data starts.
  private func checkLocalHeader(_ entry: Entry, name: String, end: End) throws -> Int {
    let start = entry.localOffset
    func inconsistent(_ problem: String) -> NPZError { failure(.inconsistentArchive, at: start, problem, name: name) }
    let headerByteCount = Self.localHeaderByteCount + entry.name.count
    guard start <= end.directoryOffset, headerByteCount <= end.directoryOffset - start else {
      throw inconsistent("the member starts beyond the archive's data")
    }
    let header = ZipFields(bytes: try file.read(start..<(start + headerByteCount)))
    guard header.uint32(at: 0) == 0x0403_4B50, let flags = header.uint16(at: 6),
      let nameByteCount = header.uint16(at: 26),
      let extraByteCount = header.uint16(at: 28), let storedByteCount = header.uint32(at: 18),
      let byteCount = header.uint32(at: 22)
    else { throw inconsistent("there is no member where the directory says") }
    guard nameByteCount == entry.name.count,
      header.slice(at: Self.localHeaderByteCount, byteCount: nameByteCount) == entry.name,
      header.uint16(at: 8) == entry.method, flags & 0x2041 == 0
    else { throw inconsistent("the member's own name or method differs from the directory's") }
    // With bit 3 set, checksum and sizes follow the data, and the directory's values count.
    if flags & 8 == 0 {
      guard header.number(at: 14, byteCount: 4) == UInt64(entry.checksum),
        storedByteCount == entry.storedByteCount || storedByteCount == Self.extended32,
        byteCount == entry.byteCount || byteCount == Self.extended32
      else { throw inconsistent("the member's own checksum or sizes differ from the directory's") }
    }
    let dataOffset = start + headerByteCount + extraByteCount
    guard dataOffset <= end.directoryOffset, entry.storedByteCount <= end.directoryOffset - dataOffset else {
      throw inconsistent("the member's \(entry.storedByteCount) bytes reach into the directory")
    }
    return dataOffset
  }
}
