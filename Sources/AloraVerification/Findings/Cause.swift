/// The likeliest explanation of golden rows that don't match.
package enum Cause: Hashable, Sendable {
  /// One known mistake gives every golden row of the prompt.
  case mistake(Mistake)
  /// The base's golden rows are those of the adapted model.
  case adapterWasActive
  /// No known mistake explains the rows.
  case unexplained(Search)
  /// Modules without an update, although the same modules of other layers have one. Found by inspection, not by trial.
  case idleModules([ModuleGroup])
  case adapterChangesNothing
  case baseDiffers(BaseDifference)
  /// Rows before the activation differ from the base.
  case differsBeforeActivation(position: Int, BaseDifference)
  /// The base's rows don't match, so those of the adapter can't be judged.
  case baseRowsDiffer
  /// An earlier prompt was searched without success.
  case unexplainedBefore
  case golden(GoldenMistake)

  /// A search through the known mistakes without success.
  package struct Search: Hashable, Sendable {
    package let triedCount: Int
    /// Whether the limit on computed tokens ended the search.
    package let isCutShort: Bool
    /// The mistake that comes nearest, if it comes near, and the part of the difference that it leaves.
    package let nearest: Nearest?

    package struct Nearest: Hashable, Sendable {
      package let mistake: Mistake
      package let remainder: Double
    }
  }

  /// How the golden base differs from the computed one.
  package struct BaseDifference: Hashable, Sendable {
    /// Pearson's correlation over all rows, each around its own mean.
    package let correlation: Double
    /// The largest difference, relative to the row's largest logit.
    package let largest: Double
    /// Whether another quantization or precision explains the difference; otherwise it's another base or prompt.
    package var isClose: Bool { correlation >= 0.98 }
  }
}

/// A mistake of the golden file, whatever the adapter.
package enum GoldenMistake: Hashable, Sendable {
  /// A row has NaN or infinity.
  case notFinite(position: Int)
  /// The rows are log_softmax of the logits, or softmax.
  case logProbabilities
  case probabilities
  /// Each row is the computed one plus a constant of its own.
  case offset(position: Int, amount: Double)
  /// Every row is the computed one times this factor: a temperature, or `logits_scaling`.
  case multiplied(by: Double)
  /// The golden row at one position is the computed row of another.
  case otherPosition(golden: Int, computed: Int)
  /// Computed or stored with less precision than float32.
  case precision(PrecisionLoss)
  /// The differences are those of two float32 implementations: the tolerance asks for more than they agree on.
  case toleranceBelowFloat32(toleranceThatFits: Double)
  /// Padding at the start or end of the prompt, masked out when the golden was made.
  case padding(Padding)

  package struct Padding: Hashable, Sendable {
    package enum Side: String, Sendable { case left, right }
    package let side: Side
    package let token: Int
    package let count: Int
  }

  package struct PrecisionLoss: Hashable, Sendable {
    package enum Format: String, CaseIterable, Sendable {
      case bfloat16, float16
      /// Values with a mantissa of 10 bits, beyond float16's range.
      case tf32
      /// The values are float32, but the differences are as large as TF32's.
      case tf32Level = "tf32-level"
    }
    package let format: Format
    /// Whether the array's type says so; otherwise every value happens to be of the format.
    package let isStored: Bool
    /// Whether only the values saved were rounded; otherwise the model ran in the format.
    package let isRoundingOnly: Bool
    /// The largest difference, relative to the row's largest logit, that this explains.
    package let largest: Double
    /// Every such row of the file fits with this tolerance.
    package var toleranceThatFits: Double
  }
}
