/// The numbers that fix the shapes of a model's weights.
package struct Hyperparameters: Hashable, Sendable {
  package var layerCount: Int
  package var hiddenSize: Int
  package var headCount: Int
  package var keyValueHeadCount: Int
  package var headDimension: Int
  /// The width of the feed-forward network, or of each expert.
  package var feedForwardSize: Int
  /// The width of the network in the layers without experts; 0 if all layers have experts.
  package var denseFeedForwardSize = 0
  /// The layers of a mixture of experts that have one network.
  package var denseLayers: Set<Int> = []
  /// The width of the shared feed-forward network beside or instead of experts; 0 for none.
  package var sharedFeedForwardSize: Int
  /// 0 for a dense model.
  package var expertCount: Int
  package var expertsPerToken: Int
  package var vocabularySize: Int
  /// Whether the output layer is the token embedding.
  package var tiesEmbeddings: Bool

  /// The rows of the query projection.
  package var queryRowCount: Int { headCount * headDimension }
  /// The rows of the key projection and of the value projection.
  package var keyValueRowCount: Int { keyValueHeadCount * headDimension }

  /// Limits that keep every product of two of these numbers far from overflow.
  static let extent = 1...(1 << 24)
  static let layers = 1...(1 << 14)
}
