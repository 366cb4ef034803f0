import AloraTestSupport
import Testing

/// Help reads well at every width.
@Suite struct HelpTests {
  private static let commands = [
    [], ["convert"], ["inspect"], ["diff"], ["tokenize"], ["tokens"], ["logits"], ["golden"], ["golden", "record"],
    ["verify"], ["run"], ["serve"], ["merge"], ["bench"], ["bench", "prefill"], ["bench", "decode"], ["bench", "ttft"],
    ["bench", "kernels"], ["bench", "serve"],
  ]

  private func help(_ command: [String], width: Int) throws -> [String] {
    let result = try runAlora(command + ["--help"], environment: ["COLUMNS": "\(width)"])
    #expect(result.status == 0)
    return result.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  @Test(arguments: commands, [80, 120]) func linesFillTheTerminal(_ command: [String], _ width: Int) throws {
    let lines = try help(command, width: width)
    for line in lines where !line.hasPrefix("USAGE:") {
      #expect(line.count <= width, "\(command): \(line)")
    }
    // A line of a paragraph ends where the next word doesn't fit.
    let overview = lines.prefix { !$0.hasPrefix("USAGE:") }
    for (line, next) in zip(overview, overview.dropFirst()) {
      let isText = [line, next].allSatisfy { !$0.isEmpty && !$0.hasPrefix(" ") && !$0.hasPrefix("Example") }
      guard isText, let word = next.split(separator: " ").first else { continue }
      #expect(line.count + 1 + word.count > width - 1, "\(command): \(line)")
    }
  }

  @Test(arguments: commands, [80, 120]) func examplesAreWholeCommands(_ command: [String], _ width: Int) throws {
    let lines = try help(command, width: width)
    let overview = Array(lines.prefix { !$0.hasPrefix("USAGE:") })
    let start = overview.firstIndex { $0.hasPrefix("Example") }
    #expect((start != nil) == (command != [] && command != ["golden"]), "\(command)")
    guard let start else { return }
    let examples = overview[(start + 1)...].prefix { !$0.isEmpty }
    #expect(!examples.isEmpty)
    var isContinued = false
    for line in examples {
      // A command begins with its name, and goes on in another line only after a backslash.
      #expect(line.hasPrefix(isContinued ? "      --" : "  alora "), "\(command): \(line)")
      isContinued = line.hasSuffix("\\")
    }
    #expect(!isContinued)
  }

  @Test(arguments: commands) func noDefaultIsShownTwice(_ command: [String]) throws {
    // One option to a line.
    var options: [String] = []
    for line in try help(command, width: 1000) where line.hasPrefix("  ") {
      if line.hasPrefix("        ") { options[options.count - 1] += line } else { options.append(line) }
    }
    for option in options { #expect(option.split(separator: "default").count <= 2, "\(command): \(option)") }
  }

  @Test(arguments: commands.dropFirst()) func everyOptionIsOnTheCommandsPage(_ command: [String]) throws {
    let page = String(decoding: try readFile(testData("../docs/commands/\(command[0]).md")), as: UTF8.self)
    for line in try help(command, width: 1000) where line.hasPrefix("  -") {
      for word in line.split(separator: " ").prefix(2)
      where word.hasPrefix("--") && word != "--version" && word != "--help" {
        let name = word.filter { $0 != "," }
        #expect(page.contains("`\(name)`") || page.contains("`\(name) "), "\(command): \(name)")
      }
    }
  }

  @Test(arguments: [
    (["run", "--model", "m", "--prompt", "- x"], "--prompt='- x'"),
    (["logits", "--model", "m", "--tokens", "1", "--outfile", "o"], "writes to --output"),
    (["convert", "a", "--base", "b", "--output", "o"], "writes to --outfile"),
    (["convert", "a", "--base", "b", "--output=o"], "writes to --outfile"),
  ]) func wrongUsageHintsAtTheRightOption(_ arguments: [String], _ hint: String) throws {
    let result = try runAlora(arguments)
    #expect(result.status == 2 && result.errors.contains("Hint: ") && result.errors.contains(hint), "\(result.errors)")
  }
}
