import AloraSystem
import AloraFuzzTargets
import CFuzzer
import Glibc

/// libFuzzer on the readers: ALORA_FUZZ_TARGET names what to feed, ALORA_FUZZ_DIRECTORY where files may be written.
///
/// A reader must return or throw a ``DiagnosedError`` of one line; anything else ends the process, and libFuzzer keeps the
/// input. `scripts/robustness fuzz` builds, seeds and runs it.
@main struct Fuzz {
  static let target: Target = {
    let name = FileSystem.environment("ALORA_FUZZ_TARGET") ?? ""
    guard let target = Target(rawValue: name) else { fatalError("ALORA_FUZZ_TARGET names no target: '\(name)'") }
    return target
  }()
  static let directory = FileSystem.environment("ALORA_FUZZ_DIRECTORY") ?? "."

  static func main() {
    var (count, arguments) = (CommandLine.argc, Optional(CommandLine.unsafeArgv))
    exit(
      withUnsafeMutablePointer(to: &arguments) { pointer in
        pointer.withMemoryRebound(to: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?.self, capacity: 1) {
          LLVMFuzzerRunDriver(&count, $0) { data, byteCount in
            Fuzz.run([UInt8](UnsafeBufferPointer(start: data, count: byteCount)))
            return 0
          }
        }
      })
  }

  private static func run(_ input: [UInt8]) {
    do {
      try target.read(Parts.split(input), in: directory)
    } catch let error as any DiagnosedError {
      let line = error.description
      guard !line.contains("\n"), !error.problem.isEmpty else { fatalError("no single line: \(line)") }
    } catch {
      fatalError("an error of no diagnosed type: \(error)")
    }
  }
}

/// libFuzzer's way to change an input, with the numbers that must fit mended most of the time.
@_cdecl("LLVMFuzzerCustomMutator")
public func mutate(_ data: UnsafeMutablePointer<UInt8>, _ byteCount: Int, _ limit: Int, _ seed: UInt32) -> Int {
  let input = [UInt8](UnsafeBufferPointer(start: data, count: byteCount))
  var random = SmallRandom(state: UInt64(seed) | 1)
  let output = Mutation(target: Fuzz.target, limit: limit).mutated(input, &random)
  let count = min(output.count, limit)
  for index in 0..<count { data[index] = output[index] }
  return count
}

/// Two inputs of the corpus become one: a part of the first is changed with pieces of the second.
@_cdecl("LLVMFuzzerCustomCrossOver")
public func cross(
  _ first: UnsafePointer<UInt8>, _ firstByteCount: Int, _ second: UnsafePointer<UInt8>, _ secondByteCount: Int,
  _ data: UnsafeMutablePointer<UInt8>, _ limit: Int, _ seed: UInt32
) -> Int {
  let input = [UInt8](UnsafeBufferPointer(start: first, count: firstByteCount))
  let other = [UInt8](UnsafeBufferPointer(start: second, count: secondByteCount))
  var random = SmallRandom(state: UInt64(seed) | 1)
  let output = Mutation(target: Fuzz.target, limit: limit, lender: other).mutated(input, &random)
  let count = min(output.count, limit)
  for index in 0..<count { data[index] = output[index] }
  return count
}

/// xorshift64*, seeded by libFuzzer so that a run can be repeated.
struct SmallRandom: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }
}
