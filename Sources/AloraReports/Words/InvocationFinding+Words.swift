package import AloraAdapters

extension InvocationFinding {
  /// What is wrong, and what follows from it.
  package var explanation: String {
    switch problem {
    case .outsideVocabulary(let tokens, let limit):
      "the base's vocabulary (ids 0 to \(limit - 1)) has no token \(Self.list(tokens)), so no text has it"
    case .empty: "the sequence has no tokens, so it is found nowhere"
    case .retokenizes(let tokens):
      "the text of the sequence becomes other tokens, \(Self.list(tokens)), so a prompt made as text never activates"
    case .firstTokenMerges(let neighbour, let tokens):
      "after \(neighbour.debugDescription) the text becomes other tokens, \(Self.list(tokens)), and is not found"
    case .lastTokenMerges(let neighbour, let tokens):
      "before \(neighbour.debugDescription) the text becomes other tokens, \(Self.list(tokens)), and is not found"
    case .inGenerationPrompt:
      "the base's chat template writes the sequence into ordinary prompts, so the adapter is active in each of them"
    case .containsAddedToken(let token, let piece):
      "token \(token) (\(piece)) is one that the tokenizer puts around every text: the sequence is found at a prompt's very "
        + "start only, or where the token is written out"
    case .serverMisses(let tail):
      "llama-server does not find the sequence if its end \(Self.list(tail)) is repeated after it: the base answers, "
        + "without a word"
    case .tokenDiffers(let token, let base, let adapter):
      "token \(token) is \(base.debugDescription) for the base and \(adapter.debugDescription) for the adapter's own tokenizer"
    case .textDiffers(let base, let adapter):
      "the text becomes \(Self.list(base)) for the base and \(Self.list(adapter)) for the adapter's own tokenizer"
    case .legacy:
      "the adapter names its invocation by text; such adapters become active one token after it begins, so the first token is "
        + "left out, and the shorter sequence may occur where the whole does not"
    case .madeByTransformers5(let className, let others):
      "only transformers 5 makes the sequence of this text, because its \(className) doesn't take tokenizer.json as it is; "
        + "tokenizers, transformers 4, llama.cpp and alora make \(Self.list(others)) of it, so a prompt made as text "
        + "activates the adapter only there"
    case .transformers5Differs(let className, let tokens):
      "transformers 5 makes other tokens of this text, \(Self.list(tokens)), because its \(className) doesn't take "
        + "tokenizer.json as it is; the sequence is what tokenizers, transformers 4 and llama.cpp make of it"
    }
  }

  /// What to do about it, in the imperative.
  package var fix: String {
    switch problem {
    case .outsideVocabulary:
      "give the base that the adapter was trained on, or the tokenizer that it was trained with"
    case .empty: "give the adapter at least one invocation token"
    case .retokenizes: "train with the tokens that the text becomes, or append the sequence as tokens instead of text"
    case .firstTokenMerges: "begin the sequence with a control token of the base"
    case .lastTokenMerges:
      "end the sequence with a control token of the base, or let nothing but generated tokens follow it"
    case .inGenerationPrompt: "choose a sequence of its own, unless the adapter is meant for every answer"
    case .containsAddedToken: "tokenize the sequence without added special tokens, and train again"
    case .serverMisses:
      "keep that token from following the sequence, or end it with a token that never stands twice"
    case .tokenDiffers, .textDiffers:
      "use the tokenizer of the base that is deployed, and train again or correct the tokens"
    case .legacy: "convert it with alora convert, which stores these tokens"
    case .madeByTransformers5:
      "append the sequence as tokens instead of text, or train again with the tokens that tokenizer.json gives"
    case .transformers5Differs:
      "for PEFT with transformers 5, append the sequence as tokens, or load the tokenizer with PreTrainedTokenizerFast"
    }
  }

  private static func list(_ tokens: [Int]) -> String { "[\(tokens.map(String.init).joined(separator: ", "))]" }
}
