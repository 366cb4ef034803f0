internal import AloraReports
internal import AloraSwitch
internal import ArgumentParser

/// `alora verify --library`: each slot of a Granite Switch is an adapter of a tree.
struct VerifyLibrary {
  let model: String
  let reports: [ReportTarget]
  let common: CommonOptions

  func run(_ tree: String) throws {
    let model = try SwitchModel(path: model)
    var progress = Progress("comparing slots", total: model.slots.count, isQuiet: common.quiet)
    let check = try SwitchCheck(model, library: tree) { done, _ in progress.update(done) }
    progress.finish()
    let report = SwitchReport(check, library: tree)
    for item in check.unreadable { common.note("\(item.path): \(item.problem)") }
    try ReportTarget.publish(
      reports, report.list, json: report.json, text: report.text(style: common.style),
      passed: check.passed, common
    ) { throw ValidationError("--report html isn't available with --library") }
  }
}
