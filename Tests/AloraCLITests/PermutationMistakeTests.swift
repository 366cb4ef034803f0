import AloraJSON
import AloraTestSupport
import Foundation
import Testing

/// Mistakes that only a GGUF adapter can have.
@Suite struct PermutationMistakeTests {
  /// The rows of query and key as Hugging Face has them, and permuted once more, in a GGUF.
  @Test(arguments: [
    (false, "unpermuted"), (true, "permuted-twice"),
  ]) func movedRowsAreNamed(_ again: Bool, _ change: String) throws {
    try withTemporaryDirectory { directory in
      let (base, path) = (try testData("inference/llama/base"), directory + "/a.gguf")
      #expect(
        try runAlora(["convert", testData("inference/llama/adapter"), "--base", base, "--outfile", path]).status == 0)
      var bytes = try readFile(path)
      let heads = try parseJSON(String(decoding: readFile(base + "/config.json"), as: UTF8.self))
      let head = try heads["hidden_size"].integer() / heads["num_attention_heads"].integer()
      let inspected = try runAlora(["inspect", path, "--tensors", "--json"])
      for tensor in try parseJSON(inspected.output)["tensors"].elements() {
        let name = try tensor["name"].string()
        guard name.hasSuffix("attn_q.weight.lora_b") || name.hasSuffix("attn_k.weight.lora_b") else { continue }
        let (start, count) = (try tensor["byte_offset"].integer(), try tensor["byte_count"].integer())
        let rowCount = try tensor["shape"].elements()[0].integer()
        let width = count / rowCount
        let rows = (0..<rowCount).map { Array(bytes[(start + $0 * width)..<(start + ($0 + 1) * width)]) }
        let moved = rows.indices.map { row in
          let (block, place) = (row / head * head, row % head)
          return rows[
            block + (again ? place % 2 * (head / 2) + place / 2 : 2 * (place % (head / 2)) + place / (head / 2))]
        }
        bytes.replaceSubrange(start..<(start + count), with: moved.joined())
      }
      try FileManager.default.removeItem(atPath: path)
      try writeFile(bytes, to: path)
      let result = try runAlora([
        "verify", "--model", base, "--adapter", path, "--golden", testData("inference/llama/golden.npz"), "--json",
      ])
      #expect(result.status == 1, "\(result.errors)")
      let causes = try VerifyCommandTests.causes(parseJSON(result.output))
      #expect(
        try causes.contains {
          try $0["kind"].string() == "mistake" && $0["mistake"]["change"].string() == change
            && $0["mistake"]["modules"].elements().map { try $0.string() } == ["attn_q", "attn_k"]
        }, "\(result.output.prefix(2000))")
    }
  }
}
