internal import AloraModels

/// A product in a layer that an adapter may add to.
package enum ModuleKind: Int, CaseIterable, Sendable {
  case query, key, value, output, gate, up, down, router

  /// The GGUF name of the base's tensor, without the layer.
  package var name: String {
    switch self {
    case .query: "attn_q"
    case .key: "attn_k"
    case .value: "attn_v"
    case .output: "attn_output"
    case .gate: "ffn_gate"
    case .up: "ffn_up"
    case .down: "ffn_down"
    case .router: "ffn_gate_inp"
    }
  }
}

extension Layer {
  /// The matrix of a module; nil for a layer without it.
  subscript(kind: ModuleKind) -> Matrix? {
    for block in blocks {
      let matrix: Matrix? =
        switch block.operation {
        case .mixer(.attention(let attention)): attention[kind]
        case .feedForward(.gated(let network)): network[kind]
        case .feedForward(.experts(let mixture)): kind == .router ? mixture.router : mixture.shared?[kind]
        }
      if let matrix { return matrix }
    }
    return nil
  }
}

extension Attention {
  fileprivate subscript(kind: ModuleKind) -> Matrix? {
    switch kind {
    case .query: query
    case .key: key
    case .value: value
    case .output: output
    case .gate, .up, .down, .router: nil
    }
  }
}

extension GatedNetwork {
  fileprivate subscript(kind: ModuleKind) -> Matrix? {
    switch kind {
    case .gate: gate
    case .up: up
    case .down: down
    case .query, .key, .value, .output, .router: nil
    }
  }
}

/// Which of an adapter's updates belongs to a product.
enum UpdateSlot {
  case layer(ModuleKind)
  case outputLayer, none
}

extension Adapter {
  /// The updates that an adapter adds in one layer.
  struct Layer: Sendable {
    private var updates: [LowRankUpdate?]

    init(_ update: (ModuleKind) throws -> LowRankUpdate?) rethrows { updates = try ModuleKind.allCases.map(update) }

    subscript(kind: ModuleKind) -> LowRankUpdate? {
      get { updates[kind.rawValue] }
      set { updates[kind.rawValue] = newValue }
    }
  }

  func update(_ slot: UpdateSlot, layer: Int) -> LowRankUpdate? {
    switch slot {
    case .layer(let kind): layers[layer][kind]
    case .outputLayer: outputLayer
    case .none: nil
    }
  }
}
