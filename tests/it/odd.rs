//! An exchange that sends what its schemas allow and its data never showed: one odd market costs that market, no other.

use std::collections::BTreeSet;
use std::path::Path;

use protogen::domain::Market;
use protogen::sandbox::{Faults, MarketOddity, OddMarkets, OddityHarm};
use protogen::scenario::Scenario;
use rusqlite::Connection;

use super::parity::{backtest_of, catalogue, live_with, scenario};

pub fn months() -> Scenario {
    let mut scenario = scenario("2022-01-01", "2022-05-31");
    scenario.desk.scanner.series = vec!["FED".into()];
    scenario
}

/// The markets that a client has to set aside, and those that it has to trade as ever.
pub struct Oddities {
    pub set_aside: BTreeSet<String>,
    pub harmless: Vec<MarketOddity>,
}

pub fn oddities(faults: &Faults, markets: &[Market]) -> Oddities {
    let odd = OddMarkets::from_faults(faults).list_odd_markets(markets);
    let harmless = odd.iter().filter(|odd| !odd.is_harmful()).map(|odd| odd.oddity).collect();
    let set_aside = odd.iter().filter(|odd| odd.is_harmful()).map(|odd| odd.ticker.clone()).collect();
    for odd in &odd {
        // What is odd only at its end, pays something else, or trades longer, has no clean run to be compared with.
        assert_ne!(odd.oddity.harm_class(), OddityHarm::FromDetermination, "choose another seed");
        let differs = [MarketOddity::Reopened, MarketOddity::DeterminedSixDecimals];
        assert!(!differs.contains(&odd.oddity), "choose another seed");
    }
    Oddities { set_aside, harmless }
}

/// Markets that a ledger has as set aside, and when each was cleared.
pub fn set_aside_rows(ledger: &Path) -> Vec<(String, Option<String>)> {
    let ledger = Connection::open(ledger).unwrap();
    let mut query = ledger.prepare("SELECT ticker, cleared_at FROM set_aside").unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

/// How often the exchange halted a desk by what it said.
pub fn session_halts(ledger: &Path) -> i64 {
    let halts = "SELECT count(*) FROM halts WHERE rule IN ('exchange', 'discrepancy')";
    Connection::open(ledger).unwrap().query_row(halts, [], |row| row.get(0)).unwrap()
}

/// Among odd markets and a stream that carries the whole exchange, the desk makes the trades of a backtest that never
/// heard of the markets it cannot understand; nothing halts, and nothing is asked about markets out of scope.
#[test]
fn one_odd_market_costs_that_market_and_no_other() {
    for seed in [5, 18, 26, 82] {
        let faults = Faults::parse(&format!("seed={seed},odd=0.12,foreign=20/min")).unwrap();
        let markets = catalogue(&months());
        let Oddities { set_aside, harmless } = oddities(&faults, &markets);
        assert!(set_aside.len() >= 3 && harmless.len() >= 3, "{seed}: {set_aside:?} {harmless:?}");
        let (expected, equity) = backtest_of(months(), |market| !set_aside.contains(&*market.ticker));
        let folder = tempfile::tempdir().unwrap();
        let session = live_with(months(), folder.path(), faults);
        for (number, (then, now)) in expected.iter().zip(&session.lines).enumerate() {
            assert_eq!(now, then, "{seed}: line {number}");
        }
        assert_eq!((session.lines.len(), session.equity), (expected.len(), equity), "{seed}");
        assert_eq!(session.foreign_requests, 0, "{seed}");
        let ledger = folder.path().join("ledger.sqlite");
        let told = set_aside_rows(&ledger);
        assert!(!told.is_empty(), "{seed}");
        for (ticker, cleared) in &told {
            assert!(set_aside.contains(ticker) && cleared.is_none(), "{seed}: {ticker} {cleared:?}");
        }
        let tickers: BTreeSet<_> = told.iter().map(|(ticker, _)| ticker).collect();
        assert_eq!(tickers.len(), told.len(), "{seed}: each is told once");
        assert_eq!(session_halts(&ledger), 0, "{seed}");
    }
}
