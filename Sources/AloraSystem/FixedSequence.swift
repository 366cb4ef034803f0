/// Numbers that look random and are always the same, for texts whose sense doesn't matter.
///
/// Knuth's MMIX generator; its low bits repeat early, so the high ones count.
package struct FixedSequence {
  private var state: UInt64

  package init(seed: UInt64 = 0x9E37_79B9_7F4A_7C15) { state = seed }

  /// The next number from 0 up to `count`, which is positive.
  package mutating func next(below count: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(count))
  }
}
