import ModelInterface

/// How the routes for content are described.
enum ContentSchemas {
  static func content(_ namespace: ContentPath.Namespace) -> Operation {
    let format: JSONSchema = [
      "type": "string", "enum": .array(ContentFormat.allCases.map { .string($0.rawValue) }),
    ]
    return Operation(
      namespace == .ipfs ? "getContent" : "getNamedContent",
      namespace == .ipfs
        ? "Content by its CID, and a path below it." : "Content by a name that its publisher signs, or a domain links.",
      tag: "content",
      parameters: [
        .init("path", in: "path", "The CID or name, and a path below it.", required: true, schema: ["type": "string"]),
        .init("format", in: "query", "The form of the answer.", required: false, schema: format),
      ],
      answers: [
        .text("The content, in the form that was asked for.", "application/octet-stream"),
        .text("A part of it.", "application/octet-stream", status: 206),
        .text("The content elsewhere.", "text/plain", status: 301),
        .text("The name in its usual form.", "text/plain", status: 302),
        .text("What the client has is still right.", "text/plain", status: 304),
        .text("The path or a parameter is wrong.", "text/plain", status: 400),
        .text("There is no such content.", "text/plain", status: 404),
        .text("It is not to be had in that form.", "text/plain", status: 406),
        .text("It is not on this machine, and nothing was to be fetched.", "text/plain", status: 412),
        .text("None of the content lies in the range.", "text/plain", status: 416),
        .text("The content or the name's record is damaged.", "text/plain", status: 500),
        .text("The path leads inside of a block.", "text/plain", status: 501),
        .text("It was not found in time.", "text/plain", status: 504),
      ])
  }
}
