internal import AloraModels
internal import AloraTensors
internal import AloraInference

/// Whether the bits of a golden file can be compared with those computed here.
enum Exactness: Hashable, CustomStringConvertible {
  /// `alora golden record` has not made the file.
  case none
  case otherVersion(Int)
  case otherModel
  case otherAdapter
  case comparable

  var description: String {
    switch self {
    case .none: "the goldens have no digests"
    case .otherVersion(let version):
      "the goldens are of exactness version \(version), this is \(exactnessVersion): bits are not compared"
    case .otherModel: "the goldens were recorded with another model file: bits are not compared"
    case .otherAdapter: "the goldens were recorded with another adapter: bits are not compared"
    case .comparable: "bits compared with those recorded"
    }
  }
}

extension Verification {
  /// - Throws: what reading the model's files throws.
  func exactness(_ golden: GoldenFile) throws -> Exactness {
    guard let record = golden.record else { return .none }
    guard record.exactnessVersion == exactnessVersion else { return .otherVersion(record.exactnessVersion) }
    guard record.adapterDigest == adapter.digest.description else { return .otherAdapter }
    return try record.modelDigest == model.source.digest().description ? .comparable : .otherModel
  }

  /// All rows have the bits that were recorded, also those that the file does not keep.
  func compareBits(
    _ name: String, _ record: GoldenRecord.Case, _ golden: GoldenRows, _ base: Run, _ adapted: Run,
    _ findings: inout Findings
  ) {
    for (kind, expected, rows, run) in [
      ("base", record.base, golden.base, base), ("adapted", record.adapted, golden.adapted, adapted),
    ] {
      let changed = rows.keys.sorted().first { position in
        rows[position].map { Digest(floats: $0) != run.digests[position] } ?? false
      }
      guard run.digest.description != expected else {
        if let changed {
          findings.fail(
            .afterActivation, of: name,
            "the golden file's \(kind) row at position \(changed) is not the one that was recorded: the file was changed"
          )
        }
        continue
      }
      let place =
        changed.map { "the first in the file at position \($0)" } ?? "at positions that the file does not keep"
      findings.fail(
        .afterActivation, of: name,
        "the \(kind) logits are not the bits that were recorded with the same model and adapter (\(place))")
    }
  }
}
