import Foundation
import Multiformats
import PeerNetwork
import PeerProtocols
import Synchronization
import Testing

@Suite struct AddressBookTests {
  /// A clock that is turned by hand, seconds since 1970.
  final class HandClock: Sendable {
    private let time = Atomic<Int64>(1_800_000_000)
    var now: Int64 { time.load(ordering: .relaxed) }
    func advance(_ seconds: Int64) { time.add(seconds, ordering: .relaxed) }
  }

  @Test func addressesSurviveARestartAndEndInTime() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "prsm-book-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let clock = HandClock()
    let peer = try HostIdentity.generate().peer
    let near = try Multiaddr("/ip4/192.0.2.1/tcp/4001")
    let far = try Multiaddr("/ip4/192.0.2.2/tcp/4001").appending(peer: peer)
    let book = AddressBook(file: path, now: { clock.now })
    book.add([near], of: peer, for: .seconds(100))
    book.add([far], of: peer, for: .seconds(1_000))
    book.save()
    let again = AddressBook(file: path, now: { clock.now })
    #expect(
      Set(again.addresses(of: peer).map(\.description)) == ["/ip4/192.0.2.1/tcp/4001", "/ip4/192.0.2.2/tcp/4001"])
    clock.advance(500)
    #expect(again.addresses(of: peer).map(\.description) == ["/ip4/192.0.2.2/tcp/4001"])
    clock.advance(600)
    #expect(again.addresses(of: peer).isEmpty && again.peers.isEmpty)
  }

  @Test func aBookIsBoundedAndTakesNoOthersAddresses() throws {
    let book = AddressBook(file: nil)
    let peer = try HostIdentity.generate().peer
    let other = try HostIdentity.generate().peer
    book.add(try (1...200).map { try Multiaddr("/ip4/192.0.2.1/tcp/\($0)") }, of: peer, for: .seconds(100))
    #expect(book.addresses(of: peer).count == AddressBook.maximumAddresses)
    book.add([try Multiaddr("/ip4/192.0.2.9/tcp/1").appending(peer: other)], of: other, for: .seconds(100))
    book.add([try Multiaddr("/ip4/192.0.2.9/tcp/2").appending(peer: other)], of: peer, for: .seconds(100))
    #expect(book.addresses(of: other).map(\.description) == ["/ip4/192.0.2.9/tcp/1"])
    #expect(!book.addresses(of: peer).map(\.description).contains("/ip4/192.0.2.9/tcp/2"))
    book.add([try Multiaddr("/ip4/0.0.0.0/tcp/1")], of: other, for: .seconds(100))
    #expect(book.addresses(of: other).count == 1)
  }

  @Test func aDamagedFileIsNotInTheWay() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "prsm-book-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data([0xff, 0xfe, 0x00, 0x0a, 0x09, 0x41]).write(to: URL(fileURLWithPath: path))
    #expect(AddressBook(file: path).peers.isEmpty)
    // Times that no calculation holds.
    let peer = try HostIdentity.generate().peer
    let ages = "/ip4/192.0.2.1/tcp/1/p2p/\(peer)\t\(Int64.min)\n/ip4/192.0.2.2/tcp/1/p2p/\(peer)\t\(Int64.max)\n"
    try Data(ages.utf8).write(to: URL(fileURLWithPath: path))
    #expect(AddressBook(file: path).addresses(of: peer).map(\.description) == ["/ip4/192.0.2.2/tcp/1"])
  }
}
