//! Builds the example data set of this repository from raw tables.
//!
//! Run: `cargo run --example build_fomc_data -- RAW_DIR OUT_DIR`
//!
//! Reads decisions, prints and monthly series (`fomc_decisions.csv`, `cpi_releases.csv`,
//! `macro_monthly.csv`) and tables of Kalshi markets (`kalshi_*`: a mid or a last trade a market and
//! day, results, maker fees). Writes `OUT_DIR/fomc`, a data set, and `OUT_DIR/facts`.
//!
//! The same input gives the same bytes. Anything unexpected in the input is an error; what is
//! dropped by rule is counted and printed. `data/README.md` explains every choice made here.

#![expect(clippy::print_stdout, reason = "it says what it wrote")]

mod raw;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use raw::{Listing, Quote, Record, find, hundredths, join, new_york, price, read_csv, read_parquet, text};
use raw::{result_name, write_csv};

/// Meetings on the published calendar that the table of decisions does not have yet.
const LATER_MEETINGS: &str = "2026-10-28 2026-12-09 2027-01-27 2027-03-17 2027-04-28 \
    2027-06-09 2027-07-28 2027-09-15 2027-10-27 2027-12-08";

/// When the schedule of a year became public; it also names the first meeting of the year after.
/// 2022, 2025 to 2027: the press release. 2020, 2021: the end of the day it was reported on.
/// 2023, 2024: not found; 1 October of the year before, later than every date that is known.
const SCHEDULES: &str = "2020=2019-05-21T00:00:00Z 2021=2020-07-08T00:00:00Z \
    2022=2021-06-04T15:00:00Z 2023=2022-10-01T00:00:00Z 2024=2023-10-01T00:00:00Z \
    2025=2024-08-09T17:30:00Z 2026=2024-08-09T17:30:00Z 2027=2025-09-05T17:30:00Z";

/// Employment reports that lapses in government funding delayed: reference month, day of release.
const DELAYED_JOBS_REPORTS: &str = "1995-12=1996-01-19 2013-09=2013-10-22 2013-10=2013-11-08 \
    2025-09=2025-11-20 2025-11=2025-12-16 2026-01=2026-02-11";

/// Meetings by year and month; no month has two scheduled ones.
type Meetings = BTreeMap<(i16, i8), Meeting>;
/// Markets by event and strike in hundredths of a percentage point: the order of their tickers.
type Markets = BTreeMap<Key, Market>;
type Key = (String, i64);

/// Date, time of the announcement and upper bound decided, in hundredths of a percentage point.
type Meeting = (Date, Timestamp, Option<i64>);

struct Market {
    meeting: Date,
    close: Timestamp,
    settled: Option<Timestamp>,
    wins: Option<bool>,
    days: BTreeMap<Date, Day>,
}

/// What is known of a market on a trading day: prices in ten-thousandths of a dollar, counts in
/// hundredths of a contract.
#[derive(Clone, Copy, Default)]
struct Day {
    mid: Option<i32>,
    last: Option<i32>,
    volume: i64,
    open_interest: Option<i64>,
}

/// A row of the snapshot table: time, market and what is known, with the volume so far.
type Snapshot = (Timestamp, Key, Day);

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(raw), Some(out), None) = (args.next(), args.next(), args.next()) else {
        bail!("usage: build_fomc_data RAW_DIR OUT_DIR");
    };
    let (fomc, facts) = (out.join("fomc"), out.join("facts"));
    for dir in [&fomc, &facts] {
        fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    }
    let decisions = read_csv(&raw.join("fomc_decisions.csv"))?;
    let meetings = meetings(&decisions)?;
    let mut markets = markets(&raw, &meetings)?;
    add_days(&raw, &mut markets)?;
    write_markets(&fomc.join("markets.parquet"), &markets)?;
    write_snapshots(&fomc.join("snapshots.parquet"), &snapshots(&markets)?)?;
    raw::write_fees(&raw, "KXFED", &["FED", "KXFED"], &fomc.join("fee_changes.csv"))?;
    write_decisions(&facts.join("fomc_decisions.csv"), &decisions)?;
    write_calendar(&facts.join("fomc_calendar.csv"), &meetings)?;
    write_cpi(&raw, &facts.join("cpi_first_prints.csv"))?;
    write_unemployment(&raw, &facts.join("unemployment.csv"))
}

/// The scheduled meetings since 2021, decided or not; no market is older.
fn meetings(decisions: &[Record]) -> Result<Meetings> {
    let mut all = Vec::<Meeting>::new();
    for row in decisions {
        let date: Date = text(row, "decision_date")?.parse()?;
        if date.year() >= 2021 && text(row, "kind")? == "scheduled" {
            let upper = hundredths(text(row, "target_upper_after")?)?;
            all.push((date, text(row, "announce_utc")?.parse()?, Some(upper)));
        }
    }
    for date in LATER_MEETINGS.split(' ') {
        let date = date.parse()?;
        all.push((date, new_york(date, 14, 0)?, None));
    }
    let mut meetings = Meetings::new();
    for meeting in all {
        let month = (meeting.0.year(), meeting.0.month());
        let twin = meetings.insert(month, meeting);
        ensure!(twin.is_none(), "two meetings in {month:?}");
    }
    Ok(meetings)
}

/// The meeting an event such as `FED-22DEC` asks about.
fn meeting_of<'a>(event: &str, meetings: &'a Meetings) -> Result<&'a Meeting> {
    let find = || {
        let (_, suffix) = event.split_once('-')?;
        let year = 2000 + suffix.get(..2)?.parse::<i16>().ok()?;
        let month = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC".find(suffix.get(2..5)?)? / 3 + 1;
        meetings.get(&(year, i8::try_from(month).ok()?))
    };
    find().with_context(|| format!("no meeting known for {event}"))
}

/// Event and strike of a row. One source files two strikes of July 2022 under an event of their
/// own, the other two sources under the common one.
fn key(row: &Record) -> Result<Key> {
    let event = match text(row, "event_ticker")? {
        "FED-22JULY" => "FED-22JUL",
        event => event,
    };
    Ok((event.to_owned(), hundredths(text(row, "strike")?)?))
}

/// Every market of the ladder with its closing time and result, still without prices. The result
/// must be the one the decision implies.
fn markets(raw: &Path, meetings: &Meetings) -> Result<Markets> {
    let mut markets = Markets::new();
    for row in read_csv(&raw.join("kalshi_ladder_results.csv"))? {
        if text(&row, "measure")? != "FED" {
            continue;
        }
        let key = key(&row)?;
        let &(meeting, announced, upper) = meeting_of(&key.0, meetings)?;
        let wins = upper.map(|upper| upper > key.1);
        let result = text(&row, "result_derived")?;
        ensure!(result == result_name(wins), "the decision says otherwise: {row:?}");
        let close = match text(&row, "close_time_est")? {
            "" => announced.checked_sub(1.minute())?, // as in every event since late 2025
            close => close.parse::<Timestamp>()?,
        };
        let date = TimeZone::UTC.to_datetime(close).date();
        ensure!(date == meeting && close < announced, "not before: {row:?}");
        let settled = upper.and(Some(announced.checked_add(15.minutes())?));
        let market = Market { meeting, close, settled, wins, days: BTreeMap::new() };
        markets.insert(key, market);
    }
    Ok(markets)
}

/// Adds last trades, then the mids of the closing quote; where both are known the volume of the day
/// is that of the mids' source.
fn add_days(raw: &Path, markets: &mut Markets) -> Result<()> {
    for row in read_parquet(&raw.join("kalshi_fed_levels_daily.parquet"))? {
        let day = day(markets, &row, "date")?;
        ensure!(day.last.is_none(), "occurs twice: {row:?}");
        day.last = Some(price(text(&row, "last_trade_cents")?)?);
        day.volume = hundredths(text(&row, "day_volume")?)?;
    }
    for row in read_parquet(&raw.join("kalshi_fed_levels_bidask_mid_daily.parquet"))? {
        let day = day(markets, &row, "trading_day_et")?;
        ensure!(day.mid.is_none(), "occurs twice: {row:?}");
        day.mid = Some(price(text(&row, "mid_cents")?)?);
        day.volume = hundredths(text(&row, "volume")?)?;
        day.open_interest = Some(hundredths(text(&row, "open_interest")?)?);
    }
    Ok(())
}

fn day<'a>(markets: &'a mut Markets, row: &Record, date: &str) -> Result<&'a mut Day> {
    let market = markets.get_mut(&key(row)?);
    let days = &mut market.context("a market without result")?.days;
    Ok(days.entry(text(row, date)?.parse()?).or_default())
}

/// One snapshot a market and trading day, known from the midnight that ends the day. A last trade
/// stands alone only on days before the market's first mid.
fn snapshots(markets: &Markets) -> Result<Vec<Snapshot>> {
    let mut rows = Vec::new();
    let (mut late, mut gaps, mut empty) = (0, 0, 0);
    for (key, market) in markets {
        let (mut volume, mut before) = (0, None);
        for (date, day) in &market.days {
            let ts = new_york(date.tomorrow()?, 0, 0)?;
            if ts >= market.close {
                late += 1;
            } else if day.mid.is_none() && before.is_some() {
                gaps += 1;
            } else {
                volume += day.volume;
                if is_empty_book(day, before) {
                    empty += 1;
                } else {
                    rows.push((ts, key.clone(), Day { volume, ..*day }));
                }
                before = day.mid;
            }
        }
    }
    rows.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let mut sound = Vec::new();
    for ladder in rows.chunk_by(|a, b| a.0 == b.0 && a.1.0 == b.1.0) {
        let mids: Vec<_> = ladder.iter().map(|row| row.2.mid).collect();
        sound.extend((0..mids.len()).map(|at| is_sound(&mids, at)));
    }
    let mut verdicts = sound.iter();
    rows.retain(|_| verdicts.next() == Some(&true));
    let broken = sound.len() - rows.len();
    println!("dropped: {late} at or after the close, {gaps} last trades between mids,");
    println!("{empty} mids of an empty book, {broken} against the order of strikes");
    Ok(rows)
}

/// Whether a mid looks like the middle of a book with an empty side: on a day without a trade, 50
/// cents sharp or more than 15 cents from the mid before.
fn is_empty_book(day: &Day, before: Option<i32>) -> bool {
    let jump = day.mid.zip(before).map_or(0, |(mid, old)| mid - old);
    day.volume == 0 && (jump.abs() > 1_500 || day.mid == Some(5_000))
}

/// Whether no higher strike of the same moment is worth over 5 cents more, and no lower one less.
fn is_sound(mids: &[Option<i32>], at: usize) -> bool {
    mids[at].is_none_or(|mid| {
        let (below, above) = mids.split_at(at);
        let dear = below.iter().flatten().any(|low| mid - low > 500);
        !dear && above.iter().flatten().all(|high| high - mid <= 500)
    })
}

fn ticker((event, strike): &Key) -> String {
    format!("{event}-T{}", percent(*strike))
}

/// 25 as `0.25`.
fn percent(hundredths: i64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn write_markets(path: &Path, markets: &Markets) -> Result<()> {
    let mut rows = Vec::new();
    for (key, market) in markets {
        let (event, strike) = (&key.0, percent(key.1));
        let first = market.days.keys().next().context("a market without days")?;
        let month = market.meeting.strftime("%B %Y");
        rows.push(Listing {
            ticker: ticker(key),
            event: event.clone(),
            title: format!("Fed funds target upper bound above {strike}% after the {month} meeting?"),
            above: strike,
            open: new_york(*first, 0, 0)?,
            close: market.close,
            settled: market.settled,
            wins: market.wins,
        });
    }
    raw::write_markets(path, &rows)
}

fn write_snapshots(path: &Path, rows: &[Snapshot]) -> Result<()> {
    let rows = rows.iter().map(|(ts, key, day)| Quote {
        ts: *ts,
        ticker: ticker(key),
        last: day.last,
        mid: day.mid,
        volume: day.volume,
        open_interest: day.open_interest,
        ..Quote::default()
    });
    raw::write_snapshots(path, &rows.collect::<Vec<_>>())
}

fn write_decisions(path: &Path, decisions: &[Record]) -> Result<()> {
    let mut lines = Vec::new();
    for row in decisions {
        let date: Date = text(row, "decision_date")?.parse()?;
        let published = match text(row, "announce_utc")? {
            // Before 1994 nothing was announced; the market read the next morning's operations.
            "" => TimeZone::UTC.to_timestamp(date.tomorrow()?.at(14, 30, 0, 0))?,
            time => time.parse()?,
        };
        let scheduled = text(row, "kind")? == "scheduled";
        let levels = join(row, &["target_upper_before", "target_upper_after", "change_bp"])?;
        lines.push(format!("{published},{date},{scheduled},{levels}"));
    }
    let header = "published_at,meeting_date,scheduled,target_upper_before,target_upper_after,change_bp";
    write_csv(path, header, lines)
}

fn write_calendar(path: &Path, meetings: &Meetings) -> Result<()> {
    let mut lines = Vec::new();
    for (date, announced, _) in meetings.values() {
        let year = date.year() - i16::from(date.day_of_year() <= 32);
        let published = find(SCHEDULES, &year.to_string()).context("a year without schedule")?;
        lines.push(format!("{published},{date},{announced}"));
    }
    write_csv(path, "published_at,meeting_date,announcement_at", lines)
}

fn write_cpi(raw: &Path, path: &Path) -> Result<()> {
    let mut lines = Vec::new();
    for row in read_csv(&raw.join("cpi_releases.csv"))? {
        let published: Timestamp = text(&row, "release_utc")?.parse()?;
        let prints = ["headline_yoy_actual", "headline_mom_actual", "core_mom_actual"];
        let month = text(&row, "reference_month")?;
        lines.push(format!("{published},{month},{}", join(&row, &prints)?));
    }
    write_csv(path, "published_at,reference_month,yoy,mom,core_mom", lines)
}

fn write_unemployment(raw: &Path, path: &Path) -> Result<()> {
    let mut lines = Vec::new();
    for row in read_csv(&raw.join("macro_monthly.csv"))? {
        let (month, rate) = (text(&row, "date")?.parse()?, text(&row, "UNRATE")?);
        if !rate.is_empty() {
            let published = new_york(jobs_report(month)?, 8, 30)?;
            lines.push(format!("{published},{},{rate}", month.strftime("%Y-%m")));
        }
    }
    write_csv(path, "published_at,reference_month,rate", lines)
}

/// Day of the employment report of a month: by the rule of the Bureau of Labor Statistics the
/// third Friday after the week (Sunday to Saturday) of the 12th; the second Friday of January
/// where that would be 1 to 3 January.
fn jobs_report(month: Date) -> Result<Date> {
    let name = month.strftime("%Y-%m").to_string();
    if let Some(delayed) = find(DELAYED_JOBS_REPORTS, &name) {
        return Ok(delayed.parse()?);
    }
    let eleventh = month.checked_add(10.days())?;
    let week_end = eleventh.nth_weekday(1, Weekday::Saturday)?;
    let friday = week_end.nth_weekday(3, Weekday::Friday)?;
    let holidays = friday.month() == 1 && friday.day() <= 3;
    Ok(friday.checked_add(if holidays { 7 } else { 0 }.days())?)
}
