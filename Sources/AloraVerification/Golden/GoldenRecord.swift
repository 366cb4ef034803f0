internal import AloraSystem
internal import AloraModels
internal import AloraTensors
internal import AloraInference
internal import AloraJSON
internal import AloraNPZ

/// The record that `alora golden record` puts into a golden file's `meta`: which model and adapter made its bits.
package struct GoldenRecord: Sendable {
  /// Digests of one case: the SHA-256 of the SHA-256 of every position's row (f32, little-endian), including rows that the
  /// file doesn't keep.
  package struct Case: Hashable, Sendable {
    package let base: String
    package let adapted: String
  }

  /// Bits of different versions can't be compared.
  package let exactnessVersion: Int
  /// ``ModelSource/digest()`` in hexadecimal.
  package let modelDigest: String
  /// ``Adapter/digest`` in hexadecimal.
  package let adapterDigest: String
  package let cases: [Case]

  /// Nil if `meta` is missing or was written by another program.
  ///
  /// - Throws: ``NPZError`` `valueOutOfRange` for a damaged record.
  init?(_ file: NPZFile, caseCount: Int) throws {
    guard file["meta"] != nil else { return nil }
    let text: String
    do { text = try file.text(named: "meta") } catch let error as NPZError
      where error.code == .wrongType || error.code == .wrongShape || error.code == .invalidText
    { return nil }
    let root: JSON
    do throws(JSONError) { root = try JSONDocument(parsing: unsafe Array(text.utf8).span.bytes).root } catch {
      return nil
    }
    guard root.kind == .object, let version = try root[optional: "exactness_version"] else { return nil }
    do throws(JSONError) {
      exactnessVersion = try version.integer(in: 0...Int(Int32.max))
      modelDigest = try root["model_sha256"].string()
      adapterDigest = try root["adapter_sha256"].string()
      var cases: [Case] = []
      for element in try root["cases"].elements() {
        cases.append(Case(base: try element["base_sha256"].string(), adapted: try element["adapted_sha256"].string()))
      }
      self.cases = cases
    } catch {
      throw file.failure(
        .valueOutOfRange, "meta",
        "its record is damaged: \([error.place, error.problem].compactMap { $0 }.joined(separator: ": "))")
    }
    guard cases.count == caseCount else {
      throw file.failure(.valueOutOfRange, "meta", "it records \(cases.count) cases, but the file has \(caseCount)")
    }
  }
}

extension Verification.Run {
  /// The digest of all rows; see ``GoldenRecord/Case``.
  var digest: Digest {
    var hasher = Digest.Hasher()
    for digest in digests { hasher.add(digest.bytes) }
    return hasher.end()
  }
}
