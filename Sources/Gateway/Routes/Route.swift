/// One method on one path, with what answers it and how it is described.
package struct Route: Sendable {
  /// Answers a request through the reply. What it throws before anything was sent becomes an error response.
  package typealias Handler = @Sendable (GatewayRequest, Reply) async throws -> Void

  /// The methods that routes have.
  package enum Method: String, Sendable {
    case get = "GET"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
  }

  /// What a client has to be to use a route.
  package enum Access: Sendable {
    /// Whoever the authenticator lets in.
    case authenticated
    /// Anybody: health, metrics' absence, pages.
    case open
  }

  /// What a request body has to be.
  package enum Body: Sendable {
    /// There is none; one that is sent is ignored.
    case none
    /// JSON; another `content-type` gets status 415.
    case json
    /// Bytes of any type.
    case any
  }

  /// The method.
  package var method: Method
  /// The path; a segment in braces is a variable, and a last one that ends in `*}` takes the rest of the path.
  package var path: String
  /// Who may use it.
  package var access: Access
  /// What its body has to be.
  package var body: Body
  /// Its description for `/openapi.json`; nil for pages, which are no part of the API.
  package var operation: Operation?
  /// Whether pages of every origin may read what it answers, under whatever host name they reach it: for what everybody may
  /// read anyway.
  package var isPublic = false
  /// What answers.
  package var handler: Handler

  /// A route that writes its answer itself.
  package init(
    _ method: Method, _ path: String, access: Access = .authenticated, body: Body = .none, operation: Operation?,
    handler: @escaping Handler
  ) {
    self.method = method
    self.path = path
    self.access = access
    self.body = body
    self.operation = operation
    self.handler = handler
  }

  /// A route whose answers are known as a whole.
  package static func whole(
    _ method: Method, _ path: String, access: Access = .authenticated, body: Body = .none, operation: Operation?,
    respond: @escaping @Sendable (GatewayRequest) async throws -> WholeResponse
  ) -> Route {
    Route(method, path, access: access, body: body, operation: operation) { request, reply in
      try await reply.send(try await respond(request))
    }
  }
}

/// Some routes that belong together. Other rooms bring theirs to the gateway as one of these.
package protocol GatewayModule: Sendable {
  /// The routes, each with its description.
  var routes: [Route] { get }
  /// JSON schemas that the descriptions refer to, by name, for `components.schemas`.
  var schemas: [(name: String, schema: JSONSchema)] { get }
  /// What answers under a host name of the module's own, whatever the path; nil for all other hosts.
  ///
  /// - Parameter host: as the client sent it, with its port.
  func route(forHost host: String) -> Route?
}

extension GatewayModule {
  /// None.
  package var schemas: [(name: String, schema: JSONSchema)] { [] }

  /// None.
  package func route(forHost host: String) -> Route? { nil }
}

/// A ``Route``, for modules that have another type of that name; `Gateway.Route` would be a member of the type `Gateway`.
package typealias GatewayRoute = Route
