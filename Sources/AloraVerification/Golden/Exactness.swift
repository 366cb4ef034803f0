internal import AloraModels
internal import AloraTensors
internal import AloraInference

/// Whether the bits of a golden file can be compared with those computed here.
package enum Exactness: Hashable, Sendable {
  /// The file wasn't made by this program, and has no digests.
  case noDigests
  case otherVersion(Int)
  case otherModel
  case otherAdapter
  case comparable
}

extension Verification {
  /// - Throws: what reading the model's files throws.
  func exactness(_ golden: GoldenFile) throws -> Exactness {
    guard let record = golden.record else { return .noDigests }
    guard record.exactnessVersion == exactnessVersion else { return .otherVersion(record.exactnessVersion) }
    guard record.adapterDigest == adapter.digest.description else { return .otherAdapter }
    return try record.modelDigest == model.source.digest().description ? .comparable : .otherModel
  }

  /// Compares all rows with the recorded bits, including rows that the file doesn't keep.
  func compareBits(
    _ index: Int, _ record: GoldenRecord.Case, _ golden: GoldenRows, _ base: Run, _ adapted: Run,
    _ findings: inout Findings
  ) {
    for (weights, expected, rows, run) in [
      (Finding.Weights.base, record.base, golden.base, base), (.adapted, record.adapted, golden.adapted, adapted),
    ] {
      let changed = rows.keys.sorted().first { position in
        rows[position].map { Digest(floats: $0) != run.digests[position] } ?? false
      }
      if run.digest.description != expected {
        findings.fail(.afterActivation, .recordedBitsDiffer(weights, position: changed), ofCase: index)
      } else if let changed {
        findings.fail(.afterActivation, .goldenFileChanged(weights, position: changed), ofCase: index)
      }
    }
  }
}
