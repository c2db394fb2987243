//! Ledgers that earlier versions left: each opens, can be looked at, and is gone on with.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use protogen::desk::Desk;
use protogen::domain::{Money, SettlementValue, Side, Timestamp};
use protogen::engine::Engine;
use protogen::engine::gateway::EventSource;
use protogen::event::{Input, MarketEvent, Stamped};
use protogen::live::ledger_open::{IN_FORCE, LedgerOpening, OpenedLedger};
use protogen::live::reconciliation::{BufferedCommands, RecoveryFeed};
use protogen::scenario::Scenario;
use rusqlite::Connection;
use serde_json::json;

use super::live::{books, replay};
use super::support::{protogen, root, run};

/// A ledger of an earlier version, copied, since opening it writes.
fn copied(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.sqlite");
    fs::copy(root().join("tests/fixtures/ledgers").join(name), &file).unwrap();
    (folder, file)
}

fn all() -> Vec<String> {
    let entries = fs::read_dir(root().join("tests/fixtures/ledgers")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter(|name| Path::new(name).extension().unwrap() == "sqlite").collect();
    names.sort();
    names
}

/// Opens a ledger as a live desk does, with the scenario it ended with.
fn open(file: &Path) -> OpenedLedger {
    let in_force: String = Connection::open(file)
        .unwrap()
        .query_row("SELECT value FROM note WHERE name = ?1", [IN_FORCE], |row| row.get(0))
        .unwrap();
    let scenario = Scenario::parse(&in_force, &[], Path::new("")).unwrap();
    let opening = LedgerOpening { file, mode: "live", environment: "sandbox", run_id: "unused" };
    opening.open_ledger(scenario).unwrap()
}

fn held(desk: &Desk) -> usize {
    desk.positions().iter().count()
}

/// Goes on with a ledger: every market pays this, a day after what it ended with.
fn settle_all(opened: OpenedLedger, value: SettlementValue) -> (Desk, Timestamp) {
    let OpenedLedger { desk, seq, logger, .. } = opened;
    let at = desk.now() + protogen::domain::Span::DAY;
    let paid = desk.market_states().iter().filter(|book| book.settled.is_none()).map(|book| {
        let settled = MarketEvent::Settled { market: book.market.id, value };
        Stamped { at, value: Input::Market(settled) }
    });
    let feed = RecoveryFeed(paid.collect::<VecDeque<_>>());
    let mut engine = Engine::new(desk, EventSource { feed, venue: BufferedCommands::default() }, logger);
    engine.seq = seq;
    engine.run(|_, _| ()).unwrap();
    let equity = engine.desk.equity_point().equity;
    engine.journal.write_run_summary(None, equity).unwrap();
    (engine.desk, at)
}

#[test]
fn every_ledger_opens_and_its_decisions_are_repeated() {
    let names = all();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let (_folder, file) = copied(&name);
        assert_eq!(replay(&file, &[]), (0, String::new()), "{name}");
        let opened = open(&file);
        assert!(held(&opened.desk) > 0 && opened.reconfigure.is_none(), "{name}");
    }
}

#[test]
fn every_ledger_can_be_looked_at() {
    for name in all() {
        let (folder, file) = copied(&name);
        let file = file.to_string_lossy();
        for command in ["status", "positions", "halts"] {
            run(protogen(&[command, "--ledger", &file]).env("XDG_DATA_HOME", folder.path()));
        }
        run(protogen(&["report", "--text", &file]).env("XDG_DATA_HOME", folder.path()));
    }
}

#[test]
fn every_ledger_is_gone_on_with() {
    for name in all() {
        let (_folder, file) = copied(&name);
        let (desk, at) = settle_all(open(&file), SettlementValue::ZERO);
        // A sale whose fate is open keeps its market's payout waiting; there is none in these.
        assert_eq!(held(&desk), 0, "{name}");
        assert_eq!(replay(&file, &[]), (0, String::new()), "{name}");
        let again = open(&file);
        assert_eq!(
            (again.desk.now(), again.desk.cash_ledger().total_cash()),
            (at, desk.cash_ledger().total_cash()),
            "{name}"
        );
    }
}

#[test]
fn every_ledger_can_be_paid_in_six_decimals() {
    let columns = "SELECT count(*) FROM pragma_table_info('market') WHERE name = 'settled_value_e6'";
    let before = "SELECT count(*) FROM market WHERE settled_value IS NOT NULL";
    let still = "SELECT count(*) FROM market WHERE settled_value_e6 = settled_value * 100";
    let third = "SELECT count(*) FROM market WHERE settled_value = 3333 AND settled_value_e6 = 333333";
    let outcomes = "SELECT count(*) FROM calibration WHERE abs(outcome - 0.333333) < 1e-12";
    for name in all() {
        let (_folder, file) = copied(&name);
        let count = |sql: &str| -> i64 {
            Connection::open(&file).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
        };
        let (exact, settled) = (count(columns), count(before));
        assert_eq!(exact, 0, "{name}");
        let opened = open(&file);
        let (cash, value) = (opened.desk.cash_ledger().total_cash(), SettlementValue::from_micros(333_333));
        let contracts = |side: Side| -> i64 {
            let held = opened.desk.positions().iter().filter(|(_, held)| held.side == side);
            held.map(|(_, held)| held.contracts.hundredths()).sum()
        };
        // Whole contracts: 0.333333 for each YES, 0.666667 for each NO.
        let paid = Money::from_micros((contracts(Side::Yes) * 333_333 + contracts(Side::No) * 666_667) / 100);
        let (desk, _) = settle_all(opened, value.unwrap());
        assert_eq!(desk.cash_ledger().total_cash(), cash + paid, "{name}");
        assert_eq!(
            (count(columns), count(still)),
            (1, settled),
            "{name}: what was settled before is there too"
        );
        assert!(count(third) > 0 && count(outcomes) > 0, "{name}");
        assert_eq!(replay(&file, &[]), (0, String::new()), "{name}");
        assert_eq!(open(&file).desk.cash_ledger().total_cash(), cash + paid, "{name}");
    }
}

#[test]
fn positions_and_resting_orders_are_those_it_was_left_with() {
    let (_folder, file) = copied("0.1.0_open_positions_and_orders.sqlite");
    let desk = open(&file).desk;
    let signed = desk.positions().iter().map(|(market, held)| {
        let ticker = desk.market_states().get(market).unwrap().market.ticker.to_string();
        let contracts = held.contracts.hundredths();
        (ticker, if held.side == Side::Yes { contracts } else { -contracts })
    });
    let signed: BTreeMap<String, i64> = signed.collect();
    assert_eq!(signed.len(), 5);
    // Worked out from fills and payouts alone.
    let books = books(&file);
    assert_eq!(
        (json!(signed), json!(desk.cash_ledger().total_cash().micros())),
        (books["positions"].clone(), books["cash"].clone())
    );
    let resting: Vec<u64> = desk.execution().iter().map(|open| open.order.id.0).collect();
    let connection = Connection::open(&file).unwrap();
    let mut open = connection.prepare("SELECT order_id FROM placed WHERE status IS NULL ORDER BY 1").unwrap();
    let listed = open.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect::<Vec<u64>>();
    assert!(resting.len() >= 2 && resting == listed, "{resting:?} {listed:?}");
}

#[test]
fn a_fee_that_was_booked_stays_booked_and_halts_what_it_halted() {
    let (_folder, file) = copied("0.1.0_fee_times_a_million.sqlite");
    let desk = open(&file).desk;
    assert!(desk.cash_ledger().total_cash() < Money::ZERO && desk.risk().halted_itself());
    let (_folder, file) = copied("0.1.0_fee_minus_a_thousand.sqlite");
    let desk = open(&file).desk;
    // $10,000 less what three purchases cost, and the thousand.
    assert_eq!(desk.cash_ledger().total_cash().micros(), books(&file)["cash"]);
    assert!(desk.cash_ledger().total_cash() > Money::parse("10900").unwrap());
}
