extension Architecture {
  /// Gemma 3, text only: norms on the heads of q and k, five layers of six with a sliding window.
  ///
  /// Source: transformers `models/gemma3/modeling_gemma3.py`, llama.cpp `conversion/gemma.py` (`Gemma3Model`).
  static let gemma3 = Architecture(name: "gemma3", huggingFaceName: "Gemma3ForCausalLM", modelType: "gemma3_text") {
    h in
    LayerModule.attention(h, isPermuted: false) + LayerModule.gatedFeedForward(h)
  }
}
