import AloraInference
import AloraJSON
import AloraTestSupport
import Foundation
import Testing

/// The text part of a multimodal model's directory computes what the same model of text alone does.
@Suite struct MultimodalDirectoryTests {
  @Test(arguments: [
    ("qwen3", "Qwen3VLForConditionalGeneration", "qwen3_vl_text", "model.language_model."),
    ("llama-lora", "LlavaForConditionalGeneration", "llama", "language_model.model."),
    ("gemma3-six-layers", "Gemma3ForConditionalGeneration", "gemma3_text", "model.language_model."),
    ("gemma3n", "Gemma3nForConditionalGeneration", "gemma3n_text", "model.language_model."),
    ("gemma4-shared", "Gemma4ForConditionalGeneration", "gemma4_text", "model.language_model."),
  ]) func itsTextPartGivesTheSameBits(_ name: String, _ wrapper: String, _ textType: String, _ prefix: String) throws {
    let fixture = try #require(Fixture.all.first { $0.name == name })
    let pool = ThreadPool(threadCount: 2)
    try withTemporaryDirectory { directory in
      let text = String(decoding: try readFile(fixture.base + "/config.json"), as: UTF8.self)
      let inner = text.replacing(#/"model_type": "[^"]*"/#, with: "\"model_type\": \"\(textType)\"")
        .replacing(#/"architectures": \[[^\]]*\],/#, with: "")
      let outer = #"{"architectures": ["\#(wrapper)"], "model_type": "wrapper", "vision_config": {}, "text_config": "#
      try writeFile(Array((outer + inner + "}").utf8), to: directory + "/config.json")
      try writeFile(
        renamed(readFile(fixture.base + "/model.safetensors"), prefix), to: directory + "/model.safetensors")
      let evaluators = try [fixture.base, directory].map {
        try Evaluator(model: Model(path: $0, pool: pool), pool: pool)
      }
      let adapters = try evaluators.map { try Adapter(path: fixture.adapter, model: $0.model, pool: pool) }
      for item in try fixture.golden.cases {
        let results = try zip(evaluators, adapters).map {
          try logits($0, item.tokens, adapter: $1, start: item.activationStart)
        }
        let isSame = sameBits(results[0], results[1])
        #expect(isSame)
      }
    }
  }

  /// Qwen 3-VL's published files have the parameters of experts by columns, and those of transformers 5 by rows.
  @Test(arguments: [[], ["gate_up_proj"], ["down_proj"], ["gate_up_proj", "down_proj"]])
  func expertsByRowsOrColumnsGiveTheSameBits(_ turned: [String]) throws {
    let fixture = try #require(Fixture.all.first { $0.name == "qwen3-moe-dense" })
    let pool = ThreadPool(threadCount: 2)
    try withTemporaryDirectory { directory in
      let text = String(decoding: try readFile(fixture.base + "/config.json"), as: UTF8.self)
      // Qwen 3-VL always normalizes the router's weights and never limits attention to a window.
      let inner = text.replacing(#/"architectures": \[[^\]]*\],/#, with: "")
        .replacing("\"norm_topk_prob\": false", with: "\"norm_topk_prob\": true")
        .replacing("\"use_sliding_window\": true", with: "\"use_sliding_window\": false")
      let plain = inner.replacing("{", with: #"{"architectures": ["Qwen3MoeForCausalLM"],"#, maxReplacements: 1)
      let outer = #"{"architectures": ["Qwen3VLMoeForConditionalGeneration"], "text_config": "#
      let visual = inner.replacing("\"qwen3_moe\"", with: "\"qwen3_vl_moe_text\"")
      let file = try readFile(fixture.base + "/model.safetensors")
      var tensors = try safetensors(fixture.base + "/model.safetensors")
      for index in tensors.indices where turned.contains(where: tensors[index].name.hasSuffix) {
        #expect(tensors[index].shape[1] != tensors[index].shape[2])
        tensors[index] = transposed(tensors[index])
      }
      #expect(turned.isEmpty || tensors.contains { $0.name.hasSuffix(".experts.\(turned[0])") })
      var builder = AdapterBuilder()
      builder.tensors = tensors
      let models = try [(plain, file), (outer + visual + "}", builder.safetensors())].enumerated().map { index, files in
        let path = directory + "/\(index)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try writeFile(Array(files.0.utf8), to: path + "/config.json")
        try writeFile(index == 0 ? files.1 : renamed(files.1, "model.language_model."), to: path + "/model.safetensors")
        return try Evaluator(model: Model(path: path, pool: pool), pool: pool)
      }
      let adapters = try models.map { try Adapter(path: fixture.adapter, model: $0.model, pool: pool) }
      for item in try fixture.golden.cases {
        let results = try zip(models, adapters).map {
          try logits($0, item.tokens, adapter: $1, start: item.activationStart)
        }
        let isSame = sameBits(results[0], results[1])
        #expect(isSame)
      }
    }
  }

  /// [experts, in, out] of [experts, out, in], of two bytes each.
  private func transposed(_ tensor: AdapterBuilder.Tensor) -> AdapterBuilder.Tensor {
    var turned = tensor
    let (rows, columns) = (tensor.shape[1], tensor.shape[2])
    turned.shape = [tensor.shape[0], columns, rows]
    for index in 0..<(tensor.shape[0] * rows * columns) {
      let (matrix, rest) = index.quotientAndRemainder(dividingBy: rows * columns)
      let source = matrix * rows * columns + rest % rows * columns + rest / rows
      for byte in 0..<2 { turned.bytes[2 * index + byte] = tensor.bytes[2 * source + byte] }
    }
    return turned
  }

  /// A safetensors file with another prefix than `model.` in its tensors' names, and with `lm_head` under
  /// `language_model.` if the prefix starts with it.
  private func renamed(_ file: [UInt8], _ prefix: String) -> [UInt8] {
    let length = file[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    var header = String(decoding: file[8..<(8 + length)], as: UTF8.self).replacing("\"model.", with: "\"\(prefix)")
    if prefix.hasPrefix("language_model.") {
      header = header.replacing("\"lm_head.", with: "\"language_model.lm_head.")
    }
    let count = header.utf8.count
    let size = (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
    return size + Array(header.utf8) + file[(8 + length)...]
  }
}
