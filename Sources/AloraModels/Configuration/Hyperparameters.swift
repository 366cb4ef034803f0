/// The numbers that fix the shapes of a model's weights.
public struct Hyperparameters: Hashable, Sendable {
  public var layerCount: Int
  public var hiddenSize: Int
  public var headCount: Int
  public var keyValueHeadCount: Int
  public var headDimension: Int
  /// The width of the feed-forward network, or of each expert.
  public var feedForwardSize: Int
  /// The width of the shared feed-forward network beside or instead of experts; 0 for none.
  public var sharedFeedForwardSize: Int
  /// 0 for a dense model.
  public var expertCount: Int
  public var expertsPerToken: Int
  public var vocabularySize: Int
  /// Whether the output layer is the token embedding.
  public var tiesEmbeddings: Bool

  /// The rows of the query projection.
  public var queryRowCount: Int { headCount * headDimension }
  /// The rows of the key projection and of the value projection.
  public var keyValueRowCount: Int { keyValueHeadCount * headDimension }

  /// Limits that keep every product of two of these numbers far from overflow.
  static let extent = 1...(1 << 24)
  static let layers = 1...(1 << 14)
}
