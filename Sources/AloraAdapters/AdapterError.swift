package import AloraSystem

/// An adapter that can't be used as it is, or that doesn't fit the base.
package typealias AdapterError = CodedError<AdapterErrorCode>

package enum AdapterErrorCode: ErrorCode {
  // The directory.
  case missingConfiguration, missingWeights
  /// The weights are a Python pickle (`adapter_model.bin`).
  case pickledWeights
  /// `peft_type` is not LORA.
  case unsupportedType
  case invalidField
  /// A field that PEFT honours and GGUF can't express.
  case unsupportedField
  /// A field that this version doesn't know, with a value that may matter.
  case unknownField
  /// A regular expression that is malformed or backtracks without end.
  case invalidPattern
  case invalidInvocation

  // The weights.
  case noTensors
  /// A tensor that isn't a LoRA factor of a weight.
  case unexpectedTensor
  /// `lora_A` without `lora_B`, or the reverse.
  case incompletePair
  case wrongShape
  /// The rank in the file differs from the rank that the configuration gives the module.
  case wrongRank
  case wrongDType
  /// NaN or infinity among the weights.
  case notFinite
  case duplicateTensor

  // A GGUF.
  /// A GGUF that isn't a LoRA adapter.
  case notAnAdapter
  /// A rule of llama.cpp's loader that the file breaks; see ``LoaderFinding``.
  case brokenLoaderRule

  // The base.
  /// The configuration doesn't target the module, so PEFT would ignore the tensor.
  case notTargeted
  /// The base has no such module.
  case unknownModule
  /// A GGUF adapter for another architecture.
  case wrongBase
  /// An adapted output layer or embedding that the base ties together.
  case tiedOutput
  /// An aLoRA that changes the embedding, which PEFT applies before the activation too.
  case activeEmbedding
  /// llama.cpp loads an adapter's factors for the tensor and never uses them.
  case neverApplied
  /// An aLoRA that changes experts, which PEFT adapts before the activation too.
  case activeExperts
  /// The shapes don't tell which factor of experts is of their inputs, and the adapter doesn't say which PEFT saved it.
  case ambiguousExperts
  /// The adapter changes nothing: every scaling is 0.
  case noEffect
  case scalingNotFinite
  case tokenOutsideVocabulary
  /// A legacy adapter's invocation string needs a tokenizer.
  case missingTokenizer
  /// A legacy adapter's invocation string is a single token; none is left after the first is dropped.
  case emptyInvocation
}

extension AdapterError {
  /// NaN or infinity in a tensor.
  package static func notFinite(_ path: String, tensor name: String) -> AdapterError {
    AdapterError(
      .notFinite, path: path, place: "tensor \(name)", problem: "it contains NaN or infinity",
      remedy: "the training diverged: use an earlier checkpoint")
  }
}
