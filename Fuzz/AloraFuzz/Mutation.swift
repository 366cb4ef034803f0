import AloraFuzzTargets
import CFuzzer

/// Changes one part of an input, and corrects the counts, lengths, offsets and checksums whose mismatch would stop a reader
/// there.
///
/// An input is several files with a line between them (``Parts``). Each is changed according to its kind.
struct Mutation {
  /// The format of a part.
  enum Kind { case bytes, json, safetensors, gguf, zip, template, lines, response }

  let target: Target
  let limit: Int
  /// Another input of the corpus, which may lend pieces.
  var lender: [UInt8]?

  func mutated(_ input: [UInt8], _ random: inout SmallRandom) -> [UInt8] {
    var parts = Parts.split(input)
    let chosen = Int.random(in: 0..<parts.count, using: &random)
    let lent = lender.map(Parts.split)
    let other = lent.flatMap { $0.indices.contains(chosen) ? $0[chosen] : nil }
    let room = limit - (input.count - parts[chosen].count)
    guard room > 0 else { return Array(input.prefix(limit)) }
    if let other, other.count <= room, Int.random(in: 0..<4, using: &random) == 0 {
      parts[chosen] = other
    } else {
      parts[chosen] = changed(parts[chosen], target.kind(ofPart: chosen), other, room, &random)
    }
    let output = Parts.joined(parts)
    return output.count <= limit ? output : input
  }

  private func changed(_ part: [UInt8], _ kind: Kind, _ other: [UInt8]?, _ room: Int, _ random: inout SmallRandom)
    -> [UInt8]
  {
    let change = { (bytes: [UInt8]) in self.changed(bytes, room) }
    // One in eight is left as it comes.
    switch Int.random(in: 0..<8, using: &random) > 0 ? kind : .bytes {
    case .bytes: return change(part)
    case .json: return json(part, &random, other, change)
    case .safetensors: return safetensors(part, room, &random, other)
    case .gguf:
      guard var file = GGUFText(part) else { return change(part) }
      file.mutate(&random, other: other.flatMap(GGUFText.init), change: change)
      return file.bytes(fits: Int.random(in: 0..<4, using: &random) > 0)
    case .zip:
      guard Int.random(in: 0..<4, using: &random) > 0, var file = ZipText(part) else {
        return part.first == 0x93 ? ZipText.array(part, &random, change) : withChecksums(change(part))
      }
      file.mutate(&random, other: other.flatMap(ZipText.init), change: change)
      return file.bytes(isDeflated: Int.random(in: 0..<4, using: &random) == 0)
    case .template: return TemplateText.mutated(part, &random, other: other, change: change)
    case .lines: return lines(part, &random, other, change)
    case .response: return response(part, &random, change)
    }
  }

  /// libFuzzer's own changes.
  private func changed(_ bytes: [UInt8], _ room: Int) -> [UInt8] {
    var buffer = Array(bytes.prefix(room)) + [UInt8](repeating: 0, count: max(0, room - bytes.count))
    let count = LLVMFuzzerMutate(&buffer, min(bytes.count, room), room)
    return Array(buffer.prefix(count))
  }

  private func json(
    _ bytes: [UInt8], _ random: inout SmallRandom, _ other: [UInt8]?, _ change: ([UInt8]) -> [UInt8]
  ) -> [UInt8] {
    // A vocabulary of megabytes is not worth its scan.
    guard bytes.count < 70_000, let text = JSONText(bytes) else { return change(bytes) }
    return text.mutated(&random, other: other.flatMap(JSONText.init), bytes: change)
  }

  /// One line, as JSON where it is some.
  private func lines(
    _ bytes: [UInt8], _ random: inout SmallRandom, _ other: [UInt8]?, _ change: ([UInt8]) -> [UInt8]
  ) -> [UInt8] {
    var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
    let index = Int.random(in: 0..<lines.count, using: &random)
    switch Int.random(in: 0..<6, using: &random) {
    case 0: lines.insert(lines[index], at: Int.random(in: 0...lines.count, using: &random))
    case 1: lines.remove(at: index)
    case 2: lines.insert(other?.split(separator: 0x0A).randomElement(using: &random).map(Array.init) ?? [], at: index)
    default: lines[index] = json(lines[index], &random, nil, change)
    }
    return Array(lines.joined(separator: [0x0A]))
  }

  /// Changes the JSON after a response's head, and adjusts its Content-Length.
  private func response(_ bytes: [UInt8], _ random: inout SmallRandom, _ change: ([UInt8]) -> [UInt8]) -> [UInt8] {
    let blank: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
    let end = bytes.indices.dropLast(3).first { bytes[$0..<($0 + 4)].elementsEqual(blank) }
    guard let end, Int.random(in: 0..<3, using: &random) > 0 else { return change(bytes) }
    let body = json(Array(bytes[(end + 4)...]), &random, nil, change)
    let status = Array(bytes.prefix { $0 != 0x0D })
    return status + Array("\r\nContent-Length: \(body.count)".utf8) + blank + body
  }

  /// Changes the header and writes its new length, or changes the data after it.
  private func safetensors(_ bytes: [UInt8], _ room: Int, _ random: inout SmallRandom, _ other: [UInt8]?) -> [UInt8] {
    let stated = bytes.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard bytes.count > 8, let headerByteCount = Int(exactly: stated), headerByteCount <= bytes.count - 8 else {
      return changed(bytes, room)
    }
    var header = Array(bytes[8..<(8 + headerByteCount)])
    var data = Array(bytes[(8 + headerByteCount)...])
    if Int.random(in: 0..<4, using: &random) > 0 {
      let headerRoom = max(1, room - 8 - data.count)
      header = json(header, &random, nil) { self.changed($0, headerRoom) }
    } else {
      data = changed(data, max(1, room - 8 - header.count))
    }
    return GGUFText.number(header.count, 8) + header + data
  }

  /// An archive whose stored members have the checksums of what they hold, in both places.
  private func withChecksums(_ bytes: [UInt8]) -> [UInt8] {
    var result = bytes
    func number(_ offset: Int, _ count: Int) -> Int {
      guard offset >= 0, offset + count <= result.count else { return -1 }
      return (0..<count).reversed().reduce(0) { $0 << 8 | Int(result[offset + $1]) }
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
          let checksum = GGUFText.number(Int(ZipText.checksum(Array(result[start..<(start + stored)]))), 4)
          result.replaceSubrange((entry + 16)..<(entry + 20), with: checksum)
          result.replaceSubrange((local + 14)..<(local + 18), with: checksum)
        }
      }
      entry += 46
    }
    return result
  }
}

extension Target {
  func kind(ofPart part: Int) -> Mutation.Kind {
    switch self {
    case .json, .graph, .baseline, .request: .json
    case .gguf, .engine, .graniteswitch: .gguf
    case .merge: part < 2 ? .gguf : .bytes
    case .safetensors: .safetensors
    case .npz, .golden: .zip
    case .tokenizer: part == 0 ? .json : .bytes
    case .template: part == 0 ? .template : .json
    case .schema: part == 0 ? .json : .bytes
    case .adapter: part == 0 ? .json : part == 1 ? .safetensors : .lines
    case .convert: part == 1 ? .safetensors : part == 3 ? .lines : .json
    case .shards, .model, .composed: part == 0 ? .json : .safetensors
    case .script, .card, .prompts, .intrinsic: .lines
    case .response: .response
    case .cache, .pattern, .proof: .bytes
    }
  }
}
