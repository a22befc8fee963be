import Dispatch
import Foundation
import Synchronization

/// Ctrl-C as an event rather than as the end of the program, for as long as this exists.
final class Interrupts {
  /// What tasks wait for.
  let signals = InterruptSignals()
  private let sources: [any DispatchSourceSignal]

  /// - Parameter endsAtTermination: whether SIGTERM ends the program at once; else it is an event as Ctrl-C is.
  init(endsAtTermination: Bool = true) {
    // The default action would end the program before the event arrives.
    signal(SIGINT, SIG_IGN)
    signal(SIGTERM, SIG_IGN)
    let signals = signals
    let queue = DispatchQueue(label: "prsm.interrupts")
    let interrupt = DispatchSource.makeSignalSource(signal: SIGINT, queue: queue)
    interrupt.setEventHandler { signals.wake() }
    interrupt.resume()
    let termination = DispatchSource.makeSignalSource(signal: SIGTERM, queue: queue)
    termination.setEventHandler {
      guard endsAtTermination else { return signals.wake() }
      RawTerminal.restoreSaved()
      _exit(128 + SIGTERM)
    }
    termination.resume()
    sources = [interrupt, termination]
  }

  deinit {
    for source in sources { source.cancel() }
    signal(SIGINT, SIG_DFL)
    signal(SIGTERM, SIG_DFL)
  }
}

/// Lets one task wait for the next Ctrl-C.
final class InterruptSignals: Sendable {
  private let waiter = Mutex<CheckedContinuation<Void, Never>?>(nil)

  /// Returns at the next Ctrl-C, or when the task is cancelled. One task waits at a time.
  func next() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = waiter.withLock { waiter in
          guard !Task.isCancelled, waiter == nil else { return true }
          waiter = continuation
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      wake()
    }
  }

  func wake() {
    waiter.withLock { waiter in
      defer { waiter = nil }
      return waiter
    }?.resume()
  }
}
