internal import AloraJSON
internal import AloraSystem
internal import AloraYAML

/// The fields of an `io.yaml`, and what is wrong with them.
struct IntrinsicFields {
  private let members: [YAMLValue.Member]
  private(set) var findings: [IntrinsicFinding] = []

  init(_ members: [YAMLValue.Member]) { self.members = members }

  /// The field's value, even if it is null. The last one counts, as in PyYAML.
  private func value(_ name: String) -> YAMLValue? { members.last { $0.key == .text(name) }?.value }

  mutating func checkNames() {
    for name in IntrinsicConfiguration.requiredFields where value(name) == nil { findings.append(.missingField(name)) }
    let known = IntrinsicConfiguration.requiredFields + IntrinsicConfiguration.optionalFields
    for member in members where !known.contains(member.name) || member.key != .text(member.name) {
      findings.append(member.name == "name" ? .fieldOfMellea(member.name) : .unknownField(member.name))
    }
  }

  mutating func text(_ name: String) -> String? {
    switch value(name) {
    case nil, .null: return nil
    case .text(let text): return text
    default:
      findings.append(.wrongType(field: name, expected: "text"))
      return nil
    }
  }

  /// `response_format`: JSON as text, or as YAML.
  mutating func schema() -> JSONValue? {
    switch value("response_format") {
    case nil, .null: return nil
    case .text(let text):
      do {
        let bytes = Array(text.utf8)
        // Safe: the document copies what it keeps.
        return try JSONValue(JSONDocument(parsing: unsafe bytes.span.bytes).root)
      } catch {
        findings.append(.schemaIsNotJSON(problem: error.problem))
        return nil
      }
    case .map(let members)?: return Self.json(.map(members))
    default:
      findings.append(.wrongType(field: "response_format", expected: "a JSON schema"))
      return nil
    }
  }

  mutating func likelihoods() -> [IntrinsicConfiguration.Likelihood] {
    guard let value = value("transformations"), value != .null else { return [] }
    guard case .list(let rules) = value else {
      findings.append(.wrongType(field: "transformations", expected: "a list"))
      return []
    }
    var likelihoods: [IntrinsicConfiguration.Likelihood] = []
    for (index, rule) in rules.enumerated() {
      let place = "transformations[\(index)]"
      guard case .map = rule, let type = rule["type"]?.text else {
        findings.append(.wrongType(field: place, expected: "a mapping with a type"))
        continue
      }
      guard IntrinsicConfiguration.transformationTypes.contains(type) else {
        findings.append(.unknownTransformation(type))
        continue
      }
      guard let path = path(rule.firstPresent(of: ["input_path"])) else {
        findings.append(.wrongType(field: "\(place).input_path", expected: "a list of names, numbers and ~"))
        continue
      }
      guard type == "likelihood" else { continue }
      guard case .map(let categories)? = rule["categories_to_values"], !categories.isEmpty else {
        findings.append(
          .wrongType(field: "\(place).categories_to_values", expected: "a mapping from values to numbers"))
        continue
      }
      for category in categories where !Self.isNumber(category.value) {
        findings.append(.wrongType(field: "\(place).categories_to_values.\(category.name)", expected: "a number"))
      }
      likelihoods.append(
        .init(
          path: path,
          categories: categories.map { .init(spelling: $0.name, value: Self.json($0.key)) }))
    }
    return likelihoods
  }

  private func path(_ value: YAMLValue?) -> [SchemaPath.Step]? {
    guard case .list(let values)? = value else { return nil }
    var steps: [SchemaPath.Step] = []
    for value in values {
      switch value {
      case .text(let name): steps.append(.member(name))
      case .integer(let index) where index >= 0: steps.append(.element(index))
      case .null: steps.append(.any)
      default: return nil
      }
    }
    return steps
  }

  /// What granite-common checks when a client reads the file.
  mutating func checkRest() {
    if let parameters = value("parameters"), parameters != .null {
      if case .map = parameters {
      } else {
        findings.append(.wrongType(field: "parameters", expected: "a mapping"))
      }
    }
    if let form = value("docs_as_message"), form != .null, !["string", "json", "roles"].contains(form.text) {
      findings.append(.wrongType(field: "docs_as_message", expected: "string, json or roles"))
    }
    guard let boundaries = value("sentence_boundaries"), boundaries != .null else { return }
    guard case .map(let places) = boundaries,
      places.allSatisfy({ ["last_message", "documents"].contains($0.name) && $0.value.text != nil })
    else {
      findings.append(
        .wrongType(field: "sentence_boundaries", expected: "last_message, documents or both, each with a prefix"))
      return
    }
  }

  private static func isNumber(_ value: YAMLValue) -> Bool {
    switch value {
    case .integer, .number, .boolean: true
    default: false
    }
  }

  /// A value as JSON has it.
  private static func json(_ value: YAMLValue) -> JSONValue {
    switch value {
    case .null: .null
    case .text(let text), .timestamp(let text): .string(text)
    case .boolean(let value): .boolean(value)
    case .integer(let value): .integer(value)
    case .number(let value): .number(value)
    case .list(let values): .array(values.map(json))
    case .map(let members): .object(members.map { .init($0.name, json($0.value)) })
    }
  }
}
