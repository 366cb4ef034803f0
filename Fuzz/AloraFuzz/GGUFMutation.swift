/// A GGUF file in its parts, so that one can be changed and counts, lengths, offsets and data still fit.
struct GGUFText {
  struct KeyValue {
    var key: [UInt8]
    var type: Int
    var value: [UInt8]
  }
  struct Tensor {
    var name: [UInt8]
    var dimensions: [Int]
    var type: Int
    var offset: Int
  }
  var keyValues: [KeyValue] = []
  var tensors: [Tensor] = []
  var data: [UInt8] = []
  var alignment = 32

  private static let scalarByteCounts = [0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8]
  /// Elements and bytes of a block; Source: `ggml_type_traits` of ggml.
  private static let blocks = [
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84),
    11: (256, 110),
    12: (256, 144), 13: (256, 176), 14: (256, 210), 20: (32, 18), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4),
    27: (1, 8), 28: (1, 8),
    30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
  ]

  /// Nil unless it is a little-endian GGUF of version 2 or 3 with a readable header.
  init?(_ bytes: [UInt8]) {
    var reader = ByteReader(bytes: bytes)
    guard reader.take(4) == Array("GGUF".utf8), let version = reader.number(4), version == 2 || version == 3,
      let tensorCount = reader.number(8), let keyCount = reader.number(8), 0..<5000 ~= tensorCount,
      0..<5000 ~= keyCount
    else { return nil }
    for _ in 0..<keyCount {
      guard let key = reader.string(), let type = reader.number(4), let value = reader.value(type) else { return nil }
      keyValues.append(KeyValue(key: key, type: type, value: value))
      if key == Array("general.alignment".utf8), value.count == 4 { alignment = max(1, Int(value[0])) }
    }
    for _ in 0..<tensorCount {
      guard let name = reader.string(), let count = reader.number(4), count <= 8 else { return nil }
      var dimensions: [Int] = []
      for _ in 0..<count {
        guard let extent = reader.number(8) else { return nil }
        dimensions.append(extent)
      }
      guard let type = reader.number(4), let offset = reader.number(8) else { return nil }
      tensors.append(Tensor(name: name, dimensions: dimensions, type: type, offset: offset))
    }
    let start = (reader.offset + alignment - 1) / alignment * alignment
    data = start <= bytes.count ? Array(bytes[start...]) : []
  }

  /// The file; where `fits`, with offsets and as much data as the tensors need.
  mutating func bytes(fits: Bool) -> [UInt8] {
    if fits {
      var end = 0
      for index in tensors.indices {
        let count = tensors[index].dimensions.reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
        let block = Self.blocks[tensors[index].type] ?? (1, 1)
        guard count >= 0, count < 1 << 22 else { continue }
        tensors[index].offset = end
        end += (count / block.0 * block.1 + alignment - 1) / alignment * alignment
      }
      if end < 1 << 17 { data = Array(data.prefix(end)) + [UInt8](repeating: 0, count: max(0, end - data.count)) }
    }
    var result =
      Array("GGUF".utf8) + Self.number(3, 4) + Self.number(tensors.count, 8) + Self.number(keyValues.count, 8)
    for item in keyValues { result += Self.string(item.key) + Self.number(item.type, 4) + item.value }
    for tensor in tensors {
      result += Self.string(tensor.name) + Self.number(tensor.dimensions.count, 4)
      for extent in tensor.dimensions { result += Self.number(extent, 8) }
      result += Self.number(tensor.type, 4) + Self.number(tensor.offset, 8)
    }
    while result.count % alignment != 0 { result.append(0) }
    return result + data
  }

  static func number(_ value: Int, _ byteCount: Int) -> [UInt8] {
    (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
  private static func string(_ bytes: [UInt8]) -> [UInt8] { number(bytes.count, 8) + bytes }

  private static let interesting = [
    0, 1, -1, 2, 3, 4, 7, 8, 32, 64, 255, 256, 65536, 1 << 30, (1 << 31) - 1, 1 << 31, 1 << 32, .max, .min,
  ]

  mutating func mutate(_ random: inout SmallRandom, other: GGUFText?, change: ([UInt8]) -> [UInt8]) {
    let isTensor = !tensors.isEmpty && (keyValues.isEmpty || Int.random(in: 0..<5, using: &random) < 2)
    if Int.random(in: 0..<12, using: &random) == 0, !data.isEmpty { return data = change(data) }
    if isTensor { mutateTensor(&random, other, change) } else { mutateKeyValue(&random, other, change) }
  }

  private mutating func mutateTensor(_ random: inout SmallRandom, _ other: GGUFText?, _ change: ([UInt8]) -> [UInt8]) {
    let index = Int.random(in: 0..<tensors.count, using: &random)
    switch Int.random(in: 0..<8, using: &random) {
    case 0: tensors[index].name = change(tensors[index].name)
    case 1: tensors[index].type = Int.random(in: 0..<44, using: &random)
    case 2: tensors[index].offset = Self.interesting.randomElement(using: &random) ?? 0
    case 3: tensors[index].dimensions.append(Int.random(in: 0...2, using: &random))
    case 4: tensors.insert(tensors[index], at: Int.random(in: 0...tensors.count, using: &random))
    case 5: tensors.remove(at: index)
    case 6: if let lent = other?.tensors.randomElement(using: &random) { tensors.append(lent) }
    default:
      guard !tensors[index].dimensions.isEmpty else { return }
      let place = Int.random(in: 0..<tensors[index].dimensions.count, using: &random)
      tensors[index].dimensions[place] =
        Bool.random(using: &random)
        ? Int.random(in: 0...512, using: &random) : Self.interesting.randomElement(using: &random) ?? 0
    }
  }

  private mutating func mutateKeyValue(_ random: inout SmallRandom, _ other: GGUFText?, _ change: ([UInt8]) -> [UInt8])
  {
    guard !keyValues.isEmpty else { return }
    let index = Int.random(in: 0..<keyValues.count, using: &random)
    let type = keyValues[index].type
    switch Int.random(in: 0..<9, using: &random) {
    case 0: keyValues[index].key = change(keyValues[index].key)
    case 1: keyValues.insert(keyValues[index], at: Int.random(in: 0...keyValues.count, using: &random))
    case 2: keyValues.remove(at: index)
    case 3:
      if let lent = (other ?? self).keyValues.randomElement(using: &random) {
        (keyValues[index].type, keyValues[index].value) = (lent.type, lent.value)
      }
    case 4: if let lent = other?.keyValues.randomElement(using: &random) { keyValues.append(lent) }
    case 5:
      // A number of another type: readers must not take it for the one they want.
      let new = Self.scalarByteCounts.keys.sorted().randomElement(using: &random) ?? 4
      keyValues[index].type = new
      keyValues[index].value = Self.number(
        Self.interesting.randomElement(using: &random) ?? 0, Self.scalarByteCounts[new] ?? 1)
    default:
      if let count = Self.scalarByteCounts[type] {
        let value =
          Bool.random(using: &random)
          ? Int.random(in: 0...300, using: &random) : Self.interesting.randomElement(using: &random) ?? 0
        keyValues[index].value = Self.number(type == 7 ? value & 1 : value, count)
      } else if type == 8 {
        keyValues[index].value = Self.string(change(Array(keyValues[index].value.dropFirst(8))))
      } else {
        mutateArray(index, &random, change)
      }
    }
  }

  /// Changes one element, or the number of them, of an array that holds no arrays.
  private mutating func mutateArray(_ index: Int, _ random: inout SmallRandom, _ change: ([UInt8]) -> [UInt8]) {
    var reader = ByteReader(bytes: keyValues[index].value)
    guard let type = reader.number(4), let count = reader.number(8), count > 0, count < 100_000 else { return }
    var elements: [[UInt8]] = []
    for _ in 0..<count {
      guard let element = reader.value(type) else { return }
      elements.append(element)
    }
    let place = Int.random(in: 0..<count, using: &random)
    switch Int.random(in: 0..<5, using: &random) {
    case 0: elements.remove(at: place)
    case 1: elements.insert(elements[place], at: Int.random(in: 0...count, using: &random))
    case 2: elements.swapAt(place, Int.random(in: 0..<count, using: &random))
    case 3: elements[place] = elements[Int.random(in: 0..<count, using: &random)]
    default:
      elements[place] =
        type == 8
        ? Self.string(change(Array(elements[place].dropFirst(8))))
        : Self.number(Self.interesting.randomElement(using: &random) ?? 0, elements[place].count)
    }
    keyValues[index].value = Self.number(type, 4) + Self.number(elements.count, 8) + elements.flatMap { $0 }
  }
}

/// Takes little-endian numbers and strings as long as there are bytes.
struct ByteReader {
  let bytes: [UInt8]
  private(set) var offset = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func take(_ count: Int) -> [UInt8]? {
    guard count >= 0, count <= bytes.count - offset else { return nil }
    defer { offset += count }
    return Array(bytes[offset..<(offset + count)])
  }
  mutating func number(_ byteCount: Int) -> Int? {
    take(byteCount)?.reversed().reduce(0) { $0 << 8 | Int($1) }
  }
  mutating func string() -> [UInt8]? { number(8).flatMap { take($0) } }

  /// A value's bytes as they stand; arrays of arrays are not taken.
  mutating func value(_ type: Int) -> [UInt8]? {
    let start = offset
    switch type {
    case 0, 1, 7: return take(1)
    case 2, 3: return take(2)
    case 4, 5, 6: return take(4)
    case 10, 11, 12: return take(8)
    case 8: return string() == nil ? nil : Array(bytes[start..<offset])
    case 9:
      guard let element = number(4), element != 9, let count = number(8), count >= 0, count < 1 << 20 else {
        return nil
      }
      for _ in 0..<count where value(element) == nil { return nil }
      return Array(bytes[start..<offset])
    default: return nil
    }
  }
}
