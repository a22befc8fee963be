internal import Multiformats

/// The messages of multistream-select 1.0 (https://github.com/multiformats/multistream-select): a varint length that counts
/// the closing newline, text, newline.
package enum Multistream {
  /// The protocol's own name, which both sides say first.
  package static let header = "/multistream/1.0.0"
  /// "That is not spoken here."
  package static let refusal = "na"
  /// Asks for the names of all protocols.
  package static let listing = "ls"
  /// The most bytes of one message, newline included.
  package static let maximumLength = 1_024
  /// The most proposals that a listener answers before it gives up.
  package static let maximumProposals = 64

  /// One message as it travels.
  package static func message(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    Varint.append(UInt64(text.utf8.count + 1), to: &bytes)
    bytes.append(contentsOf: text.utf8)
    bytes.append(UInt8(ascii: "\n"))
    return bytes
  }

  /// The answer to `ls`: one message that holds a message for each name, and a newline.
  package static func listing(of names: [String]) -> [UInt8] {
    let body = names.flatMap { message($0) } + [UInt8(ascii: "\n")]
    return Varint.encode(UInt64(body.count)) + body
  }

  /// The text of a message's body.
  ///
  /// - Throws: `.malformed` where no newline ends it or it is not printable text.
  package static func text(_ body: some BidirectionalCollection<UInt8>) throws(PeerError) -> String {
    guard body.last == UInt8(ascii: "\n") else {
      throw PeerError(.malformed, "multistream: a message of \(body.count) bytes without a closing newline")
    }
    let line = body.dropLast()
    guard line.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }), let text = String(validating: line, as: UTF8.self) else {
      throw PeerError(.malformed, "multistream: a message that is not one line of text")
    }
    return text
  }
}
