import AloraTensors
import Foundation
import Testing

@Suite struct ExactMathTests {
  @Test func theInverseErrorFunctionUndoesTheErrorFunction() {
    for index in 0..<2000 {
      let y = -0.9999 + 1.9998 * Double(index) / 1999
      let x = ExactMath.inverseErrorFunction(y)
      #expect(abs(Foundation.erf(x) - y) <= 2e-15, "\(y)")
      #expect(ExactMath.inverseErrorFunction(-y) == -x)
    }
    #expect(ExactMath.inverseErrorFunction(1) == .infinity && ExactMath.inverseErrorFunction(-1) == -.infinity)
    #expect(ExactMath.inverseErrorFunction(1.5).isNaN && ExactMath.inverseErrorFunction(.nan).isNaN)
    #expect(ExactMath.inverseErrorFunction(1 - 0x1p-53) > 5.8)
  }

  /// `torch.distributions.Normal(0, 1).icdf` in float32 (PyTorch 2.15).
  @Test(arguments: [
    (Float(0.95), Float(1.6448535919189453)), (0.9, 1.281551480293274), (0.6, 0.25334715843200684),
    (0.2, -0.8416212797164917), (0.5, 0),
  ])
  func quantilesHavePyTorchsBits(_ part: Float, _ expected: Float) {
    let quantile = Float(ExactMath.inverseErrorFunction(Double(2 * part - 1))) * Float(2.0.squareRoot())
    #expect(quantile == expected)
  }
}
