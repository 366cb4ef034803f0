import AloraModels
import AloraSystem
import AloraTensors
import AloraTestSupport
import CAloraKernels
import Foundation
import Testing

@testable import AloraInference

/// Models whose weights stay in their files.
@Suite struct StreamedModelTests {
  private func bits(_ values: [Float]) -> [UInt32] { values.map { $0.bitPattern } }

  @Test(arguments: Fixture.all) func weightsThatStayInTheFileGiveTheSameBits(_ fixture: Fixture) throws {
    let pools = [1, 3].map { ThreadPool(threadCount: $0) }
    for path in try [fixture.base] + (Fixture.withGGUF.contains { $0.name == fixture.name } ? [fixture.gguf] : []) {
      let kept = try Model(path: path, pool: pools[0])
      let streamed = try Model(path: path, keepsWeights: false, pool: pools[1])
      #expect(kept.weightByteCount > 0 && streamed.weightByteCount == 0)
      var random = SeededRandom(seed: 3)
      for count in [1, 2, 13, 40] {
        let tokens = (0..<count).map { _ in Int.random(in: 0..<kept.vocabularySize, using: &random) }
        let expected = try logits(Evaluator(model: kept, pool: pools[0]), tokens)
        for pool in pools {
          let found = try logits(Evaluator(model: streamed, pool: pool), tokens)
          #expect(bits(found) == bits(expected), "\(path), \(count) tokens, \(pool.threadCount) threads")
        }
      }
    }
  }

  @Test func aFileCutShortAfterLoadingIsAnErrorAndLeavesTheSequence() throws {
    try withTemporaryDirectory { directory in
      let bytes = try readFile(testData("inference/qwen2/base.gguf"))
      let path = directory + "/model.gguf"
      try writeFile(bytes, to: path)
      let pool = ThreadPool(threadCount: 2)
      let model = try Model(path: path, keepsWeights: false, pool: pool)
      let evaluator = Evaluator(model: model, pool: pool)
      let sequence = TokenSequence(model: model, declaredLength: 20)
      _ = try evaluator.evaluate([Work(sequence, tokens: [1, 2], logits: .all)])
      #expect(truncate(path, bytes.count / 2) == 0)
      #expect(throws: FileError.self) { try evaluator.evaluate([Work(sequence, tokens: [3], logits: .all)]) }
      #expect(sequence.tokens == [1, 2])
    }
  }

  /// Heads of 126 rows and pairs of panels only align after 4032 rows, but this matrix has 252.
  @Test func heightsThatSeldomMeetTakeNoMoreMemoryThanTheMatrix() throws {
    try withTemporaryDirectory { directory in
      let (rows, columns) = (252, 8)
      let bytes = (0..<(rows * columns)).flatMap { index in withUnsafeBytes(of: Float(index)) { Array($0) } }
      try writeFile(bytes, to: directory + "/weights")
      let tensor = TensorDescription(
        name: "w", dtype: .f32, shape: try #require(Shape([rows, columns])), byteRange: 0..<bytes.count)
      let source = RowSource(
        file: try MappedFile(path: directory + "/weights"), tensor: tensor, rows: 0..<rows,
        permutation: .halvesToPairs(headDimension: 126))
      let kept = try WeightMatrix(
        source, isDense: false, pool: ThreadPool(threadCount: 1), arena: WeightArena(byteCount: 0))
      let streamed = StreamedMatrix(source, type: ALORA_TYPE_F32, failures: Failures())
      let panelBytes = 32 * columns * 4
      #expect(streamed.scratchByteCount <= 3 * kept.panelCount * panelBytes)
      let scratch = FloatBuffer(count: streamed.scratchByteCount / 4)
      var found: [UInt8] = []
      for panels in [0..<1, 1..<6, 6..<8] {
        streamed.forEachPart(of: panels, in: scratch.base) { packed, part in
          found += UnsafeRawBufferPointer(start: packed, count: part.count * panelBytes)
        }
      }
      #expect(found == Array(UnsafeRawBufferPointer(start: kept.storage, count: kept.byteCount)))
    }
  }

  /// Panels of these types are larger than the rows in the file.
  @Test(arguments: [DType.iq2XXS, .iq2XS, .iq3XXS, .iq1S, .iq1M, .tq1_0])
  func largerPanelsFitIntoTheScratchMemory(_ type: DType) throws {
    let file = try MappedFile(path: testData("gguf/dequant/\(type.name).bin"))
    let columns = type.block.elementCount
    let blockBytes = try #require(type.byteCount(elementCount: columns))
    let rows = file.byteCount / blockBytes
    let tensor = TensorDescription(
      name: "w", dtype: type, shape: try #require(Shape([rows, columns])), byteRange: 0..<file.byteCount)
    let source = RowSource(file: file, tensor: tensor, rows: 0..<rows, permutation: .none)
    let kept = try WeightMatrix(
      source, isDense: false, pool: ThreadPool(threadCount: 1), arena: WeightArena(byteCount: 0))
    let streamed = StreamedMatrix(source, type: kept.type, failures: Failures())
    let panelBytes = kept.byteCount / kept.panelCount
    #expect(panelBytes > 32 * blockBytes)
    let end = streamed.scratchByteCount
    let scratch = FloatBuffer(count: end / 4 + 256)
    let bytes = UnsafeMutableRawPointer(scratch.base).assumingMemoryBound(to: UInt8.self)
    for index in end..<(end + 1024) { bytes[index] = 0xA5 }
    var found: [UInt8] = []
    streamed.forEachPart(of: 0..<kept.panelCount, in: scratch.base) { packed, part in
      found += UnsafeRawBufferPointer(start: packed, count: part.count * panelBytes)
    }
    #expect(found == Array(UnsafeRawBufferPointer(start: kept.storage, count: kept.byteCount)))
    #expect((end..<(end + 1024)).allSatisfy { bytes[$0] == 0xA5 })
  }
}
