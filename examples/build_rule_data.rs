//! Builds the tiny data sets under `data/rules/`, one for each rule that a scenario shows.
//!
//! `cargo run --example build_rule_data -- data/rules`. Every figure is made up and small enough to follow
//! by hand; the same call gives the same bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use protogen::dataset::read::catalogue::Settlement;
use protogen::dataset::write::writer::{SnapshotRow, SnapshotWriter, write_markets};
use protogen::domain::{
    Contracts, Decimal6, EventId, FeeSchedule, Market, MarketId, Price, PriceGrid, Quote, SeriesId, Span,
    Strike, Timestamp,
};

/// A market of the story: its event, and what it pays in the end.
struct Story {
    ticker: &'static str,
    event: &'static str,
    /// Hours from the start: open, close, paid.
    hours: [i64; 3],
    /// Ten-thousandths paid on YES.
    pays: u16,
}

/// One line of quotes: hours from the start, ticker, bid and ask in cents, size on each side.
type Line = (i64, &'static str, u16, u16, i64);

struct DataSet {
    name: &'static str,
    markets: Vec<Story>,
    quotes: Vec<Line>,
}

const fn story(ticker: &'static str, event: &'static str, hours: [i64; 3], pays: u16) -> Story {
    Story { ticker, event, hours, pays }
}

/// Three markets of one event, all attractive: the event's cap stops the third.
fn exposure_cap() -> DataSet {
    let markets = ["CAP-1-A", "CAP-1-B", "CAP-1-C"];
    DataSet {
        name: "exposure_cap",
        markets: markets.iter().map(|ticker| story(ticker, "CAP-1", [0, 72, 73], 0)).collect(),
        quotes: (1..4).flat_map(|hour| markets.map(|ticker| (hour, ticker, 38, 40, 100_000))).collect(),
    }
}

/// Five events in a row, each lost: bets shrink as the drawdown grows.
fn drawdown() -> DataSet {
    let tickers = ["DD-1-A", "DD-2-A", "DD-3-A", "DD-4-A", "DD-5-A"];
    let events = ["DD-1", "DD-2", "DD-3", "DD-4", "DD-5"];
    let markets = (0i64..).zip(tickers.into_iter().zip(events));
    DataSet {
        name: "drawdown",
        markets: markets
            .clone()
            .map(|(n, (ticker, event))| story(ticker, event, [n * 48, n * 48 + 24, n * 48 + 25], 0))
            .collect(),
        quotes: markets.map(|(n, (ticker, _))| (n * 48 + 2, ticker, 48, 50, 100_000)).collect(),
    }
}

/// One market, quoted daily, whose price does not move.
fn time_stop() -> DataSet {
    DataSet {
        name: "time_stop",
        markets: vec![story("TS-1-A", "TS-1", [0, 480, 481], 10_000)],
        quotes: (0..10).map(|day| (day * 24 + 12, "TS-1-A", 38, 40, 500)).collect(),
    }
}

/// Six events in a row, each lost: after the third the strategy is halted.
fn kill_switch() -> DataSet {
    let tickers = ["KS-1-A", "KS-2-A", "KS-3-A", "KS-4-A", "KS-5-A", "KS-6-A"];
    let events = ["KS-1", "KS-2", "KS-3", "KS-4", "KS-5", "KS-6"];
    let markets = (0i64..).zip(tickers.into_iter().zip(events));
    DataSet {
        name: "kill_switch",
        markets: markets
            .clone()
            .map(|(n, (ticker, event))| story(ticker, event, [n * 48, n * 48 + 24, n * 48 + 25], 0))
            .collect(),
        quotes: markets.map(|(n, (ticker, _))| (n * 48 + 2, ticker, 28, 30, 1_000)).collect(),
    }
}

/// Kelly asks for 1,769 contracts, the market offers a hundred at a time.
fn partial_fill() -> DataSet {
    DataSet {
        name: "partial_fill",
        markets: vec![story("PF-1-A", "PF-1", [0, 72, 73], 0)],
        quotes: (1..6).map(|hour| (hour, "PF-1-A", 44, 46, 100)).collect(),
    }
}

/// A bid that rises above the belief, and a market that settles between yes and no.
fn inversion_and_scalar() -> DataSet {
    DataSet {
        name: "inversion_and_scalar",
        markets: vec![
            story("IV-1-A", "IV-1", [0, 240, 241], 0),
            story("IV-2-A", "IV-2", [0, 240, 241], 3_700),
        ],
        quotes: vec![
            (1, "IV-1-A", 48, 50, 100),
            (1, "IV-2-A", 48, 50, 100),
            (30, "IV-1-A", 66, 68, 60),
            (54, "IV-1-A", 72, 74, 60),
            (78, "IV-1-A", 73, 75, 60),
        ],
    }
}

fn price(cents: u16) -> Option<Price> {
    Price::new(cents * 100)
}

fn start() -> Result<Timestamp> {
    Timestamp::parse("2024-01-01T00:00:00Z").map_err(anyhow::Error::msg)
}

fn write(out: &Path, set: &DataSet) -> Result<()> {
    let folder = out.join(set.name);
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let at = |hours: i64| Ok::<_, anyhow::Error>(start()? + Span::HOUR.times(hours));
    let file = folder.join("snapshots.parquet");
    let mut writer = SnapshotWriter::create(&file)?;
    let mut volume = 1_000;
    for &(hour, ticker, bid, ask, size) in &set.quotes {
        volume += 50;
        let size = Some(Contracts::whole(size));
        let quote = Quote {
            bid: price(bid),
            ask: price(ask),
            bid_size: size,
            ask_size: size,
            volume: Some(Contracts::whole(volume)),
            ..Quote::default()
        };
        writer.write_row(&SnapshotRow { at: at(hour)?, ticker, quote })?;
    }
    writer.finish()?;
    let markets = set.markets.iter().map(|story| {
        let [open, close, paid] = story.hours;
        let market = Market {
            id: MarketId(0),
            event: EventId(0),
            series: SeriesId(0),
            ticker: story.ticker.into(),
            event_ticker: story.event.into(),
            series_ticker: Arc::from(story.event.split('-').next().unwrap_or_default()),
            category: "Example".into(),
            title: "A made-up market".into(),
            strike: Strike::Greater(Decimal6::from_millionths(0)),
            open_time: at(open)?,
            close_time: at(close)?,
            grid: PriceGrid::whole_cents(),
            fees: FeeSchedule::STANDARD,
        };
        let value = Price::new(story.pays).context("a price")?.into();
        Ok((market, Some(Settlement { at: at(paid)?, value })))
    });
    let markets = markets.collect::<Result<Vec<_>>>()?;
    write_markets(&folder.join("markets.parquet"), &markets, false)?;
    Ok(())
}

fn main() -> Result<()> {
    let out: PathBuf = std::env::args_os().nth(1).context("usage: build_rule_data OUT_DIR")?.into();
    let sets =
        [exposure_cap(), drawdown(), time_stop(), kill_switch(), partial_fill(), inversion_and_scalar()];
    sets.iter().try_for_each(|set| write(&out, set))
}
