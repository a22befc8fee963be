import NIOHTTP1

/// Which browser pages may use the node, and under which host names it answers.
///
/// A page of another origin can send requests to a node on this machine, and by rebinding a name of its own to
/// 127.0.0.1 it can even read the answers. A node that asks for no key therefore answers only under names that are its
/// own, and refuses pages of origins that were not allowed.
struct OriginPolicy: Sendable {
  /// Whether only known host names are answered.
  var checksHost: Bool
  /// Host names besides those of the loopback interface, in lower case; `*.name` for all under a name, `*` for all.
  var hosts: Set<String>
  /// Origins whose pages may use the node, such as `https://chat.example`; `*` for all.
  var origins: Set<String>

  private static let loopback: Set<String> = ["localhost", "127.0.0.1", "::1"]

  /// - Throws: ``APIError`` where the request comes under a foreign name or from a foreign page.
  func check(host: String?, origin: String?) throws(APIError) {
    if checksHost, let host {
      let name = Self.name(host)
      guard Self.loopback.contains(name) || name.hasSuffix(".localhost") || isNamed(name) else {
        throw APIError(
          403,
          "The host name `\(name)` is not one of this node's. Use 127.0.0.1 or localhost, or add it to the allowed hosts.",
          type: "permission_error", code: "host_not_allowed")
      }
    }
    guard let origin else { return }
    guard allows(origin) || Self.isSame(origin: origin, host: host) else {
      throw APIError(
        403, "Pages of the origin `\(origin)` may not use this node. Add it to the allowed origins.",
        type: "permission_error", code: "origin_not_allowed")
    }
  }

  private func isNamed(_ name: String) -> Bool {
    if hosts.contains(name) || hosts.contains("*") { return true }
    var rest = name[...]
    while let dot = rest.firstIndex(of: ".") {
      rest = rest[rest.index(after: dot)...]
      if hosts.contains("*." + rest) { return true }
    }
    return false
  }

  /// Whether pages of another origin are expressly allowed.
  func allows(_ origin: String) -> Bool {
    !origins.isEmpty && (origins.contains("*") || origins.contains(origin.lowercased()))
  }

  private static func isSame(origin: String, host: String?) -> Bool {
    guard let host else { return false }
    let lowered = origin.lowercased()
    return lowered == "http://" + host.lowercased() || lowered == "https://" + host.lowercased()
  }

  /// A `host` header without its port.
  static func name(_ host: String) -> String {
    let lowered = host.lowercased()
    if lowered.hasPrefix("[") {
      return String(lowered.dropFirst().prefix { $0 != "]" })
    }
    return String(lowered.prefix { $0 != ":" })
  }
}
