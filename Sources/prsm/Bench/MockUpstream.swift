import ArgumentParser
import HTTPTypes
import Hummingbird
import ModelInterface
import NIOCore

/// An OpenAI-compatible endpoint that answers at once and always the same: what gateways are compared in front of.
struct MockUpstream: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mock-upstream",
    abstract: "Answer the OpenAI API at once and always the same, to measure what stands in front of it.",
    shouldDisplay: false)

  @Option(help: "The port to answer on; 0 takes a free one.")
  var port = 0

  func run() async throws {
    let router = Router()
    router.get("health") { _, _ in HTTPResponse.Status.ok }
    router.get("v1/models") { _, _ in
      Response(.ok, #"{"object":"list","data":[{"id":"mock","object":"model","created":1,"owned_by":"mock"}]}"#)
    }
    router.post("v1/chat/completions") { request, _ in
      let body = try await request.body.collect(upTo: 16 << 20)
      guard let value = try? JSONValue.parse(Array(body.readableBytesView)) else {
        return Response(.badRequest, #"{"error":{"message":"the body is not JSON"}}"#)
      }
      if value["stream"]?.bool == true { return .stream(includesUsage: value["stream_options"] != nil) }
      return Response(.ok, Self.answer)
    }
    let app = Application(
      router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)),
      onServerRunning: { channel in
        Output.line("listening on http://127.0.0.1:\(channel.localAddress?.port ?? 0)")
      })
    try await app.runService()
  }

  private static let answer = #"""
    {"id":"chatcmpl-mock","object":"chat.completion","created":1700000000,"model":"mock","choices":[{"index":0,"message":\#
    {"role":"assistant","content":"The quick brown fox jumps over the lazy dog."},"logprobs":null,"finish_reason":"stop"}]\#
    ,"usage":{"prompt_tokens":20,"completion_tokens":10,"total_tokens":30}}
    """#
}

extension Response {
  fileprivate init(_ status: HTTPResponse.Status, _ text: String) {
    self.init(
      status: status, headers: [.contentType: "application/json"], body: .init(byteBuffer: ByteBuffer(string: text)))
  }

  fileprivate static func stream(includesUsage: Bool) -> Response {
    func chunk(_ choices: String, _ usage: String = "null") -> String {
      "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\","
        + "\"choices\":[\(choices)],\"usage\":\(usage)}\n\n"
    }
    var text = chunk(#"{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}"#)
    for word in ["The", " quick", " brown", " fox", " jumps", " over", " the", " lazy", " dog", "."] {
      text += chunk("{\"index\":0,\"delta\":{\"content\":\"\(word)\"},\"finish_reason\":null}")
    }
    text += chunk(#"{"index":0,"delta":{},"finish_reason":"stop"}"#)
    if includesUsage { text += chunk("", #"{"prompt_tokens":20,"completion_tokens":10,"total_tokens":30}"#) }
    text += "data: [DONE]\n\n"
    return Response(
      status: .ok, headers: [.contentType: "text/event-stream"], body: .init(byteBuffer: ByteBuffer(string: text)))
  }
}
