import Content
import Multiformats
import Synchronization
import Testing

extension DNSResolver.Texts {
  /// Strings, then seconds, to compare.
  fileprivate var facts: [String] { strings + ["\(seconds)"] }
}

@Suite struct DNSTests {
  /// Answers from a list, and counts what it was asked. A fault is thrown in place of an answer.
  final class Script: DNSTransport {
    typealias Turn = @Sendable (DNSMessage, NameServer, Bool) throws(ContentError) -> [UInt8]
    private let turn: Turn
    private let count = Mutex(0)

    init(_ turn: @escaping Turn) { self.turn = turn }

    var questions: Int { count.withLock { $0 } }

    func exchange(
      _ query: [UInt8], with server: NameServer, isStream: Bool, by deadline: ContinuousClock.Instant,
      accepts: ([UInt8]) -> Bool
    ) throws(ContentError) -> [UInt8] {
      count.withLock { $0 += 1 }
      guard let message = try? DNSMessage(decoding: query) else { throw ContentError(.malformed, "a bad question") }
      let answer = try turn(message, server, isStream)
      guard accepts(answer) else { throw ContentError(.timedOut, "no answer that is accepted") }
      return answer
    }
  }

  static func answer(_ question: DNSMessage, _ change: (inout DNSMessage) -> Void) -> [UInt8] {
    var answer = question
    answer.isResponse = true
    change(&answer)
    return answer.bytes
  }

  static func text(_ name: [String], _ text: String, _ lifetime: UInt32 = 60) -> DNSMessage.Record {
    DNSMessage.Record(name: name, lifetime: lifetime, data: .text([Array(text.utf8)]))
  }

  static func resolver(
    _ script: Script, servers: [NameServer] = [NameServer(address: "192.0.2.1")],
    now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
    change: (inout DNSResolver.Options) -> Void = { _ in }
  ) -> DNSResolver {
    var options = DNSResolver.Options()
    options.servers = servers
    change(&options)
    return DNSResolver(options: options, transport: script, now: now)
  }

  @Test func `answers are kept as long as they say and asked for anew afterwards`() async throws {
    let clock = Mutex(ContinuousClock.now)
    let script = Script { question, _, _ in
      Self.answer(question) { $0.answers = [Self.text(question.questions[0].name, "hello", 30)] }
    }
    let resolver = Self.resolver(script, now: { clock.withLock { $0 } })
    #expect(try await resolver.texts(of: "a.example").facts == ["hello", "30"])
    clock.withLock { $0 += .seconds(20) }
    #expect(try await resolver.texts(of: "A.Example.").facts == ["hello", "10"])
    #expect(script.questions == 1)
    clock.withLock { $0 += .seconds(11) }
    #expect(try await resolver.texts(of: "a.example").seconds == 30)
    #expect(script.questions == 2)
  }

  @Test func `an answer that was cut off is asked for over TCP, and a text in pieces is put together`() async throws {
    let script = Script { question, _, isStream in
      Self.answer(question) { answer in
        answer.isTruncated = !isStream
        let name = question.questions[0].name
        answer.answers = [
          .init(name: name, lifetime: 9, data: .alias(["other", "example"])),
          .init(
            name: ["other", "example"], lifetime: 60, data: .text([Array("dnslink=".utf8), Array("/ipfs/x".utf8)])),
          .init(name: ["stranger", "example"], lifetime: 1, data: .text([Array("not asked".utf8)])),
        ]
      }
    }
    let texts = try await Self.resolver(script).texts(of: "a.example")
    #expect(texts.facts == ["dnslink=/ipfs/x", "9"])
    #expect(script.questions == 2)
  }

  @Test func `a server that fails or is silent is followed by the next, and answers to other questions count nothing`()
    async throws
  {
    let script = Script { (question, server, _) throws(ContentError) in
      switch server.address {
      case "192.0.2.1": throw ContentError(.timedOut, "silent")
      case "192.0.2.2": return Self.answer(question) { $0.outcome = 2 }
      case "192.0.2.3":
        return Self.answer(question) { answer in
          answer.identifier &+= 1
          answer.answers = [Self.text(question.questions[0].name, "forged")]
        }
      case "192.0.2.4":
        return Self.answer(question) { answer in
          answer.questions[0].name = ["other"]
          answer.answers = [Self.text(question.questions[0].name, "forged")]
        }
      default: return Self.answer(question) { $0.answers = [Self.text(question.questions[0].name, "true")] }
      }
    }
    let servers = (1...5).map { NameServer(address: "192.0.2.\($0)") }
    #expect(try await Self.resolver(script, servers: servers).texts(of: "a.example").strings == ["true"])
    let error = await #expect(throws: ContentError.self) {
      try await Self.resolver(script, servers: [servers[1]]).texts(of: "a.example")
    }
    #expect(error?.code == .storage)
  }

  @Test func `that a name is not there is remembered as its zone says`() async throws {
    let clock = Mutex(ContinuousClock.now)
    let script = Script { question, _, _ in
      Self.answer(question) { answer in
        answer.outcome = 3
        answer.authority = [.init(name: ["example"], lifetime: 900, data: .zone(absence: 20))]
      }
    }
    let resolver = Self.resolver(script, now: { clock.withLock { $0 } })
    #expect(try await resolver.texts(of: "a.example").facts == ["20"])
    clock.withLock { $0 += .seconds(19) }
    _ = try await resolver.texts(of: "a.example")
    #expect(script.questions == 1)
    clock.withLock { $0 += .seconds(2) }
    _ = try await resolver.texts(of: "a.example")
    #expect(script.questions == 2)
  }

  @Test func `what is no name is not asked for`() async throws {
    let script = Script { question, _, _ in question.bytes }
    let resolver = Self.resolver(script)
    for bad in ["", "a..b", "ä.example", "a b"] {
      let error = await #expect(throws: ContentError.self) { try await resolver.texts(of: bad) }
      #expect(error?.code == .malformed)
    }
    #expect(script.questions == 0)
  }

  @Test func `resolver files and addresses of servers are read`() throws {
    let file = """
      # made by hand
      search example.org
      nameserver 192.0.2.53
      nameserver fe80::1%eth0
      nameserver not-an-address
      nameserver 2001:db8::53
      nameserver 192.0.2.54
      """
    #expect(NameServer.servers(in: file).map(\.address) == ["192.0.2.53", "fe80::1%eth0", "2001:db8::53"])
    #expect(NameServer.servers(in: "") == [NameServer(address: "127.0.0.1")])
    #expect(try NameServer("192.0.2.1:5353") == NameServer(address: "192.0.2.1", port: 5_353))
    #expect(try NameServer("[2001:db8::1]:5353") == NameServer(address: "2001:db8::1", port: 5_353))
    #expect(try NameServer("2001:db8::1").description == "[2001:db8::1]:53")
    for bad in ["", "dns.example", "192.0.2.1:0", "192.0.2.1:99999", "[::1]5", "1.2.3"] {
      #expect(throws: ContentError.self, "\(bad)") { try NameServer(bad) }
    }
  }

  @Test func `a domain links by its own record where the name for links has none, and by the first of several`()
    async throws
  {
    let zone: [String: [String]] = [
      "_dnslink.a.example": ["dnslink=/ipfs/bafkqaaa", "v=spf1 -all"],
      "a.example": ["dnslink=/ipfs/wrong"],
      "b.example": ["something", "dnslink=/ipns/a.example/sub", "dnslink=/ipns/z.example"],
      "c.example": ["dnslink=/http/x", "dnslink=", "dnslink=/ipfs/"],
    ]
    let script = Script { question, _, _ in
      Self.answer(question) { answer in
        let name = question.questions[0].name
        let texts = zone[name.joined(separator: ".")] ?? []
        answer.outcome = texts.isEmpty ? 3 : 0
        answer.answers = texts.map { Self.text(name, $0, 77) }
      }
    }
    let moment = ContinuousClock.now
    let links = DNSLink(Self.resolver(script, now: { moment }))
    #expect(try await links.link(of: "a.example")?.path == "/ipfs/bafkqaaa")
    #expect(try await links.link(of: "a.example")?.seconds == 77)
    #expect(try await links.link(of: "b.example")?.path == "/ipns/a.example/sub")
    #expect(try await links.link(of: "c.example") == nil)
    #expect(try await links.link(of: "nowhere.example") == nil)

    let names = NameResolver(domains: DomainLinks([FixedDomainLinks(["c.example": "/ipns/b.example"]), links])) { 0 }
    let target = try await names.resolve("c.example")
    #expect("\(target.root)" == "bafkqaaa")
    #expect(target.segments == ["sub"])
    #expect(target.seconds == 77)
    let missing = await #expect(throws: ContentError.self) { try await names.resolve("nowhere.example") }
    #expect(missing?.code == .notFound)
  }

  @Test func `over sockets a forged datagram is passed over and a cut answer comes whole by TCP`() async throws {
    let long = String(repeating: "x", count: 255)
    let peer = try LoopbackNameServer(text: long)
    var options = DNSResolver.Options()
    options.servers = [peer.server]
    options.attemptTime = .seconds(20)
    options.lookUpTime = .seconds(20)
    let resolver = DNSResolver(options: options)
    #expect(try await resolver.texts(of: "a.example").facts == [long, "60"])
  }

  @Test func `a server that is not there is an error in time`() async throws {
    var options = DNSResolver.Options()
    // Nothing listens on the discard port of this machine.
    options.servers = [NameServer(address: "127.0.0.1", port: 9)]
    options.attemptTime = .milliseconds(200)
    let error = await #expect(throws: ContentError.self) {
      try await DNSResolver(options: options).texts(of: "a.example")
    }
    #expect(error?.code == .storage || error?.code == .timedOut)
  }
}
