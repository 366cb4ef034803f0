internal import AloraJSON
internal import AloraServing
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import UnixSignals

/// Answers over HTTP, until a signal ends it.
package struct Server: Sendable {
  private let state: ServerState

  package init(_ state: ServerState) { self.state = state }

  /// Serves until SIGINT or SIGTERM. Then open requests have ``ServerSettings/graceSeconds`` to finish.
  ///
  /// - Parameter isListening: called with the port once connections are accepted.
  /// - Throws: ``ListenError``.
  package func runAndWait(isListening: @escaping @Sendable (_ port: Int) -> Void) throws {
    let settings = state.settings
    let group = group(endSignals: [.sigterm, .sigint], isListening: isListening)
    do {
      // Nothing else runs on the calling thread.
      try MultiThreadedEventLoopGroup.singleton.any().makeFutureWithTask { try await group.run() }.wait()
    } catch {
      guard !(error is CancellationError) else { return }
      throw ListenError(address: "\(settings.host):\(settings.port)", error)
    }
  }

  func group(endSignals: [UnixSignal], isListening: @escaping @Sendable (_ port: Int) -> Void) -> ServiceGroup {
    var logger = Logger(label: "alora")
    logger.logLevel = .critical
    let settings = state.settings
    let application = Application(
      router: router(),
      server: .http1(
        configuration: .init(
          idleTimeout: .seconds(60),
          httpDecoderConfiguration: .init(maxHeaderFieldSize: 16384, maxHeaderListSize: 32768, maxHeaderFieldCount: 100)
        )),
      configuration: .init(
        address: .hostname(settings.host, port: settings.port), serverName: "alora/\(settings.version)",
        availableConnectionsDelegate: MaximumAvailableConnections(settings.connectionLimit, logger: logger)),
      onServerRunning: { channel in isListening(channel.localAddress?.port ?? settings.port) }, logger: logger)
    // The last service ends first: the engine finishes its requests while their connections are open.
    var configuration = ServiceGroupConfiguration(
      services: [application, EngineService(engine: state.engine, seconds: Double(settings.graceSeconds))],
      gracefulShutdownSignals: endSignals, logger: logger)
    configuration.maximumGracefulShutdownDuration = .seconds(settings.graceSeconds + 5)
    return ServiceGroup(configuration: configuration)
  }

  func router() -> Router<ServerContext> {
    let state = state
    let router = Router(context: ServerContext.self)
    router.add(middleware: Guard(settings: state.settings))
    router.get("health") { _, _ in Response.json(["status": "ok"]) }
    router.get("version") { _, _ in Response.json(["version": .string(state.settings.version)]) }
    router.get("metrics") { _, _ in
      Response.text(
        MetricsPage.text(await state.engine.snapshot, adapters: state.use.all, base: state.registry.baseName),
        type: MetricsPage.type)
    }
    for prefix in ["v1/", ""] {
      router.get("\(prefix)models") { _, _ in Response.json(state.models()) }
      router.post("\(prefix)chat/completions") { request, context in
        try await ChatCompletions(state: state).respond(to: request, context)
      }
    }
    router.get("v1/models/:name") { _, context in
      let name = context.parameters.get("name") ?? ""
      return Response.json(try state.model(named: name))
    }
    router.post("v1/completions") { request, context in
      try await TextCompletions(state: state).respond(to: request, context)
    }
    PageRoute().add(to: router)
    LlamaServerRoutes(state: state).add(to: router)
    OllamaRoutes(state: state).add(to: router)
    if let root = state.settings.adapterRoot { LoadingRoutes(state: state, root: root).add(to: router) }
    return router
  }
}

/// Ends the engine when the server shuts down: open requests are finished, or get an error if they take too long.
private struct EngineService: Service {
  let engine: ServingEngine
  let seconds: Double

  func run() async throws {
    try? await gracefulShutdown()
    if await !engine.drain(seconds: seconds) { await engine.abort() }
  }
}
