/// An order of rows or columns made of nested loops, as tracing finds it: for each place in the target, the index in the
/// source. A selection omits indexes; no index occurs twice.
package struct ElementOrder: Hashable, Sendable {
  package struct Loop: Hashable, Sendable {
    package let count: Int
    package let stride: Int
  }

  package struct Segment: Hashable, Sendable {
    package let start: Int
    /// From the outermost loop in.
    package let loops: [Loop]
    /// The number of target places.
    package let count: Int
  }

  package let segments: [Segment]
  /// The number of places.
  package let count: Int

  /// - Parameters:
  ///   - segments: starts and loops, outermost first.
  ///   - extent: how many indexes the source has.
  /// - Returns: nil if an index falls outside of the source.
  init?(_ segments: [(start: Int, loops: [(count: Int, stride: Int)])], extent: Int) {
    var total = 0
    self.segments = segments.map { segment in
      let loops = segment.loops.map { Loop(count: $0.count, stride: $0.stride) }
      return Segment(start: segment.start, loops: loops, count: Self.product(loops, limit: extent) ?? 0)
    }
    for segment in self.segments {
      var last = segment.start
      guard segment.start >= 0, segment.count > 0 else { return nil }
      for loop in segment.loops {
        guard loop.count > 0, loop.stride >= 0 else { return nil }
        let (reach, overflow) = (loop.count - 1).multipliedReportingOverflow(by: loop.stride)
        let (next, tooFar) = last.addingReportingOverflow(reach)
        guard !overflow, !tooFar, next < extent else { return nil }
        last = next
      }
      guard last < extent else { return nil }
      total += segment.count
    }
    guard total <= extent else { return nil }
    count = total
  }

  private static func product(_ loops: [Loop], limit: Int) -> Int? {
    var product = 1
    for loop in loops {
      let (next, overflow) = product.multipliedReportingOverflow(by: loop.count)
      guard !overflow, next <= limit else { return nil }
      product = next
    }
    return product
  }

  /// The source's index at `place`.
  package func source(of place: Int) -> Int {
    var rest = place
    for segment in segments {
      guard rest >= segment.count else {
        var index = segment.start
        for loop in segment.loops.reversed() {
          let (outer, own) = rest.quotientAndRemainder(dividingBy: loop.count)
          index += own * loop.stride
          rest = outer
        }
        return index
      }
      rest -= segment.count
    }
    preconditionFailure("a place after the last")
  }

  /// The start of the run, if the order is one run of consecutive indexes.
  var runStart: Int? {
    guard segments.count == 1, let segment = segments.first,
      segment.loops.allSatisfy({ $0.count == 1 || $0.stride == 1 }),
      segment.loops.count <= 1
    else { return nil }
    return segment.start
  }

  /// The head dimension, if the order only turns halves of heads into pairs.
  var halvesToPairs: Int? {
    guard segments.count == 1, let segment = segments.first, segment.start == 0 else { return nil }
    var loops = segment.loops
    if loops.count == 2 { loops.insert(Loop(count: 1, stride: segment.count), at: 0) }
    guard loops.count == 3, loops[2].count == 2, loops[1].stride == 1, loops[2].stride == loops[1].count,
      loops[0].stride == 2 * loops[1].count
    else { return nil }
    return loops[0].stride
  }

  /// The same order of indexes that start later.
  func shifted(by offset: Int, extent: Int) -> ElementOrder? {
    ElementOrder(segments.map { ($0.start + offset, $0.loops.map { ($0.count, $0.stride) }) }, extent: extent)
  }

  /// Whether it is every index in turn.
  func isIdentity(of extent: Int) -> Bool {
    var next = 0
    for segment in segments {
      guard segment.start == next, segment.loops.count <= 1, segment.loops.allSatisfy({ $0.stride == 1 }) else {
        return false
      }
      next += segment.count
    }
    return next == extent
  }

  /// The places of all orders, one after the other.
  static func joined(_ orders: [ElementOrder], extent: Int) -> ElementOrder? {
    ElementOrder(
      orders.flatMap { $0.segments.map { ($0.start, $0.loops.map { ($0.count, $0.stride) }) } }, extent: extent)
  }
}
