/// Who a request comes from, once that is known.
package struct Principal: Sendable, Hashable {
  /// The account that the request runs on; fair queueing and budgets are between these.
  package var tenant: String
  /// Whether this is an anonymous user of a node without keys.
  package var isAnonymous: Bool
  /// What it may do; empty where the authenticator grants everything. Modules ask by their own names.
  package var permissions: Set<String>
  /// The models it may use; nil for all.
  package var models: Set<String>?

  /// A principal.
  package init(
    tenant: String, isAnonymous: Bool = false, permissions: Set<String> = [], models: Set<String>? = nil
  ) {
    self.tenant = tenant
    self.isAnonymous = isAnonymous
    self.permissions = permissions
    self.models = models
  }

  /// Whoever uses a node that asks for no key.
  package static let anonymous = Principal(tenant: "local", isAnonymous: true)
}

/// What a client sent to prove who it is.
package struct Credentials: Sendable, Equatable {
  /// The token after `Authorization: Bearer`, or that of `x-api-key`; nil where neither was sent.
  package var token: String?
  /// The client's address, for rate limits on guessing.
  package var remoteAddress: String?
  /// The method, in capitals.
  package var method: String
  /// The path without its query.
  package var path: String

  /// What a client sent.
  package init(token: String?, remoteAddress: String?, method: String, path: String) {
    self.token = token
    self.remoteAddress = remoteAddress
    self.method = method
    self.path = path
  }
}

/// Decides who a client is. Implementations compare secrets in constant time and never log them.
package protocol RequestAuthenticator: Sendable {
  /// The client behind credentials.
  ///
  /// - Throws: ``AuthenticationFailure``.
  func authenticate(_ credentials: Credentials) async throws(AuthenticationFailure) -> Principal

  /// The client behind credentials that are beyond doubt, on the calling thread, which is that of an event loop; nil where
  /// that would take a wait, or they are wrong, and then nothing has been noted of the attempt.
  func authenticateNow(_ credentials: Credentials) -> Principal?
}

extension RequestAuthenticator {
  /// Always nil.
  package func authenticateNow(_ credentials: Credentials) -> Principal? { nil }
}

/// Why a client is not let in.
package enum AuthenticationFailure: Error, Sendable, Equatable {
  /// No key was sent: status 401.
  case missing
  /// The key is not known, or no longer valid: status 401.
  case invalid(String)
  /// The key is known, but must not do this: status 403.
  case forbidden(String)
  /// Too many attempts; come back after so many seconds: status 429.
  case throttled(seconds: Int)

  var error: APIError {
    switch self {
    case .missing:
      APIError(
        401, "You did not provide an API key. Send it as `Authorization: Bearer KEY`.", code: "missing_api_key")
    case .invalid(let reason): APIError(401, reason, code: "invalid_api_key")
    case .forbidden(let reason): APIError(403, reason, type: "permission_error", code: "forbidden")
    case .throttled(let seconds):
      APIError(
        429, "Too many attempts with wrong keys; wait \(seconds) seconds.", type: "rate_limit_error",
        code: "rate_limit_exceeded", retryAfter: max(1, seconds))
    }
  }
}

/// One fixed key, for a node with a single owner.
package struct SharedKeyAuthenticator: RequestAuthenticator {
  private let key: [UInt8]
  private let tenant: String

  /// An authenticator that knows one key.
  package init(key: String, tenant: String = "owner") {
    self.key = Array(key.utf8)
    self.tenant = tenant
  }

  /// Compares in time that depends on the length of what was sent only.
  package func authenticate(_ credentials: Credentials) async throws(AuthenticationFailure) -> Principal {
    try check(credentials)
  }

  /// As ``authenticate(_:)``.
  package func authenticateNow(_ credentials: Credentials) -> Principal? { try? check(credentials) }

  private func check(_ credentials: Credentials) throws(AuthenticationFailure) -> Principal {
    guard let token = credentials.token else { throw .missing }
    let sent = Array(token.utf8)
    var difference = UInt64(truncatingIfNeeded: sent.count ^ key.count)
    for index in sent.indices { difference |= UInt64(sent[index] ^ (key.isEmpty ? 0 : key[index % key.count])) }
    guard difference == 0, !key.isEmpty else { throw .invalid("The API key is not valid.") }
    return Principal(tenant: tenant)
  }
}
