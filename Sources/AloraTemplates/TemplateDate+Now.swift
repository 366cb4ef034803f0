internal import AloraSystem

extension TemplateDate {
  /// The local time.
  package static func now() -> TemplateDate? {
    var seconds = time(nil)
    var parts = unsafe tm()
    // Safe: both outlive the call.
    guard unsafe localtime_r(&seconds, &parts) != nil else { return nil }
    return unsafe TemplateDate(
      year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday), hour: Int(parts.tm_hour),
      minute: Int(parts.tm_min), second: Int(parts.tm_sec))
  }
}
