/// Something about an adapter that does no harm by itself and that the user may want to know.
///
/// A value, not a sentence: AloraReports has the words.
package enum AdapterNote: Hashable, Sendable {
  // The configuration. `field` is a JSON path.
  /// A field that alora doesn't know, with a value that switches it off.
  case unknownFieldIsOff(field: String)
  /// A field that alora doesn't know and that the user vouches for.
  case unknownFieldIgnored(field: String)
  /// PEFT itself switches `fan_in_fan_out` off for linear modules.
  case fanInFanOutIsOff(field: String)
  /// `invocation_string` beside `alora_invocation_tokens`.
  case invocationStringUnused
  /// `alora_invocation_string` becomes other tokens than `alora_invocation_tokens`, which count.
  case invocationTextDiffers(tokens: [Int], used: [Int])
  /// A legacy adapter's text becomes `tokens`; all but the first activate the adapter.
  case legacyInvocation(tokens: [Int])
  /// MLX's `alpha` beside `scale`, which counts as it is.
  case mlxAlphaUnused(field: String, scale: Double)
  /// The configuration targets modules that the file doesn't adapt.
  case modulesNotInFile(count: Int, first: String)

  // The weights.
  /// Names with a wrapper that PEFT doesn't find.
  case wrappedNames(wrapper: String, count: Int, first: String)
  /// Modules of vision and audio towers, which the user leaves out.
  case towersLeftOut(count: Int, first: String)

  /// A rule of llama.cpp's loader that a GGUF breaks.
  case loader(LoaderFinding)
  /// Why the adapter can't be used with a base, or by llama.cpp: an error's place (or the adapter's path) and problem.
  case obstacle(place: String, problem: String)
}
