package import Content
package import ModelInterface

/// What a collection did, and what it gave up.
package struct CollectedReport: Sendable {
  package var report: BlockStore.Collected
  package var givenUp: [RetentionPolicy.Decision]

  package init(report: BlockStore.Collected, givenUp: [RetentionPolicy.Decision]) {
    self.report = report
    self.givenUp = givenUp
  }

  package var json: JSONValue {
    [
      "removed_blocks": .integer(report.removedBlocks), "removed_bytes": .integer(report.removedBytes),
      "freed_bytes": .integer(report.freedBytes), "missing": .array(report.missing.map { .string("\($0)") }),
      "given_up": .array(givenUp.map { ContentAPI.json($0) }),
    ]
  }
}

extension BlockStore.Verified {
  /// For answers and for the command line.
  package var json: JSONValue {
    [
      "checked": .integer(checked), "repaired": .array(repaired.map { .string("\($0)") }),
      "damaged": .array(damaged.map { .string("\($0)") }), "unnamed": .integer(unnamed),
      "mended_files": .array(mendedFiles.map { .string($0) }),
    ]
  }
}

extension ContentAPI {
  /// An entry that was added.
  package static func json(_ entry: AddedEntry) -> JSONValue {
    [
      "cid": .string("\(entry.cid)"), "size": .integer(entry.fileSize),
      "cumulative_size": .integer(entry.cumulativeSize),
    ]
  }

  /// One name of a directory.
  package static func json(_ entry: DirectoryEntry) -> JSONValue {
    [
      "name": .string(entry.name), "cid": .string("\(entry.cid)"),
      "cumulative_size": entry.cumulativeSize.map { .integer($0) } ?? .null,
    ]
  }

  /// What lies at a path.
  package static func json(_ stat: ContentStat) -> JSONValue {
    var object: JSONObject = [
      "cid": .string("\(stat.cid)"), "kind": .string(stat.kind.rawValue), "size": .integer(stat.size),
      "cumulative_size": .integer(stat.cumulativeSize), "links": .integer(stat.links),
    ]
    if let mode = stat.mode { object["mode"] = .string(String(mode, radix: 8)) }
    if let mtime = stat.mtime { object["mtime"] = .integer(mtime.seconds) }
    if let target = stat.target { object["target"] = .string(target) }
    return .object(object)
  }

  /// A pin, with what it was used for where that counts.
  package static func json(_ pin: Pin, _ use: ContentUse?) -> JSONValue {
    var object: JSONObject = [
      "cid": .string("\(pin.cid)"), "reach": .string(pin.reach.rawValue), "name": .string(pin.name),
      "term": .string(pin.term.rawValue),
    ]
    if let use {
      object["reads"] = .integer(use.reads)
      object["last_used"] = .integer(use.lastUsed)
      object["quality"] = .double(use.quality)
    }
    return .object(object)
  }

  /// A decision with its numbers.
  package static func json(_ decision: RetentionPolicy.Decision) -> JSONValue {
    [
      "cid": .string("\(decision.cid)"), "kept": .bool(decision.isKept), "bytes": .integer(decision.bytes),
      "score": .double(decision.score.total), "use": .double(decision.score.use),
      "quality": .double(decision.score.quality), "recency": .double(decision.score.recency),
      "reason": .string(decision.reason),
    ]
  }

  /// Why a block is kept.
  package static func json(_ explanation: ContentKeeper.Explanation) -> JSONValue {
    [
      "cid": .string("\(explanation.cid)"), "here": .bool(explanation.isHere), "why": .string(explanation.summary),
      "pins": .array(explanation.pins.map { json($0, nil) }),
      "decisions": .array(explanation.decisions.map { json($0) }),
    ]
  }
}
