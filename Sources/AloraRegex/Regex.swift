internal import COnig

/// A pattern that Oniguruma does not accept, or one that took too long.
package struct RegexError: Error, Hashable {
  package enum Code: Hashable, Sendable {
    case malformed
    /// All matches together have taken longer than ``MatchingBudget`` allows.
    case tooSlow
    /// Matching backtracked more often than the limit allows: the pattern is hostile or badly written.
    case tooManyRetries
  }
  package let code: Code
  package let pattern: String
  package let detail: String
}

/// A compiled regular expression over UTF-8, on Oniguruma.
///
/// Matching is bounded: a pattern that backtracks too often throws instead of hanging.
@safe package final class CompiledRegex: Sendable {
  package enum Syntax: Sendable {
    /// Python's `re`, for PEFT's patterns.
    case python
    /// Oniguruma's own, for patterns in `tokenizer.json`.
    case oniguruma
  }

  package let pattern: String
  // Safe to share: compiled once, and Oniguruma only reads it while matching.
  private nonisolated(unsafe) let regex: OnigRegex

  private static let retryLimit: UInt = 5_000_000

  // Oniguruma's own set-up is not thread-safe; a static constant is initialized once.
  private static let isInitialized: Bool = {
    var encoding: [OnigEncoding?] = unsafe [alora_onig_utf8()]
    return unsafe onig_initialize(&encoding, 1) == ONIG_NORMAL
  }()

  /// - Throws: `malformed` with Oniguruma's words.
  package init(_ pattern: String, syntax: Syntax) throws(RegexError) {
    precondition(Self.isInitialized, "Oniguruma could not be initialized")
    var regex: OnigRegex?
    var info = unsafe OnigErrorInfo()
    let bytes = [UInt8](pattern.utf8)
    // Safe: the pattern's bytes live for the call; Oniguruma copies what it keeps.
    let (code, words) = unsafe bytes.withUnsafeBufferPointer { buffer -> (Int32, String) in
      let empty: [UInt8] = [0]
      return unsafe empty.withUnsafeBufferPointer { fallback in
        guard let start = unsafe buffer.baseAddress ?? fallback.baseAddress else { return (-1, "") }
        let code = unsafe onig_new(
          &regex, start, start + buffer.count, ONIG_OPTION_NONE, alora_onig_utf8(),
          syntax == .python ? alora_onig_python() : alora_onig_oniguruma(), &info)
        return (code, code == ONIG_NORMAL ? "" : unsafe errorText(code, &info))
      }
    }
    guard code == ONIG_NORMAL, let regex = unsafe regex else {
      throw RegexError(code: .malformed, pattern: pattern, detail: words)
    }
    self.pattern = pattern
    unsafe self.regex = regex
  }

  deinit { unsafe onig_free(regex) }

  /// The end of a match that starts at `offset` exactly, or nil: Python's `re.match` for offset 0.
  ///
  /// - Throws: `tooManyRetries`, `tooSlow`.
  package func matchEnd(in text: [UInt8], at offset: Int = 0) throws(RegexError) -> Int? {
    precondition(offset >= 0 && offset <= text.count, "offset outside the text")
    guard let limits = MatchLimits(retries: Self.retryLimit) else { throw failure(ONIGERR_MEMORY) }
    let result = try timed(text.count - offset) {
      unsafe withTextPointers(text) { start, end in
        unsafe onig_match_with_param(regex, start, end, start + offset, nil, ONIG_OPTION_NONE, limits.parameters)
      }
    }
    if result == ONIG_MISMATCH { return nil }
    guard result >= 0 else { throw failure(result) }
    return offset + Int(result)
  }

  /// The first match at or after `offset`, or nil.
  ///
  /// - Throws: `tooManyRetries`, `tooSlow`.
  package func firstMatch(in text: [UInt8], from offset: Int = 0) throws(RegexError) -> Range<Int>? {
    precondition(offset >= 0 && offset <= text.count, "offset outside the text")
    guard let limits = MatchLimits(retries: Self.retryLimit), let region = unsafe onig_region_new() else {
      throw failure(ONIGERR_MEMORY)
    }
    defer { unsafe onig_region_free(region, 1) }
    let result = try timed(text.count - offset) {
      unsafe withTextPointers(text) { start, end in
        unsafe onig_search_with_param(
          regex, start, end, start + offset, end, region, ONIG_OPTION_NONE, limits.parameters)
      }
    }
    if result == ONIG_MISMATCH { return nil }
    guard result >= 0, unsafe region.pointee.num_regs > 0 else { throw failure(result) }
    return unsafe Int(region.pointee.beg[0])..<Int(region.pointee.end[0])
  }

  /// Appends all matches in `range` from left to right; the bytes around it are treated as outside the text.
  ///
  /// An empty match right after another match is skipped, as the `onig` crate does for Hugging Face's tokenizers.
  /// - Throws: `tooManyRetries`, `tooSlow`.
  package func appendMatches(
    in text: [UInt8], range: Range<Int>, to matches: inout [Range<Int>]
  ) throws(RegexError) {
    precondition(range.lowerBound >= 0 && range.upperBound <= text.count, "range outside the text")
    guard let limits = MatchLimits(retries: Self.retryLimit), let region = unsafe onig_region_new() else {
      throw failure(ONIGERR_MEMORY)
    }
    defer { unsafe onig_region_free(region, 1) }
    // A search may fail at every offset of the text, so all searches together are bounded, too.
    let searchLimit = Self.retryLimit + UInt(clamping: range.count.multipliedReportingOverflow(by: 32).partialValue)
    _ = unsafe onig_set_retry_limit_in_search_of_match_param(limits.parameters, searchLimit)
    var offset = 0
    var lastEnd = -1
    while offset <= range.count {
      // Each byte is counted once, regardless of the number of matches.
      let result = try timed(offset == 0 ? range.count : 0) {
        // Safe: the region belongs to this call, and the range has been checked against the text.
        unsafe withTextPointers(text) { start, _ -> Int32 in
          let (first, end) = unsafe (start + range.lowerBound, start + range.upperBound)
          return unsafe onig_search_with_param(
            regex, first, end, first + offset, end, region, ONIG_OPTION_NONE, limits.parameters)
        }
      }
      if result == ONIG_MISMATCH { return }
      guard result >= 0, unsafe region.pointee.num_regs > 0 else { throw failure(result) }
      let (first, end) = unsafe (Int(region.pointee.beg[0]), Int(region.pointee.end[0]))
      if first == end && end == lastEnd {
        // Moves to the next character. Continuation bytes belong to the character before them.
        offset = end + 1
        while offset < range.count, text[range.lowerBound + offset] & 0xC0 == 0x80 { offset += 1 }
        continue
      }
      matches.append((range.lowerBound + first)..<(range.lowerBound + end))
      offset = end
      lastEnd = end
    }
  }

  /// Whether a match starts at the text's first byte: Python's `re.match`.
  ///
  /// - Throws: `tooManyRetries`, `tooSlow`.
  package func matchesPrefix(of text: String) throws(RegexError) -> Bool {
    try matchEnd(in: [UInt8](text.utf8)) != nil
  }

  /// Runs a match over `byteCount` bytes, within the time that all matches may take.
  private func timed(_ byteCount: Int, _ body: () -> Int32) throws(RegexError) -> Int32 {
    guard let result = MatchingBudget.spend(byteCount: byteCount, body) else {
      throw RegexError(code: .tooSlow, pattern: pattern, detail: MatchingBudget.detail)
    }
    return result
  }

  private func failure(_ code: Int32) -> RegexError {
    let retries = code == ONIGERR_RETRY_LIMIT_IN_MATCH_OVER || code == ONIGERR_RETRY_LIMIT_IN_SEARCH_OVER
    return RegexError(
      code: .tooManyRetries, pattern: pattern,
      detail: retries ? "the pattern backtracks too often" : errorText(code, nil))
  }
}

/// Oniguruma's limits for one match.
@safe private struct MatchLimits: ~Copyable {
  let parameters: OpaquePointer

  /// Nil: no memory.
  init?(retries: UInt) {
    guard let parameters = unsafe onig_new_match_param() else { return nil }
    _ = unsafe onig_initialize_match_param(parameters)
    _ = unsafe onig_set_retry_limit_in_match_of_match_param(parameters, retries)
    unsafe self.parameters = parameters
  }

  deinit { unsafe onig_free_match_param(parameters) }
}

/// Calls `body` with the ends of the text, which are valid pointers for an empty text too.
private func withTextPointers<Result>(
  _ text: [UInt8], _ body: (UnsafePointer<UInt8>, UnsafePointer<UInt8>) -> Result
) -> Result {
  unsafe text.withUnsafeBufferPointer { buffer in
    if let start = buffer.baseAddress { return unsafe body(start, start + buffer.count) }
    let nothing: UInt8 = 0
    return unsafe withUnsafePointer(to: nothing) { unsafe body($0, $0) }
  }
}

private func errorText(_ code: Int32, _ info: UnsafePointer<OnigErrorInfo>?) -> String {
  var buffer = [UInt8](repeating: 0, count: Int(ONIG_MAX_ERROR_MESSAGE_LEN))
  let count = unsafe alora_onig_error_text(&buffer, code, info)
  return String(decoding: buffer.prefix(max(0, Int(count))), as: UTF8.self)
}
