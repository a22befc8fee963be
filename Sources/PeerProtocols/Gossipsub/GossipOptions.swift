/// How a gossip router behaves; the defaults are those of the specifications of gossipsub 1.0 and 1.1.
package struct GossipOptions: Sendable {
  /// Peers wanted in a topic's mesh, `D`, and the bounds between which their number is left alone.
  package var degree = 6
  package var lowDegree = 5
  package var highDegree = 12
  /// Of those who stay when a mesh is thinned out, the so many with the best scores; and the least connected outward.
  package var scoredDegree = 4
  package var outboundDegree = 2
  /// Peers outside of the mesh that are told what there is, at least; and the share of all who might be told.
  package var lazyDegree = 6
  package var gossipShare = 0.25
  /// Heartbeats for which a message is kept, and for which it is gossiped about.
  package var history = 5
  package var gossipHistory = 3
  /// Messages kept for others, whatever the heartbeats say.
  package var cachedMessages = 4_096
  /// Bytes of messages kept for others.
  package var cachedBytes = 32 << 20
  /// For how long, after the last message to a topic that this node does not follow, its peers are remembered.
  package var fanoutLifetime: Duration = .seconds(60)
  /// For how long a message that was seen is recognised, and how many are.
  package var seenLifetime: Duration = .seconds(120)
  package var seenMessages = 65_536
  /// For how long two peers that parted do not join meshes again; after unsubscribing.
  package var pruneBackoff: Duration = .seconds(60)
  package var unsubscribeBackoff: Duration = .seconds(10)
  /// A graft within that time after a prune counts twice.
  package var graftFlood: Duration = .seconds(10)
  /// Peers told to one who is pruned.
  package var exchangedPeers = 16
  /// Gossip taken from one peer in a heartbeat: times, and message ids in all.
  package var haveTimes = 10
  package var haveIDs = 5_000
  /// How often one message is sent to one peer that asks for it.
  package var retransmissions = 3
  /// By when a peer that gossiped about a message must have sent it.
  package var wantFollowUp: Duration = .seconds(3)
  /// Heartbeats between looks for better peers, and how many are then taken.
  package var opportunisticBeats = 60
  package var opportunisticPeers = 2
  /// Whether own messages go to every peer of the topic whose score allows it.
  package var floodsOwn = true
  /// Topics that one peer may follow, as far as this node keeps track.
  package var topicsPerPeer = 128
  /// Peers kept track of.
  package var peers = 4_096
  /// Messages waiting to be judged; more are dropped.
  package var pendingValidations = 1_024
  package var score = GossipScoreOptions()

  package init() {}
}

/// The weights of a peer's score (gossipsub 1.1, "Peer Scoring").
package struct GossipScoreOptions: Sendable {
  /// How conduct in one topic counts.
  package struct Topic: Sendable {
    package var weight = 1.0
    /// P1, time in the mesh: weight for each quantum, and the most quanta.
    package var timeWeight = 0.01
    package var timeQuantum: Duration = .seconds(1)
    package var timeCap = 300.0
    /// P2, messages first delivered.
    package var firstWeight = 0.5
    package var firstDecay = 0.96
    package var firstCap = 50.0
    /// P3, messages delivered while in the mesh, where fewer than the threshold count. Off by default, as it supposes a
    /// known rate of messages.
    package var meshWeight = 0.0
    package var meshDecay = 0.96
    package var meshThreshold = 4.0
    package var meshCap = 40.0
    package var meshActivation: Duration = .seconds(10)
    package var meshWindow: Duration = .milliseconds(10)
    /// P3b, deliveries that were missing when the peer was pruned.
    package var failureWeight = 0.0
    package var failureDecay = 0.97
    /// P4, invalid messages.
    package var invalidWeight = -20.0
    package var invalidDecay = 0.99

    package init() {}
  }

  /// For topics without their own.
  package var usual = Topic()
  package var topics: [String: Topic] = [:]
  /// The most that all topics together may add.
  package var topicCap = 100.0
  /// P5, what the application thinks of the peer.
  package var applicationWeight = 1.0
  /// P6, peers behind one address beyond the threshold.
  package var colocationWeight = -10.0
  package var colocationThreshold = 8
  /// P7, broken promises, early grafts and the like, beyond the threshold.
  package var behaviorWeight = -10.0
  package var behaviorThreshold = 2.0
  package var behaviorDecay = 0.99
  /// Decayed counters below that are zero.
  package var zero = 0.01
  /// For how long the score of a peer that left is remembered.
  package var retention: Duration = .seconds(600)
  /// Below: neither gossip to the peer nor from it; own messages not sent to it; nothing of it read.
  package var gossipThreshold = -10.0
  package var publishThreshold = -50.0
  package var graylistThreshold = -80.0
  /// From which score on the peers that a peer names are believed.
  package var exchangeThreshold = 5.0
  /// Below which median score of a mesh better peers are looked for.
  package var opportunisticThreshold = 1.0

  package init() {}
}
