import NIOCore
import NIOSSL

/// Where an upstream's chat completions are, with what is always the same of the requests to it.
struct PassageSite: Sendable {
  let host: String
  let port: Int
  let tls: NIOSSLContext?
  /// Request line and headers up to the first that differs from request to request, for each key; one where there are none.
  let heads: [ByteBuffer]

  /// - Parameter url: up to and with the version.
  /// - Returns: nil where the address is none that can be passed on to.
  init?(_ url: String, keys: [String]) {
    let parts: [Substring] = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count >= 3, parts[0] == "http:" || parts[0] == "https:", parts[1].isEmpty,
      url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !parts[2].contains("@"), !url.contains("?"), !url.contains("#")
    else { return nil }
    let authority = parts[2]
    var name = authority
    var number: Int? = parts[0] == "https:" ? 443 : 80
    if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
      name = authority[..<colon]
      number = Int(authority[authority.index(after: colon)...])
    }
    guard let number, (1...65_535).contains(number), !name.isEmpty else { return nil }
    host = String(name.filter { $0 != "[" && $0 != "]" })
    port = number
    if parts[0] == "https:" {
      // Made once for an endpoint: it reads the certificates that the system trusts.
      guard let context = try? NIOSSLContext(configuration: .makeClientConfiguration()) else { return nil }
      tls = context
    } else {
      tls = nil
    }
    let path = parts.count > 3 ? "/\(parts[3])" : ""
    let common = """
      POST \(path)/chat/completions HTTP/1.1\r
      host: \(authority)\r
      content-type: application/json\r
      accept-encoding: identity\r

      """
    let isPlain = keys.allSatisfy { $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } }
    guard isPlain else { return nil }
    heads =
      keys.isEmpty
      ? [ByteBuffer(string: common)]
      : keys.map {
        ByteBuffer(string: common + "authorization: Bearer \($0)\r\n")
      }
  }

  /// The name that a certificate has to be for; nil where the address is a number, which TLS has no name for.
  var serverName: String? {
    let isNumber = host.contains(":") || host.allSatisfy { $0.isNumber || $0 == "." }
    return isNumber ? nil : host
  }
}
