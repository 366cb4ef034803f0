internal import AloraSystem
internal import AloraVerification

extension Cause {
  /// - Parameter item: the prompt that the cause explains.
  func text(_ item: CaseReport?) -> String {
    switch self {
    case .mistake(let mistake): mistake.cause(item)
    case .adapterWasActive: "the golden's base rows were made with the adapter active"
    case .unexplained(let search): search.text
    case .idleModules(let groups):
      "the adapter changes nothing in \(Self.list(groups)) although it does elsewhere: factors are missing or zero, "
        + "perhaps lost"
    case .adapterChangesNothing: "the adapter changes nothing: its factors are zero"
    case .baseDiffers(let difference): difference.text
    case .differsBeforeActivation(let position, let difference):
      "no activation explains it, and position \(position) comes before the adapter's activation: \(difference.text)"
    case .baseRowsDiffer: "the base's rows differ already, so the adapter can't be judged"
    case .unexplainedBefore: "no known mistake explains it, as in an earlier case"
    case .golden(let mistake): mistake.text
    }
  }

  private static func list(_ groups: [ModuleGroup]) -> String {
    groups.prefix(4).map(\.text).joined(separator: ", ") + (groups.count > 4 ? ", …" : "")
  }
}

extension Cause.Search {
  fileprivate var text: String {
    let scope = "\(triedCount) tried\(isCutShort ? ", not all: too many tokens" : "")"
    guard let nearest else {
      return "no single known mistake explains it (\(scope)): probably another adapter, or several mistakes at once"
    }
    return "no single known mistake explains it (\(scope)); the nearest is \(nearest.mistake.name), which leaves "
      + "\(Figure(nearest.remainder)) of the difference"
  }
}

extension Cause.BaseDifference {
  fileprivate var text: String {
    let figures = "correlation of the logits \(Figure(correlation, digits: 4)), largest difference \(Figure(largest))"
    return isClose
      ? "another quantization of the base, the base in lower precision, a close relative of it, or one changed token in the "
        + "prompt (\(figures))"
      : "another base, a much coarser quantization of it, or another prompt (\(figures))"
  }
}

extension GoldenMistake {
  fileprivate var text: String {
    switch self {
    case .notFinite(let position): "the golden's row at position \(position) has NaN or infinity"
    case .logProbabilities:
      "the golden has log-probabilities, not logits; save out.logits, not torch.log_softmax(out.logits, -1)"
    case .probabilities: "the golden has probabilities, not logits; save out.logits, not torch.softmax(out.logits, -1)"
    case .offset(let position, let amount):
      "each golden row is the computed row plus a constant (\(Figure(amount)) at position \(position)); save out.logits "
        + "as they are"
    case .multiplied(let factor):
      "the golden logits are \(Figure(factor, digits: 4)) times the computed ones: a temperature, or a logit scale of the "
        + "configuration applied twice or not at all; save out.logits as they are"
    case .otherPosition(let golden, let computed):
      "the golden's rows are at other positions: its row for position \(golden) is that of position \(computed)"
    case .precision(let loss): loss.text
    case .toleranceBelowFloat32(let tolerance):
      "the tolerance is smaller than the rounding difference of two float32 implementations; "
        + "\(Figure.roundedUp(tolerance)) would fit (default \(Figure(Tolerance.standard.limit)))"
    case .padding(let padding): padding.text
    }
  }
}

extension GoldenMistake.PrecisionLoss {
  fileprivate var text: String {
    let remedy = "or allow a tolerance of \(Figure.roundedUp(toleranceThatFits))"
    let subject =
      isStored ? "the golden's arrays are \(format.name)" : "every value of the golden is a \(format.name) number"
    switch format {
    case .tf32Level:
      return
        "the golden differs as much as TF32 or a nearby quantization does (\(Figure(largest)) relative); in PEFT set "
        + "torch.set_float32_matmul_precision(\"highest\") and run the weights you ship, \(remedy)"
    case .bfloat16, .float16, .tf32:
      return isRoundingOnly
        ? "\(subject): the logits were rounded when saved; save out.logits.float().numpy() of a float32 model, \(remedy)"
        : "\(subject): the model ran in \(format.name); load it with from_pretrained(…, torch_dtype=torch.float32), \(remedy)"
    }
  }
}

extension GoldenMistake.PrecisionLoss.Format {
  fileprivate var name: String {
    switch self {
    case .bfloat16: "bfloat16"
    case .float16: "float16"
    case .tf32, .tf32Level: "TF32"
    }
  }
}

extension GoldenMistake.Padding {
  fileprivate var text: String {
    let tokens = "\(counted(count, "token")) \(token)"
    switch side {
    case .left:
      return
        "the prompt begins with padding (\(tokens)) that was masked out when the golden was made; run each prompt alone, "
        + "model(input_ids=ids[None]), without padding"
    case .right:
      return
        "the prompt ends with padding (\(tokens)) that was masked out when the golden was made; run each prompt alone, "
        + "or save only the rows before the padding"
    }
  }
}
