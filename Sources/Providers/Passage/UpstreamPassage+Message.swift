import ModelInterface
import NIOCore

extension UpstreamPassage {
  /// The whole request as one piece of bytes.
  func message(_ head: ByteBuffer, upstreamName: String) -> ByteBuffer {
    let range = request.modelRange
    var addition = ""
    if let limit = request.addedLimit {
      addition += ",\"\(pool.endpoints[upstream].isOpenAIItself ? "max_completion_tokens" : "max_tokens")\":\(limit)"
    }
    if request.isStreamed, !request.asksForUsage { addition += ",\"stream_options\":{\"include_usage\":true}" }
    let isRenamed = upstreamName != request.model
    var length = body.readableBytes + addition.utf8.count
    if isRenamed { length += upstreamName.utf8.count - range.count }
    var text = connections.allocator.buffer(capacity: head.readableBytes + 256 + length)
    text.writeImmutableBuffer(head)
    text.writeStaticString("x-request-id: ")
    text.writeString(request.context.requestID)
    if let traceparent = request.context.traceparent {
      text.writeStaticString("\r\ntraceparent: ")
      text.writeString(traceparent)
    }
    text.writeStaticString("\r\ncontent-length: ")
    text.writeDecimal(length)
    text.writeStaticString("\r\n\r\n")
    body.withUnsafeReadableBytes { bytes in
      var end = bytes.count
      if !addition.isEmpty {
        while end > 0, bytes[end - 1] != UInt8(ascii: "}") { end -= 1 }
        end -= 1
      }
      if isRenamed {
        text.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[..<range.lowerBound]))
        text.writeString(upstreamName)
        text.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[range.upperBound..<end]))
      } else {
        text.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
      }
      if !addition.isEmpty {
        text.writeString(addition)
        text.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[end...]))
      }
    }
    return text
  }
}

extension ByteBuffer {
  /// Appends a number that is not negative in decimal digits.
  fileprivate mutating func writeDecimal(_ number: Int) {
    if number >= 10 { writeDecimal(number / 10) }
    writeInteger(UInt8(ascii: "0") + UInt8(number % 10))
  }
}
