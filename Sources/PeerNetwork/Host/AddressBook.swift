package import Multiformats
internal import PeerProtocols
internal import Synchronization

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Where peers can be reached. Survives restarts where it is given a file.
///
/// The file has a line for each address: the address with `/p2p`, a tab, and seconds since 1970 at which it ends.
package final class AddressBook: PeerAddressBook {
  /// The most peers; the one whose addresses end soonest is forgotten first.
  package static let maximumPeers = 8_192
  /// The most addresses of a peer.
  package static let maximumAddresses = 32
  /// The longest time an address is held.
  private static let longest: Int64 = 30 * 86_400
  private static let maximumFileSize = 16 << 20

  fileprivate struct Entry {
    var until: Int64
    /// When a connection to it last succeeded.
    var proven: Int64 = 0
  }

  fileprivate struct State {
    var peers: [PeerID: [Multiaddr: Entry]] = [:]
    var isChanged = false
  }

  private let file: String?
  private let now: @Sendable () -> Int64
  private let state = Mutex(State())

  /// - Parameters:
  ///   - file: nil for memory alone. A file that cannot be read begins anew.
  ///   - now: seconds since 1970.
  package init(file: String?, now: (@Sendable () -> Int64)? = nil) {
    self.file = file
    self.now = now ?? { Int64(Date().timeIntervalSince1970) }
    guard let file, let data = FileManager.default.contents(atPath: file), data.count <= Self.maximumFileSize else {
      return
    }
    let start = self.now()
    for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
      let parts = line.split(separator: "\t")
      guard parts.count == 2, let until = Int64(parts[1]), until > start,
        let address = try? Multiaddr(String(parts[0])), let peer = address.peer
      else { continue }
      add([address], of: peer, for: .seconds(until - start))
    }
    state.withLock { $0.isChanged = false }
  }

  package func add(_ addresses: [Multiaddr], of peer: PeerID, for duration: Duration) {
    let time = now()
    let seconds = min(duration.components.seconds, Self.longest)
    guard seconds > 0 else { return }
    state.withLock { state in
      if state.peers[peer] == nil, state.peers.count >= Self.maximumPeers { state.forgetOldest() }
      var known = state.peers[peer] ?? [:]
      for address in addresses {
        guard let bare = address.withoutPeer(peer), AddressReach(bare) != .unusable else { continue }
        if known[bare] == nil, known.count >= Self.maximumAddresses {
          guard let oldest = known.min(by: { ($0.value.proven, $0.value.until) < ($1.value.proven, $1.value.until) })
          else {
            continue
          }
          known[oldest.key] = nil
        }
        known[bare] = Entry(until: max(known[bare]?.until ?? 0, time + seconds), proven: known[bare]?.proven ?? 0)
      }
      guard !known.isEmpty else { return }
      state.peers[peer] = known
      state.isChanged = true
    }
  }

  /// Notes that a connection to an address succeeded.
  func proved(_ address: Multiaddr, of peer: PeerID) {
    add([address], of: peer, for: .seconds(7 * 86_400))
    let time = now()
    state.withLock { state in
      guard let bare = address.withoutPeer(peer) else { return }
      state.peers[peer]?[bare]?.proven = time
    }
  }

  package func addresses(of peer: PeerID) -> [Multiaddr] {
    let time = now()
    return state.withLock { state in
      (state.peers[peer] ?? [:]).filter { $0.value.until > time }
        .sorted {
          ($0.value.proven, $0.value.until, $0.key.description) > ($1.value.proven, $1.value.until, $1.key.description)
        }
        .map(\.key)
    }
  }

  package var peers: [PeerID] {
    let time = now()
    return state.withLock { state in
      state.peers.compactMap { peer, known in known.values.contains { $0.until > time } ? peer : nil }
    }
  }

  /// Writes the file beside and renames it into place, where something has changed.
  package func save() {
    guard let file else { return }
    let time = now()
    let text: String? = state.withLock { state in
      guard state.isChanged else { return nil }
      state.isChanged = false
      var lines = ""
      for (peer, known) in state.peers {
        for (address, entry) in known where entry.until > time {
          lines += "\(address.appending(peer: peer))\t\(entry.until)\n"
        }
      }
      return lines
    }
    guard let text else { return }
    // A book that could not be written is written by the next change; nothing depends on it.
    do { try Data(text.utf8).write(to: URL(fileURLWithPath: file), options: .atomic) } catch {
      state.withLock { $0.isChanged = true }
    }
  }
}

extension AddressBook.State {
  fileprivate mutating func forgetOldest() {
    let oldest = peers.min { a, b in (a.value.values.map(\.until).max() ?? 0) < (b.value.values.map(\.until).max() ?? 0)
    }
    if let oldest { peers[oldest.key] = nil }
  }
}

extension Multiaddr {
  /// The address without `/p2p/peer` at its end; nil where it ends in another peer, or is nothing else.
  package func withoutPeer(_ peer: PeerID) -> Multiaddr? {
    guard components.last?.protocol.name == "p2p" else { return self }
    guard self.peer == peer, components.count > 1 else { return nil }
    return Multiaddr(components: Array(components.dropLast()))
  }
}
