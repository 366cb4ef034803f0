internal import AloraAdapters

/// Expresses the scalings of an adapter's modules with the single alpha of a GGUF adapter.
///
/// llama.cpp multiplies B · A by `alpha / r` in f32, r being the columns of `lora_b` (`llama_adapter_lora_weight::get_scale`
/// in `src/llama-adapter.h`), and takes an alpha of 0 for "scale 1". PEFT multiplies by a scaling that may differ from
/// module to module. The chosen alpha gives the most modules exactly PEFT's f32 scaling. The remaining factor of
/// each other module is folded into its `lora_b`.
package struct ScalingPlan: Hashable, Sendable {
  /// `adapter.lora.alpha`. Never 0.
  package let alpha: Float
  /// For each module, in the given order, the factor that is folded into its `lora_b`; 1 if there is none.
  package let factors: [Double]

  /// - Parameters:
  ///   - scalings: each module's rank and PEFT's scaling.
  ///   - configuredAlpha: `lora_alpha`, preferred if it fits as many modules as any other alpha.
  /// - Returns: nil if a scaling, or the alpha needed for it, isn't a finite f32.
  init?(scalings: [ModuleMatcher.Scaling], configuredAlpha: Double) {
    struct Group: Hashable {
      let rank: Int
      let scale: Float
    }
    var sizes: [Group: Int] = [:]
    for scaling in scalings {
      let scale = Float(scaling.value)
      guard scale.isFinite else { return nil }
      sizes[Group(rank: scaling.rank, scale: scale), default: 0] += 1
    }
    var served: [Float: Int] = [:]
    for (group, size) in sizes where group.scale != 0 {
      for candidate in Self.alphas(near: Float(configuredAlpha), scale: group.scale, rank: group.rank) {
        served[candidate, default: 0] += size
      }
    }
    let configured = Float(configuredAlpha)
    // The most modules, then the configured alpha, then the nearest to it, then the smaller one: the choice is unique.
    let best = served.min { left, right in
      func order(_ entry: (key: Float, value: Int)) -> (Int, Int, Float) {
        (-entry.value, abs(Int(entry.key.bitPattern) - Int(configured.bitPattern)), entry.key)
      }
      return order(left) < order(right)
    }
    let alpha = best?.key ?? 1
    guard alpha.isNormal else { return nil }
    self.alpha = alpha
    factors = scalings.map { scaling in
      let engine = GGUFAdapterFormat.scale(alpha: alpha, rank: scaling.rank)
      return engine == Float(scaling.value) ? 1 : scaling.value / Double(engine)
    }
  }

  /// The f32 alphas for which the engine's `alpha / rank` is exactly `scale`.
  private static func alphas(near configured: Float, scale: Float, rank: Int) -> [Float] {
    let middle = Float(Double(scale) * Double(rank))
    guard middle.isNormal else { return [] }
    var candidates = [configured]
    var (below, above) = (middle.nextDown, middle.nextUp)
    candidates.append(middle)
    for _ in 0..<3 {
      candidates += [below, above]
      (below, above) = (below.nextDown, above.nextUp)
    }
    return Set(candidates).filter { $0.isNormal && GGUFAdapterFormat.scale(alpha: $0, rank: rank) == scale }
  }
}
