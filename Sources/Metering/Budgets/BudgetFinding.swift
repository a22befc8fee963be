/// One limit that stands in a request's way, with the numbers.
package struct BudgetFinding: Sendable, Hashable, CustomStringConvertible {
  /// What the limit is about.
  package enum Limit: Sendable, Hashable {
    /// Money over a period.
    case money(Budget.Period, limit: Money, spent: Money, reserved: Money, requested: Money)
    /// Requests or tokens a minute.
    case rate(RateLimit.Kind, perMinute: Int, requested: Int)
  }

  /// Whose limit it is.
  package var scope: BudgetScope
  /// Which one, and how it stands.
  package var limit: Limit
  /// When the request may pass; nil where waiting will not help.
  package var resets: UTCTime?

  /// The finding as a sentence.
  package var description: String {
    let ending = resets.map { "; it can be granted from \($0.text)" }
    switch limit {
    case .money(.request, let limit, _, _, let requested):
      return "\(scope) may spend \(limit.text) a request, and this one may cost \(requested.text); "
        + "ask for fewer tokens or a cheaper model"
    case .money(let period, let limit, let spent, let reserved, let requested):
      return "the budget of \(scope) is \(limit.text) a \(period.rawValue), of which \(spent.text) is spent and "
        + "\(reserved.text) set aside for what runs, and this request may cost \(requested.text)" + (ending ?? "")
    case .rate(let kind, let perMinute, let requested):
      let asked = kind == .tokens ? ", and this request may take \(requested)" : ""
      return "\(scope) may use \(perMinute) \(kind.rawValue) a minute\(asked)"
        + (ending ?? "; ask for fewer tokens, or have the limit raised")
    }
  }
}

/// Why a request does not run now.
package struct MeteringRefusal: Sendable, Hashable, CustomStringConvertible {
  /// Everything that stands in its way; never empty.
  package var findings: [BudgetFinding]
  /// How long to wait until all of it has passed, at least a second; nil where waiting will not help.
  package var retryAfter: Duration?

  init(_ findings: [BudgetFinding], now: UTCTime) {
    self.findings = findings
    let resets = findings.map(\.resets)
    if !resets.contains(nil), let last = resets.compactMap({ $0 }).max() {
      retryAfter = max(.seconds(1), last.since(now))
    }
  }

  /// Whether only the pace was too fast, and not the money spent.
  package var isRate: Bool {
    findings.allSatisfy { if case .rate = $0.limit { true } else { false } }
  }

  /// What stands in the way, for whoever sent the request.
  package var description: String { findings.map(\.description).joined(separator: ". ") }
}
