/// What an adapter is read for. It decides what stands in the way: merging can honour more than factors can say.
package enum AdapterUse: Sendable {
  /// Converting it for llama.cpp, which runs it as factors beside the base.
  case factors
  /// Computing with it as PEFT does, as factors beside the base.
  case computing
  /// Adding it to the base's weights.
  case merging
}
