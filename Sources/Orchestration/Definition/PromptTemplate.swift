/// A text with places `{{name}}` that are filled in. What is filled in is not looked at again, so that a model's text can
/// name no further place.
package struct PromptTemplate: Sendable, Hashable {
  private enum Part: Sendable, Hashable {
    case text(String)
    case place(String)
  }

  /// Why a text is no template.
  package struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong, and what to do.
    package var description: String
  }

  private var parts: [Part] = []
  /// The text as it was written.
  package let source: String

  /// Reads a template. A single brace is text.
  ///
  /// - Throws: ``Problem`` where a place does not end or has no name.
  package init(_ source: String) throws(Problem) {
    self.source = source
    var rest = source[...]
    while let open = rest.firstRange(of: "{{") {
      guard let close = rest[open.upperBound...].firstRange(of: "}}") else {
        throw Problem(description: "`{{` without its `}}` in a template")
      }
      let name = rest[open.upperBound..<close.lowerBound].filter { !$0.isWhitespace }
      guard !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }) else {
        throw Problem(description: "`{{\(rest[open.upperBound..<close.lowerBound])}}` in a template: expected a name")
      }
      parts.append(.text(String(rest[..<open.lowerBound])))
      parts.append(.place(name))
      rest = rest[close.upperBound...]
    }
    parts.append(.text(String(rest)))
  }

  /// A template that is part of the program.
  private init(known source: String) {
    do { try self.init(source) } catch { preconditionFailure("a template of the program itself: \(error)") }
  }

  /// The names of its places, each once, in order.
  package var places: [String] {
    var seen: Set<String> = []
    return parts.compactMap { part in
      if case .place(let name) = part, seen.insert(name).inserted { name } else { nil }
    }
  }

  /// The text with its places filled in. One without a value is left empty: the configuration refused it.
  package func filled(_ values: [String: String]) -> String {
    parts.map { part in
      switch part {
      case .text(let text): text
      case .place(let name): values[name] ?? ""
      }
    }.joined()
  }

  /// What a worker of a map-reduce is told where nothing else is configured.
  package static let work = PromptTemplate(
    known: """
      This is part {{index}} of {{count}} of a larger task. Do this part only, completely and without preamble.

      The larger task:
      {{input}}

      This part:
      {{part}}
      """)

  /// What the one that puts results together is told where nothing else is configured.
  package static let combine = PromptTemplate(
    known: """
      {{input}}

      The task above was worked on in {{count}} parts. Their results follow. Put them together into one complete answer to \
      the task; leave nothing out, say nothing twice, and do not speak of the parts.

      {{results}}
      """)

  /// How a model is asked to take a task apart where nothing else is configured.
  package static let decompose = PromptTemplate(
    known: """
      Take the following task apart into at most {{count}} parts that can be done independently of each other. Each part \
      must make sense by itself. Answer with a JSON object of the form {"parts": ["…", "…"]}.

      {{input}}
      """)
}
