import Gateway
import LlamaEngine
import ModelInterface
import ServiceLifecycle

/// What of a node writes programs: the routes, the virtual models, and the sandbox behind both.
struct CodePart: Sendable {
  private let code: CodeService
  let provider: CodeProvider

  /// - Parameter real: the models of this machine and of upstream APIs.
  init(engine: LocalModels, real: any ModelProvider) {
    code = CodeService(engine: engine, others: real)
    provider = CodeProvider(service: code, real: real)
  }

  var modules: [any GatewayModule] { [CodeModule(service: code, provider: provider.real)] }

  /// Ends the sandbox with the node.
  var service: any Service { CodeLifetime(code: code) }

  private struct CodeLifetime: Service {
    let code: CodeService

    func run() async throws {
      try? await gracefulShutdown()
      await code.shutdown()
    }
  }
}
