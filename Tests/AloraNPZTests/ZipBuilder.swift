import AloraTestSupport

@testable import AloraNPZ

/// A ZIP archive put together by hand: every field can be wrong.
struct ZipBuilder {
  struct Member {
    var name: String
    /// As it is stored.
    var data: [UInt8]
    var method: UInt16 = 0
    var flags: UInt16 = 0
    var checksum: UInt32?
    var byteCount: UInt32?
    var localName: String?
    var localByteCount: UInt32?
    var localOffset: UInt32?
    var signature: UInt32 = 0x0403_4B50
    /// The directory's extra field.
    var extra: [UInt8] = []

    init(_ name: String, _ data: [UInt8]) {
      self.name = name
      self.data = data
    }
  }

  var members: [Member] = []
  var entryCount: UInt16?
  var disk: UInt16 = 0
  var directoryOffset: UInt32?
  var comment = ""
  /// The fields of a ZIP64 end record, which is then written: entries, bytes and offset of the directory, its own offset.
  struct Extended {
    var entryCount: UInt64?
    var byteCount: UInt64?
    var directoryOffset: UInt64?
    var recordOffset: UInt64?
  }
  var extended: Extended?
  /// Written between directory and end record.
  var gap: [UInt8] = []

  var bytes: [UInt8] {
    var file = ByteBuilder()
    var directory = ByteBuilder()
    for member in members {
      let offset = UInt32(file.bytes.count)
      let sum = member.checksum ?? checksum(0, of: member.data.span.bytes)
      let localName = member.localName ?? member.name
      let byteCount = member.byteCount ?? UInt32(member.data.count)
      file.append(member.signature)
      for field in [20, member.flags, member.method, 0, 0x21] as [UInt16] { file.append(field) }
      for field in [sum, UInt32(member.data.count), member.localByteCount ?? byteCount] { file.append(field) }
      for field in [UInt16(localName.utf8.count), 0] { file.append(field) }
      file.append(localName)
      file.append(member.data)
      directory.append(UInt32(0x0201_4B50))
      for field in [20, 20, member.flags, member.method, 0, 0x21] as [UInt16] { directory.append(field) }
      for field in [sum, UInt32(member.data.count), byteCount] { directory.append(field) }
      for field in [UInt16(member.name.utf8.count), UInt16(member.extra.count), 0, 0, 0] { directory.append(field) }
      directory.append(UInt32(0))
      directory.append(member.localOffset ?? offset)
      directory.append(member.name)
      directory.append(member.extra)
    }
    let start = directoryOffset ?? (extended == nil ? UInt32(file.bytes.count) : .max)
    file.append(directory.bytes)
    file.append(gap)
    if let extended {
      let offset = UInt64(file.bytes.count)
      file.append(UInt32(0x0606_4B50))
      file.append(UInt64(44))
      for field in [45, 45] as [UInt16] { file.append(field) }
      for field in [0, 0] as [UInt32] { file.append(field) }
      let count = extended.entryCount ?? UInt64(members.count)
      let start = extended.directoryOffset ?? offset - UInt64(directory.bytes.count)
      for field in [count, count, extended.byteCount ?? UInt64(directory.bytes.count), start] { file.append(field) }
      for field in [0x0706_4B50, 0] as [UInt32] { file.append(field) }
      file.append(extended.recordOffset ?? offset)
      file.append(UInt32(1))
    }
    file.append(UInt32(0x0605_4B50))
    let count = entryCount ?? UInt16(members.count)
    for field in [disk, 0, count, count] { file.append(field) }
    file.append(UInt32(directory.bytes.count))
    file.append(start)
    file.append(UInt16(comment.utf8.count))
    file.append(comment)
    return file.bytes
  }
}

/// An `.npy` array with the given dictionary and data.
func npy(_ dictionary: String, _ data: [UInt8] = [], version: UInt8 = 1, minor: UInt8 = 0, length: UInt16? = nil)
  -> [UInt8]
{
  var file = ByteBuilder()
  file.append([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, version, minor])
  file.append(length ?? UInt16(dictionary.utf8.count))
  file.append(dictionary)
  file.append(data)
  return file.bytes
}

func dictionary(_ descriptor: String, _ shape: String, fortran: String = "False") -> String {
  "{'descr': '\(descriptor)', 'fortran_order': \(fortran), 'shape': \(shape), }"
}
