package import AloraEngineCheck
package import AloraInference
package import AloraJSON
internal import AloraTensors

/// What a command has checked, in every form that it can be published in.
package protocol CheckedReport: Sendable {
  var list: CheckList { get }
  /// The whole result for machines.
  var json: JSONValue { get }
  /// The result for people.
  func text(style: TextStyle) -> String
  var passed: Bool { get }
}

/// The checks of a server, and the model and adapter that it was compared with.
package struct ServerReport: CheckedReport {
  let check: ServerCheck.Report
  /// As the caller named it.
  let model: String
  let adapter: Adapter

  package init(_ check: ServerCheck.Report, model: String, adapter: Adapter) {
    self.check = check
    self.model = model
    self.adapter = adapter
  }

  package var list: CheckList { CheckList(check, model: model, adapter: adapter.path) }
  package var json: JSONValue {
    check.json(model: model, adapter: adapter.path, adapterDigest: adapter.digest.description)
  }
  package func text(style: TextStyle) -> String { TextReport(style: style).text(check) }
  package var passed: Bool { check.passed }
}
