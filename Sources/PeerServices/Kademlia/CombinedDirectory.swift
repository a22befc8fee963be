package import Multiformats
package import PeerProtocols

/// Several DHTs as one directory: the public one and that of the local network.
package struct CombinedDirectory: ProviderDirectory {
  private let parts: [any ProviderDirectory]

  package init(_ parts: [any ProviderDirectory]) { self.parts = parts }

  @discardableResult
  package func announce(_ key: Multihash) -> Bool {
    var isKept = false
    for part in parts where part.announce(key) { isKept = true }
    return isKept
  }

  package func withdraw(_ key: Multihash) { for part in parts { part.withdraw(key) } }

  package func providers(
    of key: Multihash, limit: Int, deadline: ContinuousClock.Instant
  ) -> AsyncStream<KademliaContact> {
    let (stream, end) = AsyncStream.makeStream(of: KademliaContact.self, bufferingPolicy: .bufferingNewest(1_024))
    let parts = parts
    // Ends with the searches, which end at the deadline, or with the stream.
    let merging = Task {
      await withTaskGroup(of: Void.self) { group in
        for part in parts {
          group.addTask {
            for await contact in part.providers(of: key, limit: limit, deadline: deadline) { end.yield(contact) }
          }
        }
        await group.waitForAll()
      }
      end.finish()
    }
    end.onTermination = { _ in merging.cancel() }
    return stream
  }
}
