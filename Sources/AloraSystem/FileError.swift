/// A failure of the file system, or a file of a kind that can't be read.
public struct FileError: DiagnosedError, Hashable {
  public struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable {
      case notFound, permissionDenied, notARegularFile, notADirectory, alreadyExists, noSpace, changed, tooLong, system
    }
    let value: Value
    public static let notFound = Code(value: .notFound)
    public static let permissionDenied = Code(value: .permissionDenied)
    /// A directory, pipe or device instead of a file.
    public static let notARegularFile = Code(value: .notARegularFile)
    /// A file instead of a directory.
    public static let notADirectory = Code(value: .notADirectory)
    public static let alreadyExists = Code(value: .alreadyExists)
    /// The disk or the quota is full.
    public static let noSpace = Code(value: .noSpace)
    /// The file became shorter while it was being read.
    public static let changed = Code(value: .changed)
    /// A line of a stream is longer than the limit.
    public static let tooLong = Code(value: .tooLong)
    /// Any other error number of the system.
    public static let system = Code(value: .system)
  }

  public let code: Code
  /// What was being done: `open`, `read`, `write`, `sync`, `rename`.
  public let operation: String
  public let filePath: String
  /// The system's message, or what was found instead.
  public let detail: String

  public init(_ code: Code, operation: String, path: String, detail: String) {
    self.code = code
    self.operation = operation
    self.filePath = path
    self.detail = detail
  }

  public var category: ErrorCategory { code == .tooLong ? .refusedInput : .inputOutput }
  public var path: String? { filePath }
  public var place: String? { nil }
  public var problem: String { "cannot \(operation): \(detail)" }
  public var remedy: Remedy? {
    switch code.value {
    case .notFound: "check the path"
    case .permissionDenied: "check the permissions of the file and of its directory"
    case .notARegularFile: "give the path of a regular file"
    case .notADirectory: "give the path of a directory, or a new one"
    case .alreadyExists: .either([.overwrite, .otherOutput])
    case .noSpace: "free some space; nothing was left behind"
    case .changed: "do not write to it while alora reads it, then run again"
    case .tooLong: "end each line with a newline"
    case .system: nil
    }
  }
}
