/// Brings what a dead process left in its journal into the store, by the way that everything goes there: reserved, then
/// closed. Interrupted and begun again, it counts nothing twice.
struct JournalRecovery {
  /// How many reservations one transaction takes.
  private static let batch = 1_000

  let store: any SoleUsageStore
  let commit: GroupCommit
  let policy: StandingPolicy

  /// Writes down every reservation that the store does not know, and closes those that the journal saw closed. The others
  /// stay, as reservations of a process that is no more.
  ///
  /// - Throws: ``UsageStoreError``.
  func adopt(_ entries: [JournalEntry]) async throws(UsageStoreError) {
    var reservations: [UsageID: Reservation] = [:]
    var order: [UsageID] = []
    var closings: [UsageID: [UsageEvent]] = [:]
    for entry in entries {
      switch entry {
      case .reservation(let reservation):
        if reservations.updateValue(reservation, forKey: reservation.id) == nil { order.append(reservation.id) }
      case .closing(let id, let events): closings[id] = events
      }
    }
    for start in stride(from: 0, to: order.count, by: Self.batch) {
      let ids = Array(order[start..<min(start + Self.batch, order.count)])
      let (recorded, reserved) = try await store.known(ids)
      let open = ids.filter { !recorded.contains($0) }
      try await reserve(open.filter { !reserved.contains($0) }.compactMap { reservations[$0] })
      for id in open {
        guard let reservation = reservations[id], let events = closings[id] else { continue }
        await commit.close(BudgetBook.Closing(reservation: reservation, events: events))
      }
      guard !commit.isFailing else {
        throw UsageStoreError("what a dead process left in its journal cannot be recovered: the store keeps failing")
      }
    }
  }

  private func reserve(_ reservations: [Reservation]) async throws(UsageStoreError) {
    guard !reservations.isEmpty else { return }
    let plans = reservations.map { AccountPlan($0.account, at: $0.time, policy) }
    let names = Set(plans.flatMap(\.counters))
    _ = try await store.transact(counters: names, closing: []) { transaction in
      for (reservation, plan) in zip(reservations, plans) {
        transaction.reservations.append(reservation)
        guard reservation.cost > .zero else { continue }
        for scope in plan.scopes {
          for place in scope.windows { transaction.change(plan.counters[place]) { $0.reserved += reservation.cost } }
        }
      }
      return true
    }
  }
}
