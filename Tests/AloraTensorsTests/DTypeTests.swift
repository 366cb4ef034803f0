import AloraTensors
import Testing

@Suite struct DTypeTests {
  @Test(arguments: DType.allCases) func aBlockFillsWholeBytesAndNamesAreUnique(_ dtype: DType) {
    let block = dtype.block
    #expect(dtype.byteCount(elementCount: 8 * block.elementCount) == block.bitCount)
    #expect(DType.allCases.filter { $0.name == dtype.name }.count == 1)
  }

  @Test func partialBlocksHaveNoByteCount() {
    #expect(DType.q8_0.byteCount(elementCount: 33) == nil)
    #expect(DType.f4.byteCount(elementCount: 3) == nil)
    #expect(DType.f32.byteCount(elementCount: -1) == nil)
    #expect(DType.f64.byteCount(elementCount: .max) == nil)
  }
}
