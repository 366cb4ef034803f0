import AloraModels
import AloraSystem
import AloraGGUF
import AloraInference
import AloraSafetensors
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

/// Models whose description is wrong are refused, or computed with whatever it says; nothing traps.
@Suite struct HostileModelTests {
  /// Loads a model and computes a few tokens. Anything but a diagnosed error fails the test.
  func attempt(_ path: String, _ name: String, _ pool: ThreadPool) -> Bool {
    do {
      let model = try Model(path: path, pool: pool)
      let evaluator = Evaluator(model: model, pool: pool)
      let sequence = TokenSequence(model: model, declaredLength: 20)
      _ = try evaluator.evaluate([Work(sequence, tokens: [1, 2, 3], logits: .all)])
      return true
    } catch is any DiagnosedError {
      return false
    } catch {
      Issue.record("\(name): \(error)")
      return false
    }
  }

  /// Every proof of equal bits holds of NaN, and no difference is ever more than another.
  @Test(arguments: [Float.nan, .infinity, 3e38]) func logitsThatAreNotFiniteAreRefused(_ value: Float) throws {
    try withTemporaryDirectory { directory in
      let base = try testData("inference/llama/base")
      try FileManager.default.copyItem(atPath: base + "/config.json", toPath: directory + "/config.json")
      let pool = ThreadPool(threadCount: 1)
      var bytes = try readFile(base + "/model.safetensors")
      // The last tensors' values are the last bytes.
      for index in 0..<6 {
        withUnsafeBytes(of: value.bitPattern.littleEndian) {
          bytes.replaceSubrange((bytes.count - 4 * index - 4)..<(bytes.count - 4 * index), with: $0)
        }
      }
      try writeFile(bytes, to: directory + "/model.safetensors")
      let model = try Model(path: directory, pool: pool)
      let sequence = TokenSequence(model: model, declaredLength: 3)
      let evaluator = Evaluator(model: model, pool: pool)
      let error = caught(InferenceError.self) {
        _ = try evaluator.evaluate([Work(sequence, tokens: [1, 2, 3], logits: .all)])
      }
      #expect(error?.code == .notFinite && error?.path == directory && error?.place == "position 0")
      #expect(sequence.tokens.isEmpty)
    }
  }

  /// With the root of a negative number, all logits were NaN, and the weights to blame.
  @Test func aNegativeEpsilonIsRefusedByName() throws {
    let pool = ThreadPool(threadCount: 1)
    try withTemporaryDirectory { directory in
      let text = String(decoding: try readFile(testData("inference/llama/base/config.json")), as: UTF8.self)
      let changed = text.replacing(#/"rms_norm_eps": [0-9.e+-]+/#, with: #""rms_norm_eps": -1e-5"#)
      #expect(changed != text)
      try writeFile(Array(changed.utf8), to: directory + "/config.json")
      try writeFile(readFile(testData("inference/llama/base/model.safetensors")), to: directory + "/model.safetensors")
      let error = caught(ArchitectureError.self) { _ = try Model(path: directory, pool: pool) }
      #expect(error?.place == "$.rms_norm_eps")

      var bytes = try readFile(testData("inference/qwen2/base.gguf"))
      let key = Array("qwen2.attention.layer_norm_rms_epsilon".utf8)
      let start = try #require(bytes.indices.first { bytes[$0...].starts(with: key) })
      // After the key and its type, an f32, whose sign is in the last byte.
      bytes[start + key.count + 7] |= 0x80
      try writeFile(bytes, to: directory + "/model.gguf")
      let other = caught(ArchitectureError.self) { _ = try Model(path: directory + "/model.gguf", pool: pool) }
      #expect(other?.place == "qwen2.attention.layer_norm_rms_epsilon")
    }
  }

  /// The weights of an output layer that is said to be tied were passed over without a word.
  @Test func aTiedOutputLayerWithOtherWeightsIsRefused() throws {
    try withTemporaryDirectory { directory in
      let base = try testData("inference/llama/base")
      for file in try FileManager.default.contentsOfDirectory(atPath: base) where file != "config.json" {
        try FileManager.default.copyItem(atPath: "\(base)/\(file)", toPath: "\(directory)/\(file)")
      }
      let text = String(decoding: try readFile(base + "/config.json"), as: UTF8.self)
      let tied = text.replacing(#""tie_word_embeddings": false"#, with: #""tie_word_embeddings": true"#)
      #expect(tied != text)
      try writeFile(Array(tied.utf8), to: directory + "/config.json")
      let pool = ThreadPool(threadCount: 1)
      let error = caught(InferenceError.self) { _ = try Model(path: directory, pool: pool) }
      #expect(error?.code == .ambiguousOutput)

      // Two equal copies of the weights don't contradict each other.
      let path = directory + "/model.safetensors"
      let file = try SafetensorsFile(path: path)
      let (output, embedding) = (
        try #require(file.tensor(named: "lm_head.weight")),
        try #require(file.tensor(named: "model.embed_tokens.weight"))
      )
      var bytes = try readFile(path)
      bytes.replaceSubrange(output.byteRange, with: bytes[embedding.byteRange])
      try writeFile(bytes, to: path)
      #expect(try Model(path: directory, pool: pool).graph.base.hyperparameters.tiesEmbeddings)
    }
  }

  /// As llama.cpp's converter writes a Gemma 3 whose layers all see everything: no window, and the one rotary embedding.
  @Test func aGemma3WithoutAWindowSeesEverything() throws {
    try withTemporaryDirectory { directory in
      var bytes = try baseGGUF("gemma3-six-layers")
      let name = "gemma3.attention.sliding_window"
      // With its length before it: another key begins with the same letters.
      let key = [UInt8(name.utf8.count), 0, 0, 0, 0, 0, 0, 0] + Array(name.utf8)
      let start = try #require(bytes.indices.first { bytes[$0...].starts(with: key) })
      try writeFile(bytes, to: directory + "/base.gguf")
      #expect(
        try ModelGraph(gguf: GGUFFileSet(path: directory + "/base.gguf")).layers
          .contains { $0.attention?.shape.window != nil })
      bytes[start + key.count - 1] = UInt8(ascii: "X")
      try writeFile(bytes, to: directory + "/base.gguf")
      let layers = try ModelGraph(gguf: GGUFFileSet(path: directory + "/base.gguf")).layers
      let shapes = layers.compactMap(\.attention?.shape)
      #expect(shapes.count == layers.count && shapes.allSatisfy { $0.window == nil && $0.rotary == shapes[5].rotary })
    }
  }

  @Test(arguments: [
    "qwen2", "phi3-longrope", "granite-moe", "gemma3-six-layers", "gpt-oss-mxfp4", "granite-hybrid", "bamba",
  ])
  func aFlippedByteInTheHeaderOfAGGUFNeverTraps(_ name: String) throws {
    try withTemporaryDirectory { directory in
      let bytes = try baseGGUF(name)
      let pool = ThreadPool(threadCount: 1)
      var random = SeededRandom(seed: 7)
      var refused = 0
      for number in 0..<250 {
        var variant = bytes
        // Changes the metadata and the list of tensors; the data after them may be anything.
        variant[Int.random(in: 8..<3000, using: &random)] = UInt8.random(in: 0...255, using: &random)
        try writeFile(variant, to: directory + "/model.gguf")
        if !attempt(directory + "/model.gguf", "\(name), variant \(number)", pool) { refused += 1 }
      }
      #expect(refused > 20)
    }
  }

  @Test(arguments: [
    "gemma3", "phi3-longrope", "granite-moe-hybrid-experts", "qwen3-yarn", "llama-llama3-sharded", "gpt-oss-mxfp4",
    "gemma4", "ministral3", "exaone4", "llama4", "granite-hybrid", "granite-hybrid-experts", "bamba",
  ])
  func anyValueInAConfigurationIsReadOrRefused(_ name: String) throws {
    let values = [
      "0", "-1", "1", "7", "3.5", "1e308", "9007199254740993", "16777216", "null", "true", "\"x\"", "[]", "{}", "[1]",
    ]
    try withTemporaryDirectory { directory in
      let base = try testData("inference/\(name)/base")
      for file in try FileManager.default.contentsOfDirectory(atPath: base) where file != "config.json" {
        try FileManager.default.copyItem(atPath: "\(base)/\(file)", toPath: "\(directory)/\(file)")
      }
      let lines = String(decoding: try readFile(base + "/config.json"), as: UTF8.self).split(
        separator: "\n", omittingEmptySubsequences: false)
      let pool = ThreadPool(threadCount: 1)
      var refused = 0
      for (index, line) in lines.enumerated() {
        guard let colon = line.range(of: "\": "), !line.hasSuffix("{"), !line.hasSuffix("[") else { continue }
        for value in values {
          var variant = lines.map(String.init)
          variant[index] = line[..<colon.upperBound] + value + (line.hasSuffix(",") ? "," : "")
          try writeFile(Array(variant.joined(separator: "\n").utf8), to: directory + "/config.json")
          if !attempt(directory, "\(name): \(variant[index])", pool) { refused += 1 }
        }
      }
      #expect(refused > 20)
    }
  }
}
