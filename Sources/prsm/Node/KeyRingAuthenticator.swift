import Access
import Gateway

/// Lets in whoever presents a key of the ring.
struct KeyRingAuthenticator: RequestAuthenticator {
  let ring: KeyRing

  func authenticate(_ credentials: Credentials) async throws(AuthenticationFailure) -> Principal {
    try check(credentials)
  }

  func authenticateNow(_ credentials: Credentials) -> Principal? { try? check(credentials) }

  private func check(_ credentials: Credentials) throws(AuthenticationFailure) -> Principal {
    guard let token = credentials.token, !token.isEmpty else { throw .missing }
    let holder: KeyHolder
    do throws(AccessError) {
      holder = try ring.authenticate(token)
    } catch {
      throw .invalid(error.description)
    }
    let needed = Self.scope(for: credentials.path, method: credentials.method)
    let isAllowed =
      holder.scopes.contains(needed) || holder.scopes.contains(.admin)
      || (needed == .contentRead && holder.scopes.contains(.contentWrite))
    guard isAllowed else { throw .forbidden(AccessError.notAllowed(needed).description) }
    return Principal(tenant: holder.tenant, permissions: Set(holder.scopes.map(\.rawValue)))
  }

  /// What a key must be good for to use a path.
  private static func scope(for path: String, method: String) -> Scope {
    if path == "/metrics" { return .metrics }
    // Pages under a host name of their own are read with any path, and the gateway names them by this one.
    if path.hasPrefix("/ipfs/") || path.hasPrefix("/ipns/") { return .contentRead }
    guard path == "/v1/prsm/content" || path.hasPrefix("/v1/prsm/content/") else { return .inference }
    return method == "GET" || method == "HEAD" ? .contentRead : .contentWrite
  }
}
