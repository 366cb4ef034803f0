internal import AloraServing
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOCore
internal import ServiceLifecycle

/// Answers over HTTP, until a signal ends it.
package struct Server: Sendable {
  private let state: ServerState

  package init(_ state: ServerState) { self.state = state }

  /// Serves until SIGINT or SIGTERM. Open requests are finished first, for ``ServerOptions/graceSeconds`` at most.
  ///
  /// - Parameter isListening: told the port, once connections are accepted.
  /// - Throws: what opening the port throws.
  package func run(isListening: @escaping @Sendable (_ port: Int) -> Void) async throws {
    var logger = Logger(label: "alora")
    logger.logLevel = .error
    let options = state.options
    let application = Application(
      router: router(),
      server: .http1(
        configuration: .init(
          idleTimeout: .seconds(120),
          httpDecoderConfiguration: .init(maxHeaderFieldSize: 16384, maxHeaderListSize: 32768, maxHeaderFieldCount: 100))),
      configuration: .init(address: .hostname(options.host, port: options.port), serverName: "alora/\(options.version)"),
      onServerRunning: { channel in isListening(channel.localAddress?.port ?? options.port) }, logger: logger)
    var configuration = ServiceGroupConfiguration(
      services: [application], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    configuration.maximumGracefulShutdownDuration = .seconds(options.graceSeconds)
    try await ServiceGroup(configuration: configuration).run()
  }

  func router() -> Router<BasicRequestContext> {
    let state = state
    let router = Router()
    router.add(middleware: Guard(options: state.options))
    router.get("health") { _, _ in Response.json(["status": "ok"]) }
    router.get("version") { _, _ in Response.json(["version": .string(state.options.version)]) }
    router.get("metrics") { _, _ in
      Response.text(
        MetricsPage.text(await state.engine.snapshot, adapters: state.use.all, base: state.registry.baseName),
        type: MetricsPage.type)
    }
    for prefix in ["v1/", ""] {
      router.get("\(prefix)models") { _, _ in Response.json(state.models()) }
      router.post("\(prefix)chat/completions") { request, _ in
        try await ChatCompletions(state: state).respond(to: request)
      }
    }
    router.get("v1/models/:name") { _, context in
      let name = context.parameters.get("name") ?? ""
      return Response.json(try state.model(named: name))
    }
    router.post("v1/completions") { request, _ in try await TextCompletions(state: state).respond(to: request) }
    LlamaServerRoutes(state: state).add(to: router)
    OllamaRoutes(state: state).add(to: router)
    if let root = state.options.adapterRoot { LoadingRoutes(state: state, root: root).add(to: router) }
    return router
  }
}
