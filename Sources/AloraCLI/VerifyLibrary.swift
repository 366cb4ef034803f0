internal import AloraReports
internal import AloraSwitch
internal import ArgumentParser

extension VerifyCommand {
  /// `alora verify --library`: each slot of a Granite Switch is an adapter of a tree.
  func verifyLibrary(_ tree: String) throws {
    let model = try SwitchModel(path: inference.model)
    let check = try common.withProgress("comparing slots", of: model.slots.count) { update in
      try SwitchCheck(model, library: tree) { done, _ in update(done) }
    }
    for item in check.unreadable { common.note("\(item.path): \(item.problem)") }
    try common.publish(SwitchReport(check, library: tree), to: reports)
  }
}
