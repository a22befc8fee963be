import Content
import Dispatch
import Multiformats
import Synchronization
import Testing

extension DNSTests {
  /// What look-ups share, and what they are bounded by.
  @Suite(.timeLimit(.minutes(1))) struct Limits {
    /// Holds answers back until it is opened.
    private final class Gate: Sendable {
      private let semaphore = DispatchSemaphore(value: 0)
      func wait() {
        semaphore.wait()
        semaphore.signal()
      }
      func open() { semaphore.signal() }
    }

    private static func echo(_ gate: Gate) -> Script {
      Script { question, _, _ in
        gate.wait()
        let name = question.questions[0].name
        return DNSTests.answer(question) { $0.answers = [DNSTests.text(name, name[0])] }
      }
    }

    private static func until(_ isReached: () -> Bool) async {
      while !isReached() { await Task.yield() }
    }

    @Test func `those who ask for a name that is being looked up wait for one answer`() async throws {
      let gate = Gate()
      let script = Self.echo(gate)
      let resolver = DNSTests.resolver(script)
      let answers = try await withThrowingTaskGroup(of: [String].self) { group in
        for number in 0..<50 {
          group.addTask { try await resolver.texts(of: number.isMultiple(of: 2) ? "a.example" : "A.example.").strings }
        }
        await Self.until { script.questions == 1 }
        gate.open()
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(answers == Array(repeating: ["a"], count: 50))
      #expect(script.questions == 1)
    }

    @Test func `beyond so many names at a time more are refused at once, and answered later`() async throws {
      let gate = Gate()
      let script = Self.echo(gate)
      let resolver = DNSTests.resolver(script, change: { $0.concurrentNames = 2 })
      async let one = resolver.texts(of: "a.example").strings
      async let two = resolver.texts(of: "b.example").strings
      await Self.until { script.questions == 2 }
      let refused = await #expect(throws: ContentError.self) { try await resolver.texts(of: "c.example") }
      #expect(refused?.code == .busy)
      gate.open()
      let answers = [try await one, try await two]
      #expect(answers == [["a"], ["b"]])
      #expect(try await resolver.texts(of: "c.example").strings == ["c"])
    }

    @Test func `of more names than are kept those that end first make room`() async throws {
      let moment = ContinuousClock.now
      let lifetimes: [String: UInt32] = ["a": 30, "b": 90, "c": 60]
      let script = Script { question, _, _ in
        let name = question.questions[0].name
        return DNSTests.answer(question) { $0.answers = [DNSTests.text(name, name[0], lifetimes[name[0]] ?? 0)] }
      }
      let resolver = DNSTests.resolver(script, now: { moment }, change: { $0.cachedNames = 2 })
      for name in ["a", "b", "c"] { _ = try await resolver.texts(of: name + ".example") }
      for name in ["b", "c"] { _ = try await resolver.texts(of: name + ".example") }
      #expect(script.questions == 3)
      _ = try await resolver.texts(of: "a.example")
      #expect(script.questions == 4)
    }

    @Test func `a look-up ends in its time, however many servers are silent`() async throws {
      let clock = Mutex(ContinuousClock.now)
      let script = Script { (_, _, _) throws(ContentError) in
        clock.withLock { $0 += .seconds(2) }
        throw ContentError(.timedOut, "silent")
      }
      let servers = (1...9).map { NameServer(address: "192.0.2.\($0)") }
      let resolver = DNSTests.resolver(script, servers: servers, now: { clock.withLock { $0 } })
      let late = await #expect(throws: ContentError.self) { try await resolver.texts(of: "a.example") }
      #expect(late?.code == .timedOut)
      #expect(script.questions == 3)
      // That nobody answered is remembered for a few seconds, so that a name which cannot be had is not asked for by all.
      _ = await #expect(throws: ContentError.self) { try await resolver.texts(of: "a.example") }
      #expect(script.questions == 3)
    }
  }
}
