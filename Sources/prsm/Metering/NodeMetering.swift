import Access
import Foundation
import Metering
import ModelInterface
import Providers
import Storage
import Synchronization

/// A node's account: the meter over its store, the cache of answers, and what the configuration says of both.
final class NodeMetering: Sendable {
  let meter: Meter
  let store: any UsageStore
  let cache: AnswerCache
  /// Answers that replicas keep together; nil where this node is alone.
  let answers: PostgresAnswers?
  private let state: Mutex<CostConfiguration>
  private let spending = Mutex<[String: Money]>([:])
  private let resolution: NameResolution
  private let payer: @Sendable (String) -> Payer?
  /// The keys that their makers gave a name.
  let keys: @Sendable (String) -> [String]

  /// Names that may turn out to be other models: aliases, and upstream models with fallbacks. What a request may cost is
  /// what the dearest of them may.
  private final class NameResolution: Sendable {
    private let names: Mutex<[String: [String]]>
    private let aliases: Mutex<[String: String]>

    init(_ configuration: Configuration) {
      names = Mutex(Self.names(configuration))
      aliases = Mutex(Self.aliases(configuration))
    }

    func update(_ configuration: Configuration) {
      let next = Self.names(configuration)
      names.withLock { $0 = next }
      let others = Self.aliases(configuration)
      aliases.withLock { $0 = others }
    }

    func target(of name: String) -> String { aliases.withLock { $0[name] } ?? name }

    /// Names of upstream models, which know themselves by their own name only.
    private static func aliases(_ configuration: Configuration) -> [String: String] {
      let known = Set(configuration.upstreams.flatMap { $0.models.map(\.name) })
      return configuration.aliases.filter { known.contains($0.value) && !known.contains($0.key) }
    }

    func models(of name: String) -> [String] { names.withLock { $0[name] } ?? [name] }

    private static func names(_ configuration: Configuration) -> [String: [String]] {
      var names = configuration.aliases.mapValues { [$0] }
      for model in configuration.upstreams.flatMap(\.models) where !model.fallbacks.isEmpty {
        names[model.name] = [model.name] + model.fallbacks
      }
      return names
    }
  }

  private init(
    meter: Meter, store: any UsageStore, answers: PostgresAnswers?, configuration: Configuration,
    resolution: NameResolution, payer: @escaping @Sendable (String) -> Payer?,
    keys: @escaping @Sendable (String) -> [String]
  ) {
    self.meter = meter
    self.store = store
    self.answers = answers
    cache = AnswerCache(policy: configuration.cost.cache)
    state = Mutex(configuration.cost)
    self.resolution = resolution
    self.payer = payer
    self.keys = keys
  }

  /// Opens the account over a store, and recovers what a node that was killed left behind.
  ///
  /// - Parameters:
  ///   - store: shared with other nodes, or this one's own.
  ///   - answers: those that replicas keep together.
  ///   - payer: on whose account a key is used.
  ///   - keys: the keys that their makers gave a name.
  /// - Throws: ``CommandFailure`` of status `unavailable`.
  static func open(
    _ configuration: Configuration, store: any UsageStore, answers: PostgresAnswers? = nil, isShared: Bool,
    folder: DataFolder, payer: @escaping @Sendable (String) -> Payer?,
    keys: @escaping @Sendable (String) -> [String] = { _ in [] }
  ) async throws(CommandFailure) -> NodeMetering {
    var options = MeterOptions()
    options.isShared = isShared
    options.lease = configuration.databaseLease
    if !isShared { options.journal = journal(in: folder) }
    let resolution = NameResolution(configuration)
    do throws(UsageStoreError) {
      let meter = try await Meter.open(
        store: store, policy: configuration.cost.policy, options: options, now: now,
        resolve: { resolution.models(of: $0) })
      return NodeMetering(
        meter: meter, store: store, answers: answers, configuration: configuration, resolution: resolution,
        payer: payer,
        keys: keys)
    } catch {
      throw .unavailable("the account of the node cannot be opened: \(error)")
    }
  }

  /// Where a node that shares its account with no other keeps its journal.
  static func journal(in folder: DataFolder) -> String { folder.path + "/usage-journal" }

  /// The time of day.
  static let now: @Sendable () -> UTCTime = {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return UTCTime(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
  }

  /// What the configuration says now.
  var configuration: CostConfiguration { state.withLock { $0 } }

  /// Puts other prices, budgets, rates and a policy of the cache in force.
  func update(_ configuration: Configuration) {
    resolution.update(configuration)
    state.withLock { $0 = configuration.cost }
    meter.update(configuration.cost.policy)
    if cache.policy != configuration.cost.cache { cache.policy = configuration.cost.cache }
  }

  /// The upstream model that an alias stands for; any other name stands for itself.
  func target(of name: String) -> String { resolution.target(of: name) }

  /// On whose account requests of a tenant run.
  func account(of tenant: String) -> Account {
    let payer = payer(tenant)
    return Account(
      key: tenant, user: payer?.user, project: payer?.project, organization: payer?.organization,
      keyName: payer?.keyName)
  }

  /// What this process has spent, by model; beyond 1,000 models the rest is one.
  var spent: [String: Money] { spending.withLock { $0 } }

  /// Counts what a request has cost.
  func note(_ cost: Money, model: String) {
    spending.withLock { spending in
      if let index = spending.index(forKey: model) {
        spending.values[index] += cost
      } else {
        spending[spending.count < 1_000 ? model : "other", default: .zero] += cost
      }
    }
  }

  /// Keeps the lease, and forgets what is older than it need be, until its task is cancelled.
  func run(report: @escaping @Sendable (String) -> Void) async {
    await withTaskGroup { group in
      group.addTask {
        await self.meter.run { fault in
          // What the end of the node interrupts is no fault.
          if !Task.isCancelled { report("the account cannot be kept: \(fault)") }
        }
      }
      group.addTask {
        while !Task.isCancelled {
          let oldest = Self.now() + (.zero - self.configuration.retention)
          do throws(UsageStoreError) {
            _ = try await self.store.prune(before: oldest)
          } catch {
            if !Task.isCancelled { report("old requests cannot be taken off the account: \(error)") }
          }
          do { try await Task.sleep(for: .seconds(6 * 3_600)) } catch { return }
        }
      }
      if let answers {
        group.addTask { await self.followPurges(of: answers) }
        group.addTask {
          while !Task.isCancelled {
            do { try await Task.sleep(for: .seconds(60)) } catch { return }
            // A database that is away is reported where it matters.
            try? await answers.trim(at: Self.now(), maximumBytes: self.cache.policy.maximumBytes)
          }
        }
      }
      await group.waitForAll()
    }
  }

  /// Forgets what is in memory whenever any replica was told to forget answers.
  private func followPurges(of answers: PostgresAnswers) async {
    var known: Int64?
    while !Task.isCancelled {
      // While the database is away nobody can purge.
      if let count = try? await answers.purges() {
        if let known, known != count { cache.purge() }
        known = count
      }
      do { try await Task.sleep(for: .seconds(1)) } catch { return }
    }
  }
}
