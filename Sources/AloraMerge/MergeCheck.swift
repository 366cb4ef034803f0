package import AloraModels
internal import AloraSystem
package import AloraTensors

/// What a merged model's tensors are, compared with the sums that the plan gives.
package struct MergeCheck: Sendable {
  package struct Tensor: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
      /// The bytes that merging gives.
      case exact
      /// Other bytes, as far from the sum as the type's rounding allows.
      case rounded
      /// The base's bytes, although the adapter changes them.
      case unmerged
      /// As near to the sum, but with more or less of the update than belongs there.
      case scaled
      /// Further from the sum than the type's rounding.
      case different
      /// Not in the merged model, or with another shape.
      case missing
    }

    package let name: String
    package let isChanged: Bool
    package let type: DType?
    package let outcome: Outcome
    /// ‖merged − sum‖ / ‖sum‖, of all elements, where the sum isn't rounded; 0 for a tensor that doesn't change.
    package let relativeError: Double
    /// Whether the update is there at its strength; nil if the bytes are exact or the base's, and if it can't be measured.
    package let fit: UpdateFit?
  }

  /// The tensors of the base, in the order of its files.
  package let tensors: [Tensor]
  /// Tensors that only the merged model has.
  package let others: [String]

  /// Of all tensors that the adapter changes and whose bytes aren't exact. A fault that is too small to be seen in one tensor
  /// can be seen in all of them.
  package var fit: UpdateFit? { UpdateFit(tensors.compactMap(\.fit)) }

  package var passed: Bool {
    tensors.allSatisfy { $0.outcome == .exact || $0.outcome == .rounded } && fit?.isWrong != true
  }
  /// The largest relative error of a tensor that the adapter changes.
  package var largestError: Double { tensors.filter(\.isChanged).map(\.relativeError).max() ?? 0 }
}

extension MergePlan {
  /// How far a type may be from the sum, relative to the tensor's norm: several times what rounding Gaussian weights gives.
  ///
  /// Measured on 4096 · 4096 Gaussian weights: F16 2.1e-4, BF16 1.7e-3, Q8_0 5.6e-3, Q5_1 3.6e-2, Q4_0 8.4e-2.
  private static func errorLimit(_ type: DType) -> Double {
    switch type {
    case .f32, .f64: 1e-6
    case .f16: 1e-3
    case .bf16: 6e-3
    case .q8_0, .q8K, .q6K: 0.03
    case .q5_0, .q5_1, .q5K: 0.1
    case .q4_0, .q4_1, .q4K, .iq4NL, .iq4XS, .mxfp4, .nvfp4: 0.2
    case .tq1_0, .tq2_0: 1
    default: 0.5
    }
  }

  /// Compares every tensor of a merged model with what this plan gives. Memory doesn't depend on the size of the model.
  ///
  /// - Parameters:
  ///   - division: the threads that quantize.
  ///   - progress: called with the bytes of the base's tensors compared so far.
  /// - Throws: ``MergeError`` `wrongForm`; ``FileError``; what opening the merged model throws.
  package func check(
    _ merged: ModelSource, division: WorkDivision = .none, progress: (Int) -> Void = { _ in }
  ) throws -> MergeCheck {
    guard (merged.gguf == nil) == (model.gguf == nil) else {
      throw MergeError(
        .wrongForm, path: merged.path, problem: "one of the two models is a GGUF and the other a directory",
        remedy: "give both in one form")
    }
    let other = try merged.tensors()
    var done = 0
    var results: [MergeCheck.Tensor] = []
    for tensor in source.tensors {
      results.append(try compare(tensor, other.tensor(named: tensor.name), in: other, division))
      done += tensor.byteRange.count
      progress(done)
    }
    let names = TensorIndex(source.tensors)
    return MergeCheck(tensors: results, others: other.tensors.map(\.name).filter { names[$0] == nil })
  }

  private func compare(
    _ tensor: TensorDescription, _ found: TensorDescription?, in other: any TensorSource, _ division: WorkDivision
  ) throws -> MergeCheck.Tensor {
    let updates = updates[tensor.name]
    func result(_ outcome: MergeCheck.Tensor.Outcome, _ error: Double = 0, _ fit: UpdateFit? = nil) -> MergeCheck.Tensor
    {
      MergeCheck.Tensor(
        name: tensor.name, isChanged: updates != nil, type: found?.dtype, outcome: outcome, relativeError: error,
        fit: fit)
    }
    guard let found, found.shape == tensor.shape else { return result(.missing, .infinity) }
    let (file, merged) = (try source.file(of: tensor), try other.file(of: found))
    if tensor.dtype == found.dtype {
      let isBase = try source.haveEqualBytes(tensor, found, in: other)
      if updates == nil { return result(isBase ? .exact : .different, isBase ? 0 : .infinity) }
      var isExact = ElementConversion.canNarrow(found.dtype)
      if isExact {
        var place = found.byteRange.lowerBound
        var merger = TensorMerger(path: model.path, division: division)
        try merger.merge(tensor, in: file, updates ?? [], to: found.dtype) { bytes in
          isExact = try isExact && merged.read(place..<(place + bytes.count)) == bytes
          place += bytes.count
        }
      }
      if isExact { return result(.exact, try distance(tensor, file, updates ?? [], found, merged, division).error) }
      if isBase { return result(.unmerged, try distance(tensor, file, updates ?? [], found, merged, division).error) }
    }
    guard ElementConversion.canWiden(tensor.dtype), ElementConversion.canWiden(found.dtype) else {
      return result(.different, .infinity)
    }
    let (error, fit) = try distance(tensor, file, updates ?? [], found, merged, division)
    guard error <= Self.errorLimit(found.dtype) else { return result(.different, error, fit) }
    return result(fit?.isWrong == true ? .scaled : .rounded, error, fit)
  }

  /// ‖merged − sum‖ / ‖sum‖, and how much of the update is in the merged weights.
  private func distance(
    _ tensor: TensorDescription, _ file: MappedFile, _ updates: [MatrixUpdate], _ found: TensorDescription,
    _ merged: MappedFile, _ division: WorkDivision
  ) throws -> (error: Double, fit: UpdateFit?) {
    var (first, difference, size) = (0, 0.0, 0.0)
    var (sums, base, expected, values): ([Float], [Float], [Float], [Float]) = ([], [], [], [])
    var rounded: [UInt8] = []
    var fit = UpdateFit.Sums()
    var merger = TensorMerger(path: model.path)
    try merger.merge(tensor, in: file, updates, to: .f32) { bytes in
      let count = bytes.count / 4
      ElementConversion.widen(bytes, .f32, count: count, into: &sums)
      try ElementConversion.widen(found, first..<(first + count), in: merged, into: &values)
      let squares = RowArithmetic.squares(sums, values)
      difference += squares.difference
      size += squares.size
      if !updates.isEmpty {
        try ElementConversion.widen(tensor, first..<(first + count), in: file, into: &base)
        expected = sums
        if ElementConversion.canNarrow(found.dtype), found.dtype != .f32 {
          if ElementConversion.narrow(sums, to: found.dtype, into: &rounded, division: division) {
            ElementConversion.widen(rounded, found.dtype, count: count, into: &expected)
          }
        }
        fit.add(sum: sums, base: base, expected: expected, found: values)
      }
      first += count
    }
    let ratio = (difference / size).squareRoot()
    return (difference == 0 ? 0 : ratio.isNaN ? .infinity : ratio, updates.isEmpty ? nil : fit.fit)
  }
}
