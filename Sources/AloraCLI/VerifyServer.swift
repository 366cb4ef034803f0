internal import AloraModels
internal import AloraTensors
internal import AloraSystem
internal import AloraInference
internal import AloraJSON
internal import AloraReports
internal import AloraEngineCheck
internal import AloraTokenization
internal import AloraVerification
internal import ArgumentParser

/// What `alora verify --server` takes besides.
struct ServerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Check a running llama-server: whether it applies the adapter, how strongly, and from which token.",
      valueName: "url"))
  var server: String?

  @Option(
    name: .customLong("server-adapter"),
    help: ArgumentHelp(
      "The adapter's id at the server. The default is the one with its invocation tokens.", valueName: "id"))
  var serverAdapter: Int?

  @Option(
    name: .customLong("server-timeout"),
    help: ArgumentHelp("The longest time for one request, in seconds.", valueName: "s"))
  var serverTimeout = 120.0

  func validate() throws {
    guard serverTimeout > 0, serverTimeout <= 86_400 else {
      throw ValidationError("--server-timeout is above 0 and at most 86400.")
    }
    guard server != nil || serverAdapter == nil else { throw ValidationError("--server-adapter needs --server.") }
  }
}

/// Asks the server and says what fits.
struct VerifyServer {
  let inference: InferenceOptions
  let options: ServerOptions
  let reports: [ReportTarget]
  let common: CommonOptions

  /// - Throws: ``ServerError``; what loading throws; ``ExitStatus/checkFailed``.
  func run(_ url: String) throws {
    let client = ServerClient(address: try ServerAddress(url), timeout: options.serverTimeout)
    // A server that is not there is told before minutes are spent on loading a model.
    _ = try client.properties()
    let loaded = try inference.load(common)
    guard let adapter = loaded.adapter else { throw ExitStatus.usage }
    var progress = Progress("asking", total: 100, isQuiet: common.quiet)
    let report = try ServerCheck(
      client: client, evaluator: loaded.evaluator, adapter: adapter,
      contexts: ServerContexts(
        texts: try texts(), invocation: adapter.invocationTokens, vocabularySize: loaded.model.vocabularySize)
    ).run(adapter: options.serverAdapter) { progress.update($0 * 100 / max(1, $1)) }
    progress.finish()
    let json = json(report, adapter).serialized() + "\n"
    let list = CheckList(report, model: inference.model, adapter: adapter.path)
    let failure = ReportTarget.write(reports, list, json: json) {
      HTMLServerReport(
        report, model: try .init(loaded.model, path: inference.model), adapter: try .init(adapter),
        version: aloraVersion
      ).text
    }
    if common.json {
      Console.standardOutput.write(json)
    } else if !common.quiet {
      Console.standardOutput.write(text(report, Console.standardOutput.style))
    }
    if let failure { throw failure }
    if !report.passed { throw ExitStatus.checkFailed }
  }

  /// Sense does not matter, but a model that is asked for words is nearer to its habits than on tokens by chance.
  private static let texts = [
    "The old mill stands by the river, two miles north of the village. Its wheel was taken away in 1911, and the roof fell in a few years later. Who owned it then is not known.",
    "To make the soup, peel six carrots and two onions, cut them small and fry them in butter. Add a litre of stock, salt and a little ginger, and let it simmer for twenty minutes.",
    "Dear colleagues, the meeting on Thursday has been moved to the large room on the second floor. Please bring the figures of the last quarter, and tell me if you cannot come.",
    "A comet is a small body of ice and dust that moves around the sun on a long path. When it comes near, the ice turns to gas, and a tail appears that points away from the sun.",
  ]

  private func texts() throws -> [[Int]] {
    guard let path = Tokenizer.tokenizerPath(ofModel: inference.model) else { return [] }
    let tokenizer = try Tokenizer(path: path)
    return try Self.texts.map { try tokenizer.encode($0) }
  }

  private func text(_ report: ServerCheck.Report, _ style: TextStyle) -> String {
    let server = report.properties
    var text =
      "llama-server \(server.build ?? "of unknown build") at \(report.address), adapter \(report.adapter.identifier): "
    text += "\(report.adapter.path)\n"
    text +=
      "\(counted(report.requestCount, "request")); noise \(Figure(report.noise)) nats (base answers against the reference)\n"
    text = text.split(separator: "\n").map { String($0).escapingControlCharacters() + "\n" }.joined()
    for verdict in report.verdicts {
      let mark =
        switch verdict.outcome {
        case .passed: style.styled("✓", .green)
        case .failed: style.styled("✗", .red)
        case .undecided: style.styled("?", .yellow)
        case .skipped: style.styled("-", .dim)
        }
      text += "\(mark) \(verdict.kind.title.padded(to: 27))\(verdict.detail)\n"
      guard let best = verdict.fit?.best else { continue }
      var figures = "residual \(Figure(best.residual))"
      if let second = verdict.fit?.second {
        figures += "; next \(Figure(second.residual)) (\(second.hypothesis))"
      }
      if verdict.outcome == .failed, best.hypothesis != verdict.expected, let expected = verdict.expectedResidual {
        figures += "; expected \(Figure(expected)) (\(verdict.expected))"
      }
      text += "  \("".padded(to: 27))\(style.styled(figures, .dim))\n"
    }
    for note in report.notes { text += "note: \(note)\n" }
    return text
  }

  /// Schema: schemas/verify-server.schema.json.
  private func json(_ report: ServerCheck.Report, _ adapter: Adapter) -> JSONValue {
    let server = report.properties
    return [
      "model": .string(inference.model), "adapter": .string(adapter.path),
      "adapter_sha256": .string(adapter.digest.description),
      "server": [
        "url": .string(report.address.description), "build": server.build.map { .string($0) } ?? .null,
        "model_path": server.modelPath.map { .string($0) } ?? .null,
        "context_length": server.contextLength.map { .integer($0) } ?? .null,
        "adapter_id": .integer(report.adapter.identifier), "adapter_path": .string(report.adapter.path),
        "invocation_tokens": report.adapter.invocationTokens.map { .array($0.map { .integer($0) }) } ?? .null,
        "default_scale": report.adapter.defaultScale.map { .number($0) } ?? .null,
      ],
      "passed": .boolean(report.passed), "noise": .number(report.noise), "request_count": .integer(report.requestCount),
      "notes": .array(report.notes.map { .string($0) }), "checks": .array(report.verdicts.map(json)),
    ]
  }

  private func json(_ verdict: ServerVerdict) -> JSONValue {
    let fit = verdict.fit
    return [
      "check": .string(verdict.kind.rawValue), "outcome": .string(verdict.outcome.rawValue),
      "detail": .string(verdict.detail), "expected": json(verdict.expected),
      "scaling": verdict.scaling.map {
        ["value": .number($0.value), "lower": .number($0.range.lowerBound), "upper": .number($0.range.upperBound)]
      } ?? .null,
      "compatible": .array(verdict.compatible.map(json)),
      "fits": .array(
        (fit?.entries ?? []).map { entry in
          [
            "hypothesis": json(entry.hypothesis), "residual": .number(entry.residual),
            "residuals": .array(entry.residuals.map { .number($0) }),
          ]
        }),
    ]
  }

  private func json(_ hypothesis: EngineHypothesis) -> JSONValue {
    let (name, shift): (String, Int?) =
      switch hypothesis.activation {
      case .shifted(let count): ("invocation", count)
      case .firstOccurrence(let count): ("first-occurrence", count)
      case .behindKept(let count): ("behind-kept", count)
      case .everywhere: ("everywhere", nil)
      case .lastTokenOnly: ("last-token-only", nil)
      case .off: ("off", nil)
      }
    return [
      "activation": .string(name), "shift": shift.map { .integer($0) } ?? .null, "factor": .number(hypothesis.factor),
      "text": .string(hypothesis.description),
    ]
  }
}
