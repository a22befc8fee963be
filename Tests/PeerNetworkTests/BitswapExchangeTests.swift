import Content
import Logging
import Multiformats
import PeerNetwork
import PeerProtocols
import Testing

@Suite(.timeLimit(.minutes(2))) struct BitswapExchangeTests {
  /// Two hosts with bitswap and a store each.
  struct Exchange {
    let pair: HostPair
    let there = MemoryBlocks()
    let here = MemoryBlocks()
    let server: Bitswap
    let client: Bitswap
    let running: [Task<Void, Never>]

    init() async throws {
      let pair = try await HostPair()
      let server = Bitswap(host: pair.listener, blocks: there, logger: Logger(label: "server"))
      let client = Bitswap(host: pair.dialer, blocks: here, logger: Logger(label: "client"))
      running = [Task { await server.run() }, Task { await client.run() }]
      try await pair.connect()
      self.pair = pair
      self.server = server
      self.client = client
    }

    func stop() async {
      for task in running { task.cancel() }
      await pair.stop()
    }
  }

  @Test func blocksOfEveryKindAndSizeAreFetched() async throws {
    let exchange = try await Exchange()
    var blocks: [Block] = []
    for size in [0, 1, 1_000, 1_025, 300_000, 2 << 20] {
      blocks.append(try Block([UInt8](repeating: UInt8(truncatingIfNeeded: size), count: size), codec: .raw))
    }
    blocks.append(try Block(DagPB(data: [1]).encode(), codec: .dagPB, version: .v0))
    blocks.append(try Block([9, 9], codec: .raw, function: .blake3))
    for block in blocks { try exchange.there.put(block) }
    let session = exchange.client.session()
    for block in blocks {
      #expect(try await session.fetch(block.cid, by: .now + .seconds(20)) == block.bytes)
    }
    let ledger = try #require(exchange.server.ledgers[exchange.pair.dialer.id])
    #expect(ledger.blocksSent == UInt64(blocks.count))
    #expect(exchange.client.duplicates == 0)
    await exchange.stop()
  }

  @Test func manyWantsAtOnceComeBackEachWithItsOwnBlock() async throws {
    let exchange = try await Exchange()
    var blocks: [Block] = []
    for number in 0..<800 {
      blocks.append(try Block((0..<3_000).map { UInt8(truncatingIfNeeded: $0 &* number &+ number >> 3) }, codec: .raw))
      try exchange.there.put(blocks[number])
    }
    let session = exchange.client.session()
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for block in blocks {
        group.addTask { try await session.fetch(block.cid, by: .now + .seconds(30)) == block.bytes }
      }
      var right = 0
      for try await isRight in group where isRight { right += 1 }
      #expect(right == blocks.count)
    }
    #expect(exchange.client.wantedCIDs.isEmpty)
    await exchange.stop()
  }

  @Test func aBlockThatComesLaterIsSentToWhoeverWaits() async throws {
    let exchange = try await Exchange()
    let block = try Block([UInt8](repeating: 7, count: 5_000), codec: .raw)
    let session = exchange.client.session()
    async let bytes = session.fetch(block.cid, by: .now + .seconds(20))
    while exchange.server.ledgers[exchange.pair.dialer.id]?.wants ?? 0 == 0 { await Task.yield() }
    try exchange.there.put(block)
    exchange.server.announce(block.cid, size: block.bytes.count)
    #expect(try await bytes == block.bytes)
    await exchange.stop()
  }

  @Test func whatNobodyHasTimesOutAndIsForgotten() async throws {
    let exchange = try await Exchange()
    let absent = try Block([1, 2, 3], codec: .raw).cid
    // A deadline that has passed already ends the wait, too.
    for patience in [300, 0, -300] {
      await #expect(throws: ContentError.self) {
        _ = try await exchange.client.fetch(absent, by: .now + .milliseconds(patience))
      }
    }
    #expect(exchange.client.wantedCIDs.isEmpty)
    await exchange.stop()
  }
}
