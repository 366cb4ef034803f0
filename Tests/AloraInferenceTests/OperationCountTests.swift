import AloraModels
import AloraTestSupport
import CAloraKernels
import Synchronization
import Testing

@testable import AloraInference

/// How much is computed for the logits that are asked for.
@Suite struct OperationCountTests {
  private static let count = 37

  /// What `bench` takes for a model's work is what the products do, and rows without logits end at the keys and values of the
  /// last layer that has its own.
  @Test(arguments: Fixture.all, [0, 1, 5, 37])
  func theProductsDoTheWorkThatIsCounted(_ fixture: Fixture, outputRows: Int) throws {
    let pool = ThreadPool(threadCount: 2)
    let model = try Model(path: fixture.base, pool: pool)
    let done = Mutex(0)
    let evaluator = Evaluator(model: model, pool: pool, instructionSet: .best) { call in
      call.perform()
      let outputs = min(
        call.panels.count * Int(ALORA_PANEL_ROWS), call.rowCount - call.panels.lowerBound * Int(ALORA_PANEL_ROWS))
      let inputs =
        alora_tile_first_token(call.tiles.upperBound, call.tokenCount)
        - alora_tile_first_token(call.tiles.lowerBound, call.tokenCount)
      done.withLock { $0 += outputs * inputs * call.columnCount }
    }
    let count = Self.count
    let tokens = (0..<count).map { ($0 * 31) % model.vocabularySize }
    let sequence = TokenSequence(model: model, declaredLength: count)
    let logits = try evaluator.evaluate([
      Work(sequence, tokens: tokens, logits: .rows((count - outputRows)..<count))
    ])
    #expect(logits[0].positions == (count - outputRows)..<count)

    // What isn't a product of matrices: in attention, and in recurrent layers, which see all rows.
    var others = 0
    let ownCount = model.graph.layers.count { $0.attention?.sharedLayer == nil }
    for (index, layer) in model.graph.layers.enumerated() {
      let first = index + 1 < ownCount ? 0 : count - outputRows
      switch layer.blocks[0].operation {
      case .mixer(.mamba2(let mamba)):
        let shape = mamba.shape
        others += count * (shape.kernelSize * shape.channelCount + 3 * shape.innerCount * shape.stateSize)
      case .mixer(.shortConvolution(let mixer)):
        others += count * (mixer.shape.kernelSize + 2) * mixer.shape.channelCount
      case .mixer(.gatedDelta(let delta)):
        let shape = delta.shape
        others += count * (shape.kernelSize * shape.channelCount + 4 * shape.valueCount * shape.keyDimension)
      case .mixer(.attention), .feedForward, .streams: break
      }
      guard let shape = layer.attention?.shape else { continue }
      for position in first..<count {
        let seen = (0...position).count { other in
          position - other < shape.window ?? .max && shape.chunk.map { other / $0 == position / $0 } ?? true
        }
        others += 2 * shape.queryRowCount * seen
      }
    }
    let counted = model.operationCount(positions: 0..<count, outputRows: outputRows)
    #expect(Double(2 * (done.withLock { $0 } + others)) == counted)
  }
}
