package import ModelInterface

/// A JSON schema, as OpenAPI 3.1 embeds it.
package typealias JSONSchema = JSONValue

/// What `/openapi.json` says of one route.
package struct Operation: Sendable {
  /// One kind of answer.
  package struct Answer: Sendable {
    var status: Int
    var summary: String
    var contents: [(mediaType: String, schema: JSONSchema)]

    /// An answer.
    package init(_ status: Int, _ summary: String, _ contents: [(mediaType: String, schema: JSONSchema)]) {
      self.status = status
      self.summary = summary
      self.contents = contents
    }

    /// A JSON answer.
    package static func json(_ summary: String, _ schema: JSONSchema, status: Int = 200) -> Answer {
      Answer(status, summary, [("application/json", schema)])
    }

    /// Text of another type.
    package static func text(_ summary: String, _ mediaType: String, status: Int = 200) -> Answer {
      Answer(status, summary, [(mediaType, ["type": "string"])])
    }
  }

  /// A parameter in the path, the query or a header.
  package struct Parameter: Sendable {
    var name: String
    var place: String
    var summary: String
    var isRequired: Bool
    var schema: JSONSchema

    /// A parameter; `place` is `path`, `query` or `header`.
    package init(_ name: String, in place: String, _ summary: String, required: Bool, schema: JSONSchema) {
      self.name = name
      self.place = place
      self.summary = summary
      isRequired = required
      self.schema = schema
    }
  }

  var id: String
  var summary: String
  var tag: String
  var parameters: [Parameter]
  var requestSchema: JSONSchema?
  var answers: [Answer]
  var errors: [Int]

  /// A description.
  ///
  /// - Parameters:
  ///   - id: unique among all, in lower camel case.
  ///   - requestSchema: the JSON schema of the body; nil where there is none.
  ///   - answers: what is answered where all is well.
  ///   - errors: the statuses of the errors that this route itself can answer with, besides those that every route can.
  package init(
    _ id: String, _ summary: String, tag: String, parameters: [Parameter] = [], requestSchema: JSONSchema? = nil,
    answers: [Answer], errors: [Int] = []
  ) {
    self.id = id
    self.summary = summary
    self.tag = tag
    self.parameters = parameters
    self.requestSchema = requestSchema
    self.answers = answers
    self.errors = errors
  }
}
