import Access
import Gateway

/// Lets in whoever presents a key of the ring.
struct KeyRingAuthenticator: RequestAuthenticator {
  let ring: KeyRing

  func authenticate(_ credentials: Credentials) async throws(AuthenticationFailure) -> Principal {
    guard let token = credentials.token, !token.isEmpty else { throw .missing }
    let holder: KeyHolder
    do throws(AccessError) {
      holder = try ring.authenticate(token)
    } catch {
      throw .invalid(error.description)
    }
    let needed: Scope = credentials.path == "/metrics" ? .metrics : .inference
    guard holder.scopes.contains(needed) || holder.scopes.contains(.admin) else {
      throw .forbidden(AccessError.notAllowed(needed).description)
    }
    return Principal(tenant: holder.tenant, permissions: Set(holder.scopes.map(\.rawValue)))
  }
}
