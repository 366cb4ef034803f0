internal import AloraModels
internal import AloraTensors
internal import AloraInference
internal import AloraJSON
internal import AloraNPZ

/// What `alora golden record` has written about a golden file, in its `meta`: whose bits they are.
public struct GoldenRecord: Sendable {
  /// Digests of one case. Of a run: the SHA-256 of the SHA-256 of every position's row (f32, little-endian), whether the
  /// file keeps that row or not.
  public struct Case: Hashable, Sendable {
    public let base: String
    public let adapted: String
  }

  /// Bits of different versions are not comparable.
  public let exactnessVersion: Int
  /// ``ModelSource/digest()`` in hexadecimal.
  public let modelDigest: String
  /// ``Adapter/digest`` in hexadecimal.
  public let adapterDigest: String
  public let cases: [Case]

  /// Nil where `meta` is missing or is somebody else's.
  ///
  /// - Throws: ``NPZError`` `valueOutOfRange` for a record that is none.
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
        "its record is broken: \([error.place, error.problem].compactMap { $0 }.joined(separator: ": "))")
    }
    guard cases.count == caseCount else {
      throw file.failure(.valueOutOfRange, "meta", "it records \(cases.count) cases, and the file has \(caseCount)")
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
