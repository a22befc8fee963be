package import Postgres

extension UsageSchema {
  /// For the database that is handed to ``PostgresUsageStore``. Sums of money are `numeric`, because `bigint` ends at 64 bits.
  package static let postgres = [
    PostgresMigration(
      "metering-1-usage",
      [
        """
        CREATE TABLE prsm_usage_event (
          id text COLLATE "C" PRIMARY KEY, time bigint NOT NULL, request_id text NOT NULL,
          "key" text, "user" text, project text, organization text, model text NOT NULL, provider text NOT NULL,
          prompt_tokens bigint NOT NULL, cached_prompt_tokens bigint NOT NULL, completion_tokens bigint NOT NULL,
          reasoning_tokens bigint NOT NULL, cost bigint NOT NULL, outcome text NOT NULL, latency bigint NOT NULL,
          is_cache_hit boolean NOT NULL, is_exact boolean NOT NULL)
        """,
        "CREATE INDEX prsm_usage_event_time ON prsm_usage_event (time)",
        """
        CREATE TABLE prsm_usage_reservation (
          id text COLLATE "C" PRIMARY KEY, owner text COLLATE "C" NOT NULL, time bigint NOT NULL, request_id text NOT NULL,
          "key" text, "user" text, project text, organization text, model text NOT NULL,
          prompt_tokens bigint NOT NULL, completion_tokens bigint NOT NULL, cost bigint NOT NULL)
        """,
        """
        CREATE TABLE prsm_usage_counter (
          scope text COLLATE "C" NOT NULL, span text COLLATE "C" NOT NULL, spent numeric NOT NULL, reserved numeric NOT NULL,
          PRIMARY KEY (scope, span))
        WITH (fillfactor = 50)
        """,
        "CREATE TABLE prsm_usage_owner (owner text COLLATE \"C\" PRIMARY KEY, until bigint NOT NULL)",
      ])
  ]
}
