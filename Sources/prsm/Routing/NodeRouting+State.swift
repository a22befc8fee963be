import Foundation
import Metering
import ModelInterface
import Providers
import Routing
import Storage
import Synchronization

extension NodeRouting {
  /// The beginning, from the configuration and from what was kept. What does not fit the configuration any more is forgotten.
  static func state(
    _ configuration: RoutingConfiguration, kept: [String: Data]
  ) throws(CommandFailure) -> State {
    var settings = Router.Settings()
    settings.explorationCap = configuration.exploration
    let affinity = SessionAffinity(lifetime: configuration.sessionTime / .seconds(1))
    var router = Router(
      predictor: try predictor(configuration, kept: kept), settings: settings, affinity: affinity)
    let decoder = JSONDecoder()
    if let data = kept["router"], let memory = try? decoder.decode(Router.Memory.self, from: data) {
      router.memory = memory
    }
    var state = State(configuration: configuration, router: router)
    for (name, experiment) in configuration.experiments {
      let weights = experiment.weights.sorted { $0.key < $1.key }.map { (model: $0.key, weight: $0.value) }
      let fresh: ABExperiment
      do throws(RoutingError) {
        fresh = try ABExperiment(name: name, weights: weights)
      } catch {
        throw .usage("routing.experiments: \(error)")
      }
      let old = kept["experiment:\(name)"].flatMap { try? decoder.decode(ABExperiment.self, from: $0) }
      let isSame = old.map {
        $0.arms.map(\.model) == fresh.arms.map(\.model) && $0.arms.map(\.weight) == fresh.arms.map(\.weight)
      }
      state.experiments[name] = isSame == true ? old : fresh
    }
    for (name, canary) in configuration.canaries {
      let old = kept[Self.key(name, canary)].flatMap { try? decoder.decode(CanaryRelease.self, from: $0) }
      state.canaries[name] =
        old.flatMap { $0.settings == canary.settings ? $0 : nil } ?? CanaryRelease(settings: canary.settings)
    }
    return state
  }

  private static func key(_ name: String, _ canary: RoutingConfiguration.Canary) -> String {
    "canary:\(name)\n\(canary.baseline)\n\(canary.candidate)"
  }

  /// The predictor of the file; with what it has learned since, where the file is the same as then.
  private static func predictor(
    _ configuration: RoutingConfiguration, kept: [String: Data]
  ) throws(CommandFailure) -> QualityPredictor? {
    guard let path = configuration.predictor else { return nil }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .usage("routing.predictor: \(path) cannot be read; make it with `prsm route train FILE --into \(path)`")
    }
    do throws(RoutingError) {
      let original = try QualityPredictor(decoding: Array(data))
      if kept["predictor-file"] == Self.digest(data), let learned = kept["predictor"],
        let known = try? QualityPredictor(decoding: Array(learned)), known.models == original.models
      {
        return known
      }
      return original
    } catch {
      throw .usage("routing.predictor: \(path): \(error)")
    }
  }

  private static func digest(_ data: Data) -> Data {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in data { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return Data("\(hash) \(data.count)".utf8)
  }

  /// What has been learned, by name, for ``init(_:source:metering:usualMaximum:kept:metrics:logger:)`` after a restart.
  func kept() -> [String: Data] {
    // Not the whole state: what is held on to here would have to be copied at the next choice.
    let copy = state.withLock {
      (configuration: $0.configuration, router: $0.router, experiments: $0.experiments, canaries: $0.canaries)
    }
    let encoder = JSONEncoder()
    var values: [String: Data] = [:]
    values["router"] = try? encoder.encode(copy.router.memory)
    for (name, experiment) in copy.experiments { values["experiment:\(name)"] = try? encoder.encode(experiment) }
    for (name, canary) in copy.configuration.canaries {
      if let release = copy.canaries[name] { values[Self.key(name, canary)] = try? encoder.encode(release) }
    }
    if let path = copy.configuration.predictor, let predictor = copy.router.predictor,
      let data = FileManager.default.contents(atPath: path)
    {
      values["predictor"] = Data(predictor.encoded())
      values["predictor-file"] = Self.digest(data)
    }
    return values
  }

  /// How everything stands, for whoever asks.
  struct Standing: Sendable {
    var configuration: RoutingConfiguration
    var candidates: [Candidate]
    var experiments: [String: ABExperiment]
    var canaries: [String: CanaryRelease]
    var predicts: [String]
    var decisions: Int
    var explored: Int
  }

  func standing() -> Standing {
    state.withLock { state in
      Standing(
        configuration: state.configuration, candidates: state.candidates, experiments: state.experiments,
        canaries: state.canaries, predicts: state.router.predictor?.models ?? [], decisions: state.router.decisions,
        explored: state.router.explored)
    }
  }

  /// Puts another configuration in force; what has been learned stays.
  ///
  /// - Throws: ``CommandFailure`` of status `usage` where it cannot be used; the old one stays in force then.
  func update(_ configuration: RoutingConfiguration) async throws(CommandFailure) {
    var next = try Self.state(configuration, kept: kept())
    state.withLock { state in
      next.candidates = state.candidates
      next.latencies = state.latencies
      next.measured = state.measured
      next.log = state.log
      next.lastAsked = state.lastAsked
      next.counter = state.counter
      next.hasChanged = true
      // Choices and answers since it was copied.
      next.router.memory = state.router.memory
      for (name, release) in state.canaries
      where next.canaries[name]?.settings == release.settings
        && configuration.canaries[name] == state.configuration.canaries[name]
      { next.canaries[name] = release }
      for (name, experiment) in state.experiments
      where configuration.experiments[name] == state.configuration.experiments[name] {
        next.experiments[name] = experiment
      }
      state = next
    }
    await refresh()
  }

  /// Looks again which models there are and how they are.
  func refresh() async {
    let time = Self.now()
    let (configuration, latencies) = state.withLock { state in
      var latencies: [String: ObservedLatency] = [:]
      for (model, estimate) in state.latencies {
        guard let median = estimate.quantile(0.5), let p95 = estimate.quantile(0.95) else { continue }
        latencies[model] = ObservedLatency(
          p50: median / .milliseconds(1), p95: p95 / .milliseconds(1),
          isRecent: time - (state.measured[model] ?? 0) <= Self.latencyTime)
      }
      return (state.configuration, latencies)
    }
    let candidates = await source.candidates(
      configuration, prices: metering.configuration.prices, latencies: latencies)
    state.withLock { $0.candidates = candidates }
  }

  /// Keeps what is known of the models fresh, and what has been learned safe, until its task is cancelled; then once more.
  func keep(in store: RoutingStateStore?, report: @Sendable (String) -> Void) async {
    var rounds = 0
    while !Task.isCancelled {
      await refresh()
      rounds += 1
      if rounds % 20 == 0 { await save(store, report) }
      do { try await Task.sleep(for: .milliseconds(500)) } catch { break }
    }
    // Its own task, because this one is cancelled.
    await Task { await self.save(store, { _ in }) }.value
  }

  private func save(_ store: RoutingStateStore?, _ report: @Sendable (String) -> Void) async {
    guard let store,
      state.withLock({ state in
        defer { state.hasChanged = false }
        return state.hasChanged
      })
    else { return }
    do throws(StorageError) {
      try await store.save(kept())
    } catch {
      state.withLock { $0.hasChanged = true }
      report("what routing has learned cannot be kept: \(error)")
    }
  }

  /// The names that stand for a choice, as the list of models shows them.
  var descriptors: [ModelDescriptor] {
    let names =
      ["auto", "auto:cheap", "auto:best", "auto:fast", "auto:30%"] + state.withLock { $0.configuration.names }
    return names.map { ModelDescriptor(name: $0, provider: "prsm-routing") }
  }
}
