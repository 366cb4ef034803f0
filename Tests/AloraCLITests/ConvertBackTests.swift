import AloraJSON
import AloraTestSupport
import Foundation
import Testing

/// `convert` from and to the other forms of adapters, as a user calls it.
@Suite struct ConvertBackTests {
  private func base() throws -> String { try testData("conversion/bases/llama") }
  private func adapter() throws -> String { try testData("conversion/cases/llama-alora") }

  private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

  @Test func anAdapterGoesThereAndBackAndThereAgain() throws {
    try withTemporaryDirectory { directory in
      let (one, two, peft) = (directory + "/one.gguf", directory + "/two.gguf", directory + "/peft")
      #expect(try runAlora(["convert", adapter(), "--base", base(), "-o", one]).status == 0)
      let back = ["convert", one, "--to", "peft", "--base", try base(), "-o", peft]
      let dry = try expectConforming(back + ["--dry-run", "--json"], to: "convert")
      #expect(try !dry["written"].boolean() && !FileManager.default.fileExists(atPath: peft))
      _ = try expectConforming(back + ["--json"], to: "convert")
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: peft).sorted()
          == ["README.md", "adapter_config.json", "adapter_model.safetensors"])
      #expect(try runAlora(["convert", peft, "--base", base(), "--outfile", two]).status == 0)
      #expect(try bytes(one) == bytes(two))
      #expect(try runAlora(["diff", peft, one, "--base", base()]).status == 0)
      let again = try runAlora(back)
      #expect(again.status == 4 && again.errors.contains("--force"))
      #expect(try runAlora(back + ["--force"]).status == 0)
    }
  }

  @Test func aGGUFIsEditedWithoutABase() throws {
    try withTemporaryDirectory { directory in
      let (one, small) = (directory + "/one.gguf", directory + "/small.gguf")
      #expect(try runAlora(["convert", adapter(), "--base", base(), "-o", one]).status == 0)
      let edit = ["convert", one, "--outtype", "q8_0", "--set", "general.license=apache-2.0", "-o", small]
      _ = try expectConforming(edit + ["--dry-run", "--json"], to: "convert")
      #expect(!FileManager.default.fileExists(atPath: small))
      _ = try expectConforming(edit + ["--json"], to: "convert")
      let shown = try runAlora(["inspect", small, "--key", "general.license"])
      #expect(shown.output.contains("apache-2.0"))
      #expect(try runAlora(["convert", one, "--outtype", "f16", "-o", one, "--force"]).status == 3)
      let key = try runAlora(["convert", one, "--set", "adapter.lora.alpha=3", "-o", directory + "/x.gguf"])
      #expect(key.status == 3 && key.errors.contains("adapter.lora.alpha"))
      #expect(!FileManager.default.fileExists(atPath: directory + "/x.gguf"))
    }
  }

  /// Nothing would be checked against a base, and nothing would use the other options.
  @Test func anEditTakesNoOptionThatItWouldIgnore() throws {
    try withTemporaryDirectory { directory in
      let (one, other) = (directory + "/one.gguf", directory + "/other.gguf")
      #expect(try runAlora(["convert", adapter(), "--base", base(), "-o", one]).status == 0)
      for options in [
        ["--base", try base()], ["--base-model-id", "org/name"], ["--ignore-field", "x"], ["--text-only"],
      ] {
        #expect(try runAlora(["convert", one, "--outtype", "f16", "-o", other] + options).status == 2)
      }
      // Without anything to edit, a GGUF is not an adapter to convert.
      #expect(try runAlora(["convert", one, "-o", other]).status == 2)
      #expect(try runAlora(["convert", one, "--base", base(), "-o", other]).status == 3)
      #expect(!FileManager.default.fileExists(atPath: other))
    }
  }

  @Test func anMLXAdapterIsConvertedInspectedAndCompared() throws {
    try withTemporaryDirectory { directory in
      let (mlx, gguf) = (try testData("mlx/llama"), directory + "/mlx.gguf")
      #expect(try runAlora(["convert", mlx, "--base", base(), "-o", gguf]).status == 0)
      let shown = try expectConforming(["inspect", mlx, "--json"], to: "inspect")
      #expect(shown.serialized.contains("self_attn.q_proj"))
      #expect(try runAlora(["diff", mlx, gguf, "--base", base()]).status == 0)
      let peft = directory + "/peft"
      #expect(try runAlora(["convert", mlx, "--to", "peft", "--base", base(), "--outdir", peft]).status == 0)
      #expect(try runAlora(["diff", mlx, peft, "--base", base()]).status == 0)
      // Two modules differ from one.
      #expect(try runAlora(["diff", mlx, testData("mlx/llama-keys"), "--base", base()]).status == 1)
    }
  }

  @Test func aWrongCallIsUsage() throws {
    for arguments in [
      ["convert", "x.gguf", "--to", "peft"], ["convert", "x", "--to", "mlx", "--base", "y"],
      ["convert", "x", "--to", "peft", "--base", "y", "--outtype", "f16"],
      ["convert", "x", "--base", "y", "--set", "a"],
      ["convert", "--recursive", "x", "--base", "y", "--outdir", "z", "--to", "peft"],
    ] {
      let result = try runAlora(arguments)
      #expect(result.status == 2, "\(arguments) \(result.errors)")
    }
  }

  @Test func whatCantGoBackIsRefusedByName() throws {
    try withTemporaryDirectory { directory in
      let one = directory + "/one.gguf"
      #expect(try runAlora(["convert", adapter(), "--base", base(), "-o", one]).status == 0)
      let cases = [
        (try adapter(), try base(), "PEFT adapter already"),
        (one, try testData("conversion/bases/qwen2"), "qwen2"),
        (one, try testData("conversion/bases/llama-head-dim"), "doesn't fit"),
      ]
      for (path, base, hint) in cases {
        let result = try runAlora(["convert", path, "--to", "peft", "--base", base, "-o", directory + "/out"])
        #expect(result.status == 3 && result.errors.contains(hint), "\(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: directory + "/out"))
      }
    }
  }
}
