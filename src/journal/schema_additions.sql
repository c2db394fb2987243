-- What was added to schema.sql after ledgers existed. It is added to an earlier ledger when a desk goes on with it.

-- Markets that the session with the exchange could not understand, and until when.
CREATE TABLE IF NOT EXISTS market_set_aside (
    run INTEGER NOT NULL, ts INTEGER NOT NULL, ticker TEXT NOT NULL, reason TEXT NOT NULL, cleared_at INTEGER
);
CREATE VIEW IF NOT EXISTS set_aside AS
SELECT r.run_id, strftime('%Y-%m-%dT%H:%M:%fZ', a.ts / 1e9, 'unixepoch') AS ts, a.ticker, a.reason,
    strftime('%Y-%m-%dT%H:%M:%fZ', a.cleared_at / 1e9, 'unixepoch') AS cleared_at
FROM market_set_aside a JOIN run r USING (run);
