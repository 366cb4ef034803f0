/// The format of a file, recognized by its first bytes.
///
/// A reader asks for it when a file isn't in the reader's own format, so that the error can name what the file is.
public enum FileSignature: Hashable, Sendable, CaseIterable {
  case empty
  case gguf, safetensors, numpyArray, numpyArchive
  /// The small text file that Git keeps in place of a large one.
  case gitLFSPointer, gitAnnexPointer
  case webPage
  /// A short text, such as the answer of a server that has no such file.
  case message
  case json
  case pytorchArchive, pickle
  /// A LoRA in the format that came before GGUF, and a model in that format.
  case ggla, ggml
  case sentencePiece
  case hdf5, zip, tar, gzip, zstandard, xz, bzip2
  case unknown
}

extension FileSignature {
  /// How much of a file is looked at.
  static let prefixByteCount = 512

  /// - Throws: ``FileError`` if the file can't be read.
  public init(path: String) throws(FileError) { try self.init(MappedFile(path: path)) }

  /// - Throws: ``FileError`` if the file can't be read.
  public init(_ file: MappedFile) throws(FileError) {
    let prefix = try file.read(0..<min(file.byteCount, Self.prefixByteCount))
    self.init(prefix: prefix, byteCount: file.byteCount)
  }

  /// - Parameters:
  ///   - prefix: the first bytes of the file.
  ///   - byteCount: how many bytes the whole file has.
  package init(prefix: [UInt8], byteCount: Int) {
    self =
      prefix.isEmpty
      ? .empty
      : Self.byMagic(prefix) ?? Self.byContainer(prefix, byteCount: byteCount) ?? Self.byText(prefix, byteCount)
        ?? .unknown
  }

  /// Formats that begin with bytes of their own.
  private static let magics: [(bytes: [UInt8], signature: FileSignature)] = [
    (Array("GGUF".utf8), .gguf),
    // The magic numbers are little-endian words, so their letters come in reverse.
    (Array("algg".utf8), .ggla), (Array("tjgg".utf8), .ggml), (Array("fmgg".utf8), .ggml),
    (Array("lmgg".utf8), .ggml),
    ([0x93] + Array("NUMPY".utf8), .numpyArray),
    ([0x1F, 0x8B], .gzip), ([0x28, 0xB5, 0x2F, 0xFD], .zstandard), ([0xFD] + Array("7zXZ".utf8), .xz),
    (Array("BZh".utf8), .bzip2), ([0x89] + Array("HDF\r\n".utf8), .hdf5),
    (Array("version https://git-lfs.github.com/spec/".utf8), .gitLFSPointer),
    (Array("version https://hawser.github.com/spec/".utf8), .gitLFSPointer),
    (Array("/annex/objects/".utf8), .gitAnnexPointer),
    ([0x80, 0x02], .pickle), ([0x80, 0x03], .pickle), ([0x80, 0x04], .pickle), ([0x80, 0x05], .pickle),
  ]

  private static func byMagic(_ prefix: [UInt8]) -> FileSignature? {
    magics.first { prefix.starts(with: $0.bytes) }?.signature
  }

  private static func byContainer(_ prefix: [UInt8], byteCount: Int) -> FileSignature? {
    if prefix.starts(with: Array("PK\u{3}\u{4}".utf8)) { return ofArchive(prefix) }
    if prefix.starts(with: Array("PK\u{5}\u{6}".utf8)) { return .zip }
    if prefix.count >= 262, prefix[257..<262].elementsEqual("ustar".utf8) { return .tar }
    // A length that fits in the file, then the JSON of the header.
    if prefix.count > 8, prefix[8] == UInt8(ascii: "{") {
      let length = prefix[..<8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      if length >= 2, length <= UInt64(byteCount - 8) { return .safetensors }
    }
    // A protocol buffer whose first piece is one of the usual special tokens.
    if prefix[0] == 0x0A, prefix.count > 4, prefix[2] == 0x0A {
      let names = ["<unk>", "<pad>", "<s>"].map { Array($0.utf8) }
      if names.contains(where: { prefix[4...].starts(with: $0) }) { return .sentencePiece }
    }
    return nil
  }

  /// A ZIP archive by the name of its first member.
  private static func ofArchive(_ prefix: [UInt8]) -> FileSignature {
    guard prefix.count > 30 else { return .zip }
    let length = Int(prefix[26]) | Int(prefix[27]) << 8
    let name = String(decoding: prefix[30..<min(prefix.count, 30 + length)], as: UTF8.self)
    if name.hasSuffix(".npy") { return .numpyArchive }
    let pytorchNames = ["/data.pkl", "/byteorder", "/version", "/.format_version", "/.data/serialization_id"]
    if name == "data.pkl" || pytorchNames.contains(where: name.hasSuffix) { return .pytorchArchive }
    return .zip
  }

  private static func byText(_ prefix: [UInt8], _ byteCount: Int) -> FileSignature? {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let text = (prefix.starts(with: mark) ? prefix.dropFirst(3) : prefix[...]).drop { $0 <= 0x20 }
    guard let first = text.first else { return nil }
    let start = String(decoding: text.prefix(16), as: UTF8.self).lowercased()
    if ["<!doctype", "<html", "<head", "<body", "<?xml", "<error"].contains(where: start.hasPrefix) { return .webPage }
    let isPrintable = text.allSatisfy { $0 >= 0x20 && $0 != 0x7F || [9, 10, 13].contains($0) }
    guard isPrintable else { return nil }
    if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") { return .json }
    return byteCount <= prefixByteCount ? .message : nil
  }
}

extension FileSignature {
  /// What the file is, as a noun: `a Git LFS pointer`. Nil if unknown.
  public var name: String? {
    switch self {
    case .empty: "an empty file"
    case .gguf: "a GGUF file"
    case .safetensors: "a safetensors file"
    case .numpyArray: "a NumPy array"
    case .numpyArchive: "an archive of NumPy arrays"
    case .gitLFSPointer: "a Git LFS pointer, not the file itself"
    case .gitAnnexPointer: "a git-annex pointer, not the file itself"
    case .webPage: "a web page"
    case .message: "a short text, perhaps a server's answer instead of the file"
    case .json: "JSON text"
    case .pytorchArchive: "a PyTorch archive, which contains a Python pickle"
    case .pickle: "a Python pickle"
    case .ggla: "a LoRA in ggml's old format, from before GGUF"
    case .ggml: "a model in ggml's old format, from before GGUF"
    case .sentencePiece: "a SentencePiece model"
    case .hdf5: "an HDF5 file"
    case .zip: "a ZIP archive"
    case .tar: "a tar archive"
    case .gzip: "compressed with gzip"
    case .zstandard: "compressed with Zstandard"
    case .xz: "compressed with xz"
    case .bzip2: "compressed with bzip2"
    case .unknown: nil
    }
  }

  /// What to do if such a file was found instead of another; nil if that depends on what was expected.
  public var remedy: Remedy? {
    switch self {
    case .empty: "download it again"
    case .gitLFSPointer: "run `git lfs pull` in its repository, or download the file again"
    case .gitAnnexPointer: "run `git annex get` in its repository, or download the file again"
    case .webPage, .message: "download the file again, and check its address and your access to it"
    case .pytorchArchive, .pickle:
      "a pickle can run code when it is read, so alora doesn't read it; save the file as safetensors"
    case .ggla: "convert the adapter again from its PEFT directory"
    case .ggml: "get the model as GGUF"
    case .sentencePiece: "save the tokenizer as tokenizer.json with transformers' save_pretrained"
    case .hdf5: "save the file as safetensors"
    case .zip, .tar, .gzip, .zstandard, .xz, .bzip2: "unpack it first"
    case .gguf, .safetensors, .numpyArray, .numpyArchive, .json, .unknown: nil
    }
  }

  /// `it is a web page`, or `fallback` if unknown.
  package func problem(or fallback: String) -> String { name.map { "it is \($0)" } ?? fallback }
}
