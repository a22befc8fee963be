import NIOCore
import NIOPosix

/// The answers of one event loop that have not been handed to the system. They go out once everything that has come in has been
/// looked at: the system then wakes a reader once for many answers, where it would wake it for each.
final class UnsentAnswers {
  /// Where a thread keeps those of its loop.
  private final class Place: Sendable {
    let answers: NIOLoopBound<UnsentAnswers>

    init(_ answers: UnsentAnswers, on eventLoop: any EventLoop) {
      self.answers = NIOLoopBound(answers, eventLoop: eventLoop)
    }
  }

  private static let place = ThreadSpecificVariable<Place>()

  private let eventLoop: any EventLoop
  private var handlers: [PassageHandler] = []

  private init(_ eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  /// Those of the loop that calls.
  static func current(on eventLoop: any EventLoop) -> UnsentAnswers {
    eventLoop.assertInEventLoop()
    if let known = place.currentValue?.answers.value, known.eventLoop === eventLoop { return known }
    let made = UnsentAnswers(eventLoop)
    place.currentValue = Place(made, on: eventLoop)
    return made
  }

  func flushSoon(_ handler: PassageHandler) {
    handlers.append(handler)
    guard handlers.count == 1 else { return }
    eventLoop.assumeIsolated().execute {
      let handlers = self.handlers
      self.handlers.removeAll(keepingCapacity: true)
      for handler in handlers { handler.flushNow() }
    }
  }
}

@available(*, unavailable)
extension UnsentAnswers: Sendable {}
