-- What was added to schema.sql after ledgers existed. It is added to an earlier ledger when a desk goes on with it.

-- Markets that the session with the exchange could not understand, and until when.
CREATE TABLE IF NOT EXISTS market_set_aside (
    run INTEGER NOT NULL, ts INTEGER NOT NULL, ticker TEXT NOT NULL, reason TEXT NOT NULL, cleared_at INTEGER
);
CREATE VIEW IF NOT EXISTS set_aside AS
SELECT r.run_id, strftime('%Y-%m-%dT%H:%M:%fZ', a.ts / 1e9, 'unixepoch') AS ts, a.ticker, a.reason,
    strftime('%Y-%m-%dT%H:%M:%fZ', a.cleared_at / 1e9, 'unixepoch') AS cleared_at
FROM market_set_aside a JOIN run r USING (run);

-- Of earlier ledgers this view knows settled_value alone, so it is made again.
DROP VIEW IF EXISTS calibration;
CREATE VIEW calibration AS
SELECT r.run_id, strftime('%Y-%m-%dT%H:%M:%fZ', e.ts / 1e9, 'unixepoch') AS ts, s.name AS strategy,
    m.ticker, m.event_ticker, e.probability / 1e6 AS probability, e.twice_mid / 2e4 AS market_probability,
    e.bid / 1e4 AS yes_bid, e.ask / 1e4 AS yes_ask, (m.close_time - e.ts) / 3.6e12 AS hours_to_close,
    e.verdict = 1 AS traded, m.settled_value_e6 / 1e6 AS outcome, e.assumed, v.name AS verdict, b.reason
FROM evaluation e JOIN run r USING (run) JOIN market m USING (run, market) JOIN basis b USING (run, basis)
    JOIN strategy s USING (run, strategy) JOIN verdict v ON v.code = e.verdict;
