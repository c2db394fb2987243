//! A day at the size of the whole exchange: ten thousand markets, a thousand messages a minute about others, and a
//! desk that trades a few series.

use std::collections::BTreeSet;
use std::path::Path;

use protogen::domain::{Market, Span, Timestamp};
use protogen::sandbox::{Faults, MarketOddity, OddMarkets, OddityHarm};
use protogen::scenario::Scenario;

use super::generated::GeneratedExchange;
use super::live::{books, discrepancies};
use super::odd::{session_halts, set_aside_rows};
use super::parity::{Deeds, backtest_of, catalogue};
use super::sandbox_here::{SandboxHere, get};

/// Every minute; whatever is more than five cents from even is bought.
const DAY: &str = "[scenario]\nname = \"day\"\nstart = 2026-11-02\nend = 2026-11-02\n[feed]\ndata = \"data\"\n\
    [scanner]\ninterval = \"1m\"\nmin_time_to_close = \"10m\"\nmin_volume = 0\n\
    series = [\"SYN000\", \"SYN001\", \"SYN002\", \"SYN003\", \"SYN004\"]\n\
    [strategy]\nname = \"fixed_rate\"\nprobability = 0.5\nmin_edge = 0.05\n\
    [simulation]\nlatency = \"0s\"\n[kill_switch]\nmin_win_rate = 0.0\nevidence = 1e12\n\
    [risk]\nkelly_fraction = 0.01\ndaily_loss_limit = 0.9\ndrawdown_start = 0.9\ndrawdown_half = 0.95\n";

/// What the Basic tier may spend in a minute.
const BASIC_READS: u64 = 200 * 60;
const BASIC_WRITES: u64 = 100 * 60;
const BASIC_BALANCES: u64 = 60;

fn write_exchange(data: &Path) {
    std::fs::create_dir(data).unwrap();
    let exchange = GeneratedExchange {
        seed: 1,
        markets: 10_000,
        markets_per_event: 10,
        series: 100,
        start: Timestamp::parse("2026-11-02T00:00:00Z").unwrap(),
        spacing: Span::HOUR.times(2),
        life: Span::HOUR.times(4),
        quotes: 12_000,
        lively_series: 5,
        fee_change: None,
    };
    exchange.write(data);
}

/// The markets that a client has to set aside, and what is odd about those that it has to trade as ever.
fn odd_markets(faults: &Faults, markets: &[Market]) -> (BTreeSet<String>, BTreeSet<MarketOddity>) {
    let (mut harmful, mut harmless) = (BTreeSet::new(), BTreeSet::new());
    for odd in OddMarkets::from_faults(faults).list_odd_markets(markets) {
        // What is odd only at its end, or trades longer, has no clean run to be compared with.
        assert_ne!(odd.oddity.harm_class(), OddityHarm::FromDetermination, "choose another seed");
        assert_ne!(odd.oddity, MarketOddity::Reopened, "choose another seed");
        if odd.is_harmful() {
            harmful.insert(odd.ticker);
        } else {
            harmless.insert(odd.oddity);
        }
    }
    (harmful, harmless)
}

#[test]
fn a_day_of_ten_thousand_markets_costs_a_desk_only_the_odd_ones_of_its_scope() {
    let folder = tempfile::tempdir().unwrap();
    write_exchange(&folder.path().join("data"));
    let scenario = || Scenario::parse(DAY, &[], folder.path()).unwrap();
    let mut whole = scenario();
    whole.desk.scanner.series.clear();
    let faults = Faults::parse("seed=1521,odd=0.01,foreign=1000/min").unwrap();
    let (set_aside, harmless) = odd_markets(&faults, &catalogue(&scenario()));
    assert!(set_aside.len() >= 5 && harmless.len() >= 5, "{set_aside:?} {harmless:?}");
    let (expected, equity) = backtest_of(scenario(), |market| !set_aside.contains(&*market.ticker));
    assert!(expected.len() > 1_000, "there is something to compare: {}", expected.len());

    let sandbox = SandboxHere::serve(&whole, &scenario(), folder.path(), faults, None);
    let mut deeds = Deeds::default();
    let ended = sandbox.trade(scenario(), &mut deeds);
    for (number, (then, now)) in expected.iter().zip(&deeds.lines).enumerate() {
        assert_eq!(now, then, "line {number}");
    }
    assert_eq!((deeds.lines.len(), ended.equity), (expected.len(), equity));
    assert_eq!((ended.halted_itself, session_halts(&sandbox.ledger)), (None, 0));
    assert_eq!(discrepancies(&sandbox.ledger), Vec::<String>::new());
    assert_eq!(books(&sandbox.ledger), sandbox.account());
    let told: BTreeSet<String> =
        set_aside_rows(&sandbox.ledger).into_iter().map(|(ticker, _)| ticker).collect();
    assert_eq!(told, set_aside, "those of the scope, and no other");

    let odd = get(sandbox.port, "/sandbox/odd");
    assert!(odd["odd"].as_array().unwrap().len() > 80, "most odd markets are out of scope: {odd}");
    assert!(odd["foreign_messages"].as_u64() > Some(1_200_000), "{}", odd["foreign_messages"]);
    assert_eq!(odd["foreign_requests"], 0);
    let (busiest, total) = (sandbox.tokens.busiest_minute(), sandbox.tokens.total_tokens());
    assert!(busiest.reads <= BASIC_READS && busiest.writes <= BASIC_WRITES, "{busiest:?}");
    assert!(busiest.balances <= BASIC_BALANCES, "{busiest:?}");
    // Each market of the scope is read when it is listed and when it is paid; nothing is read for any other.
    assert!((10_000..15_000).contains(&total.reads), "{total:?}");
}
