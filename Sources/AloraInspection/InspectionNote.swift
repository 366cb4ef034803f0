package import AloraAdapters

/// Something about a file or an adapter that one should know before relying on it.
///
/// A value, not a sentence: AloraReports has the words.
package enum InspectionNote: Hashable, Sendable {
  case adapter(AdapterNote)
  /// Modules that change nothing, because A or B is all zeros.
  case idleModules(count: Int, total: Int)
  /// Why the adapter can't become a GGUF: an error's place and problem.
  case notConvertible(place: String?, problem: String)
  /// How many more notes there are than are listed.
  case more(count: Int)
  /// One part of a split GGUF; the first is number 1.
  case partOfSplit(number: Int, count: Int)
  /// Tensors of types that llama.cpp and alora don't read.
  case foreignTypes(count: Int, types: [String])
  /// Layers whose decays a directory has as logarithms, which a GGUF has exponentiated by PyTorch.
  case decaysAsLogarithms(layerCount: Int)
  /// Why alora can't use the model: an error's problem.
  case modelUnusable(problem: String)
}
