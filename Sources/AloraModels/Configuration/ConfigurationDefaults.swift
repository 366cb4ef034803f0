/// What a configuration class of transformers means by missing fields.
struct ConfigurationDefaults: Sendable {
  var vocabularySize: Int
  var hiddenSize = 4096
  var feedForwardSize = 11008
  var layerCount = 32
  var headCount = 32
  /// Nil: as many as heads.
  var keyValueHeadCount: Int?
  /// Nil: the hidden size divided by the heads.
  var headDimension: Int?
  var contextLength: Int
  var normEpsilon = 1e-6
  var ropeTheta = 10000.0
  var partialRotaryFactor = 1.0
  var tiesEmbeddings = false
}
