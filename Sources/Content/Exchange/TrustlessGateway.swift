package import Multiformats

/// One HTTP exchange, as the room that has a client for it lends it to this one.
package protocol ByteFetcher: Sendable {
  /// Asks for `url` with GET and gives status and body.
  ///
  /// - Parameter limit: bytes of body; more ends with `.tooLarge`.
  /// - Throws: `.timedOut`, `.storage` where the other side cannot be reached or breaks off, `.tooLarge`.
  func get(
    _ url: String, accept: String, limit: Int, by deadline: ContinuousClock.Instant
  ) async throws(ContentError) -> (status: Int, body: [UInt8])
}

/// Another machine's gateway as a place to fetch blocks from (https://specs.ipfs.tech/http-gateways/trustless-gateway/).
/// Nothing that it sends is believed: every block is checked against its name.
package struct TrustlessGateway: BlockExchange {
  /// `http://host:port` without a slash at the end.
  package let url: String
  private let fetcher: any ByteFetcher

  package init(url: String, fetcher: any ByteFetcher) {
    var url = url
    while url.hasSuffix("/") { url.removeLast() }
    self.url = url
    self.fetcher = fetcher
  }

  package var name: String { url }
  package var verifies: Bool { true }

  package func fetch(_ cid: CID, by deadline: ContinuousClock.Instant) async throws(ContentError) -> [UInt8] {
    if cid.multihash.function == .identity { return cid.multihash.digest }
    let answer = try await fetcher.get(
      "\(url)/ipfs/\(cid)?format=raw", accept: "application/vnd.ipld.raw", limit: Block.maximumSize, by: deadline)
    switch answer.status {
    case 200:
      guard try Digest.matches(cid.multihash, answer.body) else {
        throw ContentError(.corrupt, "\(url) sent bytes that are not block \(cid); refused", cid: cid)
      }
      return answer.body
    case 404, 410, 412: throw .missing(cid)
    case 504: throw ContentError(.timedOut, "\(url) did not find block \(cid) in time", cid: cid)
    case let status: throw ContentError(.storage, "\(url) answered \(status) for block \(cid)", cid: cid)
    }
  }
}
