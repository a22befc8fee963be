import PeerProtocols
import Testing

@Suite struct MultistreamTests {
  @Test func theLengthCountsTheNewline() {
    #expect(Multistream.message("/multistream/1.0.0") == [0x13] + Array("/multistream/1.0.0\n".utf8))
    #expect(Multistream.message("na") == [3] + Array("na\n".utf8))
  }

  @Test(arguments: [1, 2, 3, 7, 64])
  func bothSidesAgreeHoweverTheBytesAreCut(piece: Int) throws {
    var dialer = MultistreamNegotiation(.initiator(["/none/1", "/other/2", "/ping/1"]))
    var listener = MultistreamNegotiation(.listener(["/ping/1", "/id/1"]))
    var toListener = dialer.start()[...]
    var toDialer = listener.start()[...]
    while dialer.agreed == nil || listener.agreed == nil {
      try #require(!toListener.isEmpty || !toDialer.isEmpty)
      let there = toListener.prefix(piece)
      toListener = toListener.dropFirst(piece)
      toDialer += try listener.receive(there)
      let back = toDialer.prefix(piece)
      toDialer = toDialer.dropFirst(piece)
      toListener += try dialer.receive(back)
    }
    #expect(dialer.agreed == "/ping/1" && listener.agreed == "/ping/1")
  }

  @Test func whatFollowsTheAgreementIsLeftAlone() throws {
    var listener = MultistreamNegotiation(.listener(["/noise"]))
    let bytes = Multistream.message(Multistream.header) + Multistream.message("/noise") + [1, 2, 3]
    let answer = try listener.receive(bytes)
    #expect(answer == Multistream.message(Multistream.header) + Multistream.message("/noise"))
    #expect(listener.remainder == [1, 2, 3])
  }

  @Test func namesAreListed() throws {
    var listener = MultistreamNegotiation(.listener(["/a", "/b"]))
    let answer = try listener.receive(Multistream.message(Multistream.header) + Multistream.message("ls"))
    let list = [9] + Multistream.message("/a") + Multistream.message("/b") + [0x0a]
    #expect(answer == Multistream.message(Multistream.header) + list)
  }

  @Test func aListenerThatSpeaksNoneIsReportedAsSuch() throws {
    var dialer = MultistreamNegotiation(.initiator(["/a"]))
    _ = dialer.start()
    do {
      _ = try dialer.receive(Multistream.message(Multistream.header) + Multistream.message("na"))
      Issue.record("nothing was thrown")
    } catch { #expect(error.code == .unsupported) }
  }

  @Test func malformedMessagesAndEndlessProposalsAreRefused() {
    for bytes in [
      [0], [0xff, 0xff, 0xff, 0xff], [0x80, 0x20], [3] + Array("abc".utf8), [2, 0x07, 0x0a],
      Multistream.message("/http/1.1"),
    ] as [[UInt8]] {
      var listener = MultistreamNegotiation(.listener(["/a"]))
      #expect(throws: PeerError.self, "\(bytes)") { _ = try listener.receive(bytes) }
    }
    var listener = MultistreamNegotiation(.listener(["/a"]))
    #expect(throws: PeerError.self) {
      _ = try listener.receive(Multistream.message(Multistream.header))
      for index in 0..<1_000 { _ = try listener.receive(Multistream.message("/p/\(index)")) }
    }
  }
}
