internal import AloraBytes
internal import AloraJSON

/// One turn of a conversation: what is said, and who answers.
struct RunTurn {
  var prompt: String
  /// The adapter that answers; nil: the base.
  var adapter: String?
  var role = "user"
  var limit: Int?
  var seed: Int?
  /// Whether the conversation begins anew.
  var resets = false
  /// Whether the turn is forgotten when it is answered, and the conversation goes on as it was.
  var isFork = false
}

/// A conversation in a file: a turn on each line, or an array of turns that are answered together.
enum RunScript {
  /// - Throws: ``FileError``; ``JSONError`` with the line for its place.
  static func turns(path: String) throws -> [[RunTurn]] {
    let file = try MappedFile(path: path)
    guard file.byteCount <= 1 << 28 else {
      throw JSONError(.tooLarge, path: path, place: nil, problem: "the file has \(file.byteCount) bytes")
    }
    var batches: [[RunTurn]] = []
    let lines = try file.read(0..<file.byteCount).split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() where !line.allSatisfy({ [0x20, 0x09, 0x0D].contains($0) }) {
      do throws(JSONError) {
        let bytes = Array(line)
        let root = try JSONDocument(parsing: unsafe bytes.span.bytes, path: path).root
        if root.kind == .array {
          var batch: [RunTurn] = []
          for element in try root.elements() {
            var turn = try Self.turn(element)
            guard !turn.resets else { throw element.error(.wrongType, "a turn among several cannot reset") }
            turn.isFork = true
            batch.append(turn)
          }
          if !batch.isEmpty { batches.append(batch) }
        } else {
          batches.append([try Self.turn(root)])
        }
      } catch {
        throw JSONError(
          error.code, path: path, place: ["line \(index + 1)", error.place].compactMap { $0 }.joined(separator: ", "),
          problem: error.problem)
      }
    }
    return batches
  }

  private static func turn(_ value: JSON) throws(JSONError) -> RunTurn {
    var turn = RunTurn(prompt: try value["prompt"].string())
    for (name, member) in try value.members() where !member.isNull {
      switch name {
      case "prompt": break
      case "adapter": turn.adapter = try member.string()
      case "role": turn.role = try member.string()
      case "limit": turn.limit = try member.integer(in: 0...1_000_000)
      case "seed": turn.seed = try member.integer(in: 0...Int.max)
      case "reset": turn.resets = try member.boolean()
      case "fork": turn.isFork = try member.boolean()
      default:
        throw member.error(
          .wrongType, "a turn has prompt, adapter, role, limit, seed, reset and fork, but no '\(name)'")
      }
    }
    return turn
  }
}
