import Multiformats
import Testing

@Suite struct MultiaddrTests {
  static let published: [(String, String)] = [
    ("/ip4/127.0.0.1/udp/1234", "047f000001910204d2"),
    ("/ip4/127.0.0.1/tcp/4321", "047f0000010610e1"),
    ("/ip4/127.0.0.1/udp/1234/quic-v1", "047f000001910204d2cd03"),
    ("/ip6/::1/tcp/80/ws", "2900000000000000000000000000000001060050dd03"),
    ("/ip6/2001:db8::8:800:200c:417a/tcp/65535", "2920010db80000000000080800200c417a06ffff"),
    ("/dns4/example.com/tcp/443/wss", "360b6578616d706c652e636f6d0601bbde03"),
    ("/unix/stdio", "9003062f737464696f"),
    ("/ip4/1.2.3.4/tcp/3456/p2p-circuit", "0401020304060d80a202"),
  ]

  @Test(arguments: published)
  func `an address has the published bytes and text`(_ text: String, _ hex: String) throws {
    let address = try Multiaddr(text)
    #expect(Multibase.base16.encodeBody(address.bytes) == hex)
    #expect(address.description == text)
    #expect(try Multiaddr(bytes: address.bytes) == address)
  }

  static let surviving: [String] = [
    "/ip4/1.2.3.4/udp/9090/quic-v1/webtransport/certhash/uEiDDq4_xNyDorZBH3TlGazyJdOWSwvo4PUo5YHFMrvDE8g"
      + "/p2p/12D3KooWLQzUv2FHWGVPXTXSZpdHs7oHbXub2G5WC8Tx4NQhyd2d",
    "/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN",
    "/ip4/8.8.8.8/tcp/80/tls/sni/a.example/http", "/memory/42", "/ip6zone/eth0/ip6/fe80::1/tcp/1",
    "/ip4/10.0.0.0/ipcidr/8", "/unix/a/b/c",
    "/onion3/vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd:1234",
  ]

  @Test(arguments: surviving)
  func `an address survives its binary form`(_ text: String) throws {
    let address = try Multiaddr(text)
    #expect(try Multiaddr(bytes: address.bytes).description == text)
  }

  @Test func `the old name ipfs and a CID of the peer are read as p2p`() throws {
    let peer = try PeerID("12D3KooWLQzUv2FHWGVPXTXSZpdHs7oHbXub2G5WC8Tx4NQhyd2d")
    #expect(try Multiaddr("/ip4/1.1.1.1/tcp/1/ipfs/\(peer)").peer == peer)
    #expect(try Multiaddr("/ip4/1.1.1.1/tcp/1/p2p/\(peer.cid)").peer == peer)
    #expect(try Multiaddr("/ip4/1.1.1.1/tcp/1").appending(peer: peer).description == "/ip4/1.1.1.1/tcp/1/p2p/\(peer)")
  }

  @Test(arguments: [
    "", "/", "ip4/1.2.3.4", "/ip4", "/ip4/1.2.3", "/ip4/01.2.3.4", "/ip4/256.1.1.1", "/ip6/:::", "/ip6/1::2::3",
    "/tcp/65536",
    "/tcp/-1", "/tcp/+1", "/nothing/1", "/p2p/xyz", "/unix", "/certhash/uAA", "/ip6/12345::", "/dns4//tcp/1",
  ])
  func `a malformed address is refused`(_ text: String) {
    #expect(throws: MultiformatError.self) { try Multiaddr(text) }
  }
}
