internal import Dispatch
internal import Multiformats
internal import Synchronization

/// Looks up TXT records: for DNSLink, for the addresses of libp2p's `dnsaddr`.
///
/// Asks over UDP, and over TCP where the answer was cut off; keeps answers for as long as they say, and that a name is not
/// there for as long as its zone says. Those who ask for a name that is being looked up wait for that answer.
package final class DNSResolver: Sendable {
  /// The strings of a name.
  package struct Texts: Hashable, Sendable {
    /// One a record, its pieces put together; in the order of the answer. Empty where there is no such name.
    package var strings: [String]
    /// Seconds for which it may be kept.
    package var seconds: UInt32
  }

  /// Bounds.
  package struct Options: Sendable {
    /// Nil for those of `/etc/resolv.conf`, read at each look-up.
    package var servers: [NameServer]?
    /// How long one server may take for one question.
    package var attemptTime: Duration = .seconds(2)
    /// How often each server is asked.
    package var attempts = 2
    /// How long a look-up may take in all.
    package var lookUpTime: Duration = .seconds(5)
    /// Names kept; those that end first make room.
    package var cachedNames = 1_024
    /// Names looked up at a time; more are refused.
    package var concurrentNames = 32

    package init() {}
  }

  /// Records of a name that are taken, and names that it may stand for one after the other.
  static let maximumStrings = 128
  static let maximumAliases = 8
  /// How long anything is kept at most: a day; that a name is not there, five minutes; that nobody answered, five seconds.
  static let longestKept: UInt32 = 86_400
  static let longestAbsence: UInt32 = 300
  static let failureKept: UInt32 = 5

  private typealias Answer = Result<Texts, ContentError>

  private struct State {
    var cache: [String: (answer: Answer, until: ContinuousClock.Instant)] = [:]
    var waiting: [String: [CheckedContinuation<Answer, Never>]] = [:]
  }

  private let options: Options
  private let transport: any DNSTransport
  private let now: @Sendable () -> ContinuousClock.Instant
  private let state = Mutex(State())

  package init(
    options: Options = Options(), transport: any DNSTransport = SocketDNSTransport(),
    now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) {
    self.options = options
    self.transport = transport
    self.now = now
  }

  /// The TXT records of a name.
  ///
  /// - Returns: no strings where the name or the records are not there.
  /// - Throws: `.malformed` for what is no name, `.timedOut`, `.storage` where no server can be reached or all fail, `.busy`
  ///   where too many names are being looked up.
  package func texts(of name: String) async throws(ContentError) -> Texts {
    guard let labels = DNSMessage.labels(of: name) else {
      throw ContentError(.malformed, "`\(name.prefix(300))` is not a domain name")
    }
    let key = labels.joined(separator: ".").lowercased()
    let answer: Answer = await withCheckedContinuation { continuation in
      enum Step { case known(Answer), wait, ask }
      let step: Step = state.withLock { state in
        if let kept = state.cache[key], kept.until > now() { return .known(Self.aged(kept.answer, kept.until - now())) }
        if state.waiting[key] != nil {
          state.waiting[key]?.append(continuation)
          return .wait
        }
        guard state.waiting.count < options.concurrentNames else {
          return .known(
            .failure(ContentError(.busy, "\(options.concurrentNames) names are being looked up; try again soon")))
        }
        state.waiting[key] = [continuation]
        return .ask
      }
      switch step {
      case .known(let answer): continuation.resume(returning: answer)
      case .wait: break
      case .ask: DispatchQueue.global().async { [self] in finish(key, lookUp(key)) }
      }
    }
    return try answer.get()
  }

  private static func aged(_ answer: Answer, _ left: Duration) -> Answer {
    answer.map { Texts(strings: $0.strings, seconds: UInt32(max(0, left.components.seconds))) }
  }

  private func finish(_ key: String, _ answer: Answer) {
    let seconds = (try? answer.get().seconds) ?? Self.failureKept
    let waiting = state.withLock { state in
      if seconds > 0 {
        if state.cache.count >= options.cachedNames {
          let moment = now()
          state.cache = state.cache.filter { $0.value.until > moment }
          if state.cache.count >= options.cachedNames,
            let first = state.cache.min(by: { $0.value.until < $1.value.until })?.key
          {
            state.cache[first] = nil
          }
        }
        state.cache[key] = (answer, now() + .seconds(Int(seconds)))
      }
      return state.waiting.removeValue(forKey: key) ?? []
    }
    for continuation in waiting { continuation.resume(returning: answer) }
  }

  // MARK: Asking

  private func lookUp(_ name: String) -> Answer {
    let servers = options.servers ?? NameServer.ofThisMachine()
    let end = now() + options.lookUpTime
    var fault = ContentError(.timedOut, "`\(name)` was not looked up in time")
    for _ in 0..<max(1, options.attempts) {
      for server in servers {
        guard now() < end else { return .failure(fault) }
        do throws(ContentError) {
          return .success(try ask(server, name, by: min(end, now() + options.attemptTime)))
        } catch {
          fault = error
        }
      }
    }
    return .failure(fault)
  }

  private func ask(
    _ server: NameServer, _ name: String, by deadline: ContinuousClock.Instant
  ) throws(ContentError) -> Texts {
    let labels = DNSMessage.labels(of: name) ?? []
    let query = DNSMessage(asking: labels, type: DNSMessage.textType, identifier: .random(in: 0...(.max)))
    let accepts: ([UInt8]) -> Bool = { bytes in
      // Whoever guesses at answers must know number, port and question.
      guard let answer = try? DNSMessage(decoding: bytes, limit: DNSMessage.maximumStreamSize) else { return false }
      return answer.isResponse && answer.identifier == query.identifier && answer.questions.count == 1
        && answer.questions[0].type == DNSMessage.textType && Self.same(answer.questions[0].name, labels)
    }
    for isStream in [false, true] {
      let bytes = try transport.exchange(
        query.bytes, with: server, isStream: isStream, by: deadline, accepts: accepts)
      let answer = try parsing { () throws(MultiformatError) in
        try DNSMessage(decoding: bytes, limit: DNSMessage.maximumStreamSize)
      }
      if answer.isTruncated && !isStream { continue }
      switch answer.outcome {
      case 0, 3: return Self.texts(of: labels, in: answer)
      case let code:
        let reason = code == 2 ? "that it failed" : code == 5 ? "that it refuses" : "with code \(code)"
        throw ContentError(.storage, "name server \(server) answered \(reason) for `\(name)`")
      }
    }
    throw ContentError(.storage, "name server \(server) gives no whole answer for `\(name)`")
  }

  private static func same(_ left: [String], _ right: [String]) -> Bool {
    left.map { $0.lowercased() } == right.map { $0.lowercased() }
  }

  /// The strings of a name in an answer, by way of the names that it stands for (RFC 1034, section 3.6.2).
  private static func texts(of labels: [String], in answer: DNSMessage) -> Texts {
    var name = labels
    var seconds = longestKept
    func lifetime(_ record: DNSMessage.Record) -> UInt32 {
      // A number with its highest bit set counts as none (RFC 2181, section 8).
      record.lifetime > .max >> 1 ? 0 : record.lifetime
    }
    for _ in 0..<maximumAliases {
      guard
        let (target, record) = answer.answers.lazy.compactMap({ record -> ([String], DNSMessage.Record)? in
          guard case .alias(let target) = record.data, same(record.name, name) else { return nil }
          return (target, record)
        }).first
      else { break }
      name = target
      seconds = min(seconds, lifetime(record))
    }
    var strings: [String] = []
    for record in answer.answers where same(record.name, name) && strings.count < maximumStrings {
      guard case .text(let pieces) = record.data, let text = String(validating: pieces.joined(), as: UTF8.self) else {
        continue
      }
      strings.append(text)
      seconds = min(seconds, lifetime(record))
    }
    if !strings.isEmpty { return Texts(strings: strings, seconds: seconds) }
    let absence =
      answer.authority.lazy.compactMap { record -> UInt32? in
        guard case .zone(let absence) = record.data else { return nil }
        return min(absence, lifetime(record))
      }.first ?? failureKept
    return Texts(strings: [], seconds: min(seconds, absence, longestAbsence))
  }
}
