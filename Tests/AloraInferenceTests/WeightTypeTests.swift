import AloraModels
import AloraSystem
import AloraTensors
import AloraTestSupport
import CAloraKernels
import Testing

@testable import AloraInference

/// Weights of every type, from a file through packing to products, against the values that the `gguf` package gives.
@Suite struct WeightTypeTests {
  static let types: [DType] = [
    .f16, .bf16, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q2K, .q3K, .q4K, .q5K, .q6K, .iq4NL, .iq4XS, .mxfp4,
    .iq1S, .iq1M, .iq2XXS, .iq2XS, .iq2S, .iq3XXS, .iq3S, .tq1_0, .tq2_0, .nvfp4,
  ]

  /// x = the unit vectors, so that y holds the weights themselves.
  @Test(arguments: types) func productsWithUnitVectorsAreTheWidenedWeights(_ type: DType) throws {
    let name = type.name
    let values = try readFile(testData("gguf/dequant/\(name).f32"))
    let expected = stride(from: 0, to: values.count, by: 4).map { index in
      Float(bitPattern: values[index..<(index + 4)].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
    }
    let columns = type.isBlockFormat ? type.block.elementCount : 1
    let rows = expected.count / columns
    let file = try MappedFile(path: testData("gguf/dequant/\(name).bin"))
    let shape = try #require(Shape([rows, columns]))
    let source = RowSource(
      file: file,
      tensor: TensorDescription(name: name, dtype: type, shape: shape, byteRange: 0..<file.byteCount), rows: 0..<rows,
      permutation: .none)
    let pool = ThreadPool(threadCount: 2)
    let matrix = try WeightMatrix(source, isDense: false, pool: pool, arena: WeightArena(byteCount: 0))
    // Infinite weights would make every sum with them NaN: 0 · inf.
    let usable = (0..<rows).filter { row in expected[(row * columns)..<((row + 1) * columns)].allSatisfy(\.isFinite) }
    #expect(usable.count > 0)
    for set in InstructionSet.available {
      for together in [true, false] {
        let found = unitProducts(matrix, set, together: together)
        let isSame = usable.allSatisfy { row in
          (0..<columns).allSatisfy { found[$0 * rows + row] == expected[row * columns + $0] }
        }
        #expect(isSame, "\(set), \(together ? "all at once" : "one by one")")
      }
    }
    let dense = try WeightMatrix(source, isDense: true, pool: pool, arena: WeightArena(byteCount: 0))
    let floats = dense.storage.assumingMemoryBound(to: Float.self)
    #expect((0..<expected.count).allSatisfy { floats[$0].bitPattern == expected[$0].bitPattern })
  }

  /// y[k] = W · e_k for all k.
  private func unitProducts(_ matrix: WeightMatrix, _ set: InstructionSet, together: Bool) -> [Float] {
    let (rows, columns) = (matrix.rowCount, matrix.columnCount)
    var units = [Float](repeating: 0, count: columns * columns)
    for k in 0..<columns { units[k * columns + k] = 1 }
    var packed = units
    var y = [Float](repeating: .nan, count: columns * rows)
    if together {
      alora_pack_activations(units, columns, columns, columns, 0, alora_tile_count(columns), &packed)
      alora_matmul(
        set.kernel, matrix.type, matrix.storage, rows, columns, 0, matrix.panelCount, packed, columns, 0,
        alora_tile_count(columns), &y, rows)
    } else {
      for k in 0..<columns {
        units.withUnsafeBufferPointer { units in
          y.withUnsafeMutableBufferPointer { y in
            guard let x = units.baseAddress, let target = y.baseAddress else { return }
            alora_matmul(
              set.kernel, matrix.type, matrix.storage, rows, columns, 0, matrix.panelCount, x + k * columns, 1,
              0, 1, target + k * rows, rows)
          }
        }
      }
    }
    return y
  }

  @Test func rowsOfAPermutedTensorComeInTheGraphsOrder() throws {
    try withTemporaryDirectory { directory in
      // 3 heads of 6 rows; row r of the file holds r.
      let (rows, columns, head) = (18, 5, 6)
      var builder = ByteBuilder()
      for row in 0..<rows { for _ in 0..<columns { builder.append(Float(row).bitPattern) } }
      try writeFile(builder.bytes, to: directory + "/rows")
      let file = try MappedFile(path: directory + "/rows")
      let shape = try #require(Shape([rows, columns]))
      let permutation = RowPermutation.halvesToPairs(headDimension: head)
      let source = RowSource(
        file: file, tensor: TensorDescription(name: "t", dtype: .f32, shape: shape, byteRange: 0..<file.byteCount),
        rows: 0..<rows, permutation: permutation)
      let found = try source.floats()
      for row in 0..<rows {
        // The row of the file that was made from `row`.
        let from = (0..<rows).first { permutation.sourceRow(of: $0) == row }
        #expect(found[row * columns] == Float(from ?? -1))
        #expect(permutation.targetRow(of: row) == from)
      }
    }
  }

  @Test func typesThatCannotBeWidenedAreRefused() throws {
    let file = try MappedFile(path: testData("gguf/dequant/Q8_0.bin"))
    let shape = try #require(Shape([1, 256]))
    let source = RowSource(
      file: file, tensor: TensorDescription(name: "t", dtype: .q8K, shape: shape, byteRange: 0..<292), rows: 0..<1,
      permutation: .none)
    let error = caught(InferenceError.self) {
      _ = try WeightMatrix(source, isDense: false, pool: ThreadPool(threadCount: 1), arena: WeightArena(byteCount: 0))
    }
    #expect(error?.code == .unsupportedType)
  }
}
