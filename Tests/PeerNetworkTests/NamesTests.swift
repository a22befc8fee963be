import Content
import Logging
import Multiformats
import PeerNetwork
import PeerProtocols
import Testing

/// A name server that knows some TXT records.
private struct ScriptedNames: DNSTransport {
  let records: [String: [String]]

  func exchange(
    _ query: [UInt8], with server: NameServer, isStream: Bool, by deadline: ContinuousClock.Instant,
    accepts: ([UInt8]) -> Bool
  ) throws(ContentError) -> [UInt8] {
    guard var message = try? DNSMessage(decoding: query), let name = message.questions.first?.name else {
      throw ContentError(.malformed, "a bad question")
    }
    message.isResponse = true
    let texts = records[name.joined(separator: ".").lowercased()]
    // There is no such name (RFC 1035, section 4.1.1).
    if texts == nil { message.outcome = 3 }
    message.answers = (texts ?? []).map { text in
      DNSMessage.Record(name: name, lifetime: 60, data: .text([Array(text.utf8)]))
    }
    return message.bytes
  }

  /// A host that asks here.
  func host() throws -> LibP2PHost {
    var asking = DNSResolver.Options()
    asking.servers = [NameServer(address: "192.0.2.1")]
    var options = HostOptions()
    options.resolver = DNSResolver(options: asking, transport: self)
    return LibP2PHost(identity: try .generate(), options: options, logger: Logger(label: "dialer"))
  }
}

@Suite(.timeLimit(.minutes(2))) struct NamesTests {
  @Test func `a dnsaddr leads to a peer, over other names, past addresses of others`() async throws {
    let pair = try await HostPair()
    let listener = pair.listener
    let other = try HostIdentity.generate().peer
    let names = ScriptedNames(records: [
      "_dnsaddr.example.org": [
        "dnsaddr=/dnsaddr/inner.example.org/p2p/\(listener.id)", "dnsaddr=/ip4/127.0.0.1/tcp/1/p2p/\(other)", "other=1",
      ],
      "_dnsaddr.inner.example.org": ["dnsaddr=\(listener.listenAddresses[0])/p2p/\(listener.id)"],
    ])
    let dialer = try names.host()
    try await dialer.connect(
      to: listener.id, addresses: [try Multiaddr("/dnsaddr/example.org/p2p/\(listener.id)")],
      deadline: .now + .seconds(20))
    #expect(dialer.connectedPeers == [listener.id])
    await dialer.stop()
    await pair.stop()
  }

  @Test func `names that lead in a circle lead nowhere`() async throws {
    let peer = try HostIdentity.generate().peer
    let names = ScriptedNames(records: [
      "_dnsaddr.a.example": ["dnsaddr=/dnsaddr/b.example/p2p/\(peer)"],
      "_dnsaddr.b.example": ["dnsaddr=/dnsaddr/a.example/p2p/\(peer)"],
    ])
    let dialer = try names.host()
    await #expect(throws: PeerError.self) {
      try await dialer.connect(
        to: peer, addresses: [try Multiaddr("/dnsaddr/a.example/p2p/\(peer)")], deadline: .now + .seconds(20))
    }
    await dialer.stop()
  }

  @Test func `a host's name is looked up, and only as the version of IP that was asked for`() async throws {
    let pair = try await HostPair()
    let port = pair.listener.listenAddresses[0].value(of: "tcp") ?? ""
    try await pair.dialer.connect(
      to: pair.listener.id, addresses: [try Multiaddr("/dns4/localhost/tcp/\(port)")], deadline: .now + .seconds(20))
    let reached = pair.dialer.connections(of: pair.listener.id).first?.remoteAddress.description
    #expect(reached == "/ip4/127.0.0.1/tcp/\(port)")
    await pair.stop()
  }

  @Test func `a name that is none is told as such, with the others' failures`() async throws {
    let dialer = try ScriptedNames(records: [:]).host()
    let other = try HostIdentity.generate().peer
    let error = await #expect(throws: PeerError.self) {
      try await dialer.connect(
        to: other,
        addresses: [try Multiaddr("/dnsaddr/nowhere.invalid"), try Multiaddr("/ip4/127.0.0.1/udp/1/quic-v1")],
        deadline: .now + .seconds(20))
    }
    #expect(error?.detail.contains("stands for no address") == true)
    #expect(error?.detail.contains("plain TCP") == true)
    #expect(dialer.dialHistory(of: other).contains { $0.address.contains("dnsaddr") && !$0.succeeded })
    await dialer.stop()
  }
}
