/// Several files as one input, with a line between them.
public enum Parts {
  public static let separator = Array("\n=-=-=\n".utf8)

  public static func split(_ input: [UInt8]) -> [[UInt8]] {
    var parts: [[UInt8]] = []
    var start = 0
    var index = 0
    while index + separator.count <= input.count {
      if input[index] == separator[0], input[index..<(index + separator.count)].elementsEqual(separator) {
        parts.append(Array(input[start..<index]))
        index += separator.count
        start = index
      } else {
        index += 1
      }
    }
    parts.append(Array(input[start...]))
    return parts
  }

  public static func joined(_ parts: [[UInt8]]) -> [UInt8] { Array(parts.joined(separator: separator)) }
}
