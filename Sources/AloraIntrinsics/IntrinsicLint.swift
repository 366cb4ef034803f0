internal import AloraAdapters
package import AloraGeneration
internal import AloraJSON
internal import AloraModels
internal import AloraSchemas
internal import AloraSystem

/// Checks an intrinsic's `io.yaml` for what breaks in practice: fields, schema, tokens and invocation.
package struct IntrinsicLint {
  let configuration: IntrinsicConfiguration
  /// The base with its tokenizer and template; nil if it isn't known.
  let base: IntrinsicBase?
  /// The adapter's invocation; nil for a plain LoRA.
  let invocation: [Int]?

  /// - Parameters:
  ///   - base: nil leaves out the checks of tokens and invocation.
  ///   - invocation: the adapter's invocation tokens; nil for a plain LoRA.
  package init(_ configuration: IntrinsicConfiguration, base: IntrinsicBase? = nil, invocation: [Int]? = nil) {
    self.configuration = configuration
    self.base = base
    self.invocation = invocation
  }

  /// Everything found, in the order of the file.
  ///
  /// - Throws: what tokenizing and rendering the chat template throw.
  package func findings() throws -> [IntrinsicFinding] {
    var findings = configuration.fieldFindings
    let likelihoods = configuration.likelihoods.prefix(Self.likelihoodLimit)
    if let schema = configuration.schema {
      let serialized = Array(schema.serialized(isPretty: false).utf8)
      do {
        _ = try CompiledSchema(text: serialized)
        for likelihood in likelihoods { findings += self.findings(likelihood, schema) }
      } catch { findings.append(.schemaRefused(problem: Self.text(error))) }
    }
    if let base {
      for likelihood in likelihoods { findings += try tokenFindings(likelihood, base) }
      findings += try instructionFindings(base)
    }
    return findings
  }

  /// The findings of the `io.yaml` beside an adapter; none if there is none.
  ///
  /// - Parameter base: the base's path; nil leaves out the checks of tokens and invocation.
  /// - Throws: ``FileError``; what reading the base's tokenizer and template throws; as ``findings()``.
  package static func findings(_ survey: InvocationSurvey, base: String?) throws -> [IntrinsicFinding] {
    let path = "\(survey.adapterPath)/\(IntrinsicConfiguration.fileName)"
    guard FileSystem.kind(of: path) == .regularFile else { return [] }
    let known = try base.flatMap { base in
      try survey.tokenizer.map { tokenizer in
        let template = try ModelSource(path: base).chatTemplate()
        return IntrinsicBase(ConversationEncoder(tokenizer: tokenizer, template: template, path: base))
      }
    }
    return try IntrinsicLint(
      IntrinsicConfiguration(path: path), base: known, invocation: survey.invocation?.tokens
    ).findings()
  }

  private static func text(_ error: any Error) -> String {
    guard let error = error as? any DiagnosedError else { return "\(error)" }
    return [error.place, error.problem].compactMap { $0 }.joined(separator: ": ")
  }

  // MARK: - Schema

  /// The most values of a place that are looked up. Each one compiles the schema, and no published file has more than ten.
  static let valueLimit = 64
  private static let likelihoodLimit = 16
  private static let placeLimit = 4

  private func findings(_ likelihood: IntrinsicConfiguration.Likelihood, _ schema: JSONValue) -> [IntrinsicFinding] {
    let places = SchemaPath.places(likelihood.path, in: schema)
    let path = SchemaPath.text(likelihood.path)
    guard !places.isEmpty else { return [.nothingAtPath(path)] }
    var findings: [IntrinsicFinding] = []
    for category in likelihood.categories.prefix(Self.valueLimit)
    where places.count <= Self.placeLimit
      && places.allSatisfy({ isReachable(category.value, at: $0, schema) == false })
    {
      findings.append(
        .unreachableCategory(category.spelling, kind: IntrinsicFinding.Kind(category.value), path: path))
    }
    let values = likelihood.categories.map(\.value)
    for place in places.prefix(Self.placeLimit) {
      guard let allowed = Self.values(at: place) else {
        findings.append(.openValues(path: SchemaPath.text(place.steps)))
        continue
      }
      for value in allowed.prefix(Self.valueLimit)
      where !values.contains(value) && isReachable(value, at: place, schema) == true {
        findings.append(
          .valueWithoutCategory(value.serialized(isPretty: false), path: SchemaPath.text(place.steps)))
      }
    }
    if values.contains(where: { IntrinsicFinding.Kind($0) == .boolean }) {
      findings.append(.booleanCategories(path: path))
    }
    return findings
  }

  /// Whether a value that fits the schema may have it at the place; nil if the compiler can't say.
  private func isReachable(_ value: JSONValue, at place: SchemaPath.Place, _ schema: JSONValue) -> Bool? {
    let restricted = SchemaPath.restricted(schema, place.steps, to: value)
    do {
      _ = try CompiledSchema(text: Array(restricted.serialized(isPretty: false).utf8))
      return true
    } catch let error as SchemaError { return error.code == .unsatisfiable ? false : nil } catch { return nil }
  }

  /// The values that the subschemas list; nil if one of them lists none.
  private static func values(at place: SchemaPath.Place) -> [JSONValue]? {
    var values: [JSONValue] = []
    for schema in place.schemas {
      if let listed = schema["enum"]?.elements {
        values += listed
      } else if let value = schema["const"] {
        values.append(value)
      } else if schema["type"] == .string("boolean") {
        values += [true, false]
      } else if schema["type"] == .string("null") {
        values.append(.null)
      }
    }
    return values.isEmpty ? nil : values
  }
}
