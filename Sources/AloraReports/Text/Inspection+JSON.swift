internal import AloraAdapters
internal import AloraModels
package import AloraGGUF
package import AloraInspection
package import AloraJSON
internal import AloraSafetensors
internal import AloraTensors

extension Inspection {
  /// The whole of it for machines (schemas/inspect.schema.json).
  package var json: JSONValue {
    let archive = archiveJSON
    return .members([
      "path": .string(path),
      "kind": .string(kind),
      "adapter": adapter.map { Self.json($0, invocationText: invocationText) },
      "model": model.map(Self.json),
      "switch": switchJSON,
      "metadata": metadata,
      "tensor_count": archive == nil ? .integer(subject.tensors.count) : nil,
      "tensors": listsTensors && archive == nil ? tensorList : nil,
      "arrays": archive?.arrays, "cases": archive?.cases, "meta": archive?.meta ?? nil,
    ])
  }

  private var kind: String {
    switch subject {
    case .gguf: "gguf"
    case .safetensors: "safetensors"
    case .adapterDirectory(let directory): directory.isMLX ? "mlx" : "peft"
    case .baseDirectory: "base"
    case .npz: "npz"
    }
  }

  private static func json(_ adapter: AdapterSummary, invocationText: String?) -> JSONValue {
    .members([
      "architecture": adapter.architecture.map { .string($0) },
      "base": adapter.base.map { .string($0) },
      "alpha": adapter.alpha.map { .number($0) } ?? .null,
      "rank_stabilized": .boolean(adapter.isRankStabilized),
      "invocation_tokens": adapter.invocationTokens.map { .array($0.map { .integer($0) }) } ?? .null,
      "invocation_text": invocationText.map { .string($0) },
      "invocation_string": adapter.invocationString.map { .string($0) },
      "module_count": .integer(adapter.moduleCount),
      "parameter_count": .integer(adapter.parameterCount),
      "targets": .array(
        adapter.groups.map { group in
          .members([
            "name": .string(group.name), "layers": .array(group.layers.map { .integer($0) }),
            "ranks": .array(group.ranks.map { .integer($0) }), "scalings": .array(group.scalings.map { .number($0) }),
            "weight_shape": group.weightShape.map { .array($0.map { .integer($0) }) } ?? .null,
          ])
        }),
      "notes": .array(adapter.notes.map { .string("\(NoteText($0))") }),
    ])
  }

  private static func json(_ model: BaseModel) -> JSONValue {
    let h = model.hyperparameters
    return [
      "architecture": .string(model.architectureName), "layer_count": .integer(h.layerCount),
      "hidden_size": .integer(h.hiddenSize), "head_count": .integer(h.headCount),
      "key_value_head_count": .integer(h.keyValueHeadCount), "head_dimension": .integer(h.headDimension),
      "feed_forward_size": .integer(h.feedForwardSize), "expert_count": .integer(h.expertCount),
      "vocabulary_size": .integer(h.vocabularySize), "ties_embeddings": .boolean(h.tiesEmbeddings),
    ]
  }

  /// Every key-value; long arrays (vocabularies) only as type and length.
  private var metadata: JSONValue? {
    switch subject {
    case .gguf(let file):
      return .array(
        file.metadata.entries.map { entry in
          let isLong = if case .array(let array) = entry.value { array.count > 64 } else { false }
          return .members([
            "key": .string(entry.key), "type": .string(entry.value.typeName),
            "count": { if case .array(let array) = entry.value { .integer(array.count) } else { nil } }(),
            "value": isLong ? nil : entry.value.json,
          ])
        })
    case .safetensors(let set):
      return .array(
        (set.files.first?.metadata ?? [:]).sorted { $0.key < $1.key }.map {
          ["key": .string($0.key), "type": "str", "value": .string($0.value)]
        })
    case .adapterDirectory, .baseDirectory, .npz: return nil
    }
  }

  private var tensorList: JSONValue {
    .array(
      subject.tensors.enumerated().map { index, tensor in
        .members([
          "name": .string(tensor.name), "dtype": .string(tensor.dtype.name),
          "shape": .array(tensor.shape.dimensions.map { .integer($0) }),
          "byte_offset": .integer(tensor.byteRange.lowerBound), "byte_count": .integer(tensor.byteRange.count),
          "values": statistics?[index].map(Self.json),
        ])
      })
  }
}

extension GGUFValue {
  /// The value as JSON; strings that are not UTF-8 with replacement characters.
  package var json: JSONValue {
    switch self {
    case .bool(let value): .boolean(value)
    case .bytes(let bytes): .string(String(decoding: bytes, as: UTF8.self))
    case .array(let array): .array(array.map(\.json))
    case .float32(let value): .number(Double(value))
    case .float64(let value): .number(value)
    default: integer.map { .integer($0) } ?? .string(plainText)
    }
  }
}
