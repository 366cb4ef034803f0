/// What a user can do about an error.
///
/// A library knows what would help, but not how its caller offers it. Advice that needs no option of a command is plain
/// text; everything else is a case, which each front end names in its own words (`--force`, a check box, an argument).
public enum Remedy: Hashable, Sendable {
  /// A clause in the imperative, without a full stop. It names no option of any command.
  case advice(String)
  /// Allow the output to replace the file that exists.
  case overwrite
  /// Write to another path.
  case otherOutput
  /// Write elements of this type.
  case outputType(String)
  /// Accept an unknown field of the adapter's configuration.
  case ignoreField(String)
  /// Convert every adapter below the directory.
  case wholeTree
  /// Look at the values of a file's tensors.
  case inspectValues
  /// Keep the logits of fewer positions.
  case fewerPositions
  /// Record what was found as the new baseline.
  case acceptBaseline
  /// Give a server more time to answer.
  case longerTimeout
  /// Choose one of a server's adapters.
  case chooseServerAdapter
  /// Say which of a server's models is the base.
  case chooseServerBase
  /// Name a model that has a tokenizer.
  case nameTokenizer
  /// Name the base that both adapters are for.
  case nameBase
  /// Leave out the modules of vision and audio towers.
  case leaveOutTowers
  /// Go on after the model's context length.
  case exceedContext
  /// Write the prompt without a chat template.
  case plainPrompt
  /// Add the adapter to the base's weights.
  case mergeAdapter
  /// Any one of several.
  indirect case either([Remedy])
}

extension Remedy: ExpressibleByStringInterpolation {
  public init(stringLiteral text: String) { self = .advice(text) }
}

extension Remedy: CustomStringConvertible {
  /// The remedy in words that fit any front end.
  public var description: String {
    switch self {
    case .advice(let text): text
    case .overwrite: "allow the file to be replaced"
    case .otherOutput: "write to another path"
    case .outputType(let name): "write \(name)"
    case .ignoreField(let name): "ignore the field '\(name)' if you know that it changes nothing"
    case .wholeTree: "convert the whole tree of adapters"
    case .inspectValues: "inspect the tensors' values"
    case .fewerPositions: "keep fewer positions"
    case .acceptBaseline: "accept the change if it is intended"
    case .longerTimeout: "allow the server more time"
    case .chooseServerAdapter: "say which of the server's adapters is meant"
    case .chooseServerBase: "say which of the server's models is the base"
    case .nameTokenizer: "name a base model that has a tokenizer"
    case .nameBase: "name the base, so that they are compared module by module"
    case .leaveOutTowers: "leave these modules out, or train only the language model's"
    case .exceedContext: "shorten the prompt, or allow it to exceed the context"
    case .plainPrompt: "give the prompt as plain text"
    case .mergeAdapter: "merge the adapter into the base"
    case .either(let remedies): remedies.map(\.description).joined(separator: ", or ")
    }
  }
}
