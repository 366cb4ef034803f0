import CFuzzer

/// Changes one part of an input and mends what would hide everything behind it: a header's length, a checksum, a magic.
struct Mutation {
  let target: Target
  let limit: Int

  func mutated(_ input: [UInt8], _ random: inout SmallRandom) -> [UInt8] {
    var parts = Parts.split(input)
    let chosen = Int.random(in: 0..<parts.count, using: &random)
    let room = limit - (input.count - parts[chosen].count)
    guard room > 0 else { return Array(input.prefix(limit)) }
    // One in eight is left as it comes.
    let isMended = Int.random(in: 0..<8, using: &random) > 0
    let part = parts[chosen]
    parts[chosen] =
      if isMended, isSafetensors(chosen) {
        safetensors(part, room, &random)
      } else if isMended, target == .npz {
        withChecksums(changed(part, room))
      } else if isMended, target == .gguf {
        gguf(part, room, &random)
      } else {
        changed(part, room)
      }
    return Parts.joined(parts)
  }

  private func isSafetensors(_ part: Int) -> Bool {
    switch target {
    case .safetensors: part == 0
    case .adapter, .convert, .model: part == 1
    case .shards: part > 0
    default: false
    }
  }

  /// libFuzzer's own changes.
  private func changed(_ bytes: [UInt8], _ room: Int) -> [UInt8] {
    var buffer = Array(bytes.prefix(room)) + [UInt8](repeating: 0, count: max(0, room - bytes.count))
    let count = LLVMFuzzerMutate(&buffer, min(bytes.count, room), room)
    return Array(buffer.prefix(count))
  }

  /// Changes the header and gives it its length, or changes the data behind it.
  private func safetensors(_ bytes: [UInt8], _ room: Int, _ random: inout SmallRandom) -> [UInt8] {
    let stated = bytes.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard bytes.count > 8, let headerByteCount = Int(exactly: stated), headerByteCount <= bytes.count - 8 else {
      return changed(bytes, room)
    }
    var header = Array(bytes[8..<(8 + headerByteCount)])
    var data = Array(bytes[(8 + headerByteCount)...])
    if Int.random(in: 0..<4, using: &random) > 0 {
      header = changed(header, max(1, room - 8 - data.count))
    } else {
      data = changed(data, max(1, room - 8 - header.count))
    }
    return (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header + data
  }

  /// Keeps magic and version, mostly changes the header, and keeps the file's length a multiple of 32.
  private func gguf(_ bytes: [UInt8], _ room: Int, _ random: inout SmallRandom) -> [UInt8] {
    guard bytes.count > 24 else { return changed(bytes, room) }
    let headerByteCount = Bool.random(using: &random) ? min(bytes.count, 2048) : bytes.count
    let head = changed(Array(bytes[8..<headerByteCount]), room - 8)
    var result = bytes[..<8] + head + bytes[headerByteCount...]
    if Bool.random(using: &random) { while result.count % 32 != 0, result.count < room { result.append(0) } }
    return Array(result)
  }

  /// An archive whose stored members have the checksums of what they hold, in both places.
  private func withChecksums(_ bytes: [UInt8]) -> [UInt8] {
    var result = bytes
    func number(_ offset: Int, _ count: Int) -> Int {
      guard offset >= 0, offset + count <= result.count else { return -1 }
      return (0..<count).reversed().reduce(0) { $0 << 8 | Int(result[offset + $1]) }
    }
    func put(_ value: UInt32, _ offset: Int) {
      for index in 0..<4 { result[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(index))) }
    }
    var entry = 0
    while entry + 46 <= result.count {
      guard number(entry, 4) == 0x0201_4B50 else {
        entry += 1
        continue
      }
      let (method, stored, local) = (number(entry + 10, 2), number(entry + 20, 4), number(entry + 42, 4))
      if method == 0, number(local, 4) == 0x0403_4B50, number(local + 28, 2) >= 0 {
        let start = local + 30 + number(local + 26, 2) + number(local + 28, 2)
        if start <= result.count, stored <= result.count - start {
          let checksum = crc32(result[start..<(start + stored)])
          put(checksum, entry + 16)
          put(checksum, local + 14)
        }
      }
      entry += 46
    }
    return result
  }

  private func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var crc = ~UInt32(0)
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = (crc & 1 == 1 ? 0xEDB8_8320 : 0) ^ (crc >> 1) }
    }
    return ~crc
  }
}
