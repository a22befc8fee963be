import ArgumentParser
import Content
import Foundation
import Logging
import ModelInterface
import Multiformats
import PeerNetwork
import PeerProtocols

/// A host with bitswap and a block store, told what to do line by line: the node's part in `prsm bench peers`.
struct PeerWorker: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "peer-worker", abstract: "A host for benchmarks, told what to do on standard input.",
    shouldDisplay: false)

  @Argument(help: "The folder of its blocks.")
  var folder: String

  func run() async throws {
    var options = HostOptions()
    options.listen = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
    var logger = Logger(label: "peer-worker") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .notice
    let store = try BlockStore(folder: folder)
    let host = LibP2PHost(identity: try .generate(), options: options, logger: logger)
    let bitswap = Bitswap(host: host, blocks: store, logger: logger)
    try await host.start()
    let running = Task { await bitswap.run() }
    let address = host.listenAddresses[0].appending(peer: host.id)
    Self.say(["id": .string("\(host.id)"), "address": .string("\(address)")])
    while let line = readLine() {
      let words = line.split(separator: " ").map(String.init)
      do {
        let began = ContinuousClock.now
        var answer = try await perform(words, host, bitswap, store)
        answer["seconds"] = .double((ContinuousClock.now - began) / .seconds(1))
        Self.say(answer)
      } catch {
        Self.say(["error": .string("\(error)")])
      }
    }
    running.cancel()
    await host.stop()
  }

  private static func say(_ answer: JSONObject) {
    FileHandle.standardOutput.write(Data((JSONValue.object(answer).text + "\n").utf8))
  }

  private func perform(
    _ words: [String], _ host: LibP2PHost, _ bitswap: Bitswap, _ store: BlockStore
  ) async throws -> JSONObject {
    switch (words.first, words.count) {
    case ("connect", 2):
      let address = try Multiaddr(words[1])
      guard let peer = address.peer else { throw CommandFailure.usage("no peer in \(address)") }
      let began = ContinuousClock.now
      try await host.connect(to: peer, addresses: [address], deadline: .now + .seconds(20))
      _ = try await host.ping(peer, deadline: .now + .seconds(20))
      return ["result": true, "milliseconds": .double((ContinuousClock.now - began) / .milliseconds(1))]
    case ("disconnect", 2):
      let peer = try PeerID(words[1])
      host.disconnect(peer, reason: "the benchmark asks for it")
      while !host.connections(of: peer).isEmpty { try await Task.sleep(for: .milliseconds(1)) }
      return ["result": true]
    case ("add", 2):
      let descriptor = open(words[1], O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw CommandFailure.usage("\(words[1]) cannot be read") }
      defer { close(descriptor) }
      let added = try FileImport.add(profile: .unixfsV1x2025, to: store) { buffer in
        max(0, read(descriptor, buffer.baseAddress, buffer.count))
      }
      try store.flush()
      return ["result": .string("\(added.cid)")]
    case ("pin", 2):
      let report = try await DAGFetch(into: store, from: [bitswap]).run(try CID(words[1]))
      try store.flush()
      return ["result": true, "bytes": .integer(Int(clamping: report.bytes))]
    default:
      throw CommandFailure.usage("unknown command \(words)")
    }
  }
}
