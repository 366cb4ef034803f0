/// One adapter of a Granite Switch.
package struct SwitchSlot: Hashable, Sendable {
  /// Counted from 1: 0 is the base.
  package let number: Int
  /// Nil in a GGUF.
  package let name: String?
  /// The rank that the configuration gives it; nil in a GGUF.
  package let declaredRank: Int?
  /// The token that switches it on.
  package let controlToken: Int
  /// The token whose embedding takes the control token's place.
  package let substituteToken: Int
}

/// A module of a layer that a slot can change.
package struct SwitchSite: Hashable, Comparable, Sendable {
  package enum Module: Int, CaseIterable, Sendable {
    case query, key, value, output, gate, up, down
  }

  package let layer: Int
  package let module: Module

  package static func < (one: Self, other: Self) -> Bool {
    (one.layer, one.module.rawValue) < (other.layer, other.module.rawValue)
  }
}

extension SwitchSite.Module {
  /// In a checkpoint, without `lora_A` or `lora_B`: the module, and the slice of it, if it is divided.
  ///
  /// Source: `ArchDescriptor` in granite-switch 0.1.1, `composer/arch.py`.
  var checkpointName: (module: String, slice: Int?) {
    switch self {
    case .query: ("self_attn.qkv_proj", 0)
    case .key: ("self_attn.qkv_proj", 1)
    case .value: ("self_attn.qkv_proj", 2)
    case .output: ("self_attn.o_proj", nil)
    case .gate: ("shared_mlp.input_linear", 0)
    case .up: ("shared_mlp.input_linear", 1)
    case .down: ("shared_mlp.output_linear", nil)
    }
  }

  /// In a GGUF.
  ///
  /// Source: llama.cpp's `conversion/granite.py` (`GraniteSwitchModel`).
  package var ggufName: String {
    switch self {
    case .query: "attn_q"
    case .key: "attn_k"
    case .value: "attn_v"
    case .output: "attn_output"
    case .gate: "ffn_gate"
    case .up: "ffn_up"
    case .down: "ffn_down"
    }
  }
}
