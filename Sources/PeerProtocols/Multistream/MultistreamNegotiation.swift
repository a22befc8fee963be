internal import Multiformats

/// Agrees on a protocol over a run of bytes. Pure: takes what arrives, gives what to send.
///
/// Bytes behind the agreement belong to the protocol agreed on; they are left in ``remainder``.
package struct MultistreamNegotiation: Sendable {
  /// What this side does.
  package enum Role: Sendable {
    /// Proposes these names, one after the other.
    case initiator([String])
    /// Answers to any of these.
    case listener(Set<String>)
  }

  private let role: Role
  private var proposals: [String] = []
  private var proposed = 0
  private var headerSeen = false
  private var headerSent = false
  private var answered = 0
  private var buffer: [UInt8] = []
  /// What was agreed on.
  package private(set) var agreed: String?

  package init(_ role: Role) {
    self.role = role
    if case .initiator(let names) = role { proposals = names }
  }

  /// Bytes that arrived behind the agreement.
  package var remainder: [UInt8] { agreed == nil ? [] : buffer }

  /// What to send before anything has arrived. An initiator sends its first proposal along with the header.
  package mutating func start() -> [UInt8] {
    guard case .initiator = role, let first = proposals.first else { return [] }
    proposed = 1
    headerSent = true
    return Multistream.message(Multistream.header) + Multistream.message(first)
  }

  /// Takes bytes, and gives what to send in answer.
  ///
  /// - Throws: `.unsupported` where the listener speaks none of the proposals; `.malformed`, `.tooLarge`, `.violation`.
  package mutating func receive(_ bytes: some Collection<UInt8>) throws(PeerError) -> [UInt8] {
    buffer.append(contentsOf: bytes)
    var answer: [UInt8] = []
    while agreed == nil, let line = try nextLine() { answer += try take(line) }
    return answer
  }

  private mutating func nextLine() throws(PeerError) -> String? {
    var length = 0
    var offset = 0
    while true {
      guard offset < buffer.count else { return nil }
      let byte = buffer[offset]
      length |= Int(byte & 0x7f) << (7 * offset)
      offset += 1
      if byte & 0x80 == 0 { break }
      guard offset < 3 else { throw PeerError(.tooLarge, "multistream: a message length of more than 3 bytes") }
    }
    guard length > 0, length <= Multistream.maximumLength else {
      throw PeerError(
        .tooLarge, "multistream: a message of \(length) bytes, expected 1 to \(Multistream.maximumLength)")
    }
    guard buffer.count - offset >= length else { return nil }
    let text = try Multistream.text(buffer[offset..<(offset + length)])
    buffer.removeFirst(offset + length)
    return text
  }

  private mutating func take(_ line: String) throws(PeerError) -> [UInt8] {
    if !headerSeen {
      guard line == Multistream.header else {
        throw PeerError(
          .unsupported, "multistream: \(Multistream.header) expected first, found \(line.prefix(64).debugDescription)")
      }
      headerSeen = true
      if headerSent { return [] }
      headerSent = true
      return Multistream.message(Multistream.header)
    }
    switch role {
    case .initiator: return try answered(line)
    case .listener(let known): return try proposed(line, known)
    }
  }

  private mutating func answered(_ line: String) throws(PeerError) -> [UInt8] {
    let current = proposals[proposed - 1]
    if line == current {
      agreed = line
      return []
    }
    guard line == Multistream.refusal else {
      throw PeerError(.violation, "multistream: \(current) or na expected, found \(line.prefix(64).debugDescription)")
    }
    guard proposed < proposals.count else {
      throw PeerError(.unsupported, "the peer speaks none of \(proposals.joined(separator: ", "))")
    }
    proposed += 1
    return Multistream.message(proposals[proposed - 1])
  }

  private mutating func proposed(_ line: String, _ known: Set<String>) throws(PeerError) -> [UInt8] {
    answered += 1
    guard answered <= Multistream.maximumProposals else {
      throw PeerError(.violation, "multistream: more than \(Multistream.maximumProposals) proposals")
    }
    if line == Multistream.listing { return Multistream.listing(of: known.sorted()) }
    guard known.contains(line) else { return Multistream.message(Multistream.refusal) }
    agreed = line
    return Multistream.message(line)
  }
}
