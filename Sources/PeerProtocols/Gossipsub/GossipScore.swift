internal import Multiformats

/// What a node has seen of the conduct of its peers, and the score that this comes to (gossipsub 1.1, "The Score
/// Function").
struct GossipScore: Sendable {
  private struct Topic: Sendable {
    var meshSince: Duration?
    var meshTime: Duration = .zero
    var first = 0.0
    var mesh = 0.0
    var failures = 0.0
    var invalid = 0.0
    var isActive = false
  }

  private struct Peer: Sendable {
    var topics: [String: Topic] = [:]
    var behavior = 0.0
    var application = 0.0
    var address: String?
    /// Until when it is remembered after it left.
    var expires: Duration?
  }

  let options: GossipScoreOptions
  private var peers: [PeerID: Peer] = [:]
  private var colocated: [String: Int] = [:]

  init(options: GossipScoreOptions) { self.options = options }

  mutating func connected(_ peer: PeerID, address: String?) {
    var entry = peers[peer] ?? Peer()
    entry.expires = nil
    if let old = entry.address { release(old) }
    entry.address = address
    if let address { colocated[address, default: 0] += 1 }
    peers[peer] = entry
  }

  private mutating func release(_ address: String) {
    let left = colocated[address, default: 1] - 1
    colocated[address] = left > 0 ? left : nil
  }

  mutating func disconnected(_ peer: PeerID, at now: Duration) {
    guard var entry = peers[peer] else { return }
    if let address = entry.address { release(address) }
    entry.address = nil
    // Who leaves in good standing has nothing to be remembered by; who leaves in bad standing keeps it.
    if score(of: peer) >= 0 {
      peers[peer] = nil
      return
    }
    for name in entry.topics.keys { leaveMesh(&entry, name) }
    entry.expires = now + options.retention
    peers[peer] = entry
  }

  func topicOptions(_ topic: String) -> GossipScoreOptions.Topic { options.topics[topic] ?? options.usual }

  func score(of peer: PeerID) -> Double {
    guard let entry = peers[peer] else { return 0 }
    var topics = 0.0
    for (name, topic) in entry.topics {
      let options = topicOptions(name)
      var part = 0.0
      if topic.meshSince != nil {
        part += options.timeWeight * min(topic.meshTime / options.timeQuantum, options.timeCap)
      }
      part += options.firstWeight * topic.first
      let missing = deficit(topic, options)
      part += options.meshWeight * missing * missing
      part += options.failureWeight * topic.failures
      part += options.invalidWeight * topic.invalid * topic.invalid
      topics += options.weight * part
    }
    var score = min(topics, options.topicCap) + options.applicationWeight * entry.application
    if let address = entry.address, let count = colocated[address], count > options.colocationThreshold {
      let surplus = Double(count - options.colocationThreshold)
      score += options.colocationWeight * surplus * surplus
    }
    if entry.behavior > options.behaviorThreshold {
      let excess = entry.behavior - options.behaviorThreshold
      score += options.behaviorWeight * excess * excess
    }
    return score
  }

  private func deficit(_ topic: Topic, _ options: GossipScoreOptions.Topic) -> Double {
    topic.meshSince != nil && topic.isActive && topic.mesh < options.meshThreshold
      ? options.meshThreshold - topic.mesh : 0
  }

  mutating func setApplication(_ value: Double, of peer: PeerID) { peers[peer]?.application = value }

  mutating func penalize(_ peer: PeerID, by count: Double = 1) { peers[peer]?.behavior += count }

  mutating func grafted(_ peer: PeerID, _ topic: String, at now: Duration) {
    peers[peer]?.topics[topic, default: Topic()].meshSince = now
    peers[peer]?.topics[topic]?.meshTime = .zero
    peers[peer]?.topics[topic]?.isActive = false
  }

  mutating func pruned(_ peer: PeerID, _ topic: String) {
    guard var entry = peers[peer] else { return }
    leaveMesh(&entry, topic)
    peers[peer] = entry
  }

  private func leaveMesh(_ entry: inout Peer, _ topic: String) {
    guard var stats = entry.topics[topic] else { return }
    let missing = deficit(stats, topicOptions(topic))
    stats.failures += missing * missing
    stats.meshSince = nil
    stats.isActive = false
    entry.topics[topic] = stats
  }

  mutating func deliveredFirst(_ peer: PeerID, _ topic: String) {
    guard peers[peer] != nil else { return }
    let options = topicOptions(topic)
    var stats = peers[peer]?.topics[topic] ?? Topic()
    stats.first = min(stats.first + 1, options.firstCap)
    if stats.meshSince != nil { stats.mesh = min(stats.mesh + 1, options.meshCap) }
    peers[peer]?.topics[topic] = stats
  }

  mutating func deliveredAgain(_ peer: PeerID, _ topic: String) {
    guard var stats = peers[peer]?.topics[topic], stats.meshSince != nil else { return }
    stats.mesh = min(stats.mesh + 1, topicOptions(topic).meshCap)
    peers[peer]?.topics[topic] = stats
  }

  mutating func deliveredInvalid(_ peer: PeerID, _ topic: String) {
    peers[peer]?.topics[topic, default: Topic()].invalid += 1
  }

  /// Lets counters fade; once a heartbeat.
  mutating func decay(at now: Duration) {
    for (peer, var entry) in peers {
      if let expires = entry.expires {
        if now >= expires { peers[peer] = nil }
        // Bad conduct does not fade in absence.
        continue
      }
      for (name, var stats) in entry.topics {
        let options = topicOptions(name)
        stats.first = faded(stats.first, options.firstDecay)
        stats.mesh = faded(stats.mesh, options.meshDecay)
        stats.failures = faded(stats.failures, options.failureDecay)
        stats.invalid = faded(stats.invalid, options.invalidDecay)
        if let since = stats.meshSince {
          stats.meshTime = now - since
          stats.isActive = stats.meshTime > options.meshActivation
        }
        let isIdle =
          stats.meshSince == nil && stats.first + stats.mesh + stats.failures + stats.invalid == 0
        entry.topics[name] = isIdle ? nil : stats
      }
      entry.behavior = faded(entry.behavior, options.behaviorDecay)
      peers[peer] = entry
    }
  }

  private func faded(_ value: Double, _ decay: Double) -> Double {
    let value = value * decay
    return value < options.zero ? 0 : value
  }
}
