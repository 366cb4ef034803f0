/// A clock that only goes forward, also when the time of day is set.
package enum MonotonicClock {
  /// Units: nanoseconds since an arbitrary start.
  package static var nanoseconds: Int {
    var time = timespec()
    // Safe: the structure outlives the call. It fails only for a clock that the system lacks, and POSIX requires this one.
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int(time.tv_sec) * 1_000_000_000 + Int(time.tv_nsec)
  }

  /// Units: seconds since an arbitrary start.
  package static var seconds: Double { Double(nanoseconds) * 1e-9 }
}

/// The time of day, which somebody may set.
package enum WallClock {
  /// Units: seconds since 1970.
  package static var seconds: Int {
    var time = timespec()
    // Safe: as above.
    _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int(time.tv_sec)
  }

  /// A time in the form of RFC 3339, in UTC.
  ///
  /// - Parameter seconds: since 1970.
  package static func text(_ seconds: Int) -> String {
    var (time, parts) = unsafe (time_t(seconds), tm())
    // Safe: both outlive the call.
    guard unsafe gmtime_r(&time, &parts) != nil else { return "" }
    func padded(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let date = unsafe [parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday].map(padded).joined(separator: "-")
    let clock = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec].map(padded).joined(separator: ":")
    return "\(date)T\(clock)Z"
  }
}
