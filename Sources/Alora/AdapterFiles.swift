internal import AloraAdapters
internal import AloraInference
internal import AloraTensors
internal import AloraModels
internal import AloraConversion
internal import AloraInspection
internal import AloraJSON
internal import AloraReports
internal import AloraSystem
internal import AloraVerification

/// Adapters as files: convert, inspect, verify.
public enum AdapterFiles {
  /// The type of a converted adapter's elements.
  public enum ElementType: String, CaseIterable, Sendable { case f32, f16, bf16, q8_0, auto }

  /// Converts a PEFT adapter to GGUF.
  ///
  ///     let conversion = try AdapterFiles.convert(
  ///       "my-adapter", for: "base.gguf", to: "my-adapter.gguf", elementType: .f16)
  ///     print(conversion.moduleCount, conversion.notes)
  ///
  /// - Parameters:
  ///   - path: the directory that PEFT's `save_pretrained` wrote.
  ///   - base: the base model: a Hugging Face directory or a GGUF.
  ///   - output: the file to write, completely or not at all.
  /// - Throws: ``AloraError``, also for what GGUF can't express.
  public static func convert(
    _ path: String, for base: String, to output: String, elementType: ElementType = .f32,
    replacesExisting: Bool = false
  ) throws -> ConvertedAdapter {
    let conversion = try Conversion(
      adapterPath: path, bases: [ConversionBase(path: base)],
      outputType: OutputType(rawValue: elementType.rawValue) ?? .f32, ignoredFields: [], baseModelID: nil,
      leavesOutTowers: false)
    let summary = try conversion.plan.write(to: output, replacesExisting: replacesExisting)
    return ConvertedAdapter(
      moduleCount: conversion.plan.modules.count, invocation: conversion.plan.invocationTokens,
      notes: conversion.notes(summary).map(\.description))
  }

  /// Describes a file or directory, as JSON (schemas/inspect.schema.json).
  ///
  ///     let description = try AdapterFiles.inspect("my-adapter.gguf")
  ///     print(description)
  ///
  /// - Throws: ``AloraError``.
  public static func inspect(_ path: String) throws -> String {
    try Inspection(subject: Subject(path: path), path: path, listsTensors: true, hasValues: false).json.serialized()
  }

  /// Proves that an adapter changes nothing before its activation, and compares it with golden logits.
  ///
  ///     let model = try LanguageModel(path: "base.gguf")
  ///     let adapter = try model.adapter(at: "my-adapter.gguf")
  ///     let verification = try AdapterFiles.verify(adapter, of: model, golden: "golden.npz")
  ///     print(verification.passed, verification.report)
  ///
  /// - Parameter golden: a file of golden logits; nil: the proofs that need none.
  /// - Throws: ``AloraError``. A proof that fails is part of the result.
  public static func verify(
    _ adapter: LoadedAdapter, of model: LanguageModel, golden: String? = nil
  ) throws -> AdapterVerification {
    let file = try golden.map { try GoldenFile(path: $0, vocabularySize: model.vocabularySize) }
    let result = try Verification(model: model.opened, adapter: adapter.adapter, evaluator: model.evaluator)
      .run(golden: file)
    let report = VerificationReport(
      model: model.opened.source.path, adapter: adapter.adapter, golden: golden, result: result, tokenizer: nil)
    return AdapterVerification(passed: result.passed, report: report.json.serialized())
  }
}

/// An adapter that was converted.
public struct ConvertedAdapter: Hashable, Sendable {
  public let moduleCount: Int
  /// The tokens that switch an Activated LoRA on; nil for a plain LoRA.
  public let invocation: [Int]?
  /// Notes about the conversion.
  public let notes: [String]
}

/// The result of a verification.
public struct AdapterVerification: Hashable, Sendable {
  public let passed: Bool
  /// Every figure of every proof, as JSON (schemas/verify.schema.json).
  public let report: String
}
