import Gateway
import LlamaEngine
import ModelInterface
import ServiceLifecycle

/// What of a node writes programs: the routes, the virtual models, and the sandbox behind both.
struct CodePart: Sendable {
  private let code: CodeService
  let provider: CodeProvider

  /// - Parameters:
  ///   - real: the models of this machine and of upstream APIs.
  ///   - metered: the same, asked on account, call by call.
  init(engine: LocalModels, real: any ModelProvider, metered: any ModelProvider) {
    code = CodeService(engine: engine, others: metered)
    provider = CodeProvider(service: code, real: real)
  }

  /// Keeps the account of searches from now on.
  func use(_ meter: any RequestMeter) { code.use(meter) }

  var modules: [any GatewayModule] { [CodeModule(service: code, provider: provider.real)] }

  /// Ends the sandbox with the node.
  var service: any Service { CodeLifetime(code: code) }

  /// Ends searches with what they have found as soon as the node is to end, so that the door need not wait for them.
  var haste: any Service { CodeHaste(code: code) }

  private struct CodeHaste: Service {
    let code: CodeService

    func run() async throws {
      try? await gracefulShutdown()
      code.finishEarly()
    }
  }

  private struct CodeLifetime: Service {
    let code: CodeService

    func run() async throws {
      try? await gracefulShutdown()
      await code.shutdown()
    }
  }
}
