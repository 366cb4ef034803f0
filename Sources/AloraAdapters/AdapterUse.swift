/// What an adapter is read for. It decides what stands in the way: merging can honour more than factors can say.
package enum AdapterUse: Sendable {
  /// Converting and running it as factors beside the base.
  case factors
  /// Adding it to the base's weights.
  case merging
}
