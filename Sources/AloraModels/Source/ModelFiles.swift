/// The names of the files that a model's or an adapter's directory contains.
public enum ModelFiles {
  public static let configuration = "config.json"
  public static let card = "README.md"
  public static let generationConfiguration = "generation_config.json"
  public static let tokenizer = "tokenizer.json"
  public static let adapterConfiguration = "adapter_config.json"
  public static let adapterWeights = "adapter_model.safetensors"
  public static let adapterWeightsIndex = "adapter_model.safetensors.index.json"
  public static let pickledAdapterWeights = "adapter_model.bin"
  /// The factors of an adapter that MLX saved.
  public static let mlxAdapterWeights = "adapters.safetensors"
  static let weights = ["model.safetensors", "model.safetensors.index.json"]
}
