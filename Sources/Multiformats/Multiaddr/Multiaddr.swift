/// A network address that says how to reach it, layer by layer, such as `/ip4/192.0.2.1/tcp/4001/p2p/12D3…`
/// (https://multiformats.io/multiaddr).
package struct Multiaddr: Hashable, Sendable, CustomStringConvertible {
  /// One layer: a protocol and its value.
  package struct Component: Hashable, Sendable {
    package let `protocol`: AddressProtocol
    /// The value in its binary form, without the length that may precede it.
    package let value: [UInt8]

    /// - Throws: `.malformed` where the value does not fit the protocol.
    package init(_ `protocol`: AddressProtocol, value: [UInt8]) throws(MultiformatError) {
      if let length = `protocol`.fixedLength, length != value.count {
        throw MultiformatError(
          .malformed, "multiaddr \(`protocol`.name): \(length) bytes of value expected, \(value.count) found")
      }
      _ = try `protocol`.text(ofBytes: value)
      self.protocol = `protocol`
      self.value = value
    }

    /// The value as text; empty where the protocol has none.
    package var text: String { (try? `protocol`.text(ofBytes: value)) ?? "" }
  }

  /// The longest address accepted, in bytes of either form.
  package static let maximumLength = 2_048
  /// The most layers accepted.
  package static let maximumComponents = 32

  package let components: [Component]

  package init(components: [Component]) { self.components = components }

  /// Reads the text form.
  package init(_ text: some StringProtocol) throws(MultiformatError) {
    guard text.utf8.count <= Self.maximumLength else {
      throw MultiformatError(.tooLarge, "multiaddr of \(text.utf8.count) bytes, at most \(Self.maximumLength)")
    }
    guard text.hasPrefix("/") else {
      throw MultiformatError(.malformed, "multiaddr \(String(text).debugDescription): must begin with a slash")
    }
    let words: [Substring] = String(text).split(separator: "/", omittingEmptySubsequences: false)
    var parts = words.dropFirst().map { String($0) }[...]
    while parts.last == "" { parts.removeLast() }
    var components: [Component] = []
    while let name = parts.popFirst() {
      guard let known = AddressProtocol(name: name) else {
        throw MultiformatError(.unknown, "multiaddr: protocol \(name.debugDescription) is not known")
      }
      var value: [UInt8] = []
      if known.layout == .path {
        value = try known.bytes(ofText: "/" + parts.joined(separator: "/"))
        parts = []
      } else if known.layout != .none {
        guard let word = parts.popFirst(), !word.isEmpty else {
          throw MultiformatError(.truncated, "multiaddr: a value must follow /\(name)")
        }
        value = try known.bytes(ofText: word)
      }
      components.append(try Component(known, value: value))
      guard components.count <= Self.maximumComponents else {
        throw MultiformatError(.tooLarge, "multiaddr: more than \(Self.maximumComponents) layers")
      }
    }
    guard !components.isEmpty else { throw MultiformatError(.truncated, "multiaddr: empty") }
    self.components = components
  }

  /// Reads bytes that are one address and nothing else.
  package init(bytes: [UInt8]) throws(MultiformatError) {
    guard bytes.count <= Self.maximumLength else {
      throw MultiformatError(.tooLarge, "multiaddr of \(bytes.count) bytes, at most \(Self.maximumLength)")
    }
    let span = bytes.span.bytes
    var offset = 0
    var components: [Component] = []
    while offset < bytes.count {
      let code = try Varint.decode(span, at: &offset)
      guard let known = AddressProtocol(code: code) else {
        throw MultiformatError(.unknown, "multiaddr: protocol \(code) is not known")
      }
      var length = known.fixedLength ?? 0
      if known.fixedLength == nil {
        let announced = try Varint.decode(span, at: &offset)
        guard announced <= UInt64(Self.maximumLength) else {
          throw MultiformatError(.tooLarge, "multiaddr \(known.name): value of \(announced) bytes")
        }
        length = Int(announced)
      }
      guard let value = span.copy(from: offset, count: length) else {
        throw MultiformatError(
          .truncated, "multiaddr \(known.name): \(length) bytes expected, \(bytes.count - offset) found")
      }
      offset += length
      components.append(try Component(known, value: value))
      guard components.count <= Self.maximumComponents else {
        throw MultiformatError(.tooLarge, "multiaddr: more than \(Self.maximumComponents) layers")
      }
    }
    guard !components.isEmpty else { throw MultiformatError(.truncated, "multiaddr: empty") }
    self.components = components
  }

  /// The binary form.
  package var bytes: [UInt8] {
    var bytes: [UInt8] = []
    for component in components {
      Varint.append(component.protocol.code, to: &bytes)
      if component.protocol.fixedLength == nil { Varint.append(UInt64(component.value.count), to: &bytes) }
      bytes.append(contentsOf: component.value)
    }
    return bytes
  }

  package var description: String {
    components.map { component in
      switch component.protocol.layout {
      case .none: "/" + component.protocol.name
      case .path: "/" + component.protocol.name + component.text
      default: "/" + component.protocol.name + "/" + component.text
      }
    }.joined()
  }

  /// The text of the first layer named `name`, empty where that layer has no value; nil where there is none.
  package func value(of name: String) -> String? {
    components.first { $0.protocol.name == name }?.text
  }

  /// The peer that the address ends at: the last `/p2p`.
  package var peer: PeerID? {
    components.last { $0.protocol.name == "p2p" }.flatMap { try? PeerID(bytes: $0.value) }
  }

  /// This address with `other` stacked on top.
  package func appending(_ other: Multiaddr) -> Multiaddr {
    Multiaddr(components: components + other.components)
  }

  /// This address with `/p2p/peer` on top, unless it already ends so.
  package func appending(peer: PeerID) -> Multiaddr {
    guard components.last?.protocol.name != "p2p", let known = AddressProtocol(name: "p2p"),
      let layer = try? Component(known, value: peer.bytes)
    else { return self }
    return Multiaddr(components: components + [layer])
  }
}
