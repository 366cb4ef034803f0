package import AloraNPZ

/// A failure that a proof found.
package enum Finding: Hashable, Sendable {
  // Structure
  case invocationTokenOutsideVocabulary(token: Int, vocabularySize: Int)
  /// The golden file and the adapter's invocation disagree about the first adapted position; nil: the adapter is off.
  case activationStartDisagrees(golden: Int?, adapter: Int?)
  case promptTooLong(tokenCount: Int, limit: Int)

  // Before the activation
  case logitsDifferBefore(position: Int, activationStart: Int)
  case cacheDiffersBefore(position: Int, layer: Int, head: Int)
  /// The states that recurrent layers have at the activation start.
  case stateDiffersBefore(activationStart: Int, layer: Int)

  // Cache reuse
  case reuseDiffers(ReuseOrder, position: Int)
  /// The base accepted keys and values that the adapter made.
  case foreignCacheAccepted

  // After the activation
  case noPromptActivates
  case adapterChangesNothing
  case noGoldenRowOfActiveAdapter
  case bitsNotComparable(Exactness?)
  case goldenRowsUnreadable(NPZError)
  case goldenMissed(GoldenMiss)
  /// A row of the golden file doesn't have the bits that the file's own record names.
  case goldenFileChanged(Weights, position: Int)
  /// The bits differ from those recorded with the same model and adapter. Nil: not in the rows that the file keeps.
  case recordedBitsDiffer(Weights, position: Int?)

  // Sensitivity
  case mistakeNotShown(Mistake)
  case activationNotShown(MissingRows)

  // Baseline
  case baselineFileChanged(BaselineFile, now: String, recorded: String)
  case baselinePromptsChanged
  case baselineBitsChanged(BaselineChange)
  case baselineNotRecorded

  package enum Weights: String, Sendable { case base, adapted }

  /// Why no prompt shows a wrong activation.
  package enum MissingRows: String, Sendable {
    case noPromptActivates = "no-prompt-activates"
    case noAdaptedGoldenRows = "no-adapted-golden-rows"
  }

  package enum BaselineFile: String, Sendable { case model, adapter }
}

/// The order of runs whose cache is continued.
package enum ReuseOrder: String, CaseIterable, Sendable {
  case baseThenAdapter = "base-adapter"
  case adapterThenBase = "adapter-base"
  case adapterTwice = "adapter-twice"
  case baseAdapterBase = "base-adapter-base"
}

/// Golden rows of one prompt that the computed ones don't match.
package struct GoldenMiss: Hashable, Sendable {
  package let weights: Finding.Weights
  /// The row with the largest relative difference.
  package let position: Int
  package let row: RowComparison
  package let failingCount: Int
  package let rowCount: Int
  package let firstFailing: Int
  package let tolerance: Tolerance
}

/// The digests of a prompt that changed since the baseline was recorded.
package struct BaselineChange: Hashable, Sendable {
  package let subject: Baseline.Subject
  package let firstPosition: Int
  package let token: Int
  package let changedCount: Int
  package let positionCount: Int
}
