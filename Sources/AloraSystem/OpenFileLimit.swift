/// How many files this process may have open, sockets included.
package enum OpenFileLimit {
  #if canImport(Glibc)
    private static var resource: Int32 { Int32(RLIMIT_NOFILE.rawValue) }
  #else
    private static var resource: Int32 { RLIMIT_NOFILE }
  #endif

  /// Raises the limit to `wanted`, or as far as this user may, and never lowers it.
  ///
  /// - Returns: the limit; nil if the system doesn't say.
  package static func raise(to wanted: Int) -> Int? {
    var limit = rlimit()
    guard unsafe getrlimit(resource, &limit) == 0 else { return nil }
    let target = min(rlim_t(clamping: wanted), limit.rlim_max)
    if limit.rlim_cur < target {
      var raised = limit
      raised.rlim_cur = target
      if unsafe setrlimit(resource, &raised) == 0 { limit = raised }
    }
    return Int(clamping: limit.rlim_cur)
  }
}
