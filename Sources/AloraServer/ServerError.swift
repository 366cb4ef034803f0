internal import AloraInference
internal import AloraJSON
internal import AloraServing
internal import AloraSystem
internal import HTTPTypes

/// An answer that isn't the one asked for. It never contains what another caller sent.
struct ServerError: Error {
  let status: HTTPResponse.Status
  /// As OpenAI names kinds of errors.
  let type: String
  let code: String?
  /// The member of the request that is at fault.
  let parameter: String?
  let message: String
  var retrySeconds: Int?

  init(
    _ status: HTTPResponse.Status, _ message: String, code: String? = nil, parameter: String? = nil
  ) {
    self.status = status
    self.message = message
    self.code = code
    self.parameter = parameter
    type =
      switch status.code {
      case 401, 403: "authentication_error"
      case 404: "not_found_error"
      case 429: "rate_limit_error"
      case 400..<500: "invalid_request_error"
      default: "server_error"
      }
  }

  /// What any error means to a caller.
  init(_ error: any Error) {
    switch error {
    case let error as ServerError: self = error
    case let error as JSONError:
      self.init(.badRequest, error.problem, code: "invalid_json", parameter: error.place)
    case AdapterNameError.unknown(let name):
      self.init(
        .notFound, "there is no model or adapter '\(name)' here", code: "model_not_found", parameter: "model")
    case AdapterNameError.unknownNumber(let number):
      self.init(.notFound, "there is no adapter \(number) here", code: "model_not_found", parameter: "lora")
    case AdapterNameError.taken(let name):
      self.init(.badRequest, "the name '\(name)' is taken", code: "name_taken", parameter: "lora_name")
    case ServingRefusal.queueIsFull(let seconds):
      self.init(.tooManyRequests, "too many requests are waiting", code: "queue_full")
      retrySeconds = seconds
    case ServingRefusal.shuttingDown:
      self.init(.serviceUnavailable, "the server is shutting down", code: "shutting_down")
      retrySeconds = 5
    case let error as any DiagnosedError where error.category != .inputOutput:
      // Paths are this machine's own business.
      let remedy = error.remedy.map { "; \($0)" } ?? ""
      self.init(.badRequest, error.problem + remedy, code: "refused", parameter: error.place)
    default:
      self.init(.internalServerError, "the request could not be computed", code: "internal_error")
    }
  }

  /// The body in OpenAI's form.
  var body: JSONValue {
    [
      "error": [
        "message": .string(message), "type": .string(type), "param": parameter.map { .string($0) } ?? .null,
        "code": code.map { .string($0) } ?? .null,
      ]
    ]
  }
}
