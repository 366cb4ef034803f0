extension ServerContexts {
  /// The texts needn't make sense, but a model is closer to its usual behaviour on words than on random tokens.
  package static let sampleTexts = [
    "The old mill stands by the river, two miles north of the village. Its wheel was taken away in 1911, and the roof fell in a few years later. Who owned it then is not known.",
    "To make the soup, peel six carrots and two onions, cut them small and fry them in butter. Add a litre of stock, salt and a little ginger, and let it simmer for twenty minutes.",
    "Dear colleagues, the meeting on Thursday has been moved to the large room on the second floor. Please bring the figures of the last quarter, and tell me if you cannot come.",
    "A comet is a small body of ice and dust that moves around the sun on a long path. When it comes near, the ice turns to gas, and a tail appears that points away from the sun.",
  ]
}
