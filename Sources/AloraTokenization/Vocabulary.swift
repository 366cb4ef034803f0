/// The pieces of a model with their ids, both ways.
struct Vocabulary: Sendable {
  private var pieces: ByteStringTable
  private var ids: [UInt32] = []
  /// Piece + 1 by id; 0 for an id without a piece.
  private var entries: [UInt32] = []

  /// Larger ids are refused. No vocabulary comes near this limit, which bounds an allocation.
  static let largestID = (1 << 22) - 1

  init(expectedCount: Int) { pieces = ByteStringTable(expectedCount: expectedCount) }

  /// How many pieces there are.
  var count: Int { pieces.count }
  /// One more than the largest id.
  var idLimit: Int { entries.count }

  /// Adds a piece.
  ///
  /// - Returns: false if the id is taken, the piece already exists, or the id is out of bounds.
  mutating func insert(_ piece: Span<UInt8>, id: Int) -> Bool {
    guard id >= 0, id <= Self.largestID else { return false }
    if id < entries.count, entries[id] != 0 { return false }
    let (index, isNew) = pieces.insert(piece)
    guard isNew else { return false }
    ids.append(UInt32(id))
    if id >= entries.count { entries += [UInt32](repeating: 0, count: id + 1 - entries.count) }
    entries[id] = UInt32(index + 1)
    return true
  }

  func id(of piece: Span<UInt8>) -> UInt32? { pieces.index(of: piece).map { ids[$0] } }
  func id(of piece: [UInt8]) -> UInt32? { id(of: piece.span) }

  func piece(of id: Int) -> ArraySlice<UInt8>? {
    guard entries.indices.contains(id), entries[id] != 0 else { return nil }
    return pieces[Int(entries[id]) - 1]
  }
}
