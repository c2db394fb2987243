//! Markets that pay an amount of six decimals: from data set to ledger, simulated and live, to the millionth of a dollar.

use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use protogen::dataset::check::inspect;
use protogen::dataset::read::catalogue::{MarketRow, Settlement, read_markets};
use protogen::dataset::write::writer::{Listing, write_listings};
use protogen::domain::SettlementValue;
use protogen::record::from_run::export_run;
use protogen::scenario::Scenario;
use rusqlite::Connection;

use super::live::{Sandbox, books, replay};
use super::parity::{backtest, live, scenario};
use super::support::root;

/// The FOMC data in a folder of their own, but every market that was paid out paid this.
fn paying(value: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["fee_changes.csv", "snapshots.parquet"] {
        fs::copy(root().join("data/fomc").join(file), folder.path().join(file)).unwrap();
    }
    let value = SettlementValue::parse_dollars(value).unwrap();
    let listing = |MarketRow { market, settlement, mutually_exclusive, .. }: MarketRow| Listing {
        market,
        settlement: settlement.map(|Settlement { at, .. }| Settlement { at, value }),
        yes_sub_title: String::new(),
        mutually_exclusive,
        price_ranges: String::new(),
    };
    let rows = read_markets(&root().join("data/fomc/markets.parquet")).unwrap();
    let rows: Vec<Listing> = rows.into_iter().map(listing).collect();
    write_listings(&folder.path().join("markets.parquet"), &rows).unwrap();
    folder
}

/// Five months of it.
fn months(data: &Path) -> Scenario {
    let mut scenario = scenario("2022-01-01", "2022-05-31");
    scenario.data = vec![data.to_owned()];
    scenario
}

/// The cells of a column of markets, each once; `None` if there is no such column.
fn numbers(data: &Path, column: &str) -> Option<Vec<i32>> {
    let file = fs::File::open(data.join("markets.parquet")).unwrap();
    let mut batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batch = batches.next().unwrap().unwrap();
    let mut cells: Vec<i32> =
        batch.column_by_name(column)?.as_primitive::<Int32Type>().iter().flatten().collect();
    cells.sort_unstable();
    cells.dedup();
    Some(cells)
}

fn queried<T: rusqlite::types::FromSql>(ledger: &Path, sql: &str) -> T {
    Connection::open(ledger).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// What holding to the end paid: in whole contracts, no sale before, so 0.333333 or 0.666667 for each.
fn assert_paid_in_thirds(ledger: &Path) {
    let held = "SELECT count(*) FROM trade t WHERE exit_reason = 'resolved' AND NOT EXISTS
        (SELECT 1 FROM fill f WHERE f.market = t.market AND f.action = 'sell')";
    let (yes, no) = (" AND side = 'yes'", " AND side = 'no'");
    for (side, paid) in [(yes, 333_333), (no, 666_667)] {
        let all: i64 = queried(ledger, &format!("{held}{side}"));
        assert!(all > 0, "nothing was held to the end{side}");
        let exact = format!("{held}{side} AND proceeds * 100 = contracts * {paid}");
        assert_eq!(queried::<i64>(ledger, &exact), all, "{side}");
    }
    let settled = "SELECT count(DISTINCT settled_value || ' ' || settled_value_e6) FROM market";
    assert_eq!(queried::<i64>(ledger, settled), 1);
    let both =
        "SELECT settled_value || ' ' || settled_value_e6 FROM market WHERE settled_at IS NOT NULL LIMIT 1";
    assert_eq!(queried::<String>(ledger, both), "3333 333333");
    let outcome = "SELECT max(abs(outcome - 0.333333)) FROM calibration WHERE outcome IS NOT NULL";
    assert!(queried::<f64>(ledger, outcome) < 1e-12);
    let line = "SELECT count(*) FROM decision WHERE line LIKE '%\"value\":\"0.333333\"%'";
    assert!(queried::<i64>(ledger, line) > 3);
}

#[test]
fn a_data_set_keeps_six_decimals_beside_the_rounded_value_and_says_so_only_then() {
    let data = paying("0.333333");
    let value = SettlementValue::from_micros(333_333).unwrap();
    let rows = read_markets(&data.path().join("markets.parquet")).unwrap();
    let paid: Vec<_> = rows.iter().filter_map(|row| row.settlement).map(|end| end.value).collect();
    assert!(paid.len() > 50 && paid.iter().all(|paid| *paid == value), "{}", paid.len());
    assert_eq!(numbers(data.path(), "settlement_value"), Some(vec![3_333]));
    assert_eq!(numbers(data.path(), "settlement_value_e6"), Some(vec![333_333]));
    assert_eq!(inspect::check_data(data.path()).count, 0);
    let coarse = paying("0.3333");
    assert_eq!(numbers(coarse.path(), "settlement_value"), Some(vec![3_333]));
    assert_eq!(numbers(coarse.path(), "settlement_value_e6"), None);
}

#[test]
fn live_pays_what_the_backtest_pays_to_the_millionth_and_so_does_a_backtest_of_what_was_seen() {
    let data = paying("0.333333");
    let folder = tempfile::tempdir().unwrap();
    let (then, equity) = backtest(months(data.path()));
    let (coarse, _) = backtest(months(paying("0.3333").path()));
    assert!(then.len() > 50 && then != coarse, "the last decimals count");
    let (now, live_equity) = live(months(data.path()), folder.path());
    for (number, (then, now)) in then.iter().zip(&now).enumerate() {
        assert_eq!(now, then, "line {number}");
    }
    assert_eq!((now.len(), live_equity), (then.len(), equity));
    let ledger = folder.path().join("ledger.sqlite");
    assert_paid_in_thirds(&ledger);
    assert_eq!(replay(&ledger, &[]), (0, String::new()));

    let seen = folder.path().join("seen");
    let exported = export_run(&ledger, &seen).unwrap();
    assert_eq!(numbers(&seen, "settlement_value_e6"), Some(vec![333_333]));
    let mut again = months(&seen);
    again.facts = exported.facts_files;
    assert_eq!(backtest(again), (then, equity));
}

/// The sandbox pays whole cents, as the exchange does; our books are exact. The account lacks less than a cent for
/// each payout, which is no reason to refuse to start.
#[test]
fn a_desk_goes_on_with_an_account_that_was_paid_whole_cents() {
    let data = paying("0.333333");
    let sandbox = Sandbox::of(data.path(), &["--start", "2022-01-01", "--end", "2022-05-31"]);
    let session = || {
        let output = sandbox.live(&[]).output().unwrap();
        let code = output.status.code().unwrap();
        assert!(code == 0 || code == 1, "{code}: {}", String::from_utf8_lossy(&output.stderr));
    };
    session();
    let ledger: PathBuf = sandbox.ledger();
    assert_paid_in_thirds(&ledger);
    let (ours, theirs) = (books(&ledger), sandbox.account());
    assert_eq!((&ours["positions"], &ours["resting"]), (&theirs["positions"], &theirs["resting"]));
    let missing = ours["cash"].as_i64().unwrap() - theirs["cash"].as_i64().unwrap();
    let payouts: i64 = queried(&ledger, "SELECT count(*) FROM trade WHERE exit_reason = 'resolved'");
    assert!(missing > 0 && missing < payouts * 10_000, "{missing} for {payouts}");
    session();
    assert_eq!(queried::<i64>(&ledger, "SELECT count(*) FROM discrepancy"), 0);
}
