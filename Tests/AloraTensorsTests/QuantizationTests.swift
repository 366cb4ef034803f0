import AloraTensors
import AloraTestSupport
import Testing

/// Block formats get the bytes of ggml's quantizers.
@Suite struct QuantizationTests {
  /// testdata/gguf/quantized.txt: digests of the bytes that ggml makes, compiled without contraction.
  private static func digests() throws -> [(type: DType, kind: WeightKind, digest: String)] {
    let text = try String(decoding: readFile(testData("gguf/quantized.txt")), as: UTF8.self)
    return try text.split(separator: "\n").map { line in
      let words = line.split(separator: " ").map(String.init)
      return (
        try #require(DType.allCases.first { $0.name == words[0] }), try #require(WeightKind(rawValue: words[1])),
        words[2]
      )
    }
  }
  static let types: [DType] = [
    .q4_0, .q4_1, .q5_0, .q5_1, .q2K, .q3K, .q4K, .q5K, .q6K, .iq4NL, .iq4XS, .tq1_0, .tq2_0, .mxfp4,
  ]
  /// Types with a scale that a search finds, so that no largest magnitude is known beforehand.
  private static let searched: [DType] = [.q2K, .q3K, .q4K, .q5K, .q6K, .iq4NL, .iq4XS]

  @Test func everyTypeHasTheBytesOfGGML() throws {
    let digests = try Self.digests()
    #expect(Set(digests.map(\.type)) == Set(Self.types))
    #expect(digests.count == Self.types.count * WeightKind.allCases.count - 5)
    var bytes: [UInt8] = []
    for (type, kind, digest) in digests {
      ElementConversion.narrow(kind.weights(count: 4096), to: type, into: &bytes)
      #expect(sha256(bytes).hasPrefix(digest), "\(type), \(kind)")
    }
  }

  @Test(arguments: types) func threadsDoNotChangeABit(_ type: DType) {
    let weights = WeightKind.outliers.weights(count: 256 * 7)
    var (alone, together): ([UInt8], [UInt8]) = ([], [])
    #expect(ElementConversion.narrow(weights, to: type, into: &alone))
    for partCount in [2, 3, 20] {
      let division = WorkDivision(partCount: partCount) { body in (0..<partCount).reversed().forEach(body) }
      #expect(ElementConversion.narrow(weights, to: type, into: &together, division: division))
      #expect(together == alone)
    }
  }

  @Test(arguments: types) func decodedWeightsAreNearTheirOriginals(_ type: DType) {
    let weights = WeightKind.bell.weights(count: 4096)
    var (bytes, decoded): ([UInt8], [Float]) = ([], [])
    ElementConversion.narrow(weights, to: type, into: &bytes)
    ElementConversion.widen(bytes, type, count: weights.count, into: &decoded)
    let squares = RowArithmetic.squares(weights, decoded)
    let limit = [.tq1_0, .tq2_0].contains(type) ? 0.8 : type == .q2K ? 0.3 : type == .q3K ? 0.17 : 0.12
    #expect((squares.difference / squares.size).squareRoot() < limit)
  }

  @Test(arguments: types) func zerosStayZeros(_ type: DType) {
    var (bytes, decoded): ([UInt8], [Float]) = ([], [])
    for zero in [Float(0), -0.0] {
      #expect(ElementConversion.narrow([Float](repeating: zero, count: 512), to: type, into: &bytes))
      ElementConversion.widen(bytes, type, count: 512, into: &decoded)
      #expect(decoded.allSatisfy { $0 == 0 })
    }
  }

  @Test(arguments: searched) func aScaleThatAnF16CannotHoldIsReported(_ type: DType) {
    var bytes: [UInt8] = []
    for position in [0, 255, 256 * 4 - 1] {
      var weights = WeightKind.bell.weights(count: 256 * 4)
      weights[position] = -1e12
      #expect(!ElementConversion.narrow(weights, to: type, into: &bytes), "at \(position)")
      weights[position] = -1000
      #expect(ElementConversion.narrow(weights, to: type, into: &bytes), "at \(position)")
    }
  }

  @Test func codebookTypesAreNotWritten() {
    let unwritten = DType.allCases.filter { $0.isBlockFormat && !ElementConversion.canNarrow($0) }
    #expect(
      Set(unwritten) == [
        .iq1S, .iq1M, .iq2XXS, .iq2XS, .iq2S, .iq3XXS, .iq3S, .q8_1, .q8K, .nvfp4, .q1_0, .q2_0,
      ])
  }
}

/// Weights of each kind, made as scripts/differential/compare_quantize.py makes them: every step is one rounding to f32.
private enum WeightKind: String, CaseIterable {
  case bell, outliers, zeros, constant, groups, positive, scales, exponents, denormal, grid, halves, sparse, signs,
    large

  func weights(count: Int) -> [Float] {
    let units = (0..<4).map { part in Self.draw(UInt64(part), count).map { Float(Int32(bitPattern: $0)) * 0x1p-31 } }
    let (choice, other) = (Self.draw(4, count), Self.draw(5, count))
    let bell = (0..<count).map { (place: Int) -> Float in
      let (first, second) = (units[0][place] + units[1][place], units[2][place] + units[3][place])
      return (first + second) * 0.02
    }
    return (0..<count).map { (place: Int) -> Float in
      switch self {
      case .bell: bell[place]
      case .outliers: choice[place] % 64 == 0 ? bell[place] * 50 : bell[place]
      case .zeros: choice[place / 16] % 4 == 0 ? 0 : bell[place]
      case .constant: bell[place / 32 * 32]
      case .groups: abs(bell[place / 16 * 16])
      case .positive: abs(bell[place])
      case .scales: bell[place] * Self.power(place / 256 * 13 % 109 - 100)
      case .exponents: bell[place] * Self.power(Int(choice[place] % 64) - 60)
      case .denormal: Float(Int32(bitPattern: choice[place]) >> 10) * 0x1p-149
      case .grid: Float(Int(choice[place] % 16) - 8) * 0.25
      case .halves: Float(Int(choice[place] % 31) - 15) * 0.015625 + 0.0078125
      case .sparse: choice[place] % 200 == 0 ? bell[place] : 0
      case .signs: other[place] % 2 == 0 ? 0.75 : -0.75
      case .large: bell[place] * Self.power(Int(choice[place / 256] % 20))
      }
    }
  }

  private static func power(_ exponent: Int) -> Float { Float(sign: .plus, exponent: exponent, significand: 1) }

  /// SplitMix64's high 32 bits.
  private static func draw(_ seed: UInt64, _ count: Int) -> [UInt32] {
    (1...UInt64(count)).map { place in
      var z = (place + seed << 32) &* 0x9E37_79B9_7F4A_7C15
      z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
      return UInt32((z ^ z >> 31) >> 32)
    }
  }
}
