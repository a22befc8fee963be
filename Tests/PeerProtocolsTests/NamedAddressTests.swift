import Multiformats
import PeerProtocols
import Testing

@Suite struct NamedAddressTests {
  private static let peer = "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X"

  @Test func `what must be looked up is known from the address`() throws {
    func question(_ text: String) throws -> NamedAddress.Question? { NamedAddress.question(of: try Multiaddr(text)) }
    #expect(try question("/ip4/1.2.3.4/tcp/1") == nil)
    #expect(try question("/dns/example.org/tcp/1") == .addresses(host: "example.org", family: .either))
    #expect(try question("/dns4/example.org/tcp/1") == .addresses(host: "example.org", family: .ip4))
    #expect(try question("/dns6/example.org/tcp/1") == .addresses(host: "example.org", family: .ip6))
    #expect(try question("/dnsaddr/example.org") == .texts(domain: "_dnsaddr.example.org"))
    // The relay's name is looked up when the relay is dialled.
    #expect(try question("/dns4/example.org/tcp/1/p2p/\(Self.peer)/p2p-circuit") == nil)
  }

  @Test func `an IP address takes the name's place`() throws {
    let named = try Multiaddr("/dns/example.org/tcp/4001")
    let short = try Multiaddr("/ip4/1.2.3.4/tcp/4001")
    #expect(NamedAddress.replacing(named, by: [1, 2, 3, 4]) == short)
    let wide = [UInt8](repeating: 0, count: 15) + [1]
    let long = try Multiaddr("/ip6/::1/tcp/4001")
    #expect(NamedAddress.replacing(named, by: wide) == long)
    #expect(NamedAddress.replacing(named, by: [1]) == nil)
  }

  @Test func `records give the addresses that end as was asked for, and nothing else`() throws {
    let other = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"
    let texts = [
      "dnsaddr=/ip4/1.2.3.4/tcp/1/p2p/\(Self.peer)", "dnsaddr=/ip4/5.6.7.8/tcp/1/p2p/\(other)", "v=spf1 -all",
      "dnsaddr=nonsense", "dnsaddr=/ip4/1.2.3.4/tcp/1/p2p/\(Self.peer)",
    ]
    let listed = NamedAddress.listed(texts, for: try Multiaddr("/dnsaddr/example.org/p2p/\(Self.peer)"))
    let expected = try Multiaddr("/ip4/1.2.3.4/tcp/1/p2p/\(Self.peer)")
    #expect(listed == [expected])
    let all = NamedAddress.listed(texts, for: try Multiaddr("/dnsaddr/example.org"))
    #expect(all.count == 2)
    let many = (0..<100).map { "dnsaddr=/ip4/1.2.3.4/tcp/\($0 + 1)" }
    let first = NamedAddress.listed(many, for: try Multiaddr("/dnsaddr/a.b"))
    #expect(first.count == NamedAddress.maximumAddresses)
  }
}
