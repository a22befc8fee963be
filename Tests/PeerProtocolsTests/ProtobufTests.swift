import PeerProtocols
import Testing

@Suite struct ProtobufTests {
  @Test func whatIsWrittenIsReadBack() throws {
    var writer = ProtobufWriter()
    writer.varint(1, 300)
    writer.text(2, "peer")
    writer.message(3) { $0.flag(1, true) }
    writer.signed(4, -1)
    writer.double(5, 0.5)
    var reader = ProtobufReader(writer.bytes)
    let number = try reader.next()?.varint()
    let text = try reader.next()?.text()
    let message = try reader.next()?.message()
    let negative = try reader.next()?.signed()
    let half = try reader.next()?.double()
    var inner = try #require(message)
    let flag = try inner.next()?.flag()
    #expect(number == 300 && text == "peer" && flag == true && negative == -1 && half == 0.5)
    let end = try reader.next()
    #expect(end == nil)
  }

  @Test(
    arguments: [
      [0x00, 0x01], [0x0a, 0x05, 0x01], [0x0b], [0x08], [0x08, 0xff],
      [0x08] + [UInt8](repeating: 0xff, count: 10), [0x09, 1, 2, 3],
      [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    ] as [[UInt8]])
  func malformedFieldsAreRefused(bytes: [UInt8]) {
    var reader = ProtobufReader(bytes)
    #expect(throws: PeerError.self) { while try reader.next() != nil {} }
  }
}
