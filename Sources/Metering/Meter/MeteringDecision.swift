/// Whether a piece of work may run.
package enum MeteringDecision: Sendable {
  /// It may, with the model that the grant names.
  case granted(Grant)
  /// It can wait, and should come back: for callers that queue work of low priority.
  case deferred(MeteringRefusal)
  /// It may not.
  case refused(MeteringRefusal)
  /// Nothing can be written down, so nothing may run.
  case unavailable(String)
}
