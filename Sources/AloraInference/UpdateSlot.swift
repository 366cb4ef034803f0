internal import AloraModels

/// A product in a layer that an adapter may add to.
package enum ModuleKind: Int, CaseIterable, Sendable {
  case query, key, value, output, gate, up, down, router
  /// The row whose sigmoid multiplies what all tokens share.
  case sharedGate
  /// The projections of a recurrent mixer.
  case stateInput, stateOutput, convolutionInput, convolutionOutput
  /// Of a delta net: queries, keys and values; the gate of its output; the gates of its heads.
  case mixed, outputGate, beta, alpha
  /// The gate of attention's output, in the query's tensor.
  case queryGate
  /// Of the network through which a layer reads its own embedding.
  case layerInputGate, layerInputOutput
  case bottleneckDown, bottleneckUp
  /// Of the steps between parallel streams. Both have the same router.
  case streamRouter, streamPrediction, streamCorrection
  /// The products of all experts.
  case gateExperts, upExperts, downExperts

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
    case .sharedGate: "ffn_gate_inp_shexp"
    case .stateInput: "ssm_in"
    case .stateOutput: "ssm_out"
    case .convolutionInput: "shortconv.in_proj"
    case .convolutionOutput: "shortconv.out_proj"
    case .mixed: "attn_qkv"
    case .outputGate: "attn_gate"
    case .beta: "ssm_beta"
    case .alpha: "ssm_alpha"
    case .queryGate: "attn_q"
    case .layerInputGate: "inp_gate"
    case .layerInputOutput: "proj"
    case .bottleneckDown: "laurel_l"
    case .bottleneckUp: "laurel_r"
    case .streamRouter: "altup_router"
    case .streamPrediction: "altup_predict_coef"
    case .streamCorrection: "altup_correct_coef"
    case .gateExperts: "ffn_gate_exps"
    case .upExperts: "ffn_up_exps"
    case .downExperts: "ffn_down_exps"
    }
  }
}

extension ModuleKind {
  /// Whether each expert has its own.
  var isOfExperts: Bool { [.gateExperts, .upExperts, .downExperts].contains(self) }
}

extension Layer {
  /// The matrices of a module: one, or one for each expert; none for a layer without it.
  func matrices(of kind: ModuleKind) -> [Matrix] {
    for block in blocks {
      let matrices: [Matrix] =
        switch block.operation {
        case .mixer(.attention(let attention)): attention[kind].map { [$0] } ?? []
        case .mixer(.mamba2(let mamba)): mamba[kind].map { [$0] } ?? []
        case .mixer(.shortConvolution(let mixer)): mixer[kind].map { [$0] } ?? []
        case .mixer(.gatedDelta(let mixer)): mixer[kind].map { [$0] } ?? []
        case .feedForward(.ungated(let network)): network[kind].map { [$0] } ?? []
        case .feedForward(.gated(let network)): network[kind].map { [$0] } ?? []
        case .feedForward(.layerInput(let network)): network[kind].map { [$0] } ?? []
        case .feedForward(.bottleneck(let network)): network[kind].map { [$0] } ?? []
        case .streams(let update): update[kind].map { [$0] } ?? []
        case .feedForward(.experts(let mixture)): mixture.matrices(of: kind)
        }
      if !matrices.isEmpty { return matrices }
    }
    return []
  }
}

extension Attention {
  fileprivate subscript(kind: ModuleKind) -> Matrix? {
    switch kind {
    case .query: query
    case .key: key
    case .value: value
    case .output: output
    case .queryGate: outputGate
    default: nil
    }
  }
}

extension ShortConvolution {
  fileprivate subscript(kind: ModuleKind) -> Matrix? {
    switch kind {
    case .convolutionInput: input
    case .convolutionOutput: output
    default: nil
    }
  }
}

extension GatedDelta {
  fileprivate subscript(kind: ModuleKind) -> Matrix? {
    switch kind {
    case .mixed: mixed
    case .outputGate: gate
    case .beta: beta
    case .alpha: alpha
    case .stateOutput: output
    default: nil
    }
  }
}

extension UngatedNetwork {
  fileprivate subscript(kind: ModuleKind) -> Matrix? {
    switch kind {
    case .up: up
    case .down: down
    default: nil
    }
  }
}

extension Mamba2 {
  fileprivate subscript(kind: ModuleKind) -> Matrix? {
    switch kind {
    case .stateInput: input
    case .stateOutput: output
    default: nil
    }
  }
}

extension GatedNetwork {
  fileprivate subscript(kind: ModuleKind) -> Matrix? {
    switch kind {
    case .gate: gate
    case .up: up
    case .down: down
    default: nil
    }
  }
}

extension LayerInputNetwork {
  fileprivate subscript(kind: ModuleKind) -> Matrix? {
    switch kind {
    case .layerInputGate: gate
    case .layerInputOutput: output
    default: nil
    }
  }
}

extension BottleneckNetwork {
  fileprivate subscript(kind: ModuleKind) -> Matrix? {
    switch kind {
    case .bottleneckDown: down
    case .bottleneckUp: up
    default: nil
    }
  }
}

extension StreamUpdate {
  fileprivate subscript(kind: ModuleKind) -> Matrix? {
    switch (kind, step) {
    case (.streamRouter, _): router
    case (.streamPrediction, .prediction), (.streamCorrection, .correction): coefficients
    default: nil
    }
  }
}

extension ExpertMixture {
  fileprivate func matrices(of kind: ModuleKind) -> [Matrix] {
    switch kind {
    case .router: [router]
    case .sharedGate: sharedGate.map { [$0] } ?? []
    case .gateExperts: experts.map(\.gate)
    case .upExperts: experts.map(\.up)
    case .downExperts: experts.map(\.down)
    default: shared?[kind].map { [$0] } ?? []
    }
  }
}

/// Which of an adapter's updates belongs to a product.
enum UpdateSlot {
  case layer(ModuleKind)
  case expert(ModuleKind, Int)
  case outputLayer
  /// Of a product that no adapter changes.
  case none
}

/// The updates that an adapter adds to one module: one, or one for each expert, which is nil if the expert stays as it is.
struct ModuleUpdate: Sendable {
  var parts: [LowRankUpdate?]

  init(_ parts: [LowRankUpdate?]) { self.parts = parts }

  /// The extents of its matrices; nil if it has none.
  var extents: (inputs: Int, outputs: Int)? {
    parts.lazy.compactMap(\.self).first.map { ($0.a.columnCount, $0.b.rowCount) }
  }

  /// Whether it could be another module's.
  func fits(_ other: ModuleUpdate) -> Bool {
    guard parts.count == other.parts.count, let mine = extents, let theirs = other.extents else { return false }
    return mine == theirs
  }

  func scaled(_ scale: (Float) -> Float) -> ModuleUpdate {
    ModuleUpdate(parts.map { part in part.map { LowRankUpdate(a: $0.a, b: $0.b, scale: scale($0.scale)) } })
  }
}

extension Adapter {
  /// The updates that an adapter adds in one layer.
  struct Layer: Sendable {
    private var updates: [ModuleUpdate?]

    init(_ update: (ModuleKind) throws -> ModuleUpdate?) rethrows { updates = try ModuleKind.allCases.map(update) }

    subscript(kind: ModuleKind) -> ModuleUpdate? {
      get { updates[kind.rawValue] }
      set { updates[kind.rawValue] = newValue }
    }
  }

  func update(_ slot: UpdateSlot, layer: Int) -> LowRankUpdate? {
    switch slot {
    case .layer(let kind): layers[layer][kind]?.parts[0]
    case .expert(let kind, let number): layers[layer][kind]?.parts[number]
    case .outputLayer: outputLayer
    case .none: nil
    }
  }
}
