internal import ArgumentParser

/// What a command that reads a whole PEFT adapter passes over.
struct AdapterReadingOptions: ParsableArguments {
  @Option(
    name: .customLong("ignore-field"),
    help: ArgumentHelp("Accept this unknown field of adapter_config.json. Repeatable.", valueName: "name"))
  var ignoredFields: [String] = []

  @Flag(help: "Leave out the factors of vision and audio towers and projectors.")
  var textOnly = false
}
