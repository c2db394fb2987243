//! The scanner and the exits on real ticks: every change of the best prices of New York's temperature
//! markets on two days of December 2025, against plain calculations over the same list of ticks.
//!
//! The table is not part of the project: it is looked for in `PROTOGEN_SHARED_DATA`, or in `../shared/data`
//! beside the project; without it these tests say so and pass.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;

use protogen::desk::Desk;
use protogen::desk::decision::{Evaluation, Record, Verdict};
use protogen::desk::risk::Refusal;
use protogen::domain::{
    Action, Decimal6, EventId, FeeSchedule, Market, MarketId, Price, PriceGrid, Quote, SeriesId, Side, Span,
    Strike, Timestamp,
};
use protogen::engine::Engine;
use protogen::engine::gateway::EventSource;
use protogen::event::{Input, MarketEvent, Stamped};
use protogen::scenario::Scenario;
use protogen::sim::SimExchange;

use crate::look_ahead::{Listed, Memory};
use crate::support::root;

const EVENTS: [(&str, &str); 2] =
    [("KXHIGHNY-25DEC10", "2025-12-11T04:59:00Z"), ("KXHIGHNY-25DEC12", "2025-12-13T04:59:00Z")];

/// A change of a market's best prices, in cents; 0 and 100 are empty sides.
#[derive(Clone, Copy, Debug)]
struct Tick {
    at: Timestamp,
    market: MarketId,
    bid: u16,
    ask: u16,
}

struct Ticks {
    markets: Vec<Arc<Market>>,
    ticks: Vec<Tick>,
}

pub fn table() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where the machine keeps a large table")]
    let folder = std::env::var("PROTOGEN_SHARED_DATA").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|_| root().join("../shared/data"));
    let file = folder.join("kalshi_kxhighny_quotes_2025dec.parquet");
    if !file.is_file() {
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("SKIPPED: real ticks are not at {}; set PROTOGEN_SHARED_DATA", file.display());
        }
        return None;
    }
    Some(file)
}

fn read(file: &Path) -> Ticks {
    let mut rows: Vec<(Timestamp, usize, String, u16, u16)> = Vec::new();
    let reader = SerializedFileReader::new(File::open(file).unwrap()).unwrap();
    for row in reader.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let event = row.get_string(1).unwrap();
        if let Some(event) = EVENTS.iter().position(|(name, _)| name == event) {
            let at = Timestamp::from_micros(row.get_timestamp_micros(0).unwrap()).unwrap();
            let cents = |column| u16::try_from(row.get_short(column).unwrap()).unwrap();
            rows.push((at, event, row.get_string(2).unwrap().clone(), cents(3), cents(4)));
        }
    }
    rows.sort_by_key(|row| row.0);
    let names: BTreeMap<&str, usize> = rows.iter().map(|row| (row.2.as_str(), row.1)).collect();
    let first = rows[0].0;
    let id = |name: &str| {
        let number = names.keys().position(|known| *known == name).unwrap();
        MarketId(u32::try_from(number).unwrap())
    };
    let markets = names.iter().map(|(name, event)| {
        let event_id = EventId(u32::try_from(*event).unwrap());
        Arc::new(market(id(name), event_id, name, first, EVENTS[*event]))
    });
    let ticks =
        rows.iter().map(|(at, _, name, bid, ask)| Tick { at: *at, market: id(name), bid: *bid, ask: *ask });
    let (markets, ticks) = (markets.collect(), ticks.filter(|tick| tick.bid < tick.ask).collect());
    Ticks { markets, ticks }
}

fn market(id: MarketId, event: EventId, ticker: &str, open_time: Timestamp, named: (&str, &str)) -> Market {
    Market {
        id,
        event,
        series: SeriesId(0),
        ticker: ticker.into(),
        event_ticker: named.0.into(),
        series_ticker: "KXHIGHNY".into(),
        category: "Climate and Weather".into(),
        title: "".into(),
        strike: Strike::Greater(Decimal6::from_millionths(0)),
        open_time,
        close_time: Timestamp::parse(named.1).unwrap(),
        grid: PriceGrid::whole_cents(),
        fees: FeeSchedule::STANDARD,
    }
}

fn cents(cents: u16) -> Option<Price> {
    (1..=99).contains(&cents).then(|| Price::new(cents * 100)).flatten()
}

/// Runs the desk over the ticks with these settings and returns what it wrote down.
fn run(world: &Ticks, settings: &str) -> Vec<Record> {
    let text = format!(
        "[scenario]\nname = \"ticks\"\n[feed]\ndata = \"none\"\n\
         [simulation]\nlatency = \"0s\"\nfill = \"unlimited\"\n[kill_switch]\nmin_win_rate = 0.0\nevidence = 1e12\n{settings}"
    );
    let scenario = Scenario::parse(&text, &[], Path::new("")).unwrap();
    let listed = world.markets.iter().map(|market| Stamped {
        at: market.open_time,
        value: Input::Market(MarketEvent::Listed(Arc::clone(market))),
    });
    let quotes = world.ticks.iter().map(|tick| {
        let quote = Quote { bid: cents(tick.bid), ask: cents(tick.ask), ..Quote::default() };
        Stamped { at: tick.at, value: Input::Market(MarketEvent::Quote { market: tick.market, quote }) }
    });
    let inputs: Vec<_> = listed.chain(quotes).collect();
    let mut engine = Engine::new(
        Desk::new(scenario.desk, scenario.seats),
        EventSource { feed: Listed(inputs.into_iter(), None), venue: SimExchange::new(scenario.sim) },
        Memory::default(),
    );
    engine.run(|_, _| {}).unwrap();
    engine.journal.0.into_iter().map(|(_, record)| record).collect()
}

fn evaluations(records: &[Record]) -> impl Iterator<Item = &Evaluation> {
    records.iter().filter_map(|record| match record {
        Record::Evaluation(evaluation) => Some(evaluation),
        _ => None,
    })
}

fn minutes(count: i64) -> Span {
    Span::MINUTE.times(count)
}

/// Each tick is looked at in the scan of its quarter of an hour, each market once a scan, none after one
/// hour before its close.
#[test]
fn scans_keep_their_interval() {
    let Some(file) = table() else { return };
    let world = read(&file);
    assert!(world.ticks.len() > 20_000, "{} ticks", world.ticks.len());
    for (interval, step) in [("15m", minutes(15)), ("0s", Span::ZERO)] {
        let records = run(
            &world,
            &format!(
                "[scanner]\ninterval = \"{interval}\"\nmin_volume = 0\nmin_time_to_close = \"1h\"\n\
                 [strategy]\nname = \"fixed_rate\"\nprobability = 0.5\nmin_edge = 1.0\n"
            ),
        );
        let found: Vec<_> = evaluations(&records).map(|seen| (seen.at, seen.market)).collect();
        let mut expected = BTreeSet::new();
        let mut ticks = 0;
        let end = world.ticks.last().unwrap().at;
        for tick in &world.ticks {
            let scan = tick.at.rounded_up_to(step);
            let close = world.markets[tick.market.index()].close_time;
            // The last quarter of an hour has no scan: the data ends in it.
            if scan + minutes(60) <= close && scan <= end {
                ticks += 1;
                expected.insert((scan, tick.market));
            }
        }
        let looked_at: BTreeSet<_> = found.iter().copied().collect();
        let differ: Vec<_> = looked_at.symmetric_difference(&expected).collect();
        assert!(differ.is_empty(), "{interval}: {differ:?}");
        let every = if step == Span::ZERO { ticks } else { expected.len() };
        assert_eq!(found.len(), every, "{interval}: evaluated more than once a scan");
    }
}

/// With hourly scans and quotes allowed to be five minutes old, a market is refused exactly where its last
/// tick before the scan is older.
#[test]
fn a_quote_older_than_allowed_is_not_traded() {
    let Some(file) = table() else { return };
    let world = read(&file);
    let records = run(
        &world,
        "[scanner]\ninterval = \"1h\"\nmin_volume = 0\n[risk]\nmax_quote_age = \"5m\"\n\
         [strategy]\nname = \"fixed_rate\"\nprobability = 0.5\nmin_edge = 0.05\n",
    );
    let (mut stale, mut fresh) = (0, 0);
    for seen in evaluations(&records) {
        let last = world.ticks.iter().rfind(|tick| tick.market == seen.market && tick.at <= seen.at).unwrap();
        let too_old = seen.at.since(last.at) > minutes(5);
        match seen.verdict {
            Verdict::NoOpportunity => {}
            Verdict::Refused(Refusal::StaleQuote) => {
                stale += 1;
                assert!(too_old, "{} {}", seen.at, seen.market.0);
            }
            _ => {
                fresh += 1;
                assert!(!too_old, "{} {}", seen.at, seen.market.0);
            }
        }
    }
    assert!(stale > 10 && fresh > 10, "{stale} stale, {fresh} fresh");
}

/// What one contract of `side` brings when sold at the bid, after the fee, in millionths of a dollar:
/// P − 0.07·P·(1 − P) with P in cents is 10,000·P − 7·P·(100 − P).
fn proceeds(side: Side, tick: &Tick) -> Option<i64> {
    let bid = match side {
        Side::Yes => tick.bid,
        Side::No => 100 - tick.ask,
    };
    (1..=99).contains(&bid).then(|| i64::from(bid) * 10_000 - 7 * i64::from(bid) * (100 - i64::from(bid)))
}

/// The first position of each market: when it was bought, on which side, and when the order to sell it
/// was sent.
fn first_positions(records: &[Record]) -> BTreeMap<MarketId, (Timestamp, Side, Option<Timestamp>)> {
    let mut first = BTreeMap::new();
    for record in records {
        if let Record::Order(placed) = record {
            let order = placed.order;
            if order.action == Action::Buy {
                first.entry(order.market).or_insert((placed.at, order.side, None));
            } else if let Some((_, _, sold @ None)) = first.get_mut(&order.market) {
                *sold = Some(placed.at);
            }
        }
    }
    first
}

const TRADER: &str = "[strategy]\nname = \"fixed_rate\"\nprobability = 0.3\nmin_edge = 0.05\n\
    [risk]\nmax_exposure = 1.0\nmax_series_exposure = 1.0\nmax_event_exposure = 1.0\ndaily_loss_limit = 1.0\n\
    drawdown_start = 0.98\ndrawdown_half = 0.99\nmax_quote_age = \"1d\"\n";

/// A position is sold at the first look at which its side's bid, after the fee, pays at least the belief:
/// with scans at every change at that tick, with quarter-hourly scans at the first that sees such a quote.
#[test]
fn an_inverted_edge_is_sold_at_the_first_tick_that_pays_for_it() {
    let Some(file) = table() else { return };
    let world = read(&file);
    for (interval, step) in [("0s", Span::ZERO), ("15m", minutes(15))] {
        let records = run(&world, &format!("[scanner]\ninterval = \"{interval}\"\nmin_volume = 0\n{TRADER}"));
        let mut sold = 0;
        for (market, (bought, side, found)) in first_positions(&records) {
            let close = world.markets[market.index()].close_time;
            // millionths; the strategy's belief in YES is 0.3
            let belief = if side == Side::Yes { 300_000 } else { 700_000 };
            let later: Vec<&Tick> =
                world.ticks.iter().filter(|tick| tick.market == market && tick.at > bought).collect();
            let seen = later.iter().enumerate().filter(|(number, tick)| {
                let scan = tick.at.rounded_up_to(step);
                let last = later.get(number + 1).is_none_or(|next| next.at.rounded_up_to(step) > scan);
                (last || step == Span::ZERO) && scan < close
            });
            let expected = seen
                .map(|(_, tick)| (tick.at.rounded_up_to(step), tick))
                .find(|(_, tick)| proceeds(side, tick).is_some_and(|paid| paid >= belief))
                .map(|(scan, _)| scan);
            assert_eq!(found, expected, "{interval}, market {}", market.0);
            sold += u32::from(expected.is_some());
        }
        assert!(sold >= 3, "{interval}: only {sold} positions turned");
    }
}

/// A position is sold at the first scan at least six hours after it was bought, also where no tick comes.
#[test]
fn a_time_stop_sells_at_the_first_scan_after_it() {
    let Some(file) = table() else { return };
    let world = read(&file);
    let records = run(
        &world,
        &format!(
            "[scanner]\ninterval = \"15m\"\nmin_volume = 0\n\
             [exits]\ninversion = 1.0\nmax_holding = \"6h\"\n{TRADER}"
        ),
    );
    let positions = first_positions(&records);
    assert!(positions.len() >= 6, "only {} markets were bought", positions.len());
    for (market, (bought, _, found)) in positions {
        let stop = (bought + minutes(360)).rounded_up_to(minutes(15));
        let sold = (stop < world.markets[market.index()].close_time).then_some(stop);
        assert_eq!(found, sold, "market {}", market.0);
    }
}
