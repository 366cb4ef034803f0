internal import AloraTensors
package import AloraAdapters
package import AloraModelCard

/// Something about a conversion that the user may want to know.
///
/// A value, not a sentence: AloraReports has the words.
package enum ConversionNote: Hashable, Sendable {
  case adapter(AdapterNote)
  case identity(AdapterIdentity.Note)
  /// The adapter names another base than the one given, whose shapes fit.
  case otherBase(trainedOn: String, given: String)
  /// PEFT has one module for several parts with factors of their own, whose ranks add up.
  case joinedParts(module: String, count: Int, rank: Int)
  /// A key of a GGUF that a model card has no field for.
  case keyNotInCard(String)
  /// Updates that add nothing, because A or B is all zeros.
  case idleUpdates(count: Int, total: Int)
  /// Elements that the output's type rounds to 0.
  case elementsRoundedToZero(count: Int, total: Int, type: OutputType)
}

extension ConversionPlan {
  /// The plan's notes, and what the written file lost.
  package func notes(after summary: ConversionSummary?) -> [ConversionNote] {
    guard let summary else { return notes }
    var notes = notes
    if summary.idleUpdateCount > 0 {
      notes.append(.idleUpdates(count: summary.idleUpdateCount, total: summary.updateCount))
    }
    if summary.flushedElementCount > 0 {
      let total = tensors.reduce(0) { $0 + $1.shape.elementCount }
      notes.append(.elementsRoundedToZero(count: summary.flushedElementCount, total: total, type: outputType))
    }
    return notes
  }
}
