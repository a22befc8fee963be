import Foundation
import Gateway
import Logging
import ModelInterface
import Orchestration
import Providers
import ServiceLifecycle

/// The virtual models of a node, with what belongs to them: the account of their members, their routes, and the delivery of
/// questions for review.
struct VirtualModelsPart: Sendable {
  /// The models, as clients ask for them.
  let provider: VirtualModels
  /// What their members are asked through.
  let members: MeteredMembers
  /// Delivers what a person should look at.
  let reviews: ReviewDelivery
  private let local: any ModelProvider
  private let environment: [String: String]

  /// - Parameters:
  ///   - local: the models of this machine.
  ///   - real: all models that are no virtual ones.
  /// - Throws: ``CommandFailure`` of status `usage` where members, or models that routing names, are missing, or a secret cannot
  ///   be found.
  init(
    _ configuration: Configuration, local: any ModelProvider, real: any ModelProvider, environment: [String: String],
    logger: Logger
  ) async throws(CommandFailure) {
    let reviews = ReviewDelivery(logger: logger)
    let members = MeteredMembers(real)
    var services = OrchestrationServices(members: members) { Int(Date().timeIntervalSince1970 * 1_000) }
    services.price = { members.price(of: $0, provider: $1, $2) }
    services.review = { reviews.add($0) }
    services.judged = { members.judged($0, question: $1, quality: $2) }
    self.local = local
    self.environment = environment
    self.members = members
    self.reviews = reviews
    provider = VirtualModels(
      try await Self.set(configuration, local: local, environment: environment), services: services)
  }

  /// The routes that it brings to the gateway.
  var module: any GatewayModule { OrchestrationsModule(traces: provider.traces) }

  /// Whether a model is made of others.
  func isVirtual(_ name: String) -> Bool { provider.set[name] != nil }

  /// The virtual models of another configuration.
  ///
  /// - Throws: ``CommandFailure`` of status `usage`; the old ones stay in force then.
  func set(for configuration: Configuration) async throws(CommandFailure) -> VirtualModelSet {
    try await Self.set(configuration, local: local, environment: environment)
  }

  private static func set(
    _ configuration: Configuration, local: any ModelProvider, environment: [String: String]
  ) async throws(CommandFailure) -> VirtualModelSet {
    try await configuration.checkMentionedModels(local: local)
    var models: [VirtualModel] = []
    for entry in configuration.virtualModels {
      var model = entry.model
      if case .panel(var panel) = model.plan, let secret = entry.reviewAuthorization {
        panel.review?.authorization = try secret.reveal(environment: environment)
        model.plan = .panel(panel)
      }
      models.append(model)
    }
    guard !models.isEmpty else { return VirtualModelSet() }
    var known = await local.models().flatMap { [$0.name] + $0.aliases }
    known += configuration.upstreams.flatMap { $0.models.map(\.name) }
    let routing = configuration.routing
    known += Array(routing.policies.keys) + Array(routing.experiments.keys) + Array(routing.canaries.keys)
    known += models.flatMap(\.members).filter { $0 == "auto" || $0.hasPrefix("auto:") }
    let names = known
    do throws(VirtualModelSet.Problem) {
      return try VirtualModelSet(models, known: Set(names), aliases: configuration.aliases)
    } catch {
      let missing = models.first { $0.name == error.model }?.members.first { member in
        !names.contains(member) && !models.contains { $0.name == member }
      }
      let suggestion = missing.map { NearestName.suggestion(for: $0, among: names) } ?? ""
      throw .usage("virtual-models: \(error.description)\(suggestion)")
    }
  }
}
