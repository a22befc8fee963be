import Multiformats
import NIOHTTP1

/// What content a host name stands for (https://specs.ipfs.tech/http-gateways/subdomain-gateway/).
enum HostPlace: Sendable, Equatable {
  /// `{label}.{namespace}.{host}`; the host with its port.
  case root(ContentPath.Namespace, label: String, host: String)
  /// A domain with a DNSLink.
  case domain(String)

  /// The longest label of a host name (RFC 1035, section 2.3.4).
  static let maximumLabel = 63

  /// Nil for hosts that stand for no content.
  ///
  /// - Parameter host: as sent, with its port.
  init?(_ host: String, hosts: Set<String>, domains: Set<String>) {
    let name = OriginPolicy.name(host)
    if domains.contains(name) {
      self = .domain(name)
      return
    }
    for namespace in [ContentPath.Namespace.ipfs, .ipns] {
      let mark = ".\(namespace.rawValue)."
      // The last one counts: a domain that is named by its parts may have such a part itself.
      guard let range = name.ranges(of: mark).last, hosts.contains(String(name[range.upperBound...])) else { continue }
      let label = String(name[..<range.lowerBound])
      guard !label.isEmpty else { continue }
      let port = host.drop { $0 != ":" }
      self = .root(namespace, label: label, host: String(name[range.upperBound...]) + port)
      return
    }
    return nil
  }

  /// The host that a client means, which a proxy in front tells by `x-forwarded-host`.
  static func host(of headers: HTTPHeaders) -> String? {
    headers.first(name: "x-forwarded-host")?.split(separator: ",").first?.trimmingSpaces
      ?? headers.first(name: "host")
  }

  /// A CID as a label: lower case, and in base36 where base32 is too long.
  static func label(_ cid: CID) -> String {
    let cid = cid.asV1
    guard cid.codec != .libp2pKey else { return cid.text(in: .base36) }
    let text = cid.text(in: .base32)
    return text.utf8.count > maximumLabel ? cid.text(in: .base36) : text
  }

  /// - Throws: ``APIError`` 400 where no resolver would find such a host.
  static func checkLabel(_ label: String) throws(APIError) {
    guard label.split(separator: ".").allSatisfy({ $0.utf8.count <= maximumLabel }) else {
      throw APIError(
        400,
        "CID incompatible with DNS label length limit of 63: \(label.prefix(200)); ask by its path on another host")
    }
  }

  /// A domain as one label: `-` doubled, `.` as `-`.
  static func inlined(_ domain: String) -> String {
    domain.replacing("-", with: "--").replacing(".", with: "-")
  }

  /// The domain that a label stands for.
  static func domain(inlined label: String) -> String {
    var domain = ""
    var characters = label.makeIterator()
    var pending = characters.next()
    while let character = pending {
      pending = characters.next()
      if character == "-", pending == "-" {
        domain.append("-")
        pending = characters.next()
      } else {
        domain.append(character == "-" ? "." : character)
      }
    }
    return domain
  }
}
