import GRDB
package import Storage

/// The tables that usage is kept in.
package enum UsageSchema {
  /// For the store that is handed to ``SQLiteUsageStore``. Money is kept as decimal text where it is a sum, because SQLite's
  /// integers end at 64 bits.
  package static let migrations = [
    Migration("metering-1-usage") { database in
      try database.execute(
        sql: """
          CREATE TABLE usageEvent (
            id TEXT PRIMARY KEY NOT NULL, time INTEGER NOT NULL, requestID TEXT NOT NULL,
            key TEXT, user TEXT, project TEXT, organization TEXT, model TEXT NOT NULL, provider TEXT NOT NULL,
            promptTokens INTEGER NOT NULL, cachedPromptTokens INTEGER NOT NULL, completionTokens INTEGER NOT NULL,
            reasoningTokens INTEGER NOT NULL, cost INTEGER NOT NULL, outcome TEXT NOT NULL, latency INTEGER NOT NULL,
            isCacheHit INTEGER NOT NULL, isExact INTEGER NOT NULL
          ) WITHOUT ROWID;
          CREATE INDEX usageEventTime ON usageEvent(time);
          CREATE TABLE usageReservation (
            id TEXT PRIMARY KEY NOT NULL, owner TEXT NOT NULL, time INTEGER NOT NULL, requestID TEXT NOT NULL,
            key TEXT, user TEXT, project TEXT, organization TEXT, model TEXT NOT NULL,
            promptTokens INTEGER NOT NULL, completionTokens INTEGER NOT NULL, cost INTEGER NOT NULL
          ) WITHOUT ROWID;
          CREATE TABLE usageCounter (
            scope TEXT NOT NULL, window TEXT NOT NULL, spent TEXT NOT NULL, reserved TEXT NOT NULL,
            PRIMARY KEY (scope, window)
          ) WITHOUT ROWID;
          CREATE TABLE usageOwner (owner TEXT PRIMARY KEY NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
          """)
    }
  ]
}
