package import AloraAdapters
package import AloraConversion
internal import AloraModelCard
package import AloraInspection
internal import AloraSystem

/// A note in words: what it is about, and what it says.
package struct NoteText: Hashable, Sendable, CustomStringConvertible {
  /// `$.field`, `key NAME`, `tensor NAME`, `module NAME`, `base`, `weights`, or a path; nil for the whole file.
  package let place: String?
  package let text: String

  package var description: String { place.map { "\($0): \(text)" } ?? text }

  init(_ place: String?, _ text: String) {
    self.place = place
    self.text = text
  }

  package init(_ note: AdapterNote) {
    self =
      switch note {
      case .unknownFieldIsOff(let field): Self(field, "unknown field that is off")
      case .unknownFieldIgnored(let field): Self(field, "unknown field ignored")
      case .fanInFanOutIsOff(let field):
        Self(field, "PEFT itself switches fan_in_fan_out off for torch.nn.Linear, which all targets are")
      case .invocationStringUnused: Self("$.invocation_string", "not used: alora_invocation_tokens comes first")
      case .invocationTextDiffers(let tokens, let used):
        Self(
          "$.alora_invocation_string",
          "this text becomes the tokens \(tokens), and alora_invocation_tokens is \(used), which is used")
      case .legacyInvocation(let tokens):
        Self(
          "$.invocation_string",
          "legacy adapter: it becomes the tokens \(tokens); it was trained to become active one token later, "
            + "so the first is dropped")
      case .mlxAlphaUnused(let field, let scale):
        Self(
          field,
          "mlx-lm uses the scale of \(scale) as it is; versions from before the middle of 2024 multiplied it by alpha / rank"
        )
      case .modulesNotInFile(let count, let first):
        Self(
          "$.target_modules",
          "adapter_config.json targets \(count) more module\(count == 1 ? "" : "s") than the file adapts "
            + "(\(first)\(count > 1 ? ", …" : "")); \(count == 1 ? "it stays" : "they stay") as in the base")
      case .wrappedNames(let wrapper, let count, let first):
        Self(
          "tensor \(first)",
          "\(counted(count, "name")) with the wrapper '\(wrapper)', which is left out here; "
            + "PEFT doesn't find these tensors and leaves the modules as they are")
      case .towersLeftOut(let count, let first):
        Self(
          "module \(first)",
          "\(counted(count, "module")) of vision and audio towers \(count == 1 ? "is" : "are") left out")
      case .loader(let finding): Self("\(finding.place)", finding.problem)
      case .obstacle(let place, let problem): Self(place, problem)
      }
  }

  package init(_ note: ConversionNote) {
    self =
      switch note {
      case .adapter(let note): Self(note)
      case .identity(let note): Self("base", note.text)
      case .otherBase(let name, let given):
        Self(
          "base", "the adapter was trained on '\(name)', and the base given calls itself '\(given)'; its shapes fit")
      case .joinedParts(let module, let count, let rank):
        Self(
          "module \(module)",
          "PEFT has one module for \(count) parts with factors of their own, so its rank is their sum, \(rank)")
      case .keyNotInCard(let key): Self("key \(key)", "a model card has no field for it")
      case .idleUpdates(let count, let total):
        Self(
          "weights",
          count == total
            ? "every update is 0, so the adapter changes nothing: lora_A or lora_B is all zeros"
            : "\(count) of \(total) updates are 0 and change nothing")
      case .elementsRoundedToZero(let count, let total, let type):
        Self(
          "weights",
          "\(type.rawValue) rounds \(count) of \(total) elements (\(Self.perCent(count, of: total)) %) to 0; f32 keeps them"
        )
      }
  }

  private static func perCent(_ count: Int, of total: Int) -> Double {
    (Double(count) / Double(total) * 1000).rounded() / 10
  }

  package init(_ note: InspectionNote) {
    self =
      switch note {
      case .adapter(let note): Self(note)
      case .idleModules(let count, let total):
        Self(
          nil,
          count == total
            ? "the adapter changes nothing: lora_A or lora_B is all zeros in every module"
            : "\(count) of \(total) modules change nothing: lora_A or lora_B is all zeros")
      case .notConvertible(let place, let problem):
        Self(nil, "can't become a GGUF adapter: \(place.map { "\($0): " } ?? "")\(problem)")
      case .more(let count): Self(nil, "\(count) more notes of these kinds")
      case .partOfSplit(let number, let count): Self(nil, "this is part \(number) of \(count), shown by itself")
      case .foreignTypes(let count, let types):
        Self(
          nil,
          "\(counted(count, "tensor")) of types that llama.cpp and alora don't read: \(types.joined(separator: ", "))")
      case .decaysAsLogarithms(let count):
        Self(
          "A_log",
          "\(counted(count, "layer")): a GGUF holds -exp(A_log) as PyTorch computed it, whose last bit can differ, and so "
            + "can the bits of the logits")
      case .modelUnusable(let problem): Self(nil, "alora can't use this model: \(problem)")
      }
  }
}

extension AdapterIdentity.Note {
  fileprivate var text: String {
    switch self {
    case .cardUnusable(let problem): "the front matter of README.md is not used: \(problem)"
    case .cardUnreadable(let error): "README.md is not used: \(error)"
    case .localBase(let path):
      "the adapter names its base by a path of the machine it was trained on (\(path)), which is not recorded; "
        + "state the base's Hub id (org/name) to record it"
    }
  }
}
