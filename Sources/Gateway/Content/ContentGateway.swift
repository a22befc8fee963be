package import Content
package import Multiformats
import NIOHTTP1

/// `/ipfs/…` and `/ipns/…`: content by its address, as the path gateway and trustless gateway specifications have it
/// (https://specs.ipfs.tech/http-gateways/), and the same under host names, where each root has an origin of its own.
package struct ContentGateway: GatewayModule {
  /// What is served where.
  package struct Options: Sendable {
    /// Hosts, without ports, under which content roots have names of their own, `{cid}.ipfs.{host}`.
    package var hosts: Set<String> = ["localhost"]
    /// Domains with a DNSLink that this gateway serves at their root.
    package var domains: Set<String> = []
    /// Who may read.
    package var access = Route.Access.authenticated
    /// Whether clients reach the gateway by TLS.
    package var isSecure = false
    /// How long an answer may take to begin. What is found nowhere by then is answered with status 504.
    package var patience: Duration = .seconds(30)
    /// Seconds since 1970.
    package var now: @Sendable () -> Int64
    /// Told the root of whatever is read, for those who keep account of use.
    package var onRead: @Sendable (CID) -> Void = { _ in }

    package init(now: @escaping @Sendable () -> Int64) { self.now = now }
  }

  let blocks: any BlockSource
  let here: any BlockSource
  let names: NameResolver
  let options: Options

  /// - Parameters:
  ///   - blocks: where content comes from, the network included.
  ///   - here: what is on this machine, for requests that want nothing fetched.
  package init(blocks: any BlockSource, here: any BlockSource, names: NameResolver, options: Options) {
    self.blocks = blocks
    self.here = here
    self.names = names
    self.options = options
  }

  /// Hosts, without ports, under which content roots have names of their own.
  package var hosts: Set<String> { options.hosts }

  package var routes: [Route] {
    [
      route("/ipfs/{path*}", ContentSchemas.content(.ipfs)) { try pathTarget($0, .ipfs) },
      route("/ipns/{path*}", ContentSchemas.content(.ipns)) { try pathTarget($0, .ipns) },
      route("/ipfs/", nil) { try schemeTarget($0, .ipfs) },
      route("/ipns/", nil) { try schemeTarget($0, .ipns) },
    ]
  }

  package func route(forHost host: String) -> Route? {
    guard let place = HostPlace(host, hosts: options.hosts, domains: options.domains) else { return nil }
    return route("/{path*}", nil) { request in try hostTarget(request, place) }
  }

  private func route(
    _ path: String, _ operation: Operation?, _ target: @escaping @Sendable (GatewayRequest) throws -> ContentTarget
  ) -> Route {
    var route = Route(.get, path, access: options.access, operation: operation) { request, reply in
      do {
        switch try target(request) {
        case .redirect(let status, let location):
          try await reply.send(
            WholeResponse(
              status, headers: [("location", location)], contentType: "text/plain; charset=utf-8",
              body: Array("see \(location)\n".utf8)))
        case .content(let path):
          try await ContentAnswer(gateway: self, request: request, reply: reply, path: path).serve()
        }
      } catch {
        let fault = Self.fault(error)
        // Once bytes have left, all that is left to do is to break off.
        guard reply.status == nil, let fault else { throw fault ?? error }
        try await reply.send(
          WholeResponse(
            fault.status, headers: [("cache-control", "no-store")], contentType: "text/plain; charset=utf-8",
            body: Array((fault.message + "\n").utf8)))
      }
    }
    route.isPublic = options.access == .open
    return route
  }

  /// What a fault is to a client; nil for faults that are not about content.
  static func fault(_ error: any Error) -> APIError? {
    if let error = error as? APIError { return error }
    guard let error = error as? ContentError else { return nil }
    let status =
      switch error.code {
      case .missing, .notFound, .wrongKind: 404
      case .timedOut: 504
      case .busy, .quota: 503
      case .denied: 403
      case .unsupported: 501
      case .storage: 502
      case .malformed, .tooLarge, .corrupt: 500
      }
    return APIError(status, error.detail, type: "content_error", code: "content_\(error.code)")
  }

  // MARK: which content

  private func pathTarget(_ request: GatewayRequest, _ namespace: ContentPath.Namespace) throws -> ContentTarget {
    let rest = request.path.dropFirst(namespace.rawValue.utf8.count + 2)
    let sent = rest.prefix { $0 != "/" }
    let tail = rest[sent.endIndex...]
    guard let name = PercentCoding.decode(sent), !name.isEmpty else {
      throw APIError(400, "invalid path \"\(request.path.prefix(500))\": the name is not percent-encoded UTF-8")
    }
    if request.header("service-worker") == "script" {
      throw APIError(400, "a service worker would reach beyond its content; use the subdomain of the content root")
    }
    var path = try ContentPath(namespace, name, tail: tail, mount: .path)
    let label: String
    switch namespace {
    case .ipfs:
      let cid: CID
      do throws(MultiformatError) { cid = try CID(name) } catch {
        throw APIError(400, "invalid path \"\(request.path.prefix(500))\": \(error.detail)")
      }
      label = HostPlace.label(cid)
    case .ipns:
      if let peer = NameResolver.peer(name) {
        label = HostPlace.label(peer.cid)
        path.name = "\(peer.cid)"
      } else {
        try Self.checkName(name)
        label = HostPlace.inlined(name)
      }
    }
    if let host = subdomainHost(request), !isInert(request) {
      try HostPlace.checkLabel(label)
      let tail = path.tail + (path.hasTrailingSlash || path.segments.isEmpty ? "/" : "")
      return .redirect(301, "\(scheme(request))://\(label).\(namespace.rawValue).\(host)\(tail)\(query(request))")
    }
    if path.name != name {
      return .redirect(302, path.text + query(request))
    }
    return .content(path)
  }

  /// `/ipfs/?uri=ipfs://…`, where browsers send links of that scheme.
  private func schemeTarget(_ request: GatewayRequest, _ namespace: ContentPath.Namespace) throws -> ContentTarget {
    guard let uri = request.queryItems["uri"] else {
      throw APIError(404, "invalid path \"\(request.path)\": expected /\(namespace.rawValue)/NAME")
    }
    for other in [ContentPath.Namespace.ipfs, .ipns] where uri.lowercased().hasPrefix("\(other.rawValue)://") {
      let rest = uri.dropFirst(other.rawValue.utf8.count + 3)
      return .redirect(301, "/\(other.rawValue)/" + PercentCoding.encode(String(rest), keeping: "-_.~$&+,:;=@/%?"))
    }
    throw APIError(400, "the uri `\(uri.prefix(200))` is neither ipfs:// nor ipns://")
  }

  private func hostTarget(_ request: GatewayRequest, _ place: HostPlace) throws -> ContentTarget {
    switch place {
    case .domain(let domain):
      return .content(try ContentPath(.ipns, domain, tail: request.path, mount: .domain))
    case .root(.ipfs, let label, let host):
      try HostPlace.checkLabel(label)
      do throws(MultiformatError) { _ = try CID(label) } catch {
        throw APIError(400, "invalid host \"\(label.prefix(200)).ipfs.\(host)\": \(error.detail)")
      }
      return .content(try ContentPath(.ipfs, label, tail: request.path, mount: .subdomain(host: host)))
    case .root(.ipns, let label, let host):
      var name = label
      if !label.contains(".") {
        if let peer = NameResolver.peer(label) {
          let canonical = HostPlace.label(peer.cid)
          guard canonical == label.lowercased() else {
            try HostPlace.checkLabel(canonical)
            return .redirect(
              301, "\(scheme(request))://\(canonical).ipns.\(host)\(request.path)\(query(request))")
          }
          name = "\(peer.cid)"
        } else {
          name = HostPlace.domain(inlined: label)
        }
      }
      try Self.checkName(name)
      return .content(try ContentPath(.ipns, name, tail: request.path, mount: .subdomain(host: host)))
    }
  }

  /// - Throws: ``APIError`` 400 for what is neither a key nor a domain.
  static func checkName(_ name: String) throws(APIError) {
    guard NameResolver.isName(name) else {
      throw APIError(
        400, "invalid name \"\(name.prefix(200))\": expected an IPNS key such as k51…, or a domain with a DNSLink",
        code: "invalid_name")
    }
  }

  private func isInert(_ request: GatewayRequest) -> Bool {
    let asked = try? FormatRequest(query: request.queryItems, accept: request.headers["accept"])
    return asked?.format?.isInert ?? false
  }

  /// The host as sent, with its port, where content roots have names under it.
  private func subdomainHost(_ request: GatewayRequest) -> String? {
    guard let host = HostPlace.host(of: request.headers) else { return nil }
    return options.hosts.contains(OriginPolicy.name(host)) ? host : nil
  }

  private func scheme(_ request: GatewayRequest) -> String {
    let sent = request.header("x-forwarded-proto")?.split(separator: ",").first?.trimmingSpaces.lowercased()
    return sent == "https" || sent == "http" ? sent ?? "http" : options.isSecure ? "https" : "http"
  }

  private func query(_ request: GatewayRequest) -> String {
    request.query.map { "?" + PercentCoding.encode($0, keeping: "-_.~$&+,:;=@/%?!'()*[]") } ?? ""
  }
}

/// What a request for content comes to.
enum ContentTarget {
  case content(ContentPath)
  case redirect(Int, String)
}
