import AloraAdapters
import AloraConversion
import AloraInspection
import AloraModelCard
import AloraTestSupport
import Testing

@testable import AloraReports

/// Every note and every finding about an invocation in words.
@Suite struct NoteWordsTests {
  static let adapterNotes: [AdapterNote] = [
    .unknownFieldIsOff(field: "$.new"), .unknownFieldIgnored(field: "$.new"),
    .fanInFanOutIsOff(field: "$.fan_in_fan_out"), .invocationStringUnused,
    .invocationTextDiffers(tokens: [5, 7], used: [5, 9]), .legacyInvocation(tokens: [5, 7]),
    .modulesNotInFile(count: 1, first: "model.layers.0.self_attn.v_proj"),
    .modulesNotInFile(count: 2, first: "model.layers.0.self_attn.v_proj"),
    .wrappedNames(wrapper: "_orig_mod.", count: 1, first: "a.lora_A.weight"),
    .wrappedNames(wrapper: "module.", count: 8, first: "a.lora_A.weight"),
    .towersLeftOut(count: 1, first: "vision_tower.a"), .towersLeftOut(count: 2, first: "vision_tower.a"),
    .obstacle(place: "$.r", problem: "a problem"),
  ]

  static let conversionNotes: [ConversionNote] = [
    .identity(.cardUnusable(problem: "a problem")), .identity(.cardUnreadable(error: "README.md: cannot read")),
    .identity(.localBase(path: "out/base")), .otherBase(trainedOn: "org/a", given: "b"),
    .idleUpdates(count: 2, total: 4), .idleUpdates(count: 4, total: 4),
    .elementsRoundedToZero(count: 3, total: 4000, type: .f16),
  ]

  static let inspectionNotes: [InspectionNote] = [
    .idleModules(count: 2, total: 4), .idleModules(count: 4, total: 4),
    .notConvertible(place: nil, problem: "a problem"), .notConvertible(place: "$.r", problem: "a problem"),
    .more(count: 3), .partOfSplit(number: 2, count: 3), .foreignTypes(count: 1, types: ["IQ1_BN"]),
    .foreignTypes(count: 9, types: ["IQ1_BN", "type 200"]), .modelUnusable(problem: "a problem"),
  ]

  @Test func notesAreSnapshots() throws {
    let texts =
      Self.adapterNotes.map { NoteText($0) } + Self.conversionNotes.map { NoteText($0) }
      + Self.inspectionNotes.map { NoteText($0) }
    try expectSnapshot("notes.txt", texts.map { "\($0)\n" }.joined())
    #expect(texts.allSatisfy { !$0.text.contains("--") && !$0.text.hasSuffix(".") })
    // A note means the same wherever it is shown.
    for note in Self.adapterNotes {
      #expect(NoteText(note) == NoteText(ConversionNote.adapter(note)))
      #expect(NoteText(note) == NoteText(InspectionNote.adapter(note)))
    }
  }

  static let findings: [InvocationFinding] = [
    .outsideVocabulary(tokens: [96, 97], idLimit: 96), .empty, .retokenizes(text: "the", tokens: [5]),
    .firstTokenMerges(neighbour: "\n", text: "check", tokens: [5, 7]),
    .lastTokenMerges(text: "check", neighbour: "ed", tokens: [5, 7]), .inGenerationPrompt(prompt: "<user>Hi"),
    .containsAddedToken(1, piece: "<s>"), .serverMisses(invocation: [7, 9], tail: [9], isLikely: true),
    .serverMisses(invocation: [7, 9], tail: [9], isLikely: false), .pieceDiffers(token: 5, base: "a", adapter: nil),
    .tokensDiffer(text: "check", base: [5], adapter: [7]), .legacy,
    .madeByTransformers5(text: "check", className: "LlamaTokenizer", others: [5, 7]),
    .transformers5Differs(text: "check", className: "LlamaTokenizer", tokens: [5]),
  ]

  @Test func findingsAboutAnInvocationAreSnapshots() throws {
    #expect(Set(Self.findings.map(\.identifier)).count == InvocationFinding.Identifier.allCases.count)
    try expectSnapshot(
      "invocation.txt",
      Self.findings.map { finding in
        "\(finding.severity.rawValue) \(finding.identifier.rawValue): \(finding.explanation)\n"
          + (finding.example.map { "  e.g. \($0.debugDescription)\n" } ?? "") + "  fix: \(finding.fix)\n"
      }.joined())
  }
}
