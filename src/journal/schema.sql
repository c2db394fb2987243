-- The ledger: integer tables (nanoseconds, millionths of a dollar, ten-thousandths of a price, hundredths of
-- a contract, parts per million) and, beneath, views in dollars and probabilities for people and scripts.

CREATE TABLE run (
    run INTEGER PRIMARY KEY, run_id TEXT NOT NULL, mode TEXT NOT NULL, scenario TEXT NOT NULL,
    version TEXT NOT NULL, seed INTEGER NOT NULL, started_at INTEGER, finished_at INTEGER,
    bankroll INTEGER NOT NULL, lenient INTEGER NOT NULL, ignore_halts INTEGER NOT NULL,
    final_equity INTEGER, digest TEXT
);
CREATE TABLE data_file (run INTEGER NOT NULL, path TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TABLE strategy (
    run INTEGER NOT NULL, strategy INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (run, strategy)
) WITHOUT ROWID;
-- What YES paid stands there twice: settled_value in ten-thousandths of a dollar, rounded, and settled_value_e6 in
-- millionths, exact. An earlier ledger gets the second when a desk goes on with it (src/journal/sqlite.rs).
CREATE TABLE market (
    run INTEGER NOT NULL, market INTEGER NOT NULL, ticker TEXT NOT NULL, event_ticker TEXT NOT NULL,
    series_ticker TEXT NOT NULL, category TEXT NOT NULL, title TEXT NOT NULL, close_time INTEGER NOT NULL,
    settled_at INTEGER, settled_value INTEGER, settled_value_e6 INTEGER, PRIMARY KEY (run, market)
) WITHOUT ROWID;
CREATE TABLE verdict (code INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE basis (
    run INTEGER NOT NULL, basis INTEGER NOT NULL, strategy INTEGER NOT NULL, confidence INTEGER NOT NULL,
    reason TEXT NOT NULL, PRIMARY KEY (run, basis)
) WITHOUT ROWID;

-- Evaluations are kept in pages of fixed-width decimal records (layout: src/journal/encode.rs); a row of its
-- own for each would cost ten times the time to write. The view `evaluation` takes them apart.
CREATE TABLE ordinal (i INTEGER PRIMARY KEY);
CREATE TABLE evaluation_page (
    run INTEGER NOT NULL, first INTEGER NOT NULL, records INTEGER NOT NULL, payload BLOB NOT NULL
);
-- Every other record as its canonical line, and how many evaluations came before it: the order of the run.
CREATE TABLE decision (run INTEGER NOT NULL, evaluations INTEGER NOT NULL, line TEXT NOT NULL);
-- Inputs (src/journal/input.rs): of a backtest those that no data set holds, which are what the exchange answered
-- and what the owner said; of a live run all but wakes that led to nothing.
CREATE TABLE input (run INTEGER NOT NULL, seq INTEGER NOT NULL, ts INTEGER NOT NULL, line TEXT NOT NULL);

CREATE TABLE placed (
    run INTEGER NOT NULL, order_id INTEGER NOT NULL, ts INTEGER NOT NULL, strategy INTEGER NOT NULL,
    market INTEGER NOT NULL, side TEXT NOT NULL, action TEXT NOT NULL, price INTEGER NOT NULL,
    contracts INTEGER NOT NULL, reason TEXT NOT NULL, filled INTEGER, status TEXT, venue_id TEXT,
    PRIMARY KEY (run, order_id)
) WITHOUT ROWID;
CREATE TABLE fill (
    run INTEGER NOT NULL, ts INTEGER NOT NULL, order_id INTEGER NOT NULL, venue_trade INTEGER NOT NULL,
    market INTEGER NOT NULL, side TEXT NOT NULL, action TEXT NOT NULL, price INTEGER NOT NULL,
    contracts INTEGER NOT NULL, fee INTEGER NOT NULL, is_taker INTEGER NOT NULL
);
CREATE TABLE trade (
    run INTEGER NOT NULL, strategy INTEGER NOT NULL, market INTEGER NOT NULL, side TEXT NOT NULL,
    opened_at INTEGER NOT NULL, closed_at INTEGER NOT NULL, contracts INTEGER NOT NULL, cost INTEGER NOT NULL,
    proceeds INTEGER NOT NULL, fees INTEGER NOT NULL, pnl INTEGER NOT NULL, exit_reason TEXT NOT NULL,
    belief INTEGER NOT NULL, market_price INTEGER NOT NULL
);
CREATE TABLE equity_point (
    run INTEGER NOT NULL, ts INTEGER NOT NULL, cash INTEGER NOT NULL, exposure INTEGER NOT NULL,
    equity INTEGER NOT NULL, peak INTEGER NOT NULL, scale INTEGER NOT NULL
);
CREATE TABLE halt (
    run INTEGER NOT NULL, ts INTEGER NOT NULL, strategy INTEGER, rule TEXT NOT NULL, detail TEXT NOT NULL,
    resumed_at INTEGER, resumed_reason TEXT
);
-- What a live run needs besides: the scenario it began with, the exchange's names of things, its latest health.
CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE discrepancy (run INTEGER NOT NULL, ts INTEGER NOT NULL, detail TEXT NOT NULL);

CREATE VIEW evaluation AS
SELECT p.run, p.first + o.i AS n,
    CAST(substr(p.payload, o.i * 65 + 1, 19) AS INTEGER) AS ts,
    CAST(substr(p.payload, o.i * 65 + 20, 8) AS INTEGER) AS market,
    CAST(substr(p.payload, o.i * 65 + 28, 7) AS INTEGER) AS probability,
    nullif(CAST(substr(p.payload, o.i * 65 + 35, 5) AS INTEGER), 99999) AS bid,
    nullif(CAST(substr(p.payload, o.i * 65 + 40, 5) AS INTEGER), 99999) AS ask,
    nullif(CAST(substr(p.payload, o.i * 65 + 45, 5) AS INTEGER), 99999) AS twice_mid,
    CAST(substr(p.payload, o.i * 65 + 50, 1) AS INTEGER) AS assumed,
    nullif(CAST(substr(p.payload, o.i * 65 + 51, 7) AS INTEGER), 9999999) - 2000000 AS net_edge,
    CAST(substr(p.payload, o.i * 65 + 58, 2) AS INTEGER) AS verdict,
    CAST(substr(p.payload, o.i * 65 + 60, 6) AS INTEGER) AS basis
FROM evaluation_page p JOIN ordinal o ON o.i < p.records;

CREATE VIEW runs AS
SELECT run_id, mode, scenario, version, seed,
    strftime('%Y-%m-%dT%H:%M:%fZ', started_at / 1e9, 'unixepoch') AS started_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', finished_at / 1e9, 'unixepoch') AS finished_at,
    bankroll / 1e6 AS bankroll, final_equity / 1e6 AS final_equity, digest
FROM run;

CREATE VIEW trades AS
SELECT r.run_id, s.name AS strategy, m.ticker, m.event_ticker, t.side,
    strftime('%Y-%m-%dT%H:%M:%fZ', t.opened_at / 1e9, 'unixepoch') AS opened_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', t.closed_at / 1e9, 'unixepoch') AS closed_at,
    t.contracts / 1e2 AS contracts, t.cost / 1e4 / t.contracts AS entry_price,
    t.proceeds / 1e4 / t.contracts AS exit_price, t.fees / 1e6 AS fees, t.pnl / 1e6 AS pnl, t.exit_reason,
    t.belief / 1e6 AS probability, t.market_price / 1e6 AS market_probability
FROM trade t JOIN run r USING (run) JOIN market m USING (run, market) JOIN strategy s USING (run, strategy);

CREATE VIEW fills AS
SELECT r.run_id, strftime('%Y-%m-%dT%H:%M:%fZ', f.ts / 1e9, 'unixepoch') AS ts, f.order_id,
    coalesce(p.venue_id, f.order_id) AS venue_order_id, m.ticker, f.side, f.action, f.price / 1e4 AS price,
    f.contracts / 1e2 AS contracts, f.fee / 1e6 AS fee, f.is_taker
FROM fill f JOIN run r USING (run) JOIN market m USING (run, market) JOIN placed p USING (run, order_id);

CREATE VIEW orders AS
SELECT r.run_id, strftime('%Y-%m-%dT%H:%M:%fZ', p.ts / 1e9, 'unixepoch') AS ts, p.order_id, m.ticker, p.side,
    p.action, p.price / 1e4 AS price, p.contracts / 1e2 AS contracts, coalesce(p.filled, 0) / 1e2 AS filled,
    coalesce(p.status, 'open') AS status, p.reason
FROM placed p JOIN run r USING (run) JOIN market m USING (run, market);

CREATE VIEW equity AS
SELECT r.run_id, strftime('%Y-%m-%dT%H:%M:%fZ', q.ts / 1e9, 'unixepoch') AS ts, q.cash / 1e6 AS cash,
    q.exposure / 1e6 AS exposure, q.equity / 1e6 AS equity, q.peak / 1e6 AS peak,
    1.0 * (q.peak - q.equity) / q.peak AS drawdown, q.scale / 1e6 AS scale
FROM equity_point q JOIN run r USING (run);

CREATE VIEW refusals AS
SELECT r.run_id, strftime('%Y-%m-%dT%H:%M:%fZ', e.ts / 1e9, 'unixepoch') AS ts, m.ticker, s.name AS strategy,
    v.name AS reason, e.net_edge / 1e6 AS net_edge
FROM evaluation e JOIN run r USING (run) JOIN market m USING (run, market) JOIN basis b USING (run, basis)
    JOIN strategy s USING (run, strategy) JOIN verdict v ON v.code = e.verdict
WHERE e.verdict >= 10;

CREATE VIEW halts AS
SELECT r.run_id, strftime('%Y-%m-%dT%H:%M:%fZ', h.ts / 1e9, 'unixepoch') AS ts, s.name AS strategy, h.rule,
    h.detail, strftime('%Y-%m-%dT%H:%M:%fZ', h.resumed_at / 1e9, 'unixepoch') AS resumed_at, h.resumed_reason
FROM halt h JOIN run r USING (run) LEFT JOIN strategy s USING (run, strategy);
