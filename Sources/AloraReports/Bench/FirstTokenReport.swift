package import AloraGeneration
package import AloraInference
package import AloraJSON
internal import AloraSystem

/// What `alora bench ttft` has measured.
package struct FirstTokenReport {
  private let model: String
  private let adapter: String?
  private let evaluator: Evaluator
  private let figures: TimeToFirstToken.Figures

  package init(model: String, adapter: String?, evaluator: Evaluator, figures: TimeToFirstToken.Figures) {
    self.model = model
    self.adapter = adapter
    self.evaluator = evaluator
    self.figures = figures
  }

  /// Schema: schemas/bench-ttft.schema.json.
  package var json: JSONValue {
    [
      "model": .string(model), "adapter": adapter.map { .string($0) } ?? .null,
      "backend": .string(evaluator.model.backend.rawValue),
      "instruction_set": .string(evaluator.instructionSet.rawValue),
      "threads": .integer(evaluator.pool.threadCount), "repeats": .integer(figures.repeats),
      "contexts": .array(
        figures.times.map { row in
          [
            "tokens": .integer(row.contextCount), "lora_cold_seconds": .number(row.plainCold),
            "alora_warm_seconds": .number(row.activatedWarm), "base_cold_seconds": .number(row.baseCold),
            "alora_computed_tokens": .integer(row.computedCount), "ratio": .number(row.ratio),
          ]
        }),
      "continuations": [
        "context_tokens": .integer(figures.continuationContextCount),
        "times": .array(
          figures.continuations.map { ["new_tokens": .integer($0.newCount), "seconds": .number($0.seconds)] }),
      ],
      "pipeline": figures.pipeline.map { pipeline in
        [
          "context_tokens": .integer(pipeline.contextCount), "generated_tokens": .integer(pipeline.generatedCount),
          "base_first_seconds": .number(pipeline.baseFirst), "base_last_seconds": .number(pipeline.baseLast),
          "alora_seconds": .array(pipeline.activated.map { .number($0) }),
          "lora_seconds": .array(pipeline.plain.map { .number($0) }),
          "block_bytes": .integer(evaluator.model.cacheBlockByteCount),
          "base_blocks": .integer(pipeline.baseBlockCount),
          "alora_blocks": .integer(pipeline.activatedBlockCount), "lora_blocks": .integer(pipeline.plainBlockCount),
        ]
      } ?? .null,
    ]
  }

  /// A table and a few lines for people.
  package var text: String {
    func ms(_ seconds: Double) -> String { "\((seconds * 10_000).rounded() / 10)" }
    var table = ColumnTable(rightAligned: [0, 1, 2, 3, 4])
    table.add(["context", "(a) LoRA, cold", "(b) aLoRA, warm", "(c) base, cold", "(a) : (b)"])
    for row in figures.times {
      table.add([
        String(row.contextCount), ms(row.plainCold), ms(row.activatedWarm), ms(row.baseCold),
        "\((row.ratio * 10).rounded() / 10) ×",
      ])
    }
    var text =
      "milliseconds to the first token; \(counted(evaluator.pool.threadCount, "thread")), "
      + "\(evaluator.instructionSet.rawValue)\n" + table.text
    let costs = figures.continuations.map { "\($0.newCount): \(ms($0.seconds)) ms" }
    text +=
      "the aLoRA after \(figures.continuationContextCount) tokens, by new tokens   \(costs.joined(separator: ", "))\n"
    if let pipeline = figures.pipeline {
      let (alora, lora) = (pipeline.activated.reduce(0, +), pipeline.plain.reduce(0, +))
      let megabytes = { (count: Int) in "\(count * evaluator.model.cacheBlockByteCount / 1_000_000) MB" }
      text += """
        pipeline: \(pipeline.contextCount) tokens and a base turn (\(ms(pipeline.baseFirst)) ms), then \
        \(counted(pipeline.activated.count, "adapter")), \(counted(pipeline.generatedCount, "token")) each
          adapters' calls   aLoRA \(ms(alora)) ms, LoRA \(ms(lora)) ms: \((lora / alora * 10).rounded() / 10) ×
          base again        \(ms(pipeline.baseLast)) ms
          cache             base \(megabytes(pipeline.baseBlockCount)), with the aLoRAs \
        \(megabytes(pipeline.activatedBlockCount)), with LoRAs \(megabytes(pipeline.plainBlockCount))

        """
    }
    return text
  }
}
