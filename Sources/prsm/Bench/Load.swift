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
    run(url, connections: connections) { connection, _, start, outcome in
      while elapsed(start) < seconds { exchange(&connection, request, &outcome, since: now()) }
    }
  }

  /// So many requests in all.
  static func send(_ count: Int, to url: URL, request: [UInt8], connections: Int) -> Outcome {
    run(url, connections: connections) { connection, index, _, outcome in
      for _ in 0..<(count / connections + (index < count % connections ? 1 : 0)) {
        exchange(&connection, request, &outcome, since: now())
      }
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
      let answer = try connection.exchange(request)
      let value = try JSONValue.parse(answer.body)
      guard answer.status == 200, value["choices"]?.array?.isEmpty == false else {
        throw HTTPConnection.Failure(description: "status \(answer.status): \(value.text.prefix(200))")
      }
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
