import Foundation
import Gateway
import Logging
import ModelInterface
import Orchestration
import ServiceLifecycle

/// The virtual models of a node, with what belongs to them: their routes, and the delivery of questions for review.
struct VirtualModelsPart: Sendable {
  let provider: VirtualModels
  let module: OrchestrationsModule
  let reviews: ReviewDelivery

  /// - Parameters:
  ///   - members: answers for all models that are no virtual ones.
  ///   - price: what tokens cost, in 10^-12 of the currency; nil where no price is known.
  /// - Throws: ``CommandFailure`` of status `usage` where members are missing, or a secret cannot be found.
  init(
    _ configuration: Configuration, members: any ModelProvider, environment: [String: String], logger: Logger,
    price: @escaping @Sendable (_ model: String, _ provider: String, _ usage: Usage) -> Int128? = { _, _, _ in nil }
  ) async throws(CommandFailure) {
    let reviews = ReviewDelivery(logger: logger)
    var services = OrchestrationServices(members: members) { Int(Date().timeIntervalSince1970 * 1_000) }
    services.price = price
    services.review = { reviews.add($0) }
    provider = VirtualModels(
      try await Self.set(configuration, members: members, environment: environment), services: services)
    module = OrchestrationsModule(traces: provider.traces)
    self.reviews = reviews
  }

  /// Puts the virtual models of another configuration in force; the old ones stay where that is wrong.
  ///
  /// - Throws: ``CommandFailure`` of status `usage`.
  func reload(
    _ configuration: Configuration, members: any ModelProvider, environment: [String: String]
  ) async throws(CommandFailure) {
    let next = try await Self.set(configuration, members: members, environment: environment)
    provider.replace(members: members)
    provider.replace(next)
  }

  private static func set(
    _ configuration: Configuration, members: any ModelProvider, environment: [String: String]
  ) async throws(CommandFailure) -> VirtualModelSet {
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
    let known = await members.models().flatMap { [$0.name] + $0.aliases }
    do throws(VirtualModelSet.Problem) {
      return try VirtualModelSet(models, known: Set(known))
    } catch {
      let missing = models.first { $0.name == error.model }?.members.first { !known.contains($0) }
      let suggestion = missing.map { NearestName.suggestion(for: $0, among: known) } ?? ""
      throw .usage("virtual-models: \(error.description)\(suggestion)")
    }
  }
}
