//! Recorded runs repeat themselves, and say where they do not.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;

use crate::support::{backtest, protogen, run, scenario};

struct Recorded {
    _out: tempfile::TempDir,
    folder: PathBuf,
}

fn record(name: &str, extra: &[&str]) -> Recorded {
    let out = tempfile::tempdir().unwrap();
    backtest(&scenario(name), out.path(), extra);
    let folder = fs::canonicalize(out.path().join(name).join("latest")).unwrap();
    Recorded { _out: out, folder }
}

fn replay(recorded: &Recorded, extra: &[&str]) -> (Option<i32>, String, String) {
    let folder = recorded.folder.to_string_lossy();
    let mut arguments = vec!["replay", &folder];
    arguments.extend(extra);
    let output = protogen(&arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_run_replays_without_a_difference() {
    for (name, extra) in [("fomc", &[][..]), ("fomc", &["--ignore-halts"]), ("partial_fill", &[])] {
        let (code, stdout, stderr) = replay(&record(name, extra), &[]);
        assert_eq!((code, &*stderr), (Some(0), ""), "{name}");
        assert!(stdout.contains("decisions are the same"), "{stdout}");
    }
}

#[test]
fn one_changed_limit_is_found_at_the_first_decision_it_changes() {
    let recorded = record("partial_fill", &[]);
    let (code, _, stderr) = replay(&recorded, &["--set", "risk.max_market_exposure=0.05"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("the first difference is at 2024-01-01T01:00:00Z"), "{stderr}");
    let (code, stdout, _) = replay(&recorded, &["--set", "strategy.probability=0.26", "--json"]);
    assert_eq!(code, Some(1));
    let outcome: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(outcome["same"], false);
    assert!(outcome["now"].as_str().unwrap().contains("26.0 %"), "{stdout}");
}

#[test]
fn a_forged_ledger_is_found() {
    for (sql, what) in [
        (
            "UPDATE decision SET line = replace(line, '\"fee\":', '\"fee\":1') WHERE line LIKE '{\"fill%'",
            "fill",
        ),
        (
            "UPDATE evaluation_page SET payload = CAST(replace(payload, '0250000', '0250001') AS BLOB)",
            "evaluation of PF-1-A",
        ),
        ("DELETE FROM decision WHERE rowid = (SELECT max(rowid) FROM decision)", "nothing"),
        ("INSERT INTO decision VALUES (1, 99, '{\"late\":1}')", "late"),
        ("UPDATE run SET digest = 'x'", "digest"),
    ] {
        let recorded = record("partial_fill", &[]);
        let ledger = Connection::open(recorded.folder.join("ledger.sqlite")).unwrap();
        assert!(ledger.execute(sql, []).unwrap() > 0, "{sql}");
        drop(ledger);
        let (code, _, stderr) = replay(&recorded, &[]);
        assert_eq!(code, Some(1), "{sql}: {stderr}");
        assert!(stderr.contains(what), "{sql}: {stderr}");
    }
}

#[test]
fn changed_data_is_refused_not_compared() {
    let out = tempfile::tempdir().unwrap();
    let data = out.path().join("d");
    fs::create_dir(&data).unwrap();
    for file in ["markets.parquet", "snapshots.parquet"] {
        let from = crate::support::root().join("data/rules/partial_fill").join(file);
        fs::copy(from, data.join(file)).unwrap();
    }
    let text = fs::read_to_string(scenario("partial_fill")).unwrap();
    let file = out.path().join("s.toml");
    fs::write(&file, text.replace("../data/rules/partial_fill", "d")).unwrap();
    backtest(&file.to_string_lossy(), &out.path().join("out"), &[]);
    let other = crate::support::root().join("data/rules/time_stop/snapshots.parquet");
    fs::copy(other, data.join("snapshots.parquet")).unwrap();
    let run = out.path().join("out/partial_fill/latest");
    let output = protogen(&["replay", &run.to_string_lossy()]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn the_views_are_those_of_the_contract() {
    let recorded = record("partial_fill", &[]);
    let ledger = Connection::open(recorded.folder.join("ledger.sqlite")).unwrap();
    for (view, columns) in [
        (
            "runs",
            "run_id, mode, scenario, version, seed, started_at, finished_at, bankroll, final_equity, digest",
        ),
        (
            "trades",
            "run_id, strategy, ticker, event_ticker, side, opened_at, closed_at, contracts, entry_price,
            exit_price, fees, pnl, exit_reason, probability, market_probability",
        ),
        (
            "fills",
            "run_id, ts, order_id, venue_order_id, ticker, side, action, price, contracts, fee, is_taker",
        ),
        ("orders", "run_id, ts, order_id, ticker, side, action, price, contracts, filled, status, reason"),
        (
            "calibration",
            "run_id, ts, strategy, ticker, event_ticker, probability, market_probability, yes_bid, yes_ask,
            hours_to_close, traded, outcome",
        ),
        ("equity", "run_id, ts, cash, exposure, equity, peak, drawdown, scale"),
        ("refusals", "run_id, ts, ticker, strategy, reason, net_edge"),
        ("halts", "run_id, ts, strategy, rule, detail, resumed_at, resumed_reason"),
    ] {
        let count: i64 = ledger
            .query_row(&format!("SELECT count(*) FROM (SELECT {columns} FROM {view})"), [], |row| row.get(0))
            .unwrap();
        assert!(count > 0 || ["halts", "refusals"].contains(&view), "{view} is empty");
    }
    // Belief 0.25 against 0.44/0.46, closing 71 hours after the first scan; NO won, so YES paid 0.
    let first: (f64, f64, f64, f64, f64, i64, f64) = ledger
        .query_row(
            "SELECT probability, market_probability, yes_bid, yes_ask, hours_to_close, traded, outcome
             FROM calibration ORDER BY ts LIMIT 1",
            [],
            |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                    row.get(5)?,
                    row.get(6)?,
                ))
            },
        )
        .unwrap();
    assert_eq!(first, (0.25, 0.45, 0.44, 0.46, 71.0, 1, 0.0));
}

#[test]
fn the_run_folder_runs_by_itself() {
    let recorded = record("partial_fill", &[]);
    let again = recorded.folder.join("again");
    let moved = recorded.folder.join("scenario.toml");
    let output = run(protogen(&["backtest", &moved.to_string_lossy(), "--json", "--out"]).arg(&again));
    let again: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = fs::read_to_string(recorded.folder.join("summary.json")).unwrap();
    let first: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(again["digest"], first["digest"]);
}
