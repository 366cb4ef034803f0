/// Hashing with a secret that each table draws for itself.
///
/// Without it, a file's author could choose entries that all collide, which would make the table as slow as a list. Lookups
/// don't depend on the secret.
struct SecretHashing: Sendable {
  private let seed = UInt64.random(in: .min ... .max)
  private let factor = UInt64.random(in: .min ... .max) | 1

  func start(_ count: Int) -> UInt64 { seed ^ UInt64(truncatingIfNeeded: count) }

  /// Mixes all bits into all bits.
  func fold(_ value: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: factor)
    return product.high ^ product.low
  }

  func hash(_ value: UInt64) -> UInt64 { fold(fold(value ^ seed)) }
}
