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
}
