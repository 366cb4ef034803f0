import AloraTestSupport
import Testing

@testable import AloraModels

/// Weights that llama.cpp's converter multiplies by numbers that depend on the layer or on the row.
@Suite struct TableFactorTests {
  private func factors(
    _ name: String, _ module: String, _ more: String
  ) throws -> [WeightTarget.RowFactor]? {
    let base = try BaseModel(
      configuration: parseJSON(
        """
        {"architectures": ["\(name)"], "hidden_size": 8, "num_hidden_layers": 9, "vocab_size": 16, "intermediate_size": 12, \(more)}
        """))
    return base.module(named: module)?.targets.first?.factors
  }

  @Test func weightsOfRWKVAreHalvedAtIntervalsOfLayers() throws {
    for (layer, expected) in [(0, 1), (2, 1), (3, 0.5), (5, 0.5), (6, 0.25), (8, 0.25)] {
      for module in ["attention.output", "feed_forward.value"] {
        let found = try factors("Rwkv6ForCausalLM", "rwkv.blocks.\(layer).\(module)", #""rescale_every": 3"#)
        #expect(found == (expected == 1 ? [] : [WeightTarget.RowFactor(rowCount: 8, value: expected)]))
      }
      #expect(try factors("Rwkv6ForCausalLM", "rwkv.blocks.\(layer).attention.key", #""rescale_every": 3"#) == [])
      #expect(try factors("Rwkv6ForCausalLM", "rwkv.blocks.\(layer).attention.output", #""rescale_every": 0"#) == [])
    }
    // The converter needs the field.
    #expect(try factors("Rwkv6ForCausalLM", "rwkv.blocks.0.attention.output", #""head_size": 4"#) == nil)
  }

  @Test func signsOfTalkieRepeatHeadByHead() throws {
    let heads = #""num_attention_heads": 2, "head_dim": 4"#
    let found = try factors("TalkieForCausalLM", "model.blocks.1.attn.attn_key", heads)
    let head = [WeightTarget.RowFactor(rowCount: 2, value: 1), WeightTarget.RowFactor(rowCount: 2, value: -1)]
    #expect(found == head + head)
    #expect(try factors("TalkieForCausalLM", "model.blocks.1.attn.attn_value", heads) == [])
    for size in [0, 1, 10, 16] {
      let odd = #""num_attention_heads": 2, "head_dim": \#(size)"#
      #expect(try factors("TalkieForCausalLM", "model.blocks.1.attn.attn_key", odd) == nil, "\(size)")
    }
  }

  @Test(arguments: [
    (1.0, true), (-1, true), (0.25, true), (-8, true), (3, false), (0, false), (.infinity, false), (0.1, false),
  ])
  func divisionByAPowerOfTwoIsExact(_ value: Double, _ isExact: Bool) {
    #expect(WeightTarget.RowFactor(rowCount: 1, value: value).isPowerOfTwo == isExact)
  }
}
