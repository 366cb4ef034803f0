extension AtomicFile {
  /// Writes `bytes`, and makes the file appear with them.
  ///
  /// - Throws: as ``write(_:)`` and ``commit()``.
  package func commit(_ bytes: [UInt8]) throws(FileError) {
    // Safe: the span is read before `write` returns.
    try write(unsafe bytes.span.bytes)
    try commit()
  }

  /// Writes a whole file.
  ///
  /// - Throws: as ``init(path:replacesExisting:)``, ``write(_:)`` and ``commit()``.
  package static func write(_ bytes: [UInt8], to path: String, replacesExisting: Bool) throws(FileError) {
    try AtomicFile(path: path, replacesExisting: replacesExisting).commit(bytes)
  }
}
