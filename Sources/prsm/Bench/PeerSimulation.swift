import Foundation
import ModelInterface
import PeerProtocols

/// A DHT of many nodes in one process, with churn, losses, liars and splits (`prsm bench peers --simulate`).
struct PeerSimulation {
  var nodes = 1_000
  var lookups = 2_000
  var seed: UInt64 = 1
  /// Called with a line of progress.
  var note: (String) -> Void = { _ in }

  /// What is simulated.
  enum Part: String, CaseIterable {
    /// Nodes that come and go.
    case churn
    /// A third of them lost at once.
    case loss
    /// A split, and its end.
    case split
    /// Liars that hide providers.
    case liars
  }

  /// Runs the parts and reports them.
  func report(_ parts: [Part] = Part.allCases) -> BenchReport {
    var report = BenchReport(bench: "peers")
    report.conditions = [
      "nodes": .integer(nodes), "lookups": .integer(lookups), "seed": .integer(seed),
      "network": "4 to 130 ms one way, 1 % of messages sent again after 250 ms, dials to nobody fail after 3 s",
    ]
    if parts.contains(.churn) { steady(&report) }
    if parts.contains(.loss) { loss(&report) }
    if parts.contains(.split) { split(&report) }
    for (name, liars) in [
      ("scattered", Liars.scattered), ("crowding", .crowding(networks: 8)), ("crowding_far", .crowding(networks: .max)),
    ] where parts.contains(.liars) {
      sybils(name, liars, &report)
    }
    return report
  }

  private enum Liars {
    /// At random places of the space and the network.
    case scattered
    /// All of them next to two of the keys that are looked for, and from so many networks.
    case crowding(networks: UInt64)
  }

  private func grown(_ seed: UInt64) -> KademliaSimulation {
    var simulation = KademliaSimulation(seed: seed)
    simulation.grow(to: nodes)
    simulation.run(for: .seconds(60))
    return simulation
  }

  private func add(_ name: String, _ found: KademliaMeasurement, to report: inout BenchReport) {
    report.add(figure: "\(name)_success", found.rate)
    report.add(figure: "\(name)_hops_median", Double(found.hops.median))
    report.add(figure: "\(name)_hops_most", Double(found.hops.most))
    report.add(figure: "\(name)_time_p50_s", found.time.median / .seconds(1))
    report.add(figure: "\(name)_time_p99_s", found.time.high / .seconds(1))
  }

  /// Nodes come and go: a tenth of them in a minute.
  private func steady(_ report: inout BenchReport) {
    note("\(nodes) nodes at 10 % churn a minute")
    var simulation = grown(seed)
    add("quiet_peer", simulation.measurePeerLookups(lookups), to: &report)
    let provided = simulation.announce(100)
    simulation.churnPerMinute = 0.1
    simulation.run(for: .seconds(180))
    add("churn_peer", simulation.measurePeerLookups(lookups), to: &report)
    add("churn_provider", simulation.measureProviderLookups(lookups, of: provided), to: &report)
    report.add(figure: "log2_nodes", log2(Double(nodes)))
  }

  private func loss(_ report: inout BenchReport) {
    note("33 % of the nodes lost at once")
    var simulation = grown(seed + 1)
    let provided = simulation.announce(100)
    simulation.lose(share: 0.33)
    add("loss_peer", simulation.measurePeerLookups(lookups, spacing: .milliseconds(20)), to: &report)
    add("loss_provider", simulation.measureProviderLookups(lookups, of: provided), to: &report)
  }

  private func split(_ report: inout BenchReport) {
    note("a split of five minutes, and its end")
    var simulation = grown(seed + 2)
    let healed = simulation.measureHealing(split: .seconds(300), patience: .seconds(20), perSecond: 50)
    report.add(figure: "split_healed_s", healed.map { $0 / .seconds(1) } ?? .infinity)
  }

  private func sybils(_ name: String, _ liars: Liars, _ report: inout BenchReport) {
    note("20 % liars, \(name)")
    var simulation = grown(seed + 3)
    let keys = (0..<20).map { _ in simulation.randomKey() }
    for index in 0..<(nodes / 4) {
      switch liars {
      case .scattered: simulation.join(.sybil)
      case .crowding(let networks):
        let key = KademliaKey(hashing: keys[index % 2])
        simulation.join(.sybil, crowding: (key, 14), group: UInt64(index) % networks)
      }
    }
    simulation.run(for: .seconds(120))
    let provided = simulation.announce(keys.count, keys: keys)
    let judged: [(key: [UInt8], provider: Int)]
    switch liars {
    case .scattered: judged = provided
    case .crowding: judged = Array(provided.prefix(2))
    }
    add("sybil_\(name)", simulation.measureProviderLookups(lookups, of: judged), to: &report)
  }
}
