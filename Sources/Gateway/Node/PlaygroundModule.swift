import CPlayground

/// The playground: a page to talk to the models, at `/`, from files that are part of the program.
struct PlaygroundModule: GatewayModule {
  private struct File: Sendable {
    var bytes: [UInt8]
    var type: String
    var tag: String
  }

  private let files: [String: File]

  init() {
    var embedded: [String: [UInt8]] = [:]
    for index in 0..<playground_count() {
      guard let name = playground_name(index).map({ String(cString: $0) }), let start = playground_bytes(index) else {
        continue
      }
      embedded[name] = Array(UnsafeBufferPointer(start: start, count: playground_length(index)))
    }
    let template = PageTemplate(embedded.removeValue(forKey: PageTemplate.name) ?? [])
    var files: [String: File] = [:]
    for (name, file) in embedded {
      let bytes = name.hasSuffix(".html") ? template.page(file) ?? file : file
      files[name] = File(bytes: bytes, type: Self.type(of: name), tag: Self.tag(of: bytes))
    }
    self.files = files
  }

  /// The names of the embedded files.
  var names: Set<String> { Set(files.keys) }

  var routes: [Route] {
    [
      .whole(.get, "/", access: .open, operation: nil) { request in try answer(request, "index.html") },
      .whole(.get, "/playground/{file}", access: .open, operation: nil) { request in
        try answer(request, request.variables.first ?? "")
      },
      redirect("/playground", to: "/"),
    ]
      + names.filter { $0.hasSuffix(".html") && $0 != "index.html" }.sorted().map { name in
        redirect("/\(name.dropLast(".html".count))", to: "/playground/\(name)")
      }
  }

  /// What somebody types who knows a page by its name.
  private func redirect(_ path: String, to place: String) -> Route {
    .whole(.get, path, access: .open, operation: nil) { _ in
      WholeResponse(308, headers: [("location", place), ("cache-control", "no-cache")], body: [])
    }
  }

  private func answer(_ request: GatewayRequest, _ name: String) throws(APIError) -> WholeResponse {
    guard let file = files[name] else {
      throw APIError(404, "The playground has no file `\(name.prefix(100))`.", code: "not_found")
    }
    var headers = Self.headers
    headers.append(("etag", file.tag))
    let known = (request.header("if-none-match") ?? "").split(separator: ",").map { $0.filter { $0 != " " } }
    if known.contains(where: { $0 == file.tag || $0 == "W/" + file.tag || $0 == "*" }) {
      return WholeResponse(304, headers: headers, body: [])
    }
    return WholeResponse(headers: headers, contentType: file.type, body: file.bytes)
  }

  /// Nothing from elsewhere, nothing inline, no frames: what a model writes can do nothing on this page.
  private static let headers = [
    (
      "content-security-policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    ("cache-control", "no-cache"), ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"), ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
  ]

  private static func type(of name: String) -> String {
    switch name.split(separator: ".").last {
    case "html": "text/html; charset=utf-8"
    case "js": "text/javascript; charset=utf-8"
    case "css": "text/css; charset=utf-8"
    case "svg": "image/svg+xml"
    case "png": "image/png"
    case "json": "application/json"
    default: "application/octet-stream"
    }
  }

  /// The FNV-1a hash of the bytes; it tells versions apart and protects nothing.
  private static func tag(of bytes: [UInt8]) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return "\"\(String(hash, radix: 16))-\(bytes.count)\""
  }
}
