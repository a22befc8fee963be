import Content
import Multiformats

/// What a request for content asks for, and under which address it stands on this gateway.
struct ContentPath: Sendable {
  /// The two namespaces of content paths.
  enum Namespace: String, Sendable {
    case ipfs, ipns
  }

  /// Where the content root is mounted.
  enum Mount: Sendable, Equatable {
    /// Under `/ipfs/…` or `/ipns/…` of the gateway's own host.
    case path
    /// At the root of `{name}.ipfs.{host}`; the host with its port.
    case subdomain(host: String)
    /// At the root of a domain with a DNSLink.
    case domain

    /// Whether the content has an origin of its own, so that it may redirect.
    var isIsolated: Bool { self != .path }
  }

  var namespace: Namespace
  /// The CID, key or domain, as it was sent.
  var name: String
  /// Decoded, `.` and `..` followed.
  var segments: [String]
  var hasTrailingSlash: Bool
  var mount: Mount

  /// Segments of one path.
  static let maximumSegments = 1_024

  /// Reads what stands behind the root, such as `/a/b%20c/`.
  ///
  /// - Throws: ``APIError`` 400 where the percent-encoding is wrong, or `..` leads out.
  init(_ namespace: Namespace, _ name: String, tail: some StringProtocol, mount: Mount) throws(APIError) {
    self.namespace = namespace
    self.name = name
    self.mount = mount
    var segments: [String] = []
    for part in tail.split(separator: "/", omittingEmptySubsequences: true) {
      guard let segment = PercentCoding.decode(part) else {
        throw APIError.invalid(nil, "The path's `\(part.prefix(100))` is not percent-encoded UTF-8.")
      }
      switch segment {
      case ".": continue
      case "..": if !segments.isEmpty { segments.removeLast() }
      default: segments.append(segment)
      }
      guard segments.count <= Self.maximumSegments else {
        throw APIError.invalid(nil, "The path has more than \(Self.maximumSegments) segments.")
      }
    }
    self.segments = segments
    hasTrailingSlash = tail.hasSuffix("/")
  }

  /// The path below the root, percent-encoded, such as `/a/b%20c`; empty for the root.
  var tail: String { segments.map { "/" + PercentCoding.encode($0) }.joined() }

  /// The whole content path, percent-encoded, as `X-Ipfs-Path` tells it.
  var text: String { "/\(namespace.rawValue)/\(PercentCoding.encode(name))\(tail)" + (hasTrailingSlash ? "/" : "") }

  /// What stands before ``tail`` in links on this gateway.
  var prefix: String { mount == .path ? "/\(namespace.rawValue)/\(PercentCoding.encode(name))" : "" }
}

extension PercentCoding {
  private static let hexadecimal = Array("0123456789ABCDEF".utf8)

  /// Encodes everything but the characters that stand for themselves in a path's segment.
  static func encode(_ segment: String) -> String { encode(segment, keeping: "-_.~$&+,:;=@") }

  /// Encodes everything but letters and digits of ASCII, and `marks`.
  static func encode(_ text: String, keeping marks: String) -> String {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        bytes.append(byte)
      case _ where byte < 0x80 && marks.utf8.contains(byte): bytes.append(byte)
      default: bytes += [UInt8(ascii: "%"), hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
