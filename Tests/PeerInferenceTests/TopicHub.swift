import Multiformats
import PeerProtocols
import Synchronization

/// Gossip without peers: what one says, all others hear at once, each judging for itself.
final class TopicHub: Sendable {
  private struct Follower: Sendable {
    let topic: String
    let host: MemoryHost
    let judge: @Sendable (GossipMessage) -> Gossipsub.Verdict
    let deliver: @Sendable (GossipMessage) -> Void
  }

  private let followers = Mutex<[Follower]>([])

  /// What is followed, once for each follower.
  var followed: [String] { followers.withLock { $0.map(\.topic) } }

  /// What a node takes part by.
  func seat(of host: MemoryHost) -> any TopicExchange { Seat(hub: self, host: host) }

  /// - Returns: what those who follow the topic think of it.
  @discardableResult
  func publish(_ data: [UInt8], topic: String, by host: MemoryHost) -> [Gossipsub.Verdict] {
    let message = GossipMessage(from: host.id.bytes, data: data, sequence: [1], topic: topic)
    return followers.withLock { $0 }.filter { $0.topic == topic && $0.host.id != host.id }.map { follower in
      let verdict = follower.judge(message)
      if verdict == .accept { follower.deliver(message) }
      return verdict
    }
  }

  private struct Seat: TopicExchange {
    let hub: TopicHub
    let host: MemoryHost

    func publish(_ data: [UInt8], topic: String) throws(PeerError) { hub.publish(data, topic: topic, by: host) }

    func follow(
      _ topic: String, judge: @escaping @Sendable (GossipMessage) -> Gossipsub.Verdict,
      deliver: @escaping @Sendable (GossipMessage) -> Void
    ) {
      hub.followers.withLock { $0.append(Follower(topic: topic, host: host, judge: judge, deliver: deliver)) }
    }
  }
}
