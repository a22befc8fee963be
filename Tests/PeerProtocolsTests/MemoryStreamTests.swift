import Multiformats
import PeerProtocols
import Testing

@Suite struct MemoryStreamTests {
  static func pair() throws -> (dialer: MemoryStream, listener: MemoryStream) {
    MemoryStream.pair(
      dialer: try ConnectionTests.peer(1), listener: try ConnectionTests.peer(2), protocolName: "/test/1.0.0")
  }

  @Test func messagesGoBothWaysAndEnd() async throws {
    let (dialer, listener) = try Self.pair()
    try await dialer.writeMessage([1, 2, 3])
    try await dialer.writeMessage([])
    try await dialer.closeWrite()
    #expect(try await listener.readMessage(maximum: 10) == [1, 2, 3])
    #expect(try await listener.readMessage(maximum: 10) == [])
    #expect(try await listener.readMessage(maximum: 10) == nil)
    try await listener.write([9])
    #expect(try await dialer.readExactly(1) == [9])
  }

  @Test func aWriterWaitsForItsReader() async throws {
    let (dialer, listener) = try Self.pair()
    let size = 3 * MemoryStream.capacity
    async let written: Void = dialer.write([UInt8](repeating: 7, count: size))
    #expect(try await listener.readExactly(size).count == size)
    try await written
  }

  @Test func deadlinesResetsAndLongMessagesEndAWait() async throws {
    let (dialer, listener) = try Self.pair()
    dialer.setTimeout(.milliseconds(20))
    await #expect(throws: PeerError.self) { _ = try await dialer.read(upTo: 1) }
    let (other, far) = try Self.pair()
    let read = Task { try await far.read(upTo: 1) }
    other.reset()
    await #expect(throws: PeerError.self) { _ = try await read.value }
    let (long, short) = try Self.pair()
    try await long.write([0xff, 0xff, 0x03])
    await #expect(throws: PeerError.self) { _ = try await short.readMessage(maximum: 100) }
    listener.reset()
  }
}
