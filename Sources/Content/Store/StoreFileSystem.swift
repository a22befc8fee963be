/// The file system as the block store sees it: the seam at which tests cut the power and fill the disk.
package protocol StoreFileSystem: Sendable {
  /// Opens a file for reading and writing, making it where `create` says so.
  func open(_ path: String, create: Bool) throws(ContentError) -> any StoreFile
  func rename(_ from: String, to: String) throws(ContentError)
  func remove(_ path: String) throws(ContentError)
  /// The names in a folder, in byte order.
  func names(in folder: String) throws(ContentError) -> [String]
  /// Makes a folder and those above it; nothing where it is there.
  func makeFolder(_ path: String) throws(ContentError)
  /// Makes what was created, renamed and removed in a folder survive a power cut.
  func syncFolder(_ path: String) throws(ContentError)
  /// Holds the lock file at `path` for this process until the result is let go of.
  ///
  /// - Throws: `.busy` where another process holds it.
  func lock(_ path: String) throws(ContentError) -> any Sendable
}

/// One open file. Calls are safe from any thread.
package protocol StoreFile: Sendable {
  /// Bytes in the file.
  func size() throws(ContentError) -> UInt64
  /// Reads until the buffer is full or the file ends, and gives how much that was.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ContentError) -> Int
  /// Writes all the pieces one after the other. After a fault any part of them may be there.
  func write(at offset: UInt64, _ pieces: [UnsafeRawBufferPointer]) throws(ContentError)
  func truncate(to size: UInt64) throws(ContentError)
  /// Makes what was written survive a power cut.
  func sync() throws(ContentError)
  /// Lets the disk begin with all that was written so far, so that ``sync()`` has less to wait for.
  func beginWriteback(upTo end: UInt64)
  /// Sets room aside on the disk for `count` bytes from `offset` on, so that writing there costs less. The file's size stays
  /// as it is; ``truncate(to:)`` gives the room back. Nothing where the disk cannot do that.
  func reserve(at offset: UInt64, count: UInt64)
}

extension StoreFile {
  /// Reads exactly `count` bytes; nil where the file ends before.
  func bytes(at offset: UInt64, count: Int) throws(ContentError) -> [UInt8]? {
    var fault: ContentError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      do throws(ContentError) {
        filled = try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
      } catch {
        fault = error
      }
    }
    if let fault { throw fault }
    return bytes.count == count ? bytes : nil
  }

  func write(at offset: UInt64, bytes: [UInt8]) throws(ContentError) {
    let result = bytes.withUnsafeBytes { bytes in
      Result { () throws(ContentError) in try write(at: offset, [bytes]) }
    }
    try result.get()
  }
}
