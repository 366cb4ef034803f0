@testable import AloraReports
import Testing

@Suite struct FigureTests {
  @Test(arguments: [
    (0.0, "0"), (-0.0, "0"), (1, "1"), (0.1, "0.1"), (0.013625115870220533, "0.0136"),
    (3.779520076540681e-06, "3.78e-6"),
    (9.999e-7, "1e-6"), (0.0009996, "0.001"), (0.99951, "1"), (12.34, "12.3"), (12.35, "12.4"), (123.5, "124"),
    (999.9, "1000"), (123_456, "123000"), (1_234_567, "1.23e6"), (-5.5, "−5.5"), (1e300, "1e300"),
    (Double.leastNonzeroMagnitude, "5e-324"),
    (.infinity, "∞"), (-.infinity, "−∞"), (.nan, "NaN"), (100, "100"), (0.001, "0.001"), (0.00099, "9.9e-4"),
  ]) func figuresAreRoundedForPeople(_ value: Double, _ text: String) {
    #expect(Figure(value).description == text)
  }

  @Test(arguments: [
    (0.0, "0.0 %"), (1, "100.0 %"), (0.5, "50.0 %"), (0.0001, "< 0.1 %"), (0.9999, "> 99.9 %"), (0.9993, "99.9 %"),
    (0.0005, "0.1 %"), (.nan, "NaN"), (1e300, "1e300"),
  ]) func percentagesAreNotMoreCertainThanTheyAre(_ value: Double, _ text: String) {
    #expect(Figure.percentage(value) == text)
  }

  @Test(arguments: [(0.0, "0.00"), (33.9, "33.90"), (-0.001, "0.00"), (-1.5, "−1.50"), (.nan, "NaN"), (1e9, "1e9")])
  func logitsHaveTwoPlaces(_ value: Double, _ text: String) { #expect(Figure.hundredths(value) == text) }

  @Test func digitsCanBeAskedFor() {
    #expect(Figure(12.3456, digits: 4).description == "12.35" && Figure(12.3456, digits: 1).description == "10")
  }
}
