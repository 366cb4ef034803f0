/// The names of the files that a model's or an adapter's directory contains.
package enum ModelFiles {
  package static let configuration = "config.json"
  package static let card = "README.md"
  package static let generationConfiguration = "generation_config.json"
  package static let tokenizer = "tokenizer.json"
  package static let adapterConfiguration = "adapter_config.json"
  package static let adapterWeights = "adapter_model.safetensors"
  package static let adapterWeightsIndex = "adapter_model.safetensors.index.json"
  package static let pickledAdapterWeights = "adapter_model.bin"
  /// The factors of an adapter that MLX saved.
  package static let mlxAdapterWeights = "adapters.safetensors"
  static let weights = ["model.safetensors", "model.safetensors.index.json"]
}
