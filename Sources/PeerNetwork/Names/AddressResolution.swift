internal import Content
internal import Multiformats
internal import PeerProtocols

/// Puts addresses without names in place of those with names, before they are dialled.
struct AddressResolution: Sendable {
  /// Names of one peer that are looked up.
  private static let maximumNames = 8
  private static let time = Duration.seconds(5)

  /// Addresses to dial, and what could not be looked up.
  struct Outcome: Sendable {
    var addresses: [Multiaddr] = []
    var failures: [(address: Multiaddr, reason: String)] = []
  }

  let resolver: DNSResolver

  /// What the addresses of `peer` stand for. Those without names come first and unchanged.
  func resolve(_ addresses: [Multiaddr], of peer: PeerID, by deadline: ContinuousClock.Instant) async -> Outcome {
    let end = min(deadline, .now + Self.time)
    var outcome = Outcome(addresses: addresses.filter { NamedAddress.question(of: $0) == nil })
    var waiting = addresses.filter { NamedAddress.question(of: $0) != nil }
    var asked: Set<Multiaddr> = []
    for _ in 0..<NamedAddress.maximumDepth where !waiting.isEmpty {
      let turn = waiting.filter { asked.insert($0).inserted }.prefix(Self.maximumNames)
      waiting = []
      let found = await withTaskGroup(of: (Multiaddr, Result<[Multiaddr], PeerError>).self) {
        group -> [(Multiaddr, Result<[Multiaddr], PeerError>)] in
        for address in turn {
          group.addTask {
            do throws(PeerError) { return (address, .success(try await self.step(address, by: end))) } catch {
              return (address, .failure(error))
            }
          }
        }
        var answers: [(Multiaddr, Result<[Multiaddr], PeerError>)] = []
        for await answer in group { answers.append(answer) }
        return answers
      }
      for (address, result) in found {
        switch result {
        case .failure(let error): outcome.failures.append((address, error.detail))
        case .success(let next):
          if next.isEmpty { outcome.failures.append((address, "the name stands for no address of this peer")) }
          for address in next.prefix(NamedAddress.maximumAddresses) {
            // Records of a domain list many peers; this one's are wanted.
            guard let bare = address.withoutPeer(peer) else { continue }
            if NamedAddress.question(of: bare) == nil {
              outcome.addresses.append(bare)
            } else {
              waiting.append(address)
            }
          }
        }
      }
    }
    return outcome
  }

  private func step(_ address: Multiaddr, by deadline: ContinuousClock.Instant) async throws(PeerError) -> [Multiaddr] {
    switch NamedAddress.question(of: address) {
    case .addresses(let host, let family):
      return try await HostLookup.addresses(of: host, family: family, by: deadline).compactMap {
        NamedAddress.replacing(address, by: $0)
      }
    case .texts(let domain):
      do throws(ContentError) {
        return NamedAddress.listed(try await resolver.texts(of: domain).strings, for: address)
      } catch {
        throw PeerError(.unreachable, error.detail)
      }
    case nil: return [address]
    }
  }
}
