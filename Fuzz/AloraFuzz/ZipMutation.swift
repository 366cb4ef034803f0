import CZlib

/// The members of an archive, so that one can be changed and sizes, checksums and the directory fit.
struct ZipText {
  struct Member {
    var name: [UInt8]
    var content: [UInt8]
  }
  var members: [Member] = []

  /// Nil if there is no member that can be unpacked.
  init?(_ bytes: [UInt8]) {
    func number(_ offset: Int, _ count: Int) -> Int {
      guard offset >= 0, offset <= bytes.count - count else { return -1 }
      return (0..<count).reversed().reduce(0) { $0 << 8 | Int(bytes[offset + $1]) }
    }
    var entry = 0
    while entry + 46 <= bytes.count {
      guard bytes[entry] == 0x50, number(entry, 4) == 0x0201_4B50 else {
        entry += 1
        continue
      }
      let (method, stored, nameCount) = (number(entry + 10, 2), number(entry + 20, 4), number(entry + 28, 2))
      let local = number(entry + 42, 4)
      let start = local + 30 + number(local + 26, 2) + number(local + 28, 2)
      if number(local, 4) == 0x0403_4B50, start <= bytes.count, stored <= bytes.count - start,
        entry + 46 + nameCount <= bytes.count,
        let content = method == 0
          ? Array(bytes[start..<(start + stored)]) : Self.inflated(bytes[start..<(start + stored)])
      {
        members.append(Member(name: Array(bytes[(entry + 46)..<(entry + 46 + nameCount)]), content: content))
      }
      entry += 46
    }
    if members.isEmpty { return nil }
  }

  private static func inflated(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
    var stream = z_stream()
    guard inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    var (input, output) = (Array(bytes), [UInt8](repeating: 0, count: 1 << 17))
    let capacity = output.count
    return input.withUnsafeMutableBufferPointer { source in
      output.withUnsafeMutableBufferPointer { target -> [UInt8]? in
        stream.next_in = source.baseAddress
        stream.avail_in = UInt32(source.count)
        stream.next_out = target.baseAddress
        stream.avail_out = UInt32(capacity)
        guard inflate(&stream, Z_FINISH) == Z_STREAM_END else { return nil }
        return Array(target.prefix(capacity - Int(stream.avail_out)))
      }
    }
  }

  /// The archive; deflated members are stored blocks, which any inflater reads.
  func bytes(isDeflated: Bool) -> [UInt8] {
    func two(_ value: Int) -> [UInt8] { GGUFText.number(value, 2) }
    func four(_ value: Int) -> [UInt8] { GGUFText.number(value, 4) }
    var (result, directory): ([UInt8], [UInt8]) = ([], [])
    for member in members {
      let stored = isDeflated ? Self.storedBlocks(member.content) : member.content
      let checksum = Int(Self.checksum(member.content))
      let common =
        two(20) + two(0) + two(isDeflated ? 8 : 0) + four(0) + four(checksum) + four(stored.count)
        + four(member.content.count) + two(member.name.count) + two(0)
      directory +=
        four(0x0201_4B50) + two(20) + common + two(0) + two(0) + two(0) + four(0) + four(result.count) + member.name
      result += four(0x0403_4B50) + common + member.name + stored
    }
    let end =
      four(0x0605_4B50) + four(0) + two(members.count) + two(members.count) + four(directory.count) + four(result.count)
      + two(0)
    return result + directory + end
  }

  static func checksum(_ bytes: [UInt8]) -> UInt {
    bytes.isEmpty ? 0 : bytes.withUnsafeBufferPointer { crc32(0, $0.baseAddress, UInt32($0.count)) }
  }

  private static func storedBlocks(_ bytes: [UInt8]) -> [UInt8] {
    guard !bytes.isEmpty else { return [1, 0, 0, 0xFF, 0xFF] }
    return stride(from: 0, to: bytes.count, by: 60_000).flatMap { start -> [UInt8] in
      let piece = bytes[start..<min(bytes.count, start + 60_000)]
      return [piece.endIndex == bytes.count ? 1 : 0] + GGUFText.number(piece.count, 2)
        + GGUFText.number(~piece.count, 2) + piece
    }
  }

  mutating func mutate(_ random: inout SmallRandom, other: ZipText?, change: ([UInt8]) -> [UInt8]) {
    let index = Int.random(in: 0..<members.count, using: &random)
    switch Int.random(in: 0..<10, using: &random) {
    case 0: members[index].name = change(members[index].name)
    case 1: members.insert(members[index], at: Int.random(in: 0...members.count, using: &random))
    case 2: if members.count > 1 { members.remove(at: index) }
    case 3: members[index].content = members[Int.random(in: 0..<members.count, using: &random)].content
    case 4: if let lent = other?.members.randomElement(using: &random) { members[index].content = lent.content }
    case 5: if let lent = other?.members.randomElement(using: &random) { members.append(lent) }
    default: members[index].content = Self.array(members[index].content, &random, change)
    }
  }

  /// An .npy with its header's text or its data changed, and the length of the header right.
  static func array(_ bytes: [UInt8], _ random: inout SmallRandom, _ change: ([UInt8]) -> [UInt8]) -> [UInt8] {
    guard bytes.count >= 12, bytes[0] == 0x93 else { return change(bytes) }
    let width = bytes[6] == 1 ? 2 : 4
    let count = bytes[8..<(8 + width)].reversed().reduce(0) { $0 << 8 | Int($1) }
    guard count <= bytes.count - 8 - width else { return change(bytes) }
    var text = Array(bytes[(8 + width)..<(8 + width + count)])
    var data = Array(bytes[(8 + width + count)...])
    if Int.random(in: 0..<3, using: &random) == 0 {
      data = change(data)
    } else {
      text = change(text.reversed().drop { $0 == 0x20 || $0 == 0x0A }.reversed())
      while (text.count + 9 + width) % 64 != 0 { text.append(0x20) }
      text.append(0x0A)
    }
    return Array(bytes[..<8]) + GGUFText.number(text.count, width) + text + data
  }
}
