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
      for field in [UInt16(member.name.utf8.count), 0, 0, 0, 0] { directory.append(field) }
      directory.append(UInt32(0))
      directory.append(member.localOffset ?? offset)
      directory.append(member.name)
    }
    let start = directoryOffset ?? UInt32(file.bytes.count)
    file.append(directory.bytes)
    file.append(gap)
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
