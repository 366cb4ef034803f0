import AloraSystem
import AloraTensors
import AloraTestSupport
import Testing

@testable import AloraNPZ

struct BadNPZ: Sendable, CustomTestStringConvertible {
  let name: String
  let code: NPZError.Code
  let place: String?
  let bytes: [UInt8]
  var testDescription: String { name }

  init(_ name: String, _ code: NPZError.Code, at place: String?, _ bytes: [UInt8]) {
    self.name = name
    self.code = code
    self.place = place
    self.bytes = bytes
  }

  /// An archive with one good array `a`, changed.
  init(_ name: String, _ code: NPZError.Code, at place: String? = "array a.npy", _ change: (inout ZipBuilder) -> Void) {
    var builder = ZipBuilder()
    builder.members = [.init("a.npy", npy(dictionary("|u1", "(2,)"), [1, 2]))]
    change(&builder)
    self.init(name, code, at: place, builder.bytes)
  }

  /// A plain `.npy` file.
  init(_ name: String, _ code: NPZError.Code, npy dictionary: String, _ data: [UInt8] = []) {
    self.init(name, code, at: "array arr_0", npyFile(dictionary, data))
  }
}

private func npyFile(_ dictionary: String, _ data: [UInt8]) -> [UInt8] { npy(dictionary, data) }

private func deflated(_ bytes: [UInt8]) -> [UInt8] {
  Deflater(level: 9)?.deflate(bytes.span.bytes, isLast: true) ?? []
}

private let good = npy(dictionary("|u1", "(2,)"), [1, 2])

private func deflatedMember(_ change: (inout ZipBuilder.Member) -> Void = { _ in }) -> ZipBuilder.Member {
  var member = ZipBuilder.Member("a.npy", deflated(good))
  member.method = 8
  member.byteCount = UInt32(good.count)
  member.checksum = checksum(0, of: good.span.bytes)
  change(&member)
  return member
}

let badNPZs: [BadNPZ] = [
  .init("empty file", .notNPZ, at: "byte 0", []),
  .init("text", .notNPZ, at: "byte 0", Array(String(repeating: "tokens\n", count: 20).utf8)),
  .init("archive without its end", .truncated, at: "byte", [0x50, 0x4B, 3, 4] + [UInt8](repeating: 0, count: 200)),
  .init("directory beyond the file", .malformedArchive, at: "byte") { $0.directoryOffset = 0x7FFF_FFFF },
  .init("directory too early", .malformedArchive, at: "byte") { $0.directoryOffset = 0 },
  .init("bytes after the directory", .malformedArchive, at: "byte") { $0.gap = [0] },
  .init("more members than fit", .malformedArchive, at: "byte") { $0.entryCount = 1000 },
  .init("fewer members than there are", .malformedArchive, at: "byte") { $0.entryCount = 0 },
  .init("ZIP64 without its record", .malformedArchive, at: "byte") { $0.directoryOffset = .max },
  .init("several disks", .unsupportedArchive, at: "byte") { $0.disk = 1 },
  .init("encryption", .unsupportedArchive) { $0.members[0].flags = 1 },
  .init("bzip2", .unsupportedArchive) { $0.members[0].method = 12 },
  .init("two sizes of stored data", .malformedArchive) { $0.members[0].byteCount = 7 },
  .init("ZIP64 sizes that are missing", .malformedArchive, at: "byte") { $0.members[0].byteCount = .max },
  .init("no member where one should be", .inconsistentArchive) { $0.members[0].signature = 0 },
  .init("offset beyond the data", .inconsistentArchive) { $0.members[0].localOffset = 100_000 },
  .init("another name in the member", .inconsistentArchive) { $0.members[0].localName = "b.npy" },
  .init("another size in the member", .inconsistentArchive) { $0.members[0].localByteCount = 5 },
  .init("a member twice", .duplicateName) { $0.members.append($0.members[0]) },
  .init("absolute name", .unsafeName, at: "byte") { $0.members[0].name = "/etc/a.npy" },
  .init("name that leads upwards", .unsafeName, at: "byte") { $0.members[0].name = "../a.npy" },
  .init("name with a backslash", .unsafeName, at: "byte") { $0.members[0].name = "b\\a.npy" },
  .init("name with a NUL", .unsafeName, at: "byte") { $0.members[0].name = "a\0.npy" },
  .init("a bomb's size", .implausibleSize) {
    $0.members[0] = deflatedMember { $0.byteCount = 4_000_000_000 }
  },
  // Archives beyond four gigabytes, and what their records can claim.
  .init("ZIP64: 2^63 members", .malformedArchive, at: "byte") { $0.extended = .init(entryCount: 1 << 63) },
  .init("ZIP64: a million million members", .tooManyMembers, at: "byte") { $0.extended = .init(entryCount: 1 << 40) },
  .init("ZIP64: one member more than there is", .malformedArchive, at: "byte") { $0.extended = .init(entryCount: 2) },
  .init("ZIP64: a directory of 2^64 - 1 bytes", .malformedArchive, at: "byte") { $0.extended = .init(byteCount: .max) },
  .init("ZIP64: size and offset that wrap to the right sum", .malformedArchive, at: "byte") {
    $0.extended = .init(byteCount: 0x7FFF_FFFF_FFFF_FFFF, directoryOffset: 0x7FFF_FFFF_FFFF_FFFF)
  },
  .init("ZIP64: an end record after its locator", .malformedArchive, at: "byte") {
    $0.extended = .init(recordOffset: 1 << 40)
  },
  .init("ZIP64: an end record that is the archive's start", .malformedArchive, at: "byte 0") {
    $0.extended = .init(recordOffset: 0)
  },
  .init("ZIP64: a size of 2^64 - 1", .malformedArchive, at: "byte") {
    $0.members[0].byteCount = .max
    $0.members[0].extra = [1, 0, 8, 0] + [UInt8](repeating: 0xFF, count: 8)
  },
  .init("ZIP64: a size of an exabyte", .malformedArchive) {
    $0.members[0].byteCount = .max
    $0.members[0].extra = [1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 16]
  },
  .init("ZIP64: an extra field longer than the entry", .malformedArchive, at: "byte") {
    $0.members[0].byteCount = .max
    $0.members[0].extra = [1, 0, 255, 255]
  },
  .init("ZIP64: a bomb's size of an exabyte", .implausibleSize) {
    $0.members[0] = deflatedMember {
      $0.byteCount = .max
      $0.extra = [1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 16]
    }
  },
  .init("bombs that are plausible one by one", .implausibleSize, at: "array") {
    let block = deflated([UInt8](repeating: 0, count: 1 << 20))
    $0.members = (0..<1100).map { number in
      var member = ZipBuilder.Member("a\(number).npy", block)
      member.method = 8
      member.byteCount = 1 << 20
      return member
    }
  },
  .init("wrong checksum", .checksumMismatch) { $0.members[0].checksum = 1 },
  .init("wrong checksum of deflated data", .checksumMismatch) { $0.members[0] = deflatedMember { $0.checksum = 1 } },
  .init("deflated data that is damaged", .corruptData) {
    $0.members[0] = deflatedMember { $0.data = [UInt8](repeating: 0xFF, count: 30) }
  },
  .init("deflated data that is cut", .corruptData) { $0.members[0] = deflatedMember { $0.data.removeLast(3) } },
  .init("bytes behind deflated data", .corruptData) { $0.members[0] = deflatedMember { $0.data += [0, 0] } },
  .init("deflated data longer than said", .corruptData) {
    $0.members[0] = deflatedMember { $0.data = deflated(good + [3]) }
  },
  .init("a member that isn't an array", .malformedHeader, at: "array a") {
    $0.members[0].data = Array("{\"a\": 1, \"b\": 2}".utf8)
  },
  .init("a member of nine bytes", .malformedHeader, at: "array a") {
    $0.members[0].data = [UInt8](repeating: 0, count: 9)
  },
  .init("version 4 of .npy", .malformedHeader, at: "array a") {
    $0.members[0].data = npy(dictionary("|u1", "(2,)"), [1, 2], version: 4)
  },
  .init("minor version 1 of .npy", .malformedHeader, at: "array a") {
    $0.members[0].data = npy(dictionary("|u1", "(2,)"), [1, 2], minor: 1)
  },
  .init("header longer than the member", .malformedHeader, at: "array a") {
    $0.members[0].data = npy(dictionary("|u1", "(2,)"), [1, 2], length: 60_000)
  },
  .init("no dictionary", .malformedHeader, npy: "descr"),
  .init("dictionary that does not end", .malformedHeader, npy: "{'descr': '<f4'"),
  .init(
    "call in the dictionary", .malformedHeader, npy: "{'descr': __import__('os'), 'fortran_order': False, 'shape': ()}"),
  .init("key missing", .malformedHeader, npy: "{'descr': '<f4', 'shape': ()}"),
  .init("key too many", .malformedHeader, npy: "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': ()}"),
  .init("key twice", .malformedHeader, npy: "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}"),
  .init("order as a number", .malformedHeader, npy: dictionary("<f4", "()", fortran: "0")),
  .init("negative extent", .malformedHeader, npy: dictionary("<f4", "(-1,)")),
  .init("tuple that is none", .malformedHeader, npy: dictionary("<f4", "(1)")),
  .init("extent beyond 64 bits", .malformedHeader, npy: dictionary("<f4", "(99999999999999999999,)")),
  .init("objects", .unsupportedType, npy: dictionary("|O", "(1,)")),
  .init("records", .unsupportedType, npy: "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}"),
  .init("quadruple floats", .unsupportedType, npy: dictionary("<f16", "(1,)")),
  .init("numbers without an order", .unsupportedType, npy: dictionary("|f4", "(1,)")),
  .init("times", .unsupportedType, npy: dictionary("<M8[ns]", "(1,)")),
  .init("no type", .unsupportedType, npy: dictionary("", "(1,)")),
  .init("negative length of text", .unsupportedType, npy: dictionary("<U-4", "(1,)")),
  .init("shape that overflows", .invalidShape, npy: dictionary("<f4", "(4294967296, 4294967296)")),
  .init("overflow after a zero", .invalidShape, npy: dictionary("<f4", "(0, 4294967296, 4294967296)")),
  .init("bytes that overflow", .invalidShape, npy: dictionary("<f8", "(4611686018427387904,)")),
  .init("text that overflows", .invalidShape, npy: dictionary("<U4611686018427387904", "(4,)")),
  .init("65 dimensions", .invalidShape, npy: dictionary("<f4", "(\(String(repeating: "1, ", count: 65)))")),
  .init("petabytes", .sizeMismatch, npy: dictionary("<f4", "(1048576, 1048576, 1024)"), [0, 0, 0, 0]),
  .init("data too short", .sizeMismatch, npy: dictionary("<f4", "(2,)"), [0, 0, 0, 0]),
  .init("data too long", .sizeMismatch, npy: dictionary("<f4", "()"), [0, 0, 0, 0, 0]),
]

/// A local header of a stored member, with data, as the bytes of another.
private func localHeader(_ name: String, _ data: [UInt8]) -> [UInt8] {
  let archive = ZipBuilder(members: [.init(name, data)]).bytes
  return Array(archive[..<(30 + name.utf8.count + data.count)])
}

@Suite struct NPZMalformedTests {
  @Test(arguments: badNPZs) func isRefusedWithItsCodeAndPlace(_ bad: BadNPZ) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/bad.npz"
      try writeFile(bad.bytes, to: path)
      let error = caught(NPZError.self) {
        let file = try NPZFile(path: path)
        for array in file.arrays { _ = try file.integers(named: array.name) }
      }
      #expect(error?.code == bad.code, "\(error.map(\.description) ?? "no NPZError")")
      #expect(error?.path == path)
      if let place = bad.place { #expect(error?.place?.contains(place) == true, "\(error?.place ?? "nowhere")") }
    }
  }

  @Test func membersThatShareBytesAreRefused() throws {
    // The first member's data ends in the whole of the second, which the directory lists too.
    var builder = ZipBuilder()
    let inner = localHeader("b.npy", good)
    var outer = ZipBuilder.Member("a.npy", good + inner)
    outer.flags = 8
    builder.members = [outer, .init("b.npy", good)]
    builder.members[1].localOffset = UInt32(30 + 5 + good.count)
    try withTemporaryDirectory { directory in
      try writeFile(builder.bytes, to: directory + "/overlap.npz")
      let error = caught(NPZError.self) { _ = try NPZFile(path: directory + "/overlap.npz") }
      #expect(error?.code == .overlappingMembers)
      #expect(error?.name == "b.npy")
    }
  }

  @Test func theBuilderMakesGoodArchivesToo() throws {
    try withTemporaryDirectory { directory in
      var builder = ZipBuilder()
      builder.comment = "made by hand PK\u{5}\u{6}"
      builder.members = [.init("a.npy", good), .init("note.txt", [1]), .init("b.npy", good)]
      builder.members[2] = deflatedMember { $0.name = "b.npy" }
      try writeFile(builder.bytes, to: directory + "/good.npz")
      let file = try NPZFile(path: directory + "/good.npz")
      #expect(file.arrays.map(\.name) == ["a", "b"])
      #expect(try file.integers(named: "a") == [1, 2])
      #expect(try file.integers(named: "b") == [1, 2])
      var limits = NPZLimits()
      limits.memberCount = 2
      let error = caught(NPZError.self) { _ = try NPZFile(path: directory + "/good.npz", limits: limits) }
      #expect(error?.code == .tooManyMembers)
    }
  }

  @Test func textThatIsNoneIsRefused() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/text.npy"
      func code(_ descriptor: String, _ data: [UInt8]) throws -> NPZError.Code? {
        try writeFile(npy(dictionary(descriptor, "()"), data), to: path)
        return caught(NPZError.self) { _ = try NPZFile(path: path).text(named: "arr_0") }?.code
      }
      #expect(try code("|S2", [0xC3, 0xA9]) == nil)
      #expect(try code("|S0", []) == nil)
      #expect(try code("<U0", []) == nil)
      #expect(try code("|S2", [0xC3, 0x28]) == .invalidText)
      #expect(try code("<U1", [0x00, 0xD8, 0, 0]) == .invalidText)
      #expect(try code(">U1", [0, 0x11, 0, 0]) == .invalidText)
      try writeFile(npy(dictionary("<u8", "()"), [UInt8](repeating: 0xFF, count: 8)), to: path)
      let error = caught(NPZError.self) { _ = try NPZFile(path: path).integer(named: "arr_0") }
      #expect(error?.code == .valueOutOfRange)
    }
  }
}
