/// A floating-point type of eight bits: each of its 256 codes stands for a number that f32 holds exactly.
///
/// Source: the OCP 8-bit floating point specification for E4M3 and E5M2, the OCP microscaling specification for E8M0, and
/// the safetensors format for the FNUZ forms, which lack infinities and negative zero.
package struct EightBitFloat: Sendable {
  /// By code.
  package let values: [Float]

  /// Nil for other types.
  package init?(_ dtype: DType) {
    switch dtype {
    case .f8E4M3: values = Self.e4m3
    case .f8E5M2: values = Self.e5m2
    case .f8E4M3FNUZ: values = Self.e4m3FNUZ
    case .f8E5M2FNUZ: values = Self.e5m2FNUZ
    case .f8E8M0: values = Self.e8m0
    default: return nil
    }
  }

  private static let e4m3 = (0...255).map { (code: UInt8) -> Float in
    code & 0x7F == 0x7F ? .nan : number(code, mantissaBits: 3, bias: 7)
  }
  private static let e5m2 = (0...255).map { (code: UInt8) -> Float in
    guard code & 0x7C == 0x7C else { return number(code, mantissaBits: 2, bias: 15) }
    return code & 3 != 0 ? .nan : code & 0x80 == 0 ? .infinity : -.infinity
  }
  private static let e4m3FNUZ = (0...255).map { (code: UInt8) -> Float in
    code == 0x80 ? .nan : number(code, mantissaBits: 3, bias: 8)
  }
  private static let e5m2FNUZ = (0...255).map { (code: UInt8) -> Float in
    code == 0x80 ? .nan : number(code, mantissaBits: 2, bias: 16)
  }
  private static let e8m0 = (0...255).map { (code: UInt8) -> Float in
    code == 0xFF ? .nan : Float(sign: .plus, exponent: Int(code) - 127, significand: 1)
  }

  private static func number(_ code: UInt8, mantissaBits: Int, bias: Int) -> Float {
    let exponent = Int(code & 0x7F) >> mantissaBits
    let mantissa = Int(code) & (1 << mantissaBits - 1)
    let significand = Float(exponent == 0 ? mantissa : mantissa + 1 << mantissaBits)
    let value = Float(sign: .plus, exponent: max(exponent, 1) - bias - mantissaBits, significand: significand)
    return code & 0x80 == 0 ? value : -value
  }
}
