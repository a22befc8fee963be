import Foundation
import ModelInterface
import Synchronization

/// Load on an address, and what came of it.
enum Load {
  /// What one load did.
  struct Outcome {
    var latencies: [Double] = []
    var failures = 0
    var firstFailure: String?
    var seconds = 0.0

    /// Answers a second.
    var rate: Double { Double(latencies.count) / max(seconds, .leastNonzeroMagnitude) }

    /// The latency, in milliseconds, that this share of the answers did not exceed.
    func percentile(_ share: Double) -> Double {
      guard !latencies.isEmpty else { return .nan }
      let sorted = latencies.sorted()
      return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))] * 1000
    }
  }

  /// As many requests as go through in that time, each connection sending its next when it has its answer.
  static func saturate(_ url: URL, request: [UInt8], connections: Int, seconds: Double) -> Outcome {
    closedLoop(url, request, connections) { elapsed, _ in elapsed < seconds }
  }

  /// So many requests in all.
  static func send(_ count: Int, to url: URL, request: [UInt8], connections: Int) -> Outcome {
    closedLoop(url, request, connections) { _, begun in begun < count }
  }

  /// A connection of the closed loop: it waits for an answer, or is done.
  private struct Line: ~Copyable {
    var connection: HTTPConnection
    var sent = 0.0
    var isDone = false
  }

  /// Every connection sends its next request when it has its answer, for as long as `goes` says so. One thread serves all of
  /// them, so that the load takes as little of the machine as it can.
  private static func closedLoop(
    _ url: URL, _ request: [UInt8], _ count: Int, while goes: (_ elapsed: Double, _ begun: Int) -> Bool
  ) -> Outcome {
    var outcome = Outcome()
    var begun = 0
    let start = now()
    let lines = UnsafeMutableBufferPointer<Line>.allocate(capacity: count)
    var opened = 0
    defer {
      for index in 0..<opened { lines.deinitializeElement(at: index) }
      lines.deallocate()
    }
    func fail(_ error: any Error) {
      outcome.failures += 1
      outcome.firstFailure = outcome.firstFailure ?? "\(error)"
    }
    for index in 0..<count {
      do {
        lines.initializeElement(at: index, to: Line(connection: try HTTPConnection(url)))
        opened += 1
        guard goes(now() - start, begun) else { break }
        lines[index].sent = now()
        try lines[index].connection.send(request)
        begun += 1
      } catch {
        fail(error)
        break
      }
    }
    var waiting = begun
    var polled = (0..<waiting).map { pollfd(fd: lines[$0].connection.descriptor, events: Int16(POLLIN), revents: 0) }
    while waiting > 0 {
      // No answer within two minutes is none.
      guard poll(&polled, nfds_t(polled.count), 120_000) > 0 else {
        fail(HTTPConnection.Failure(description: "no answer came within two minutes"))
        break
      }
      for index in polled.indices where polled[index].revents != 0 {
        do {
          guard let answer = try lines[index].connection.receive() else { continue }
          try check(answer)
          let time = now()
          outcome.latencies.append(time - lines[index].sent)
          guard goes(time - start, begun) else {
            polled[index].fd = -1
            waiting -= 1
            continue
          }
          begun += 1
          lines[index].sent = time
          try lines[index].connection.send(request)
        } catch {
          // What failed is not tried again: its connection is in an unknown state.
          fail(error)
          polled[index].fd = -1
          waiting -= 1
        }
      }
    }
    outcome.seconds = now() - start
    return outcome
  }

  /// Reads an answer as JSON, to the last byte.
  private static func check(_ answer: HTTPConnection.Answer) throws {
    let hasChoices = answer.body.withUnsafeBytes { bytes in
      var scanner = JSONScanner(bytes)
      var found = false
      scanner.skipWhiteSpace()
      let isObject = scanner.object { scanner, name in
        if scanner.equals(name, "choices") { found = scanner.current == UInt8(ascii: "[") && !scanner.isEmptyArray }
        return scanner.skip()
      }
      return isObject && scanner.isAtEnd() && found
    }
    guard answer.status == 200, hasChoices else {
      let text = String(decoding: answer.body.prefix(200), as: UTF8.self)
      throw HTTPConnection.Failure(description: "status \(answer.status): \(text)")
    }
  }

  /// Requests at a fixed rate; a late answer delays none but its own connection's next, whose wait then counts.
  static func pace(_ url: URL, request: [UInt8], connections: Int, rate: Double, seconds: Double) -> Outcome {
    run(url, connections: connections) { connection, index, start, outcome in
      let interval = Double(connections) / rate
      var next = interval * Double(index) / Double(connections)
      while next < seconds {
        let wait = next - elapsed(start)
        if wait > 0 { usleep(UInt32(wait * 1_000_000)) }
        // A sleep that overslept is the generator's fault and not the server's; a wait for the last answer is not.
        exchange(&connection, request, &outcome, since: wait > 0 ? now() : start + next)
        next += interval
      }
    }
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private static func elapsed(_ start: Double) -> Double { now() - start }

  private static func exchange(
    _ connection: inout HTTPConnection, _ request: [UInt8], _ outcome: inout Outcome, since start: Double
  ) {
    do {
      try check(try connection.exchange(request))
      outcome.latencies.append(now() - start)
    } catch {
      outcome.failures += 1
      outcome.firstFailure = outcome.firstFailure ?? "\(error)"
    }
  }

  private static func run(
    _ url: URL, connections: Int, _ body: @escaping @Sendable (inout HTTPConnection, Int, Double, inout Outcome) -> Void
  ) -> Outcome {
    let total = Mutex(Outcome())
    let start = now()
    let threads = DispatchGroup()
    for index in 0..<connections {
      threads.enter()
      let thread = Thread {
        var own = Outcome()
        do {
          var connection = try HTTPConnection(url)
          body(&connection, index, start, &own)
        } catch {
          own.failures += 1
          own.firstFailure = "\(error)"
        }
        let result = own
        total.withLock {
          $0.latencies += result.latencies
          $0.failures += result.failures
          $0.firstFailure = $0.firstFailure ?? result.firstFailure
        }
        threads.leave()
      }
      thread.stackSize = 1 << 20
      thread.start()
    }
    threads.wait()
    return total.withLock {
      $0.seconds = elapsed(start)
      return $0
    }
  }
}
