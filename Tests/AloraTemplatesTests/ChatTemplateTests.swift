import AloraModels
import AloraTemplates
import AloraSystem
import AloraJSON
import AloraTestSupport
import AloraTokenization
import Foundation
import Testing

/// Templates as transformers renders them: testdata/tokenizers/chat.
@Suite struct ChatTemplateTests {
  private let data: JSON
  private let tokens: [String: String]
  private let date = TemplateDate(year: 2025, month: 3, day: 7, hour: 9, minute: 5, second: 2)

  init() throws {
    data = try JSONDocument(path: testData("tokenizers/chat/expected.json")).root
    tokens = try Dictionary(uniqueKeysWithValues: data["tokens"].members().map { ($0.name, try $0.value.string()) })
  }

  @Test func conversationsAreThoseOfTransformers() throws {
    var templates: [String: ChatTemplate] = [:]
    let variables = try data["variables"].elements()
    let tools = try parseJSON("[\(data["tool"].serialized), \(data["tool"].serialized)]")
    var count = 0
    for entry in try data["rendered"].elements() {
      let item = try entry.elements()
      let (file, name) = (try item[0].string(), try item[1].string())
      if templates[file] == nil {
        let source = String(decoding: try readFile(testData("tokenizers/chat/\(file)")), as: UTF8.self)
        templates[file] = try ChatTemplate(source, specialTokens: tokens)
      }
      let template = try #require(templates[file])
      let (hasTools, addsPrompt) = (try item[2].boolean(), try item[3].boolean())
      let found = try? template.render(
        messages: data["conversations"][name], tools: hasTools ? tools : nil, addsGenerationPrompt: addsPrompt,
        variables: variables[item[4].integer()], date: date)
      let expected = item[5].isNull ? nil : try item[5].string()
      let digest = found.map { text in String(sha256(text.utf8).prefix(16)) }
      #expect(digest == expected, "\(file) \(name) \(hasTools) \(addsPrompt): \(found ?? "fails")")
      count += 1
    }
    #expect(count > 500)
  }

  /// Each construct of the subset, its white space and its failures.
  @Test func constructsAreThoseOfJinja() throws {
    var count = 0
    for entry in try data["snippets"].elements() {
      let item = try entry.elements()
      let source = try item[0].string()
      let expected = item[1].isNull ? nil : try item[1].string()
      let found = try? ChatTemplate(source).render(messages: parseJSON("[]"), variables: data["data"], date: date)
      #expect(found.map { Array($0.utf8) } == expected.map { Array($0.utf8) }, "\(source): \(found ?? "fails")")
      count += 1
    }
    #expect(count > 300)
  }

  /// What neither Jinja nor transformers knows is refused when the template is read.
  @Test(arguments: [
    ("{% trans %}a{% endtrans %}", "trans"), ("{% endwith %}", "endwith"), ("{{ f(*l, *l) }}", "*"),
    ("\n\n{% do x %}", "line 3"),
    ("{% raw %}a", "endraw"), ("{% call x %}{% endcall %}", "call"), ("{% filter %}{% endfilter %}", "name"),
    ("{% macro m(a=1, b) %}{% endmacro %}", "default"),
  ]) func unknownTagsAreRefused(_ source: String, _ word: String) throws {
    let error = try #require(caught(TemplateError.self) { _ = try ChatTemplate(source) })
    #expect(error.code == .invalidTemplate)
    #expect(error.description.contains(word))
    #expect(error.place?.hasPrefix("line ") == true)
  }

  /// What cannot run is refused where it is reached, by name, and nowhere else.
  @Test(arguments: [
    ("{% include 'x' %}", "include"), ("{% import 'x' as y %}", "import"), ("{% from 'x' import y %}", "from"),
    ("{% extends 'x' %}", "extends"), ("{% autoescape true %}{% endautoescape %}", "escaping"),
    ("{{ l|from_json }}", "from_json"), ("{{ l is matching }}", "matching"), ("{{ l|random }}", "random"),
    ("{{ lipsum() }}", "lipsum"), ("{{ unknown() }}", "unknown"), ("{{ [1]|map('nope')|list }}", "nope"),
    ("{{ 'a'.encode() }}", "encode"),
  ]) func whatCannotRunIsRefusedWhereItIsReached(_ source: String, _ word: String) throws {
    let messages = try parseJSON("[]")
    #expect(try ChatTemplate("{% if messages %}\(source){% endif %}a").render(messages: messages) == "a")
    let template = try ChatTemplate("\n\(source)")
    let error = try #require(caught(TemplateError.self) { _ = try template.render(messages: messages) })
    #expect(error.code == .templateFailed)
    #expect(error.problem.contains(word), "\(error.problem)")
    #expect(error.place == "line 2")
  }

  /// Templates that would run forever, or fill the memory.
  @Test(arguments: [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "{{ 'a' * 999999999 }}", "{{ 'a' * 9223372036854775807 }}", "{{ range(999999999)|list }}",
    "{{ range(0, 9223372036854775807, 9223372036854775806)|list }}",
    "{% set ns = namespace(s='aaaaaaaa') %}{% for x in range(99999) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s='aaaaaaaa') %}{% for x in range(99999) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% set ns = namespace(l=[1]) %}{% for x in range(99999) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
    "{% set ns = namespace(l=[1]) %}{% for x in range(99999) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
    "{% set ns = namespace(s='a') %}{% for x in range(99999) %}{% set ns.s = ns.s.replace('a', 'aaaaaaaa') %}{% endfor %}",
    "{% for x in range(99999) %}{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' * 10 }}{% endfor %}",
    "{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}", "{{ 9223372036854775807 * 2 }}",
    "{{ (-9223372036854775807 - 1) // -1 }}", "{{ (-9223372036854775807 - 1) % -1 + 1 / 0 }}",
    "{{ 'x'|indent(999999999) and 1/0 }}",
  ]) func boundsHold(_ source: String) throws {
    let template = try ChatTemplate(source)
    let error = caught(TemplateError.self) { _ = try template.render(messages: parseJSON("[]")) }
    #expect(error?.code == .templateFailed)
  }

  @Test func nestingIsBoundedWhenRead() {
    for (open, close) in [("(", ")"), ("[", "]"), ("not ", ""), ("-", ""), ("{'a':", "}")] {
      let text = String(repeating: open, count: 50_000) + "1" + String(repeating: close, count: 50_000)
      #expect(caught(TemplateError.self) { _ = try ChatTemplate("{{ \(text) }}") }?.code == .invalidTemplate)
    }
    for text in [
      String(repeating: "{% if x %}", count: 50_000), "{{ " + String(repeating: "1 + ", count: 50_000) + "1 }}",
      "{{ x" + String(repeating: ".a", count: 50_000) + " }}",
      "{{ x" + String(repeating: "|trim", count: 50_000) + " }}",
      "{{ 1" + String(repeating: " if 1 else 1", count: 50_000) + " }}",
    ] {
      #expect(caught(TemplateError.self) { _ = try ChatTemplate(text) }?.code == .invalidTemplate)
    }
    let long = String(repeating: "a", count: 2_000_000)
    #expect(caught(TemplateError.self) { _ = try ChatTemplate(long) }?.code == .tooLarge)
  }

  @Test func damagedTemplatesAreReadOrRefused() throws {
    let source = try readFile(testData("tokenizers/chat/thinking.jinja"))
    let messages = try parseJSON(#"[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]"#)
    let failures = undiagnosedFailures(of: Array(source.prefix(1500)), changing: 0..<1500) { variant in
      _ = try ChatTemplate(String(decoding: variant, as: UTF8.self)).render(messages: messages)
    }
    #expect(failures.isEmpty)
  }

  @Test func modelsHaveTheirTemplates() throws {
    let base = try testData("adapters/answerability/base-config")
    let template = try #require(try ChatTemplate.ofModel(base))
    #expect(template.specialTokens["bos_token"] == "<|im_start|>")
    let text = try template.render(
      messages: parseJSON(#"[{"role":"system","content":"S"},{"role":"user","content":"U"}]"#))
    #expect(text == "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n")
    #expect(try ChatTemplate.ofModel(testData("conversion/bases/llama")) == nil)
    #expect(try ChatTemplate.ofModel(testData("tokenizers/cases/gguf-gpt-2/vocabulary.gguf")) == nil)
    try withTemporaryDirectory { directory in
      let configuration =
        #"{"bos_token":{"content":"<b>"},"chat_template":[{"name":"rag","template":"no"},{"name":"default","template":"{{ bos_token }}{% bad %}"}]}"#
      try writeFile(Array(configuration.utf8), to: directory + "/tokenizer_config.json")
      let error = try #require(caught(TemplateError.self) { _ = try ChatTemplate.ofModel(directory) })
      #expect(error.code == .invalidTemplate)
      #expect(error.path?.hasSuffix("tokenizer_config.json") == true)
      // The file of its own counts before.
      try writeFile(Array("{{ bos_token }}{{ messages|length }}".utf8), to: directory + "/chat_template.jinja")
      #expect(try ChatTemplate.ofModel(directory)?.render(messages: parseJSON("[1]")) == "<b>1")
      try writeFile([0xFF], to: directory + "/chat_template.jinja")
      #expect(caught(TemplateError.self) { _ = try ChatTemplate.ofModel(directory) }?.code == .invalidUTF8)
    }
  }

  /// As transformers chooses among named templates: `tool_use` where tools are given, even none of them.
  @Test func toolsTakeTheTemplateForTools() throws {
    let messages = try parseJSON("[1]")
    let tools = try parseJSON("[]")
    func rendered(_ directory: String) throws -> [String] {
      let template = try #require(try ChatTemplate.ofModel(directory))
      return [
        try template.render(messages: messages), try template.render(messages: messages, tools: tools),
        try template.render(messages: messages, tools: parseJSON("null")),
        try template.render(messages: messages, variables: parseJSON(#"{"tools":[]}"#)),
      ]
    }
    try withTemporaryDirectory { directory in
      func write(_ text: String, _ name: String) throws {
        try writeFile(Array(text.utf8), to: directory + "/" + name)
      }
      try write(
        #"{"chat_template":[{"name":"tool_use","template":"t"},{"name":"default","template":"d"}]}"#,
        "tokenizer_config.json")
      #expect(try rendered(directory) == ["d", "t", "d", "t"])
      try write("file", "chat_template.jinja")
      #expect(try rendered(directory) == ["file", "file", "file", "file"])
      try FileManager.default.createDirectory(
        atPath: directory + "/additional_chat_templates", withIntermediateDirectories: true)
      try write("more", "additional_chat_templates/tool_use.jinja")
      #expect(try rendered(directory) == ["file", "more", "file", "more"])
      // One that cannot be read fails where it is needed.
      try write("{% bad %}", "additional_chat_templates/tool_use.jinja")
      let template = try #require(try ChatTemplate.ofModel(directory))
      #expect(try template.render(messages: messages) == "file")
      let error = caught(TemplateError.self) { _ = try template.render(messages: messages, tools: tools) }
      #expect(error?.code == .invalidTemplate)
      #expect(error?.path?.hasSuffix("tool_use.jinja") == true)
    }
  }
}
