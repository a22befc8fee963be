import Content
import Multiformats

/// Adds that clients are in the middle of: what they have put is safe from collection until they end, or are heard of no
/// more.
actor AddSessions {
  /// Adds at a time, and files that are being sent at a time in all of them.
  static let maximumSessions = 512
  static let maximumFiles = 32
  /// After how long an add that nobody goes on with is given up.
  static let idleTime: Duration = .seconds(600)

  private struct File {
    var pipe: BytePipe
    var work: Task<Result<AddedEntry, ContentError>, Never>
    var offset: UInt64 = 0
    var isBusy = false
  }

  private struct Session {
    var guardian: StoreSession
    var profile: ImportProfile
    var files: [Int: File] = [:]
    var nextFile = 0
    var touched: ContinuousClock.Instant
  }

  private let store: BlockStore
  private let now: @Sendable () -> ContinuousClock.Instant
  private var sessions: [String: Session] = [:]

  init(store: BlockStore, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
    self.store = store
    self.now = now
  }

  func begin(_ profile: ImportProfile) throws(APIError) -> String {
    sweep()
    guard sessions.count < Self.maximumSessions else {
      throw APIError(
        429, "\(Self.maximumSessions) adds are under way; try again when one of them has ended.",
        type: "rate_limit_error", code: "too_many_adds", retryAfter: 5)
    }
    var random = SystemRandomNumberGenerator()
    let id = String(random.next(), radix: 36) + String(random.next(), radix: 36)
    sessions[id] = Session(guardian: store.beginSession(), profile: profile, touched: now())
    return id
  }

  func end(_ id: String) throws(APIError) {
    let session = try find(id)
    sessions[id] = nil
    Self.abandon(session)
  }

  /// Gives up what nobody goes on with.
  func sweep() {
    let limit = now() - Self.idleTime
    for (id, session) in sessions where session.touched < limit && !session.files.values.contains(where: \.isBusy) {
      sessions[id] = nil
      Self.abandon(session)
    }
  }

  private static func abandon(_ session: Session) {
    for file in session.files.values { file.pipe.fail(ContentError(.storage, "the add was given up")) }
    session.guardian.end()
  }

  private func find(_ id: String) throws(APIError) -> Session {
    guard var session = sessions[id] else {
      throw APIError(
        404, "There is no such add; it has ended, or nothing was heard of it for ten minutes.", code: "no_such_add")
    }
    session.touched = now()
    sessions[id] = session
    return session
  }

  func profile(_ id: String) throws(APIError) -> ImportProfile { try find(id).profile }

  // MARK: files

  func open(_ id: String) throws(APIError) -> Int {
    var session = try find(id)
    guard sessions.values.reduce(0, { $0 + $1.files.count }) < Self.maximumFiles else {
      throw APIError(
        429, "\(Self.maximumFiles) files are being sent; finish one of them first.", type: "rate_limit_error",
        code: "too_many_files", retryAfter: 1)
    }
    let pipe = BytePipe()
    let (store, profile) = (store, session.profile)
    // Ends with the pipe: by its end, or by its fault when the session is given up.
    let work = Task { () -> Result<AddedEntry, ContentError> in
      do throws(ContentError) {
        return .success(
          try await BlockingWork.run { () throws(ContentError) in
            try store.add(profile: profile, pin: nil, durability: .process) {
              (buffer) throws(ContentError) in try pipe.read(into: buffer)
            }
          })
      } catch {
        pipe.fail(error)
        return .failure(error)
      }
    }
    let number = session.nextFile
    session.nextFile += 1
    session.files[number] = File(pipe: pipe, work: work)
    sessions[id] = session
    return number
  }

  private func file(_ id: String, _ number: Int) throws(APIError) -> File {
    guard let file = try find(id).files[number] else {
      throw APIError(404, "There is no file \(number) in this add.", code: "no_such_file")
    }
    return file
  }

  /// Takes a piece of a file, which must begin where the last one ended.
  ///
  /// - Returns: where the next one begins.
  func send(_ id: String, _ number: Int, at offset: UInt64, _ piece: [UInt8]) async throws -> UInt64 {
    let current = try file(id, number)
    guard !current.isBusy else {
      throw APIError(
        409, "Another piece of this file is being taken; send them one after the other.", code: "busy_file")
    }
    // A piece that was taken, and whose answer was lost, may come again.
    if offset + UInt64(piece.count) == current.offset { return current.offset }
    guard offset == current.offset else {
      throw APIError(
        409, "The next piece begins at byte \(current.offset), not at \(offset).", code: "wrong_offset")
    }
    sessions[id]?.files[number]?.isBusy = true
    await current.pipe.send(piece)
    sessions[id]?.files[number]?.isBusy = false
    let end = offset + UInt64(piece.count)
    sessions[id]?.files[number]?.offset = end
    sessions[id]?.touched = now()
    return end
  }

  func finish(_ id: String, _ number: Int) async throws -> AddedEntry {
    let current = try file(id, number)
    current.pipe.end()
    let result = await current.work.value
    sessions[id]?.files[number] = nil
    return try result.get()
  }
}
