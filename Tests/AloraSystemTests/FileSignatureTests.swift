import Testing

@testable import AloraSystem

@Suite struct FileSignatureTests {
  private static func zip(_ name: String) -> [UInt8] {
    let header = [UInt8]("PK\u{3}\u{4}".utf8) + [UInt8](repeating: 0, count: 22) + [UInt8(name.utf8.count), 0, 0, 0]
    return header + Array(name.utf8)
  }

  private static let files: [([UInt8], FileSignature)] = [
    ([], .empty),
    (Array("GGUF\u{3}\0\0\0".utf8), .gguf), (Array("GGUF\0\0\0\u{3}".utf8), .gguf),
    ([4, 0, 0, 0, 0, 0, 0, 0] + Array("{  }".utf8), .safetensors),
    (Array("version https://git-lfs.github.com/spec/v1\noid sha256:0".utf8), .gitLFSPointer),
    (Array("/annex/objects/SHA256E-s12".utf8), .gitAnnexPointer),
    (Array("<!DOCTYPE html><html>".utf8), .webPage), (Array("\n  <HTML lang=en>".utf8), .webPage),
    (Array("<?xml version=\"1.0\"?><Error>".utf8), .webPage), (Array("Entry not found".utf8), .message),
    (Array(" {\"error\": 1}".utf8), .json), ([0xEF, 0xBB, 0xBF] + Array("[1]".utf8), .json),
    ([0x80, 2, 0x8A, 10], .pickle), ([0x80, 4, 0x95], .pickle), (zip("archive/data.pkl"), .pytorchArchive),
    (zip("x/.data/serialization_id"), .pytorchArchive), (zip("arr_0.npy"), .numpyArchive), (zip("a.txt"), .zip),
    (Array("PK\u{5}\u{6}".utf8), .zip), ([0x93] + Array("NUMPY\u{1}\0".utf8), .numpyArray),
    (Array("algg\u{1}".utf8), .ggla), (Array("tjgg".utf8), .ggml), (Array("lmgg".utf8), .ggml),
    ([UInt8](repeating: 0x61, count: 257) + Array("ustar".utf8), .tar),
    ([0x1F, 0x8B, 8], .gzip), ([0x28, 0xB5, 0x2F, 0xFD], .zstandard), (Array("BZh9".utf8), .bzip2),
    ([0x0A, 14, 0x0A, 5] + Array("<unk>".utf8), .sentencePiece), ([0x89] + Array("HDF\r\n".utf8), .hdf5),
    ([0, 1, 2, 3], .unknown), (Array("GGU".utf8), .message),
  ]

  @Test(arguments: files.indices) func filesAreKnownByTheirFirstBytes(_ index: Int) {
    let (bytes, expected) = Self.files[index]
    #expect(FileSignature(prefix: bytes, byteCount: bytes.count) == expected)
  }

  /// Whatever the bytes are, and wherever they end.
  @Test func noPrefixTraps() {
    for (bytes, _) in Self.files {
      for count in 0...bytes.count { _ = FileSignature(prefix: Array(bytes[..<count]), byteCount: count) }
    }
    for first in UInt8.min...UInt8.max {
      for second in UInt8.min...UInt8.max { _ = FileSignature(prefix: [first, second], byteCount: 2) }
    }
  }

  @Test func everyForeignFormatHasAName() {
    for signature in FileSignature.allCases { #expect((signature.name == nil) == (signature == .unknown)) }
  }
}
