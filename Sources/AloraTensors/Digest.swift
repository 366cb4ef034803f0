package import AloraSystem
internal import CAloraKernels

/// The SHA-256 of something.
package struct Digest: Hashable, Sendable, CustomStringConvertible {
  package let bytes: [UInt8]

  /// In hexadecimal.
  package var description: String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  /// The digest of f32 values as little-endian bytes.
  package init(floats: [Float]) {
    var hasher = Hasher()
    hasher.add(floats)
    self = hasher.end()
  }

  fileprivate init(bytes: [UInt8]) { self.bytes = bytes }

  /// Takes bytes piece by piece.
  package struct Hasher {
    private var state = alora_sha256()

    package init() { unsafe alora_sha256_begin(&state) }

    package mutating func add(_ bytes: [UInt8]) {
      // Safe: the array outlives the call, which reads as many bytes as there are.
      unsafe bytes.withUnsafeBytes { unsafe alora_sha256_add(&state, $0.baseAddress, $0.count) }
    }

    /// Adds f32 values as little-endian bytes.
    package mutating func add(_ values: [Float]) {
      #if _endian(little)
        let bits = values
      #else
        let bits = values.map { $0.bitPattern.littleEndian }
      #endif
      unsafe bits.withUnsafeBytes { unsafe alora_sha256_add(&state, $0.baseAddress, $0.count) }
    }

    package mutating func add(_ text: String) {
      unsafe add(withUnsafeBytes(of: UInt64(text.utf8.count).littleEndian) { unsafe Array($0) })
      add(Array(text.utf8))
    }

    package consuming func end() -> Digest {
      var digest = [UInt8](repeating: 0, count: 32)
      unsafe digest.withUnsafeMutableBufferPointer { unsafe alora_sha256_end(&state, $0.baseAddress) }
      return Digest(bytes: digest)
    }
  }
}

extension Digest {
  /// A digest that was written down.
  ///
  /// - Parameter bytes: 32 of them; nil otherwise.
  package init?(exactly bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    self.init(bytes: bytes)
  }
}

extension Digest {
  /// Of a file's bytes.
  ///
  /// - Throws: ``FileError``.
  package init(file path: String) throws {
    var hasher = Hasher()
    try hasher.add(MappedFile(path: path))
    self = hasher.end()
  }
}

extension Digest.Hasher {
  /// Adds the bytes of a file, as they are now.
  ///
  /// - Throws: ``FileError``.
  package mutating func add(_ file: MappedFile) throws {
    for first in stride(from: 0, to: file.byteCount, by: 1 << 20) {
      add(try file.read(first..<min(first + 1 << 20, file.byteCount)))
    }
  }
}
