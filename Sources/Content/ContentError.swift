package import Multiformats

/// Why content could not be read, written or proven.
package struct ContentError: Error, Sendable, CustomStringConvertible {
  /// What kind of fault it is, for callers that decide by it.
  package enum Code: Hashable, Sendable {
    /// Bytes that their format forbids.
    case malformed
    /// Well-formed beyond a bound that this build sets.
    case tooLarge
    /// A codec, hash function or feature that this build does not know.
    case unsupported
    /// A block is not here.
    case missing
    /// Bytes that do not hash to their name, or fail their checksum or signature.
    case corrupt
    /// A path that leads nowhere in content which is here.
    case notFound
    /// A path through something that is not a directory, or a directory where a file is wanted.
    case wrongKind
    /// The store is as full as it may become.
    case quota
    /// The file system refused.
    case storage
    /// The store is held by another process.
    case busy
    /// The caller may not read this.
    case denied
    /// It was not found in the time that was given for it.
    case timedOut
  }

  package let code: Code
  /// Names the thing, what was expected, what was found, and what to do.
  package let detail: String
  /// The block at fault, where there is one.
  package let cid: CID?

  package init(_ code: Code, _ detail: String, cid: CID? = nil) {
    self.code = code
    self.detail = detail
    self.cid = cid
  }

  package init(_ error: MultiformatError) {
    self.init(error.code == .unknown ? .unsupported : .malformed, error.detail)
  }

  package static func missing(_ cid: CID) -> ContentError {
    ContentError(.missing, "block \(cid) is not in this store; fetch it from a peer or import it", cid: cid)
  }

  package static func corrupt(_ cid: CID) -> ContentError {
    ContentError(.corrupt, "block \(cid): its bytes do not hash to its name; run verify to repair it", cid: cid)
  }

  package var description: String { detail }
}

/// Runs a multiformats parser and gives its error as a ``ContentError``.
func parsing<T>(_ body: () throws(MultiformatError) -> T) throws(ContentError) -> T {
  do { return try body() } catch { throw ContentError(error) }
}
