/// Why a JSON schema cannot be turned into a grammar.
package struct GrammarError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The place in the schema as a JSON Pointer fragment (RFC 6901), such as `#/properties/age/minimum`.
  package let path: String
  /// What was expected and what was found.
  package let reason: String
  /// What to do about it.
  package let advice: String

  /// One sentence that names the place, the fault and the way out.
  package var description: String { "schema at \(path): \(reason). \(advice)" }
}
