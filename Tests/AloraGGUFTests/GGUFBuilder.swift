import AloraTestSupport

/// A GGUF file put together by hand: every field can be wrong.
struct GGUFBuilder {
  struct KeyValue {
    var key: [UInt8]
    /// The length that is written before the key; nil: its own.
    var byteCount: UInt64?
    var type: UInt32
    var value: [UInt8]

    init(_ key: String, type: UInt32, value: [UInt8]) {
      self.key = Array(key.utf8)
      self.type = type
      self.value = value
    }

    static func uint32(_ key: String, _ value: UInt32) -> KeyValue {
      var bytes = ByteBuilder()
      bytes.append(value)
      return KeyValue(key, type: 4, value: bytes.bytes)
    }
  }

  struct Tensor {
    var name: [UInt8]
    var dimensionCount: UInt32?
    var dimensions: [Int64]
    var type: UInt32 = 0
    var offset: UInt64

    init(_ name: String, _ dimensions: [Int64], type: UInt32 = 0, offset: UInt64 = 0) {
      self.name = Array(name.utf8)
      self.dimensions = dimensions
      self.type = type
      self.offset = offset
    }
  }

  var magic = "GGUF"
  var version: UInt32 = 3
  var tensorCount: Int64?
  var keyCount: Int64?
  var keyValues: [KeyValue] = []
  var tensors: [Tensor] = []
  var alignment = 32
  var dataByteCount = 0
  var isBigEndian = false

  var bytes: [UInt8] {
    var file = ByteBuilder(bigEndian: isBigEndian)
    file.append(magic)
    file.append(version)
    file.append(tensorCount ?? Int64(tensors.count))
    file.append(keyCount ?? Int64(keyValues.count))
    for keyValue in keyValues {
      file.append(keyValue.byteCount ?? UInt64(keyValue.key.count))
      file.append(keyValue.key)
      file.append(keyValue.type)
      file.append(keyValue.value)
    }
    for tensor in tensors {
      file.append(UInt64(tensor.name.count))
      file.append(tensor.name)
      file.append(tensor.dimensionCount ?? UInt32(tensor.dimensions.count))
      for extent in tensor.dimensions { file.append(extent) }
      file.append(tensor.type)
      file.append(tensor.offset)
    }
    file.pad(to: alignment)
    file.append([UInt8](repeating: 0x5A, count: dataByteCount))
    return file.bytes
  }
}
