//! Builds the CPI data set of this repository from raw tables.
//!
//! Run: `cargo run --example build_cpi_data -- RAW_DIR OUT_DIR`
//!
//! Reads releases with prints and consensus (`cpi_releases.csv`) and tables of Kalshi markets
//! (`kalshi_cpiyoy_candles_daily.parquet`, `kalshi_ladder_results.csv`, maker fees). Writes `OUT_DIR/cpi`, a
//! data set, and the consensus and the calendar of releases in `OUT_DIR/facts`; the prints themselves are
//! written by `build_fomc_data`.
//!
//! The same input gives the same bytes. Anything unexpected in the input is an error; what is
//! dropped by rule is counted and printed. `data/README.md` explains every choice made here.

#![expect(clippy::print_stdout, reason = "it says what it wrote")]

mod raw;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use raw::{Listing, Quote, Record, find, hundredths, join, new_york, price, read_csv, read_parquet};
use raw::{result_name, text, write_csv};

/// No market on the CPI is older.
const FIRST_MONTH: &str = "2021-06";

/// Releases that lapses in government funding moved or cancelled: reference month, day they were
/// scheduled for, day the change was announced.
const MOVED: &str = "2025-09=2025-10-15,2025-10-10 2025-10=2025-11-13,2025-11-21 \
    2025-11=2025-12-10,2025-11-21 2026-01=2026-02-11,2026-02-04";

/// A month's release: when its schedule said it would come, and when it came.
struct Release {
    scheduled: Timestamp,
    came: Option<Timestamp>,
    yoy: Option<i64>,
}

/// Releases by reference month, written `2024-01`.
type Releases = BTreeMap<String, Release>;

/// Markets by event and strike in hundredths of a percentage point.
type Markets = BTreeMap<(String, i64), Market>;

struct Market {
    month: String,
    ticker: String,
    above: String,
    close: Timestamp,
    settled: Option<Timestamp>,
    wins: Option<bool>,
    candles: BTreeMap<Timestamp, Candle>,
}

/// The end of a day, with the trading of that day.
struct Candle {
    bid: Option<i32>,
    ask: Option<i32>,
    last: Option<i32>,
    volume: i64,
    open_interest: i64,
}

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(raw), Some(out), None) = (args.next(), args.next(), args.next()) else {
        bail!("usage: build_cpi_data RAW_DIR OUT_DIR");
    };
    let (cpi, facts) = (out.join("cpi"), out.join("facts"));
    for dir in [&cpi, &facts] {
        fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    }
    let table = read_csv(&raw.join("cpi_releases.csv"))?;
    let releases = releases(&table)?;
    let mut markets = markets(&raw, &releases)?;
    add_candles(&raw, &mut markets)?;
    write_markets(&cpi.join("markets.parquet"), &markets)?;
    raw::write_snapshots(&cpi.join("snapshots.parquet"), &snapshots(&markets))?;
    raw::write_fees(&raw, "KXCPIYOY", &["KXCPIYOY"], &cpi.join("fee_changes.csv"))?;
    write_consensus(&facts.join("cpi_consensus.csv"), &table)?;
    write_calendar(&facts.join("cpi_calendar.csv"), &releases)
}

fn releases(table: &[Record]) -> Result<Releases> {
    let mut releases = Releases::new();
    for row in table {
        let came: Timestamp = text(row, "release_utc")?.parse()?;
        let month = text(row, "reference_month")?.to_owned();
        let scheduled = match moved(&month)? {
            Some((day, _)) => new_york(day, 8, 30)?,
            None => came,
        };
        let yoy = Some(text(row, "headline_yoy_actual")?).filter(|yoy| !yoy.is_empty());
        let yoy = yoy.map(hundredths).transpose()?;
        releases.insert(month, Release { scheduled, came: Some(came), yoy });
    }
    for pair in MOVED.split(' ') {
        let month = pair.split('=').next().unwrap_or_default();
        if let (false, Some((day, _))) = (releases.contains_key(month), moved(month)?) {
            let cancelled = Release { scheduled: new_york(day, 8, 30)?, came: None, yoy: None };
            releases.insert(month.to_owned(), cancelled);
        }
    }
    Ok(releases)
}

/// The day a release that was moved had been scheduled for, and the end of the day that was said.
fn moved(month: &str) -> Result<Option<(Date, Timestamp)>> {
    let Some((day, said)) = find(MOVED, month).and_then(|days| days.split_once(',')) else {
        return Ok(None);
    };
    let said: Date = said.parse()?;
    Ok(Some((day.parse()?, new_york(said.tomorrow()?, 0, 0)?)))
}

/// The reference month of an event such as `CPIYOY-22DEC`, written `2022-12`.
fn month_of(event: &str) -> Result<String> {
    let find = || {
        let (_, suffix) = event.split_once('-')?;
        let month = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC".find(suffix.get(2..5)?)? / 3 + 1;
        Some(format!("20{}-{month:02}", suffix.get(..2)?))
    };
    find().with_context(|| format!("no month in {event}"))
}

/// Every year-on-year market with its closing time and result, still without prices. The result must be
/// the one the print implies, which makes every ladder fall from yes to no.
fn markets(raw: &Path, releases: &Releases) -> Result<Markets> {
    let mut markets = Markets::new();
    for row in read_csv(&raw.join("kalshi_ladder_results.csv"))? {
        if text(&row, "measure")? != "CPI_YOY" {
            continue;
        }
        let (event, above) = (text(&row, "event_ticker")?, text(&row, "strike")?);
        let (month, strike) = (month_of(event)?, hundredths(above)?);
        let release = releases.get(&month).with_context(|| format!("no release of {month}"))?;
        let wins = release.yoy.map(|yoy| yoy > strike);
        ensure!(text(&row, "result_derived")? == result_name(wins), "the print says otherwise: {row:?}");
        let before = match text(&row, "close_time_est")? {
            "" => 1.minute(), // as in every event since June 2025
            close => release.came.context("a close without a release")? - close.parse::<Timestamp>()?,
        };
        let close = release.scheduled - before;
        let settled = wins.and(release.came).map(|came| came + 15.minutes());
        ensure!(settled.is_none_or(|settled| close < settled), "closes late: {row:?}");
        let (ticker, above) = (format!("{event}-T{above}"), above.to_owned());
        let market = Market { month, ticker, above, close, settled, wins, candles: BTreeMap::new() };
        let twin = markets.insert((event.to_owned(), strike), market);
        ensure!(twin.is_none(), "occurs twice: {row:?}");
    }
    Ok(markets)
}

fn add_candles(raw: &Path, markets: &mut Markets) -> Result<()> {
    for row in read_parquet(&raw.join("kalshi_cpiyoy_candles_daily.parquet"))? {
        let key = (text(&row, "event_ticker")?.to_owned(), hundredths(text(&row, "strike")?)?);
        let market = markets.get_mut(&key).with_context(|| format!("no result of {row:?}"))?;
        ensure!(text(&row, "market_ticker")? == market.ticker, "another ticker: {row:?}");
        let last = Some(text(&row, "price_close")?).filter(|price| *price != "null");
        let candle = Candle {
            bid: side(text(&row, "yes_bid_close")?, "0")?,
            ask: side(text(&row, "yes_ask_close")?, "100")?,
            last: last.map(price).transpose()?,
            volume: hundredths(text(&row, "volume")?)?,
            open_interest: hundredths(text(&row, "open_interest")?)?,
        };
        let twin = market.candles.insert(text(&row, "end_period_utc")?.parse()?, candle);
        ensure!(twin.is_none(), "occurs twice: {row:?}");
    }
    Ok(())
}

/// A quoted price; the source has an empty side as 0 or 100 cents.
fn side(cents: &str, empty: &str) -> Result<Option<i32>> {
    (cents != empty).then(|| price(cents)).transpose()
}

/// One snapshot a market and day, at the midnight in New York that ends the day.
fn snapshots(markets: &Markets) -> Vec<Quote> {
    let (mut rows, mut late, mut empty) = (Vec::new(), 0, 0);
    for market in markets.values() {
        let mut volume = 0;
        for (&ts, candle) in &market.candles {
            if ts >= market.close {
                late += 1;
                continue;
            }
            volume += candle.volume;
            empty += usize::from(candle.bid.is_none() && candle.ask.is_none());
            rows.push(Quote {
                ts,
                ticker: market.ticker.clone(),
                bid: candle.bid,
                ask: candle.ask,
                last: candle.last,
                mid: None,
                volume,
                open_interest: Some(candle.open_interest),
            });
        }
    }
    rows.sort_by(|a, b| (a.ts, &a.ticker).cmp(&(b.ts, &b.ticker)));
    println!("dropped: {late} at or after the close; kept: {empty} with both sides empty");
    rows
}

fn write_markets(path: &Path, markets: &Markets) -> Result<()> {
    let mut rows = Vec::new();
    for ((event, _), market) in markets {
        let first = market.candles.keys().next().context("a market without days")?;
        let month = format!("{}-01", market.month).parse::<Date>()?.strftime("%B %Y");
        rows.push(Listing {
            ticker: market.ticker.clone(),
            event: event.clone(),
            title: format!("CPI year on year above {}% in {month}?", market.above),
            above: market.above.clone(),
            open: *first - 24.hours(),
            close: market.close,
            settled: market.settled,
            wins: market.wins,
        });
    }
    raw::write_markets(path, &rows)
}

/// What forecasters expected, taken as public a day before the release.
fn write_consensus(path: &Path, table: &[Record]) -> Result<()> {
    let mut lines = Vec::new();
    for row in table {
        let figures = join(row, &["headline_yoy_consensus", "headline_mom_consensus", "core_mom_consensus"])?;
        if figures != ",," {
            let published = text(row, "release_utc")?.parse::<Timestamp>()? - 24.hours();
            lines.push(format!("{published},{},{figures}", text(row, "reference_month")?));
        }
    }
    write_csv(path, "published_at,reference_month,yoy_consensus,mom_consensus,core_mom_consensus", lines)
}

/// The schedule of a year's releases, public with the last release of the year before, and its changes.
fn write_calendar(path: &Path, releases: &Releases) -> Result<()> {
    let mut lines = Vec::new();
    for (month, release) in releases.range(FIRST_MONTH.to_owned()..) {
        let last = release.scheduled.to_zoned(TimeZone::UTC).year() - 1;
        let last = releases.get(&format!("{last}-11")).and_then(|last| last.came);
        let published =
            last.with_context(|| format!("no last release of the year before that of {month}"))?;
        lines.push(format!("{published},{month},{}", release.scheduled));
        if let Some((_, said)) = moved(month)? {
            let came = release.came.map(|came| came.to_string()).unwrap_or_default();
            lines.push(format!("{said},{month},{came}"));
        }
    }
    write_csv(path, "published_at,reference_month,release_at", lines)
}
