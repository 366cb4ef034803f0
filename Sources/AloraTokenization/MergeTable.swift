/// The merges of a byte-pair model. It maps two neighboring tokens to their rank and the merged token.
struct MergeTable: Sendable {
  /// The token that a pair becomes. Smaller is earlier: the rank is in the upper half, the token in the lower.
  typealias Merge = UInt64
  static let none = Merge.max

  private struct Slot: Sendable {
    /// The pair, with the left token in the upper half. `UInt64.max`, which no valid pair has, marks a free slot.
    var pair: UInt64 = .max
    var merge: Merge = MergeTable.none
  }

  private var slots: [Slot]
  private(set) var count = 0
  private let hashing = SecretHashing()

  init(expectedCount: Int) {
    var slotCount = 64
    // At most two thirds full. A sparser table would miss the CPU's cache more often.
    while slotCount * 2 < expectedCount * 3 { slotCount *= 2 }
    slots = [Slot](repeating: Slot(), count: slotCount)
  }

  static func token(of merge: Merge) -> UInt32 { UInt32(truncatingIfNeeded: merge) }
  static func rank(of merge: Merge) -> UInt32 { UInt32(truncatingIfNeeded: merge >> 32) }

  /// The result of merging two neighbors, or `none`.
  func merge(_ left: UInt32, _ right: UInt32) -> Merge { slots[slot(of: Self.pair(left, right))].merge }

  /// Sets the merge of a pair. If a pair occurs twice, the last rank counts.
  mutating func insert(_ left: UInt32, _ right: UInt32, rank: Int, token: UInt32) {
    if (count + 1) * 3 > slots.count * 2 { grow() }
    let pair = Self.pair(left, right)
    let slot = slot(of: pair)
    if slots[slot].pair == .max { count += 1 }
    slots[slot] = Slot(pair: pair, merge: UInt64(UInt32(truncatingIfNeeded: rank)) << 32 | UInt64(token))
  }

  private static func pair(_ left: UInt32, _ right: UInt32) -> UInt64 { UInt64(left) << 32 | UInt64(right) }

  private func slot(of pair: UInt64) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hashing.hash(pair)) & mask
    while slots[slot].pair != pair, slots[slot].pair != .max { slot = (slot + 1) & mask }
    return slot
  }

  private mutating func grow() {
    let old = slots
    slots = [Slot](repeating: Slot(), count: old.count * 2)
    for entry in old where entry.pair != .max { slots[slot(of: entry.pair)] = entry }
  }
}
