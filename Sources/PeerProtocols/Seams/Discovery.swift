package import Multiformats

/// Finds out who provides what, and tells others what this node provides.
package protocol ProviderDirectory: Sendable {
  /// Keeps telling others that this node provides `key`.
  ///
  /// - Returns: false where as much as may be is announced already.
  @discardableResult
  func announce(_ key: Multihash) -> Bool

  /// Stops telling.
  func withdraw(_ key: Multihash)

  /// Providers of `key` as they are found, each once, until `limit` are found, the search ends, or the deadline passes.
  /// Letting go of the stream ends the search.
  func providers(of key: Multihash, limit: Int, deadline: ContinuousClock.Instant) -> AsyncStream<KademliaContact>
}

/// Messages to everybody who follows a topic.
package protocol TopicExchange: Sendable {
  /// Signs and sends `data` to all who follow the topic.
  ///
  /// - Throws: `.tooLarge` beyond 256 KiB; what signing throws.
  func publish(_ data: [UInt8], topic: String) throws(PeerError)

  /// Follows a topic. Both closures are called on arrival and must not wait.
  ///
  /// - Parameters:
  ///   - judge: what is thought of a message whose signature holds.
  ///   - deliver: takes those that are accepted.
  func follow(
    _ topic: String, judge: @escaping @Sendable (GossipMessage) -> Gossipsub.Verdict,
    deliver: @escaping @Sendable (GossipMessage) -> Void)
}

/// Opens a connection of its own to an address, whatever connections there are, and closes it again.
package protocol FreshDialer: Sendable {
  /// Whether somebody accepts a connection there.
  func canDial(_ address: Multiaddr, deadline: ContinuousClock.Instant) async -> Bool
}
