internal import AloraModels
internal import AloraSystem
internal import AloraInference
internal import AloraVerification
internal import ArgumentParser

/// `--baseline`: compares later runs with the bits of the first.
struct BaselineOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Compare every bit with an earlier run. If the file doesn't exist, it is created; in CI only with --accept.",
      valueName: "json"))
  var baseline: String?

  @Flag(help: "Replace the baseline with this run, if all proofs pass.")
  var accept = false

  func validate() throws {
    try requireFile(baseline, option: "--baseline")
    try require(!accept || baseline != nil, "--accept needs --baseline.")
  }

  /// In CI, a missing baseline usually means a mistyped path; recording one there would pass forever and be thrown away.
  ///
  /// - Throws: ``FileError`` `notFound`.
  func requireFileInCI() throws {
    guard let path = baseline, !accept, FileSystem.kind(of: path) == nil,
      let name = ContinuousIntegration.variable()
    else { return }
    throw FileError(
      .notFound, operation: "open", path: path,
      detail: "it doesn't exist; in CI (\(name) is set) only --accept records a new one")
  }

  /// Compares with the baseline, or writes it.
  ///
  /// - Returns: the result, with one more verdict if there is a baseline.
  /// - Throws: ``JSONError``, ``FileError``; what reading the model's files throws.
  func check(
    _ result: VerificationResult, _ model: Model, _ adapter: Adapter, _ common: CommonOptions
  ) throws -> VerificationResult {
    guard let path = baseline else { return result }
    let (checked, use) = try Baseline.check(
      result, path: path, accepts: accept, modelDigest: try model.source.digest(), adapterDigest: adapter.digest)
    switch use {
    case .differs: common.note("--accept makes the new bits the baseline, if the change is intended")
    case .recorded: common.note("the bits of this run are now in \(path): commit it")
    case .agrees, .notRecorded: break
    }
    return checked
  }
}
