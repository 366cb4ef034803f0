package import AloraSystem
internal import NIOCore

/// How many connections there are files for.
package enum ConnectionCount {
  /// A server that can't take eight isn't worth starting.
  static let least = 8

  /// Files that a server needs besides its connections: three for each event loop and for the engine's, standard streams, the
  /// listening socket, and some for an adapter that is loaded meanwhile.
  static var otherFileCount: Int { 3 * (System.coreCount + 1) + 24 }

  /// Raises the process's limit of open files if that is needed.
  ///
  /// - Returns: `wanted`, or fewer if there aren't enough files.
  /// - Throws: ``TooFewFilesError``. Without this check, the first event loop ends the process.
  package static func available(wanted: Int) throws(TooFewFilesError) -> Int {
    guard let limit = OpenFileLimit.raise(to: otherFileCount + wanted) else { return wanted }
    let count = min(wanted, limit - otherFileCount)
    guard count >= least else { throw TooFewFilesError(limit: limit, needed: otherFileCount + least) }
    return count
  }
}

/// The process may not open as many files as a server needs.
package struct TooFewFilesError: DiagnosedError, Hashable {
  let limit: Int
  let needed: Int

  package var problem: String { "a server needs \(needed) open files, but this process may have \(limit)" }
  package var remedy: Remedy? { "raise the limit, with ulimit -n for example" }
  package var path: String? { nil }
  package var place: String? { nil }
  package var category: ErrorCategory { .inputOutput }
}
