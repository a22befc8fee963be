import Gateway
import ModelInterface
import Multiformats
import PeerNetwork
import PeerProtocols
import Synchronization

/// `/v1/prsm/peers…`: who is connected, and what can be done about it.
struct PeersModule: GatewayModule {
  let host: LibP2PHost
  let bitswap: Bitswap
  let search: PeerSearch

  private static let dialTime = Duration.seconds(20)
  /// The most pings of one request.
  private static let maximumPings = 100

  var routes: [GatewayRoute] {
    [
      .whole(
        .get, "/v1/prsm/peers",
        operation: Operation(
          "listPeers", "This node as its peers see it, who is connected, and what each protocol has carried.",
          tag: "Peers", answers: [.json("The node and its peers.", ["type": "object"])])
      ) { _ in WholeResponse(body: overview.bytes) },
      .whole(
        .post, "/v1/prsm/peers/connect", body: .json,
        operation: Operation(
          "connectPeer", "Connects to a peer by its address, or by its id where its addresses are known.",
          tag: "Peers",
          requestSchema: ["type": "object", "properties": ["peer": ["type": "string"]], "required": ["peer"]],
          answers: [.json("The connection.", ["type": "object"])], errors: [400, 502])
      ) { request in
        let (peer, addresses) = try target(try request.json()["peer"]?.string)
        try await Self.translated { () async throws(PeerError) in
          try await connect(peer, addresses)
        }
        return WholeResponse(body: describe(peer).bytes)
      },
      .whole(
        .post, "/v1/prsm/peers/ping", body: .json,
        operation: Operation(
          "pingPeer", "Measures the round trip to a peer.", tag: "Peers",
          requestSchema: [
            "type": "object",
            "properties": ["peer": ["type": "string"], "count": ["type": "integer", "minimum": 1, "maximum": 100]],
            "required": ["peer"],
          ], answers: [.json("Round trips in milliseconds.", ["type": "object"])], errors: [400, 502])
      ) { request in
        let body = try request.json()
        let (peer, addresses) = try target(body["peer"]?.string)
        let count = min(Self.maximumPings, max(1, body["count"]?.integer ?? 1))
        var times: [JSONValue] = []
        try await Self.translated { () async throws(PeerError) in
          try await connect(peer, addresses)
          for _ in 0..<count {
            let time = try await host.ping(peer, deadline: .now + .seconds(10))
            times.append(.double(time / .milliseconds(1)))
          }
        }
        let answer: JSONValue = ["peer": .string("\(peer)"), "milliseconds": .array(times)]
        return WholeResponse(body: answer.bytes)
      },
      .whole(
        .get, "/v1/prsm/peers/{peer}",
        operation: Operation(
          "explainPeer", "What is known of a peer: addresses, connections, and what was tried and where it failed.",
          tag: "Peers",
          parameters: [.init("peer", in: "path", "The peer's id.", required: true, schema: ["type": "string"])],
          answers: [.json("What is known.", ["type": "object"])], errors: [400])
      ) { request in
        let (peer, _) = try target(request.variables.first)
        return WholeResponse(body: explain(peer).bytes)
      },
      .whole(
        .get, "/v1/prsm/peers/{peer}/find",
        operation: Operation(
          "findPeer", "Looks for a peer's addresses: in the address book first, then in the network.", tag: "Peers",
          parameters: [.init("peer", in: "path", "The peer's id.", required: true, schema: ["type": "string"])],
          answers: [.json("Addresses, and who knew them.", ["type": "object"])], errors: [400, 404])
      ) { request in
        let (peer, _) = try target(request.variables.first)
        return WholeResponse(body: try await find(peer).bytes)
      },
      .whole(
        .delete, "/v1/prsm/peers/{peer}",
        operation: Operation(
          "disconnectPeer", "Closes every connection to a peer.", tag: "Peers",
          parameters: [.init("peer", in: "path", "The peer's id.", required: true, schema: ["type": "string"])],
          answers: [.json("What is known of it now.", ["type": "object"])], errors: [400])
      ) { request in
        let (peer, _) = try target(request.variables.first)
        host.disconnect(peer, reason: "the operator ended the connection")
        return WholeResponse(body: explain(peer).bytes)
      },
    ]
  }

  // MARK: Doing

  private func connect(_ peer: PeerID, _ addresses: [Multiaddr]) async throws(PeerError) {
    do throws(PeerError) {
      try await host.connect(to: peer, addresses: addresses, deadline: .now + Self.dialTime)
    } catch {
      guard addresses.isEmpty, error.code == .unreachable,
        let found = await search.find(peer, by: .now + Self.dialTime)
      else { throw error }
      try await host.connect(to: peer, addresses: found.addresses, deadline: .now + Self.dialTime)
    }
  }

  private func find(_ peer: PeerID) async throws -> JSONValue {
    let known = host.addressBook.addresses(of: peer)
    if !known.isEmpty { return ["peer": .string("\(peer)"), "by": "address book", "addresses": Self.list(known)] }
    guard let found = await search.find(peer, by: .now + Self.dialTime) else {
      throw APIError(
        404, "No address of \(peer) is known, and nobody who was asked knows one.", code: "peer_not_found")
    }
    return ["peer": .string("\(peer)"), "by": .string(found.by), "addresses": Self.list(found.addresses)]
  }

  /// Reads a peer id, or an address that ends in one.
  private func target(_ text: String?) throws(APIError) -> (PeerID, [Multiaddr]) {
    guard let text, !text.isEmpty else { throw APIError.invalid("peer", "A peer id or address is expected.") }
    if text.hasPrefix("/") {
      guard let address = try? Multiaddr(text), let peer = address.peer else {
        throw APIError.invalid("peer", "\(text.debugDescription) is no multiaddr that ends in /p2p/ and a peer id.")
      }
      return (peer, address.components.count > 1 ? [address] : [])
    }
    do throws(MultiformatError) { return (try PeerID(text), []) } catch {
      throw APIError.invalid("peer", "\(text.debugDescription) is no peer id: \(error.detail).")
    }
  }

  private static func translated(_ body: () async throws(PeerError) -> Void) async throws(APIError) {
    do throws(PeerError) { try await body() } catch {
      throw APIError(502, error.detail, type: "server_error", code: "peer_\(error.code)")
    }
  }

  // MARK: Telling

  private var overview: JSONValue {
    let ledgers = bitswap.ledgers
    return [
      "id": .string("\(host.id)"),
      "agent": .string(host.options.agentVersion),
      "addresses": Self.list(host.announcedAddresses.map { $0.appending(peer: host.id) }),
      "is_private": .bool(host.options.networkKey != nil || host.options.allowed != nil),
      "peers": .array(
        host.connectedPeers.map { peer in (peer, "\(peer)") }.sorted { $0.1 < $1.1 }.map {
          describe($0.0, ledgers[$0.0])
        }),
      "protocols": .array(
        host.traffic.map { name, traffic in
          [
            "name": .string(name), "open": .integer(traffic.open.load(ordering: .relaxed)),
            "streams_in": .integer(Int(clamping: traffic.streamsIn.load(ordering: .relaxed))),
            "streams_out": .integer(Int(clamping: traffic.streamsOut.load(ordering: .relaxed))),
            "bytes_in": .integer(Int(clamping: traffic.bytesIn.load(ordering: .relaxed))),
            "bytes_out": .integer(Int(clamping: traffic.bytesOut.load(ordering: .relaxed))),
            "refused": .integer(Int(clamping: traffic.refused.load(ordering: .relaxed))),
          ]
        }),
    ]
  }

  private func describe(_ peer: PeerID, _ ledger: BitswapLedgers.Ledger? = nil) -> JSONValue {
    let now = ContinuousClock.now
    var value: JSONObject = [
      "id": .string("\(peer)"), "agent": host.agent(of: peer).map { .string($0) } ?? .null,
      "protocols": .array(host.protocols(of: peer).sorted().map { .string($0) }),
      "connections": .array(
        host.connections(of: peer).map { connection in
          [
            "address": .string("\(connection.remoteAddress)"),
            "direction": connection.isInbound ? "inbound" : "outbound",
            "is_limited": .bool(connection.isLimited),
            "seconds": .double(((now - connection.opened) / .milliseconds(1)).rounded() / 1_000),
            "round_trip_ms": connection.roundTrip.map { .double($0 / .milliseconds(1)) } ?? .null,
            "bytes_in": .integer(Int(clamping: connection.bytesIn)),
            "bytes_out": .integer(Int(clamping: connection.bytesOut)),
            "streams": .integer(connection.streams),
          ]
        }),
    ]
    if let ledger {
      value["bitswap"] = [
        "sent": .integer(Int(clamping: ledger.sent)), "received": .integer(Int(clamping: ledger.received)),
        "blocks_sent": .integer(Int(clamping: ledger.blocksSent)),
        "blocks_received": .integer(Int(clamping: ledger.blocksReceived)),
      ]
    }
    return .object(value)
  }

  private func explain(_ peer: PeerID) -> JSONValue {
    var value = describe(peer, bitswap.ledgers[peer]).object ?? [:]
    value["addresses"] = Self.list(host.addressBook.addresses(of: peer))
    value["history"] = .array(
      host.dialHistory(of: peer).map { entry in
        [
          "time": .double(entry.time), "address": .string(entry.address), "outcome": .string(entry.outcome),
          "succeeded": .bool(entry.succeeded),
        ]
      })
    return .object(value)
  }

  private static func list(_ addresses: [Multiaddr]) -> JSONValue { .array(addresses.map { .string("\($0)") }) }
}
