internal import AloraModels
internal import AloraSystem
internal import AloraTemplates
package import AloraTokenization

/// What an adapter's own tokenizer and chat template, saved beside it by the trainer, say that the base's don't.
///
/// The base's are the ones in use, so a prompt may not be what the adapter was trained with.
package enum CompanionFinding: Hashable, Sendable {
  case tokenizerDiffers(TokenizerDifference)
  case templateDiffers
  /// The base has no chat template.
  case templateIsMissing
  /// A file beside the adapter can't be read, so nothing is compared.
  case unreadable(file: String, problem: String)

  /// The findings on an adapter's directory; none for a GGUF, which brings no tokenizer.
  ///
  /// - Parameters:
  ///   - base: the path of the base. What it lacks isn't compared, except a chat template.
  ///   - tokenizer: opens the base's tokenizer, if it is needed.
  ///   - comparesTemplates: false if no chat template will be used.
  package static func findings(
    adapter: String, base: String, tokenizer: () throws -> Tokenizer, comparesTemplates: Bool = true
  ) -> [CompanionFinding] {
    guard let directory = directory(of: adapter), let basePath = Tokenizer.tokenizerPath(ofModel: base) else {
      return []
    }
    var findings: [CompanionFinding] = []
    if let path = Tokenizer.tokenizerPath(ofModel: directory), path != basePath {
      findings += attempt(path) {
        // Trainers copy the base's files, so there is rarely anything to look for.
        guard try !haveSameTokenizer(directory, path, parentDirectory(of: basePath), basePath),
          let theirs = try? tokenizer()
        else { return nil }
        let difference = try Tokenizer(path: directory).difference(from: theirs)
        return difference.isEmpty ? nil : .tokenizerDiffers(difference)
      }
    }
    if comparesTemplates {
      findings += attempt("\(directory)/chat_template.jinja") {
        guard let own = try ChatTemplate.textOfModel(directory) else { return nil }
        guard let theirs = try ChatTemplate.textOfModel(base) else { return .templateIsMissing }
        return own.utf8.elementsEqual(theirs.utf8) ? nil : .templateDiffers
      }
    }
    return findings
  }

  private static func directory(of adapter: String) -> String? {
    switch try? PathContents(path: adapter) {
    case .directory(let files) where files.hasAdapterConfiguration: files.path
    case .adapterConfiguration: (try? DirectoryContents(containing: adapter))?.path
    default: nil
    }
  }

  /// Whether the files that make up two tokenizers are equal.
  private static func haveSameTokenizer(
    _ directory: String, _ path: String, _ otherDirectory: String, _ otherPath: String
  ) throws -> Bool {
    guard try MappedFile.haveEqualBytes(path, otherPath) else { return false }
    return try TokenizerSettings(directory: directory)?.additions
      == TokenizerSettings(directory: otherDirectory)?.additions
  }

  private static func parentDirectory(of path: String) -> String {
    (try? DirectoryContents(containing: path))?.path ?? "."
  }

  private static func attempt(_ file: String, _ body: () throws -> CompanionFinding?) -> [CompanionFinding] {
    do { return try body().map { [$0] } ?? [] } catch let error as any DiagnosedError {
      let place = error.place.map { "\($0): " } ?? ""
      return [.unreadable(file: error.path ?? file, problem: place + error.problem)]
    } catch { return [.unreadable(file: file, problem: "\(error)")] }
  }
}
