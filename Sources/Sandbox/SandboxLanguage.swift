/// A language that the sandbox can run. One so far; the isolation knows nothing of it, only the template does.
package enum SandboxLanguage: String, Sendable, CaseIterable, Codable {
  /// CPython 3.9 or later, found on the host.
  case python
}
