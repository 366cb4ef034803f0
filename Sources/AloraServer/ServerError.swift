internal import AloraInference
internal import AloraJSON
internal import AloraSchemas
internal import AloraServing
internal import AloraSystem
internal import HTTPTypes
internal import Hummingbird

/// An error as a caller gets it. It never contains anything that another caller sent.
struct ServerError: Error {
  let status: HTTPResponse.Status
  /// OpenAI's name for the kind of error.
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

  /// The error that a caller gets.
  init(_ error: any Error) {
    switch error {
    case let error as ServerError: self = error
    case let error as JSONError:
      self.init(.badRequest, error.problem, code: "invalid_json", parameter: error.place)
    case let error as SchemaError:
      self.init(
        .badRequest, error.problem + (error.remedy.map { "; \($0)" } ?? ""),
        code: error.code == .unsupported ? "unsupported" : "invalid_schema", parameter: error.place)
    case AdapterNameError.unknown(let name):
      self.init(
        .notFound, "the model or adapter '\(name)' does not exist", code: "model_not_found", parameter: "model")
    case AdapterNameError.unknownNumber(let number):
      self.init(.notFound, "the adapter \(number) does not exist", code: "model_not_found", parameter: "lora")
    case AdapterNameError.taken(let name):
      self.init(.badRequest, "the name '\(name)' is taken", code: "name_taken", parameter: "lora_name")
    case AdapterNameError.tooMany(let limit):
      self.init(.badRequest, "\(limit) adapters are loaded; unload one first", code: "too_many_adapters")
    case ServingRefusal.queueIsFull(let seconds):
      self.init(.tooManyRequests, "too many requests are waiting", code: "queue_full")
      retrySeconds = seconds
    case ServingRefusal.tookTooLong:
      self.init(.gatewayTimeout, "the request took longer than this server allows", code: "timeout")
    case let error as HTTPError where error.status == .notFound:
      self.init(.notFound, "there is nothing at this path", code: "unknown_path")
    case let error as HTTPError where (400..<500).contains(error.status.code):
      self.init(error.status, error.status.reasonPhrase.lowercased(), code: "refused")
    case ServingRefusal.shuttingDown:
      self.init(.serviceUnavailable, "the server is shutting down", code: "shutting_down")
      retrySeconds = 5
    case let error as any DiagnosedError where error.category != .inputOutput:
      // Paths stay private.
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
