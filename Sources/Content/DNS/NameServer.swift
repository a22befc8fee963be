internal import Multiformats

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Where names are asked for: an address and a port.
package struct NameServer: Hashable, Sendable, CustomStringConvertible {
  /// IPv4 or IPv6, as text; of IPv6 perhaps with a scope such as `%eth0`.
  package let address: String
  package let port: UInt16

  package init(address: String, port: UInt16 = 53) {
    self.address = address
    self.port = port
  }

  /// Reads `1.1.1.1`, `1.1.1.1:5353`, `::1` or `[::1]:5353`.
  ///
  /// - Throws: `.malformed` for host names and everything else.
  package init(_ text: String) throws(ContentError) {
    var host = text[...]
    var port: UInt16? = 53
    if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
      host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      if !rest.isEmpty { port = rest.hasPrefix(":") ? UInt16(rest.dropFirst()) : nil }
    } else if text.count(where: { $0 == ":" }) == 1, let colon = text.firstIndex(of: ":") {
      host = text[..<colon]
      port = UInt16(text[text.index(after: colon)...])
    }
    guard let port, port > 0, Self.isAddress(String(host)) else {
      throw ContentError(.malformed, "name server `\(text)`: expected an address such as 1.1.1.1, ::1 or [::1]:5353")
    }
    self.init(address: String(host), port: port)
  }

  package var description: String { address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)" }

  private static func isAddress(_ text: String) -> Bool {
    guard text.utf8.count <= 64 else { return false }
    let plain =
      text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false).first.map { String($0) } ?? ""
    var four = in_addr()
    var six = in6_addr()
    return inet_pton(AF_INET, plain, &four) == 1 || inet_pton(AF_INET6, plain, &six) == 1
  }

  /// The servers that a `resolv.conf` names, at most three, as the C library takes them; this machine where it names none.
  package static func servers(in resolverFile: String) -> [NameServer] {
    var servers: [NameServer] = []
    for line in resolverFile.split(whereSeparator: \.isNewline).prefix(1_000) {
      let words = line.split(whereSeparator: \.isWhitespace)
      guard words.count >= 2, words[0] == "nameserver", isAddress(String(words[1])), servers.count < 3 else { continue }
      servers.append(NameServer(address: String(words[1])))
    }
    return servers.isEmpty ? [NameServer(address: "127.0.0.1")] : servers
  }

  /// The servers of this machine, as `/etc/resolv.conf` has them now.
  package static func ofThisMachine(file path: String = "/etc/resolv.conf") -> [NameServer] {
    guard let file = try? FileHandle(opening: path, flags: O_RDONLY) else { return servers(in: "") }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = bytes.withUnsafeMutableBytes { (try? file.read(into: $0, path: path)) ?? 0 }
    return servers(in: String(decoding: bytes[..<count], as: UTF8.self))
  }
}
