import AloraSystem
import AloraJSON
import AloraMerge
import AloraModels
import AloraNPZ
import AloraRegex
import AloraEngineCheck
import AloraTensors
import AloraTokenization
import AloraVerification

extension Target {
  /// All that `verify --golden` reads.
  func readGoldens(_ path: String) throws {
    let archive = try NPZFile(path: path)
    let columns = archive["base_logits_0"]?.shape.dimensions.last ?? 96
    let golden = try GoldenFile(path: path, vocabularySize: min(max(columns, 1), 100_000))
    for item in golden.cases {
      for (name, isThere) in [("base", item.hasBase), ("adapted", item.hasAdapted)] where isThere {
        let reader = try NPZRowReader(golden.file, named: "\(name)_logits_\(item.index)")
        while try reader.next() != nil {}
      }
    }
  }

  /// Merges the second file into the first. What is written must be readable, and exactly the sum.
  func merge(_ paths: [String], type: UInt8?) throws {
    let output = paths[0] + ".merged"
    let types = DType.allCases.filter(ElementConversion.canNarrow)
    let plan = try MergePlan(
      model: ModelSource(path: paths[0]), adapterPath: paths[1], outputType: type.map { types[Int($0) % types.count] })
    _ = try plan.writeGGUF(to: output, replacesExisting: true)
    do {
      guard try plan.check(ModelSource(path: output)).tensors.allSatisfy({ $0.outcome == .exact }) || type != nil else {
        fatalError("the file written isn't the sum")
      }
    } catch {
      fatalError("the file written cannot be read: \(error)")
    }
  }

  /// An answer in pieces, and what is made of it.
  func readResponse(_ parts: [[UInt8]]) throws {
    var parser = HTTPResponseParser(url: "http://server", bodyByteLimit: 100_000)
    var response: HTTPResponse?
    let size = 1 + Int(parts[0].first ?? 0) % 50
    for start in stride(from: 0, to: parts[0].count, by: size) where response == nil {
      response = try parser.take(Array(parts[0][start..<min(start + size, parts[0].count)]))
    }
    guard let response = try response ?? parser.take([]) else { return }
    let root = try JSONDocument(parsing: response.body.span.bytes).root
    _ = try? LlamaServer.properties(root)
    _ = try? LlamaServer.adapters(root)
    _ = try? LlamaServer.nativeAnswer(root)
    _ = try? LlamaServer.openAIAnswer(root)
    _ = try? OpenAIServer.models(root)
    _ = try? OpenAIServer.version(root)
    _ = try? OpenAIServer.answer(root)
    _ = try? OllamaServer.names(root)
    _ = try? OllamaServer.parts(root)
    _ = try? OllamaServer.answer(root)
  }

  /// A pattern as a tokenizer's and as PEFT's, on a text.
  func match(_ parts: [[UInt8]]) {
    guard parts[0].count < 2000, let pattern = String(validating: parts[0], as: UTF8.self) else { return }
    let text =
      parts.count > 1 ? Array(String(decoding: parts[1].prefix(4096), as: UTF8.self).utf8) : Array("ab 12".utf8)
    for (pattern, syntax) in [
      (PatternTranslation.translated(pattern), CompiledRegex.Syntax.oniguruma), (pattern, .python),
    ] {
      guard let regex = try? CompiledRegex(pattern, syntax: syntax) else { continue }
      var matches: [Range<Int>] = []
      try? regex.appendMatches(in: text, range: 0..<text.count, to: &matches)
      for match in matches { precondition(match.lowerBound >= 0 && match.upperBound <= text.count) }
      if let found = try? regex.firstMatch(in: text) { precondition(found.upperBound <= text.count) }
      if let end = try? regex.matchEnd(in: text) { precondition(end <= text.count) }
    }
  }
}
