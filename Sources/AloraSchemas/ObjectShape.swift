/// Which members an object has, by the keywords that hold for it. Names are bytes: Swift takes different texts for equal.
struct ObjectShape {
  private struct Owner {
    var declared: [[UInt8]: SchemaDocument.ID] = [:]
    var additional: SchemaDocument.ID?
  }

  private let document: SchemaDocument
  private var owners: [Owner] = []
  /// The names of `properties` in their order, then those that are only required.
  private(set) var names: [[UInt8]] = []
  private(set) var required = Set<[UInt8]>()
  private(set) var patterns: [(owner: Int, pattern: CharacterPattern, schema: SchemaDocument.ID)] = []

  init(_ keywords: [SchemaDocument.ID], _ compiler: SchemaCompiler) throws(SchemaError) {
    let document = compiler.document
    self.document = document
    var seen = Set<[UInt8]>()
    for id in keywords {
      var owner = Owner()
      for (name, schema) in try Self.members("properties", of: id, compiler) {
        owner.declared[name] = schema
        if seen.insert(name).inserted { names.append(name) }
      }
      owner.additional = document.member("additionalProperties", of: id)
      for (name, schema) in try Self.members("patternProperties", of: id, compiler) {
        let place = SchemaPlace(document, schema, keyword: "patternProperties")
        let text = String(decoding: name, as: UTF8.self)
        guard patterns.count < 6 else {
          throw SchemaError(.tooComplex, place, "more than 6 patterns for names are not supported")
        }
        patterns.append((owners.count, try CharacterPattern(text, at: place, compiler.budget), schema))
      }
      owners.append(owner)
    }
    for id in keywords {
      guard let list = document.member("required", of: id) else { continue }
      let place = SchemaPlace(document, list, keyword: "required")
      guard case .array(let elements) = document.value(list) else {
        throw SchemaError(.malformed, place, "'required' is a list of names")
      }
      try compiler.budget.spend(elements.count)
      for element in elements {
        guard case .string(let text) = element else {
          throw SchemaError(.malformed, place, "'required' is a list of names")
        }
        let name = Array(text.utf8)
        required.insert(name)
        if seen.insert(name).inserted { names.append(name) }
      }
    }
  }

  private static func members(
    _ keyword: String, of id: SchemaDocument.ID, _ compiler: SchemaCompiler
  ) throws(SchemaError) -> [(name: [UInt8], schema: SchemaDocument.ID)] {
    let document = compiler.document
    guard let object = document.member(keyword, of: id) else { return [] }
    guard case .object(let members) = document.value(object) else {
      throw SchemaError(.malformed, SchemaPlace(document, object, keyword: keyword), "'\(keyword)' is an object")
    }
    try compiler.budget.spend(members.count)
    return members.compactMap { member in
      let name = Array(member.name.utf8)
      return document.member(name, of: object).map { (name, $0) }
    }
  }

  /// Whether all names are alike.
  var isFree: Bool { names.isEmpty && patterns.isEmpty }

  func items(for name: [UInt8], _ compiler: SchemaCompiler) throws(SchemaError) -> [SchemaCompiler.Item] {
    var matches: [Bool] = []
    for pattern in patterns {
      matches.append(try pattern.pattern.matches(String(decoding: name, as: UTF8.self), compiler.budget))
    }
    try compiler.budget.spend(owners.count)
    return items(matching: matches, name: name)
  }

  /// What the value of a member has to fit, by which patterns match its name.
  func items(matching matches: [Bool], name: [UInt8]? = nil) -> [SchemaCompiler.Item] {
    var items: [SchemaCompiler.Item] = []
    for (index, owner) in owners.enumerated() {
      var isCovered = false
      if let name, let schema = owner.declared[name] {
        items.append(.schema(schema))
        isCovered = true
      }
      for (pattern, isMatch) in zip(patterns, matches) where isMatch && pattern.owner == index {
        items.append(.schema(pattern.schema))
        isCovered = true
      }
      if !isCovered, let additional = owner.additional { items.append(.schema(additional)) }
    }
    return items
  }

  /// Each combination of matches that the patterns can have.
  func possibleMatches() -> [[Bool]] {
    (0..<(1 << patterns.count)).map { bits in patterns.indices.map { bits >> $0 & 1 == 1 } }
  }
}
