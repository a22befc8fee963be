import ModelInterface

/// Who may search for a program now. Searches share a model's cache and two or three cores, so few run side by side; the
/// others wait, each tenant's in the order in which they came, the tenants in turn.
actor CodeTurns {
  /// A right to search, to be given back.
  struct Turn: Sendable {
    fileprivate let tenant: String
  }

  private struct Waiter {
    let id: UInt64
    let tenant: String
    let continuation: CheckedContinuation<Outcome, Never>
  }

  private enum Outcome {
    case turn, cancelled, late
  }

  private let places: Int
  private let most: Int
  private let patience: Duration
  private var running: [String: Int] = [:]
  private var served: [String: UInt64] = [:]
  private var waiters: [Waiter] = []
  /// Those that are being told that they will wait.
  private var announced = 0
  private var nextID: UInt64 = 0
  private var clock: UInt64 = 0

  /// - Parameters:
  ///   - places: searches side by side.
  ///   - waiting: the most that wait; further ones are refused.
  ///   - patience: how long one waits.
  init(places: Int = 2, waiting: Int = 32, patience: Duration = .seconds(600)) {
    self.places = max(1, places)
    most = max(0, waiting)
    self.patience = patience
  }

  /// How many run and wait.
  var load: (running: Int, waiting: Int) { (running.values.reduce(0, +), waiters.count) }

  /// Waits for a turn.
  ///
  /// - Parameters:
  ///   - deadline: when the wait ends, where that is before patience does.
  ///   - queued: told how many wait in front, where there is a wait.
  /// - Throws: ``GenerationError``: `overloaded` where too many wait, `timedOut`, `cancelled`.
  func take(
    tenant: String, deadline: ContinuousClock.Instant? = nil, queued: @Sendable (Int) async -> Void
  ) async throws(GenerationError) -> Turn {
    if load.running < places, waiters.isEmpty {
      begin(tenant)
      return Turn(tenant: tenant)
    }
    guard waiters.count + announced < most else {
      throw GenerationError(
        .overloaded(retryAfter: .seconds(15)),
        "\(most) requests for code wait already, which is the most; try again in 15 s")
    }
    announced += 1
    await queued(waiters.count)
    announced -= 1
    nextID += 1
    let id = nextID
    let latest = ContinuousClock.now + patience
    let end = min(deadline ?? latest, latest)
    let alarm = Task {
      guard (try? await Task.sleep(until: end, clock: .continuous)) != nil else { return }
      abandon(id, .late)
    }
    defer { alarm.cancel() }
    let outcome: Outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Outcome, Never>) in
        guard !Task.isCancelled else { return continuation.resume(returning: Outcome.cancelled) }
        waiters.append(Waiter(id: id, tenant: tenant, continuation: continuation))
        admit()
      }
    } onCancel: {
      // The bridge from a cancellation, which comes from anywhere, to this actor.
      Task { await self.abandon(id, .cancelled) }
    }
    switch outcome {
    case .turn: return Turn(tenant: tenant)
    case .cancelled: throw GenerationError(.cancelled, "the request was cancelled while it waited for its turn")
    case .late:
      throw GenerationError(.timedOut, "other searches for programs did not end in time; try again when fewer run")
    }
  }

  /// Ends a turn, which begins the next.
  func giveBack(_ turn: Turn) {
    running[turn.tenant, default: 1] -= 1
    if running[turn.tenant] == 0 { running[turn.tenant] = nil }
    admit()
  }

  private func begin(_ tenant: String) {
    clock += 1
    running[tenant, default: 0] += 1
    served[tenant] = clock
    if served.count > 4_096 { served = served.filter { clock - $0.value < 1_024 } }
  }

  private func abandon(_ id: UInt64, _ outcome: Outcome) {
    guard let index = waiters.firstIndex(where: { $0.id == id }) else { return }
    waiters.remove(at: index).continuation.resume(returning: outcome)
  }

  /// The tenant that was served longest ago goes first; those with searches running come after those without.
  private func admit() {
    while load.running < places, !waiters.isEmpty {
      func rank(_ waiter: Waiter) -> (Int, UInt64, UInt64) {
        (running[waiter.tenant, default: 0], served[waiter.tenant, default: 0], waiter.id)
      }
      guard let index = waiters.indices.min(by: { rank(waiters[$0]) < rank(waiters[$1]) }) else { return }
      let waiter = waiters.remove(at: index)
      begin(waiter.tenant)
      waiter.continuation.resume(returning: .turn)
    }
  }
}
