import AloraInference
import AloraInspection
import AloraModels
import AloraSwitch
import AloraSystem

extension Target {
  /// What `inspect`, `diff`, and `logits` with each slot read of a Granite Switch.
  func readSwitch(_ path: String) throws {
    let subject = try Subject(path: path)
    let inspection = try Inspection(subject: subject, path: path, listsTensors: false, hasValues: false)
    if let contents = try? inspection.slots?.get() {
      guard contents.entries.count == contents.description.slots.count else { fatalError("a slot isn't shown") }
    }
    guard try Difference(subject, Subject(path: path)).isEmpty else { fatalError("a switch differs from itself") }
    let opened = try ModelWithAdapters(path: path)
    let pool = ThreadPool(threadCount: 1)
    let model = try Model(source: opened.source, pool: pool)
    let evaluator = Evaluator(model: model, pool: pool)
    for (_, bound) in opened.adapters.prefix(3) {
      let adapter = try Adapter(bound, model: model, pool: pool)
      guard let token = adapter.controlToken else { fatalError("a slot without a control token") }
      let tokens = [0, 1, token, 2].filter { $0 < model.vocabularySize }
      let sequence = TokenSequence(
        model: model, adapter: adapter, activationStart: adapter.activationStart(in: tokens),
        declaredLength: tokens.count)
      _ = try evaluator.evaluate([Work(sequence, tokens: tokens, logits: .all)])
    }
  }
}
