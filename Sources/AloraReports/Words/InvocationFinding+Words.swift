internal import AloraAdapters

extension InvocationFinding {
  /// What is wrong.
  var explanation: String {
    switch self {
    case .outsideVocabulary(let tokens, let limit):
      "the base's vocabulary (ids 0 to \(limit - 1)) has no token \(tokens), so no text has it"
    case .empty: "the sequence is empty, so no prompt contains it"
    case .retokenizes(_, let tokens):
      "the text of the sequence becomes other tokens, \(tokens), so a prompt made as text never activates"
    case .firstTokenMerges(let neighbour, _, let tokens):
      "after \(neighbour.debugDescription) the text becomes other tokens, \(tokens), and is not found"
    case .lastTokenMerges(_, let neighbour, let tokens):
      "before \(neighbour.debugDescription) the text becomes other tokens, \(tokens), and is not found"
    case .inGenerationPrompt:
      "the base's chat template writes the sequence into ordinary prompts, so the adapter is active in each of them"
    case .containsAddedToken(let token, let piece):
      "token \(token) (\(piece ?? "")) is one that the tokenizer puts around every text, so the sequence is found only at "
        + "the very start of a prompt, or if the prompt spells the token out"
    case .serverMisses(_, let tail, _):
      "llama-server doesn't find the sequence if its end \(tail) follows it once more: the base answers, without a warning"
    case .pieceDiffers(let token, let base, let adapter):
      "token \(token) is \((base ?? "").debugDescription) for the base and \((adapter ?? "").debugDescription) for the "
        + "adapter's own tokenizer"
    case .tokensDiffer(_, let base, let adapter):
      "the text becomes \(base) for the base and \(adapter) for the adapter's own tokenizer"
    case .legacy:
      "the adapter names its invocation by text; such adapters become active one token after it begins, so the first "
        + "token is left out, and the shorter sequence may occur where the whole does not"
    case .madeByTransformers5(_, let className, let others):
      "only transformers 5 makes the sequence of this text, because its \(className) doesn't take tokenizer.json as it is; "
        + "tokenizers, transformers 4, llama.cpp and alora make \(others) of it, so a prompt made as text activates the "
        + "adapter only there"
    case .transformers5Differs(_, let className, let tokens):
      "transformers 5 makes other tokens of this text, \(tokens), because its \(className) doesn't take tokenizer.json as it "
        + "is; the sequence is what tokenizers, transformers 4 and llama.cpp make of it"
    }
  }

  /// What the user can do.
  var fix: String {
    switch self {
    case .outsideVocabulary:
      "give the base that the adapter was trained on, or the tokenizer that it was trained with"
    case .empty: "give the adapter at least one invocation token"
    case .retokenizes:
      "train with the tokens that the text becomes, or append the sequence as tokens instead of text"
    case .firstTokenMerges: "begin the sequence with a control token of the base"
    case .lastTokenMerges:
      "end the sequence with a control token of the base, or let only generated tokens follow it"
    case .inGenerationPrompt: "choose another sequence, unless the adapter is meant for every answer"
    case .containsAddedToken: "tokenize the sequence without added special tokens, and train again"
    case .serverMisses:
      "keep that token from following the sequence, or end the sequence with a token that never occurs twice in a row"
    case .pieceDiffers, .tokensDiffer:
      "use the tokenizer of the base that is deployed, and train again or correct the tokens"
    case .legacy: "convert it with alora convert, which stores these tokens"
    case .madeByTransformers5:
      "append the sequence as tokens instead of text, or train again with the tokens that tokenizer.json gives"
    case .transformers5Differs:
      "for PEFT with transformers 5, append the sequence as tokens, or load the tokenizer with PreTrainedTokenizerFast"
    }
  }

  /// A text, or a list of tokens, that shows it.
  var example: String? {
    switch self {
    case .retokenizes(let text, _), .tokensDiffer(let text, _, _): text
    case .firstTokenMerges(let neighbour, let text, _): neighbour + text
    case .lastTokenMerges(let text, let neighbour, _): text + neighbour
    case .madeByTransformers5(let text, _, _), .transformers5Differs(let text, _, _): text
    case .inGenerationPrompt(let prompt): prompt
    case .serverMisses(let invocation, let tail, _): "\(invocation + tail)"
    case .outsideVocabulary, .empty, .containsAddedToken, .pieceDiffers, .legacy: nil
    }
  }
}
