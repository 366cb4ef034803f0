/// Distinct byte strings, numbered 0, 1, … in order of insertion, with lookup by their bytes.
///
/// Swift's `String` treats canonically equal strings as the same; a vocabulary must not.
struct ByteStringTable: Sendable {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []
  /// Entry + 1 by hash, 0 for a free slot; the count is a power of two and at least twice that of the entries.
  private var slots: [UInt32]
  private let hashing = SecretHashing()

  init(expectedCount: Int = 0) {
    var slotCount = 64
    while slotCount < expectedCount * 2 { slotCount *= 2 }
    slots = [UInt32](repeating: 0, count: slotCount)
    ends.reserveCapacity(expectedCount)
  }

  var count: Int { ends.count }

  /// The bytes of an entry.
  subscript(index: Int) -> ArraySlice<UInt8> { bytes[range(of: index)] }

  private func range(of index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

  /// The entry with these bytes.
  func index(of key: Span<UInt8>) -> Int? {
    let slot = slots[slot(of: key)]
    return slot == 0 ? nil : Int(slot) - 1
  }

  /// The entry with these bytes; it is added if missing.
  mutating func insert(_ key: Span<UInt8>) -> (index: Int, isNew: Bool) {
    var slot = slot(of: key)
    if slots[slot] != 0 { return (Int(slots[slot]) - 1, false) }
    if (ends.count + 1) * 2 > slots.count {
      grow()
      slot = self.slot(of: key)
    }
    for index in key.indices { bytes.append(key[index]) }
    ends.append(bytes.count)
    slots[slot] = UInt32(ends.count)
    return (ends.count - 1, true)
  }

  /// The slot that holds the key, or the free slot for it.
  private func slot(of key: Span<UInt8>) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash(key)) & mask
    while slots[slot] != 0, !isEqual(Int(slots[slot]) - 1, key) { slot = (slot + 1) & mask }
    return slot
  }

  private func isEqual(_ index: Int, _ key: Span<UInt8>) -> Bool {
    let range = range(of: index)
    guard range.count == key.count else { return false }
    for offset in 0..<key.count where bytes[range.lowerBound + offset] != key[offset] { return false }
    return true
  }

  private mutating func grow() {
    slots = [UInt32](repeating: 0, count: slots.count * 2)
    for index in 0..<ends.count {
      let range = range(of: index)
      let slot = slot(of: bytes.span.extracting(range))
      slots[slot] = UInt32(index + 1)
    }
  }

  /// Folds in words of eight bytes, one after another.
  private func hash(_ key: Span<UInt8>) -> UInt64 {
    var hash = hashing.start(key.count)
    var offset = 0
    while offset + 8 <= key.count {
      // Safe: at least eight bytes follow the offset, and any bits are a valid integer.
      let word = unsafe key.bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
      hash = hashing.fold(hash ^ UInt64(littleEndian: word))
      offset += 8
    }
    var rest: UInt64 = 0
    while offset < key.count {
      rest = rest << 8 | UInt64(key[offset])
      offset += 1
    }
    return hashing.fold(hash ^ rest)
  }
}
