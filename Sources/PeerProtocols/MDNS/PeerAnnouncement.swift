package import Multiformats

/// A node's announcement in its local network (https://github.com/libp2p/specs/blob/master/discovery/mdns.md).
package struct PeerAnnouncement: Sendable {
  /// The service that every libp2p node announces.
  package static let service = ["_p2p", "_udp", "local"]
  /// How long an announcement may be remembered, in seconds.
  static let lifetime: UInt32 = 120
  private static let prefix = Array("dnsaddr=".utf8)

  package let peer: PeerID
  package let addresses: [Multiaddr]

  package init(peer: PeerID, addresses: [Multiaddr]) {
    self.peer = peer
    self.addresses = addresses
  }

  /// The question for all nodes.
  package static var query: DNSMessage {
    var message = DNSMessage(isResponse: false)
    message.questions = [.init(name: service, type: DNSMessage.pointerType)]
    return message
  }

  /// Whether a message asks for all nodes.
  package static func isQuery(_ message: DNSMessage) -> Bool {
    !message.isResponse
      && message.questions.contains { question in
        (question.type == DNSMessage.pointerType || question.type == DNSMessage.anyType)
          && question.name.map { $0.lowercased() } == service
      }
  }

  /// The answer that announces this node.
  ///
  /// - Parameter name: a random label, which says nothing about the node.
  package func response(name: String) -> DNSMessage {
    var message = DNSMessage(isResponse: true)
    let instance = [name] + Self.service
    message.answers = [.init(name: Self.service, lifetime: Self.lifetime, data: .pointer(instance))]
    var strings = addresses.prefix(16).compactMap { address -> [UInt8]? in
      let string = Self.prefix + Array("\(address.appending(peer: peer))".utf8)
      return string.count <= 255 ? string : nil
    }
    // Some implementations read the peer from here, and the address from the service's.
    strings.append(Array("id=\(peer)".utf8))
    message.additional = [.init(name: instance, lifetime: Self.lifetime, data: .text(strings))]
    let host = [name, "local"]
    let port = addresses.lazy.compactMap { $0.value(of: "tcp").flatMap { UInt16($0) } }.first ?? 4_001
    message.additional.append(.init(name: instance, lifetime: Self.lifetime, data: .service(target: host, port: port)))
    var seen: Set<[UInt8]> = []
    for address in addresses.prefix(16) {
      guard let outer = address.components.first, ["ip4", "ip6"].contains(outer.protocol.name),
        address.value(of: "tcp") == "\(port)", seen.insert(outer.value).inserted
      else { continue }
      message.additional.append(.init(name: host, lifetime: Self.lifetime, data: .address(outer.value)))
    }
    return message
  }

  /// The nodes that a response announces.
  package static func announced(in message: DNSMessage) -> [PeerAnnouncement] {
    guard message.isResponse else { return [] }
    let records = message.answers + message.additional
    var found: [PeerID: [Multiaddr]] = [:]
    for record in records.prefix(256) where record.name.count == 4 && record.lifetime > 0 {
      guard record.name.dropFirst().map({ $0.lowercased() }) == service, case .text(let strings) = record.data else {
        continue
      }
      var isFound = false
      for string in strings where string.starts(with: prefix) {
        guard let text = String(validating: string.dropFirst(prefix.count), as: UTF8.self),
          let address = try? Multiaddr(text), let peer = address.peer
        else { continue }
        isFound = true
        if found[peer, default: []].count < 16 { found[peer, default: []].append(address) }
      }
      guard !isFound, let peer = id(strings) else { continue }
      found[peer, default: []] += addresses(of: record.name, records)
    }
    return found.map { PeerAnnouncement(peer: $0.key, addresses: $0.value) }
      .sorted { $0.peer.bytes.lexicographicallyPrecedes($1.peer.bytes) }
  }

  private static func id(_ strings: [[UInt8]]) -> PeerID? {
    let prefix = Array("id=".utf8)
    return strings.lazy.filter { $0.starts(with: prefix) }
      .compactMap { String(validating: $0.dropFirst(prefix.count), as: UTF8.self) }.compactMap { try? PeerID($0) }.first
  }

  private static func addresses(of instance: [String], _ records: [DNSMessage.Record]) -> [Multiaddr] {
    for record in records where record.name == instance {
      guard case .service(let target, let port) = record.data else { continue }
      return records.compactMap { record in
        guard record.name == target, case .address(let bytes) = record.data else { return nil }
        let host =
          bytes.count == 4
          ? "/ip4/" + bytes.map(String.init).joined(separator: ".") : "/ip6/" + IPAddressText.formatV6(bytes)
        return try? Multiaddr("\(host)/tcp/\(port)")
      }
    }
    return []
  }
}
