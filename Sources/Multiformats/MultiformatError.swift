/// Why a self-describing value could not be read or written.
package struct MultiformatError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of fault it is, for callers that decide by it.
  package enum Code: Hashable, Sendable {
    /// The bytes or the text end before the value does.
    case truncated
    /// The value is complete, yet bytes or characters follow it.
    case trailing
    /// A number, length or text is longer than its bound.
    case tooLarge
    /// The value is not in the one canonical form that its specification allows.
    case notCanonical
    /// A code, prefix or name that this build does not know.
    case unknown
    /// Anything else that the specification forbids.
    case malformed
  }

  package let code: Code
  /// Names the thing, what was expected, what was found.
  package let detail: String

  package init(_ code: Code, _ detail: String) {
    self.code = code
    self.detail = detail
  }

  package var description: String { detail }
}
