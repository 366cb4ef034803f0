/// A number in terms of a configuration's fields: `num_attention_heads*head_dim+2`, terms of factors and divisors.
struct FieldExpression: Hashable, Sendable {
  enum Operand: Hashable, Sendable {
    case constant(Int)
    case field(String)
  }

  /// A term is multiplied and divided from left to right.
  struct Factor: Hashable, Sendable {
    let operand: Operand
    let divides: Bool
  }

  let terms: [[Factor]]

  init(constant: Int) { terms = [[Factor(operand: .constant(constant), divides: false)]] }

  /// - Throws: ``ArchitectureError`` for a text that is not an expression.
  init(text: String) throws {
    terms = try text.split(separator: "+", omittingEmptySubsequences: false).map { term in
      var factors: [Factor] = []
      var divides = false
      var token = ""
      func finish() throws {
        guard !token.isEmpty else { throw ArchitectureTable.damaged(text) }
        let operand = Int(token).map(Operand.constant) ?? .field(token)
        factors.append(Factor(operand: operand, divides: divides))
        token = ""
      }
      for character in term {
        if character == "*" || character == "/" {
          try finish()
          divides = character == "/"
        } else {
          token.append(character)
        }
      }
      try finish()
      return factors
    }
  }

  /// The number, or nil if a field isn't known or the result doesn't fit.
  func value(_ field: (String) -> Int?) -> Int? {
    var sum = 0
    for term in terms {
      var product = 1
      for factor in term {
        let operand: Int? =
          switch factor.operand {
          case .constant(let number): number
          case .field(let name): field(name)
          }
        guard let operand else { return nil }
        if factor.divides {
          guard operand != 0 else { return nil }
          product /= operand
        } else {
          let (next, overflow) = product.multipliedReportingOverflow(by: operand)
          guard !overflow else { return nil }
          product = next
        }
      }
      let (next, overflow) = sum.addingReportingOverflow(product)
      guard !overflow else { return nil }
      sum = next
    }
    return sum
  }
}
