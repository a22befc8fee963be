import ArgumentParser
import Foundation
import ModelInterface

/// `prsm bench peers`.
struct PeersBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "peers",
    abstract: "How soon a peer answers, and how fast blocks go between nodes, beside Kubo.",
    discussion: """
      A file is published by one node and pinned by another on loopback, block by block over bitswap: between two PRSM nodes, \
      between two Kubo nodes, and from each to the other, in turn. Each starts with empty stores.

      EXAMPLES
        prsm bench peers --json
        prsm bench peers --quick
        prsm bench peers --mebibytes 256 --runs 3
        prsm bench peers --simulate --nodes 1000
        prsm bench peers --simulate --part liars --seed 7
      """)

  @OptionGroup var options: BenchOptions

  @Flag(help: "Simulate a DHT of many nodes instead: churn, losses, liars, a split. Takes minutes.")
  var simulate = false

  @Option(help: "Nodes of the simulation.")
  var nodes = 1_000

  @Option(help: "Only this part of the simulation: \(PeerSimulation.Part.names).")
  var part: PeerSimulation.Part?

  @Option(help: "What chance in the simulation follows from; the same seed gives the same run.")
  var seed: UInt64 = 1

  @Option(help: "Size of the file, in MiB.")
  var mebibytes = 1_024

  /// Who publishes and who pins.
  private enum Side: String {
    case prsm, kubo
  }

  func run() async throws {
    if simulate {
      let size = options.quick ? min(nodes, 100) : max(20, nodes)
      let simulation = PeerSimulation(
        nodes: size, lookups: options.quick ? 100 : 2_000, seed: seed, note: options.note)
      options.print(simulation.report(part.map { [$0] } ?? PeerSimulation.Part.allCases))
      return
    }
    let folder = try BenchPeers.workFolder("peers")
    defer { try? FileManager.default.removeItem(at: folder) }
    let size = options.quick ? min(mebibytes, 16) : max(1, mebibytes)
    // What drives Kubo was installed beside it by a later `make bench-peers` than the first.
    let isDriven = FileManager.default.fileExists(atPath: BenchPeers.folder.appending(path: "kubo/peer.py").path)
    let kubo = isDriven ? BenchPeers.program("kubo/bin/python") : nil
    if kubo == nil { Output.complain("Kubo is not installed whole; run `make bench-peers` to compare with it") }
    var report = BenchReport(bench: "peers")
    report.conditions = [
      "file_mib": .integer(size), "transport": "TCP on loopback, Noise, yamux",
      "work": "publish a file of random bytes in one node, pin it in another with an empty store; the time of the pin",
      "absent": .array(kubo == nil ? ["kubo"] : []),
    ]
    try connections(folder, &report)
    try await answers(&report)
    for run in 1...options.repetitions {
      let file = folder.appending(path: "file-\(run)")
      try Self.randomFile(file, mebibytes: size)
      defer { try? FileManager.default.removeItem(at: file) }
      var rates: [String: Double] = [:]
      let pairs: [(Side, Side)] =
        kubo == nil ? [(.prsm, .prsm)] : [(.prsm, .prsm), (.kubo, .kubo), (.prsm, .kubo), (.kubo, .prsm)]
      for (from, to) in pairs {
        options.note("\(from) to \(to), \(run) of \(options.repetitions)")
        let seconds = try transfer(file, from, to, kubo, folder.appending(path: "\(from)-\(to)-\(run)"))
        let rate = Double(size) / seconds
        rates["\(from)-\(to)"] = rate
        report.add(figure: "mib_per_second_\(from)_to_\(to)", rate)
      }
      if let theirs = rates["kubo-kubo"] {
        report.add(ratio: "bitswap_kubo", (rates["prsm-prsm"] ?? 0) / theirs)
        report.add(ratio: "bitswap_to_kubo", (rates["prsm-kubo"] ?? 0) / theirs)
        report.add(ratio: "bitswap_from_kubo", (rates["kubo-prsm"] ?? 0) / theirs)
      }
    }
    options.print(report)
  }

  /// How soon a peer answers, and what it adds to each token.
  private func answers(_ report: inout BenchReport) async throws {
    for _ in 0..<options.repetitions {
      options.note("first answers of a node in a network of \(PeerAnswerBench.nodes)")
      if let seconds = try await PeerAnswerBench.firstAnswer(byMDNS: false) {
        report.add(figure: "first_answer_address_s", seconds)
      }
      if let seconds = try await PeerAnswerBench.firstAnswer(byMDNS: true) {
        report.add(figure: "first_answer_mdns_s", seconds)
      }
      let added = try await PeerAnswerBench.addedLatency(tokens: options.quick ? 50 : 500).sorted()
      if !added.isEmpty { report.add(figure: "token_added_p50_ms", added[added.count / 2]) }
    }
  }

  /// Connect plus the first round trip, from nothing, between two PRSM nodes.
  private func connections(_ folder: URL, _ report: inout BenchReport) throws {
    let place = folder.appending(path: "connect")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    let (listener, address, peer) = try start(.prsm, "listener", nil, place)
    let (dialer, _, _) = try start(.prsm, "dialer", nil, place)
    for _ in 0..<max(3, options.quick ? 3 : 20) {
      let answer = try dialer.tell("connect", address)
      report.add(figure: "connect_ms", answer["milliseconds"]?.double ?? .nan)
      try dialer.tell("disconnect", peer)
    }
    listener.stop()
    dialer.stop()
  }

  /// Seconds from the wish to have a file to having its last block on disk.
  private func transfer(
    _ file: URL, _ from: Side, _ to: Side, _ kubo: String?, _ folder: URL
  ) throws -> Double {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (publisher, address, _) = try start(from, "publisher", kubo, folder)
    let (reader, _, _) = try start(to, "reader", kubo, folder)
    defer {
      publisher.stop()
      reader.stop()
    }
    let root = try publisher.tell("add", file.path)["result"]?.string ?? ""
    try reader.tell("connect", address)
    let name = root.hasPrefix("/ipfs/") ? String(root.dropFirst(6)) : root
    let answer = try reader.tell("pin", name)
    guard answer["result"]?.bool == true, let seconds = answer["seconds"]?.double else {
      throw BenchProcess.Failure(description: "\(to.rawValue) could not pin \(name) of \(from.rawValue)")
    }
    return seconds
  }

  private func start(
    _ side: Side, _ name: String, _ kubo: String?, _ folder: URL
  ) throws -> (process: LineProcess, address: String, peer: String) {
    let place = folder.appending(path: name).path
    let log = folder.appending(path: "\(name).log")
    let process =
      switch side {
      case .prsm: try LineProcess("prsm", BenchProcess.ourselves, ["peer-worker", place], log: log)
      case .kubo:
        try LineProcess(
          "kubo", kubo ?? "",
          [BenchPeers.folder.appending(path: "kubo/peer.py").path, place, "\(try BenchPeers.freePort())"],
          log: log)
      }
    let hello = try process.answer()
    guard let address = hello["address"]?.string, let peer = hello["id"]?.string else {
      throw BenchProcess.Failure(description: "\(side.rawValue) did not say where it listens; its log is \(log.path)")
    }
    return (process, address, peer)
  }

  private static func randomFile(_ url: URL, mebibytes: Int) throws {
    _ = FileManager.default.createFile(atPath: url.path, contents: nil)
    let handle = try FileHandle(forWritingTo: url)
    defer { try? handle.close() }
    let random = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/dev/urandom"))
    defer { try? random.close() }
    for _ in 0..<mebibytes { try handle.write(contentsOf: random.read(upToCount: 1 << 20) ?? Data()) }
  }
}

extension PeerSimulation.Part: ExpressibleByArgument {
  static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
