import AloraSystem
import AloraConversion
import AloraGGUF
import AloraNPZ
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

/// What llama.cpp makes of a converted file is PEFT's update, where one alpha cannot say it.
@Suite struct EffectiveUpdateTests {
  static let cases = ReferenceCase.all.filter {
    FileManager.default.fileExists(atPath: (try? $0.path("effective.npz")) ?? "")
  }

  @Test func thereAreCases() { #expect(Self.cases.count >= 7) }

  /// alpha / r · B · A, as llama.cpp computes it, against every fourth row of PEFT's own `get_delta_weight`.
  ///
  /// The tolerance bounds the rounding to f32. An update is a sum of r products. PEFT rounds every product, every partial
  /// sum, and the scaling; a folded factor rounds each element of B once more. Each rounding changes the result by at most
  /// 2⁻²⁴ of the sum of magnitudes.
  @Test(arguments: cases) func theUpdateIsPEFTs(_ item: ReferenceCase) throws {
    let effective = try NPZFile(path: item.path("effective.npz"))
    try withTemporaryDirectory { directory in
      let path = directory + "/out.gguf"
      _ = try item.plan(.f32).write(to: path, replacesExisting: false)
      let file = try GGUFFileSet(path: path)
      let alpha = Float(try #require(try file.metadata.number(ifPresent: "adapter.lora.alpha")))
      #expect(file.tensors.count == 2 * effective.arrays.count)
      for array in effective.arrays {
        let a = try matrix("\(array.name).lora_a", file)
        let b = try matrix("\(array.name).lora_b", file)
        let expected = try effective.floats(named: array.name)
        #expect(array.shape.dimensions == [(b.rows + 3) / 4, a.columns])
        let scale = alpha / Float(b.columns)
        var worst = 0.0
        for row in stride(from: 0, to: b.rows, by: 4) {
          for column in 0..<a.columns {
            var (sum, magnitude) = (0.0, 0.0)
            for k in 0..<b.columns {
              let product = Double(b.values[row * b.columns + k]) * Double(a.values[k * a.columns + column])
              sum += product
              magnitude += abs(product)
            }
            let delta = abs(Double(scale) * sum - Double(expected[row / 4 * a.columns + column]))
            worst = max(worst, delta / max(Double(abs(scale)) * magnitude * 0x1p-24, .leastNormalMagnitude))
          }
        }
        #expect(worst <= Double(b.columns + 4), "\(array.name): \(worst) roundings")
      }
    }
  }

  private func matrix(_ name: String, _ file: GGUFFileSet) throws -> (values: [Float], rows: Int, columns: Int) {
    let tensor = try #require(file.tensor(named: name), "\(name)")
    let bytes = try file.readBytes(of: tensor, in: 0..<tensor.byteRange.count)
    let values = stride(from: 0, to: bytes.count, by: 4).map { start in
      Float(bitPattern: bytes[start..<(start + 4)].reversed().reduce(0) { $0 << 8 | UInt32($1) })
    }
    return (values, tensor.shape.rowCount, tensor.shape.columnCount)
  }
}
