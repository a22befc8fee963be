import NIOHTTP1

extension Responder {
  /// Whether what the request asks to read is for pages of every origin. Those of other methods change something, and are
  /// held to the node's own origins.
  func isPublic(_ head: HTTPRequestHead, _ path: String) -> Bool {
    guard table.hasPublicRoutes || !hosts.isEmpty, [.GET, .HEAD, .OPTIONS].contains(head.method) else { return false }
    if let host = HostPlace.host(of: head.headers),
      let route = hosts.lazy.compactMap({ $0.route(forHost: host) }).first
    {
      return route.isPublic
    }
    guard table.hasPublicRoutes, case .found(let entry, _) = table.find("GET", path) else { return false }
    return entry.route.isPublic
  }

  /// What lets every page read an answer, and the headers that come with content (the Fetch standard, section 3.3.3).
  static let publicHeaders = [
    ("access-control-allow-origin", "*"),
    ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
    ("access-control-allow-headers", "Content-Type, Range, User-Agent, X-Requested-With"),
    (
      "access-control-expose-headers",
      "Content-Length, Content-Range, X-Chunked-Output, X-Ipfs-Path, X-Ipfs-Roots, X-Request-Id, X-Stream-Output"
    ),
  ]
}
