/// A moment, for templates that write the date.
package struct TemplateDate: Hashable, Sendable {
  package let year: Int
  /// 1 to 12.
  package let month: Int
  /// 1 to 31.
  package let day: Int
  package let hour: Int
  package let minute: Int
  package let second: Int

  /// Nil if a part is out of its range.
  package init?(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
    guard (1...9999).contains(year), (1...12).contains(month), (1...31).contains(day), (0...23).contains(hour),
      (0...59).contains(minute), (0...60).contains(second)
    else { return nil }
    (self.year, self.month, self.day) = (year, month, day)
    (self.hour, self.minute, self.second) = (hour, minute, second)
  }

  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ]
  private static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

  /// 0 for Sunday.
  private var weekday: Int {
    // Sakamoto's method.
    let offsets = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4]
    let year = month < 3 ? year - 1 : year
    return (year + year / 4 - year / 100 + year / 400 + offsets[month - 1] + day) % 7
  }

  /// As `strftime` in the C locale; nil for a directive that is not supported.
  func formatted(_ format: String) -> String? {
    func padded(_ number: Int, _ width: Int = 2) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    var result = String.UnicodeScalarView()
    var scalars = format.unicodeScalars.makeIterator()
    while let scalar = scalars.next() {
      guard scalar == "%" else {
        result.append(scalar)
        continue
      }
      let text: String
      switch scalars.next() {
      case "Y": text = padded(year, 4)
      case "y": text = padded(year % 100)
      case "m": text = padded(month)
      case "d": text = padded(day)
      case "B": text = Self.months[month - 1]
      case "b": text = String(Self.months[month - 1].prefix(3))
      case "A": text = Self.weekdays[weekday]
      case "a": text = String(Self.weekdays[weekday].prefix(3))
      case "H": text = padded(hour)
      case "I": text = padded((hour + 11) % 12 + 1)
      case "M": text = padded(minute)
      case "S": text = padded(second)
      case "p": text = hour < 12 ? "AM" : "PM"
      case "%": text = "%"
      default: return nil
      }
      result.add(text)
    }
    return String(result)
  }
}
