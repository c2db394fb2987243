//! Builds `data/weather/`: real forecasts and observed highs, and a MODEL market on them.
//!
//! Run: `cargo run --example build_weather_data -- RAW_DIR OUT_DIR`
//!
//! Reads `RAW_DIR/nws_forecast_vs_observed_high_2021.csv`. Writes `forecasts.csv` and `observed.csv`, which
//! are real, and `markets.parquet` and `snapshots.parquet`, which are NOT: nobody ever quoted those prices.
//! They are what bots would quote that know every forecast at once and price it by how far off earlier ones
//! were. `data/README.md` states every rule. The same input gives the same bytes.

#![expect(clippy::print_stdout, reason = "it says what it wrote")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Error, Result, bail};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use protogen::dataset::read::catalogue::Settlement;
use protogen::dataset::write::writer::{SnapshotRow, SnapshotWriter, write_markets};
use protogen::domain::fact::{Day, Station};
use protogen::domain::{
    Contracts, Decimal6, EventId, Fact, FeeSchedule, Market, MarketId, Price, PriceGrid, Quote, SeriesId,
    SettlementValue, Span, Strike, Timestamp,
};
use protogen::strategies::weather::errors::ErrorModel;
use protogen::strategies::weather::highs::Highs;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Seed of the model market's jitter and sizes.
const SEED: u64 = 2021;
/// Past errors of a kind of forecast before bots quote by it.
const LEAST_ERRORS: usize = 30;
/// How long after the opening, and after each newer forecast, bots quote, and how often.
const QUOTED_MINUTES: i64 = 90;
const STEP_MINUTES: i64 = 5;

/// Column, its lead in hours, days before, and the local hour it is counted as public, five minutes past.
const LEADS: [(&str, u16, i64, i8); 4] = [
    ("fc_hi_lead_2d_pm", 48, 2, 18),
    ("fc_hi_lead_1d_am", 36, 1, 6),
    ("fc_hi_lead_1d_pm", 24, 1, 18),
    ("fc_hi_same_day_am", 12, 0, 6),
];

struct City {
    name: &'static str,
    station: &'static str,
    series: &'static str,
    words: &'static str,
    zone: &'static str,
}

/// Time zones are spelled out so that the result does not depend on a database being installed.
const CITIES: [City; 2] = [
    City {
        name: "CHICAGO",
        station: "CHI",
        series: "MODEL-HIGHCHI",
        words: "Chicago",
        zone: "CST6CDT,M3.2.0,M11.1.0",
    },
    City {
        name: "NEW_YORK_CITY",
        station: "NYC",
        series: "MODEL-HIGHNY",
        words: "New York",
        zone: "EST5EDT,M3.2.0,M11.1.0",
    },
];

/// A published fact.
type Published = (Timestamp, Fact);

/// What the table says of a day: forecasts with their publication, and the observed high.
struct Observed {
    city: usize,
    date: Date,
    forecasts: Vec<(Timestamp, u16, i16)>,
    high: i16,
}

/// A market with what it pays, and the quotes of it.
#[derive(Default)]
struct ModelMarket {
    markets: Vec<(Market, Option<Settlement>)>,
    quotes: Vec<(Timestamp, String, Quote)>,
    skipped: usize,
}

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(raw), Some(out), None) = (args.next(), args.next(), args.next()) else {
        bail!("usage: build_weather_data RAW_DIR OUT_DIR");
    };
    let out = out.join("weather");
    fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
    let days = read(&raw.join("nws_forecast_vs_observed_high_2021.csv"))?;
    let facts = facts(&days)?;
    write_facts(&out, &facts)?;
    let model = quote(&days, &facts)?;
    println!("{} days without a forecast to open on, or with too few errors before", model.skipped);
    write_markets(&out.join("markets.parquet"), &model.markets, true)?;
    let file = out.join("snapshots.parquet");
    let mut writer = SnapshotWriter::create(&file)?;
    for (at, ticker, quote) in &model.quotes {
        writer.write_row(&SnapshotRow { at: *at, ticker, quote: *quote })?;
    }
    writer.finish()?;
    println!("{} markets, {} quotes, all of a model", model.markets.len(), model.quotes.len());
    Ok(())
}

fn read(path: &Path) -> Result<Vec<Observed>> {
    let mut days = Vec::new();
    let mut missing = 0;
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("reading {}", path.display()))?;
    for row in reader.deserialize() {
        let row: BTreeMap<String, String> = row.with_context(|| format!("reading {}", path.display()))?;
        let cell = |column: &str| row.get(column).with_context(|| format!("no {column} in {row:?}"));
        let name = cell("city")?;
        let city = CITIES.iter().position(|city| city.name == name).context("a city nobody knows")?;
        let date: Date = cell("date")?.parse()?;
        let mut forecasts = Vec::new();
        for (column, lead, before, hour) in LEADS {
            match degrees(cell(column)?)? {
                None => missing += 1,
                Some(high) => {
                    let made = date.checked_sub(before.days())?;
                    forecasts.push((local(city, made, hour, 5)?, lead, high));
                }
            }
        }
        let high = degrees(cell("ghcnd_tmax_f")?)?.with_context(|| format!("{name} {date} has no high"))?;
        days.push(Observed { city, date, forecasts, high });
    }
    days.sort_by_key(|day| (day.date, day.city));
    println!("{} days, {missing} forecasts missing", days.len());
    Ok(days)
}

/// Whole degrees; `None` for an empty cell.
fn degrees(cell: &str) -> Result<Option<i16>> {
    let whole = cell.strip_suffix(".0").unwrap_or(cell);
    if whole.is_empty() {
        return Ok(None);
    }
    Ok(Some(whole.parse().with_context(|| format!("`{cell}` is not whole degrees"))?))
}

fn local(city: usize, date: Date, hour: i8, minute: i8) -> Result<Timestamp> {
    let moment = TimeZone::posix(CITIES[city].zone)?.to_timestamp(date.at(hour, minute, 0, 0))?;
    Timestamp::from_micros(moment.as_microsecond()).context("a moment of our time")
}

fn station(city: usize) -> Result<Station> {
    Station::parse(CITIES[city].station).map_err(Error::msg)
}

fn day(date: Date) -> Result<Day> {
    Day::parse(&date.to_string()).map_err(Error::msg)
}

/// All facts in the order of their publication.
fn facts(days: &[Observed]) -> Result<Vec<Published>> {
    let mut facts = Vec::new();
    for Observed { city, date, forecasts, high } in days {
        let (station, day) = (station(*city)?, day(*date)?);
        for &(published, lead_hours, high) in forecasts {
            facts.push((published, Fact::HighForecast { station, day, lead_hours, high }));
        }
        let published = local(*city, date.tomorrow()?, 8, 0)?;
        facts.push((published, Fact::ObservedHigh { station, day, high: *high }));
    }
    facts.sort_by_key(|&(published, _)| published);
    Ok(facts)
}

fn write_facts(out: &Path, facts: &[Published]) -> Result<()> {
    let mut forecasts = "published_at,station,date,lead_hours,high_f\n".to_owned();
    let mut observed = "published_at,station,date,high_f\n".to_owned();
    for (published, fact) in facts {
        match fact {
            Fact::HighForecast { station, day, lead_hours, high } => {
                writeln!(forecasts, "{published},{station},{day},{lead_hours},{high}")?;
            }
            Fact::ObservedHigh { station, day, high } => {
                writeln!(observed, "{published},{station},{day},{high}")?;
            }
            _ => bail!("a fact of another kind"),
        }
    }
    for (name, text) in [("forecasts.csv", forecasts), ("observed.csv", observed)] {
        println!("{name}: {} rows", text.lines().count() - 1);
        fs::write(out.join(name), text).with_context(|| format!("writing {name}"))?;
    }
    Ok(())
}

/// The bots at work. They learn each fact the moment it is public, and no fact before.
fn quote(days: &[Observed], facts: &[Published]) -> Result<ModelMarket> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut windows = Vec::new();
    for (index, observed) in days.iter().enumerate() {
        let opens = local(observed.city, observed.date.yesterday()?, 10, 0)?;
        windows.push((opens, index, true));
        let newer = observed.forecasts.iter().filter(|(published, ..)| *published > opens);
        windows.extend(newer.map(|&(published, ..)| (published, index, false)));
    }
    windows.sort_unstable();
    let mut bots = Highs::new(ErrorModel::Empirical, Span::ZERO, LEAST_ERRORS);
    let mut facts = facts.iter().peekable();
    let mut model = ModelMarket::default();
    let mut listed: BTreeMap<usize, Vec<Market>> = BTreeMap::new();
    for (from, index, opening) in windows {
        while let Some((published, fact)) = facts.next_if(|(published, _)| *published <= from) {
            bots.learn_fact(fact, *published);
        }
        let observed = &days[index];
        let Some(outlook) = bots.outlook_for_day(station(observed.city)?, day(observed.date)?, from) else {
            model.skipped += usize::from(opening);
            continue;
        };
        if opening {
            listed.insert(index, event(observed, outlook.high, from)?);
        }
        let Some(markets) = listed.get(&index) else { continue };
        let moments = moments(&mut random, from);
        for market in markets {
            let fair = outlook.probability_of_strike(market.strike).context("a strike in degrees")?;
            around(&mut random, market, fair, &moments, &mut model.quotes);
        }
    }
    model.quotes.sort_by_key(|(at, ..)| *at);
    for (index, markets) in listed {
        let Observed { city, date, high, .. } = &days[index];
        let at = local(*city, date.tomorrow()?, 10, 0)?;
        for market in markets {
            let pays = market.strike.pays_yes(whole(i64::from(*high))).context("a strike in degrees")?;
            let value = if pays { SettlementValue::ONE } else { SettlementValue::ZERO };
            model.markets.push((market, Some(Settlement { at, value })));
        }
    }
    model.markets.sort_by(|a, b| a.0.ticker.cmp(&b.0.ticker));
    Ok(model)
}

fn whole(degrees: i64) -> Decimal6 {
    Decimal6::from_millionths(degrees * 1_000_000)
}

/// Six markets: a tail, four bands of two degrees around the forecast, a tail.
fn event(observed: &Observed, forecast: i16, opens: Timestamp) -> Result<Vec<Market>> {
    let city = &CITIES[observed.city];
    let date = observed.date.strftime("%y%b%d").to_string().to_uppercase();
    let event_ticker: Arc<str> = format!("{}-{date}", city.series).into();
    let low = i64::from(forecast) - 3;
    let band = |low: i64| (format!("B{low}.5"), Strike::Between(whole(low), whole(low + 1)));
    let strikes = [
        (format!("T{low}"), Strike::Less(whole(low))),
        band(low),
        band(low + 2),
        band(low + 4),
        band(low + 6),
        (format!("T{}", low + 7), Strike::Greater(whole(low + 7))),
    ];
    let close_time = local(observed.city, observed.date, 23, 59)?;
    let market = |(name, strike): (String, Strike)| Market {
        id: MarketId(0),
        event: EventId(0),
        series: SeriesId(0),
        ticker: format!("{event_ticker}-{name}").into(),
        event_ticker: Arc::clone(&event_ticker),
        series_ticker: city.series.into(),
        category: "Model market".into(),
        title: format!("MODEL, not real prices: high in {} on {}: {strike} °F?", city.words, observed.date)
            .into(),
        strike,
        open_time: opens,
        close_time,
        grid: PriceGrid::whole_cents(),
        fees: FeeSchedule::STANDARD,
    };
    Ok(strikes.map(market).into())
}

/// Quotes for a while: a cent or a little more on either side of the fair price, whole cents. The first
/// comes at once, later ones at some second of their five minutes and only where a price changed.
fn around(
    random: &mut ChaCha8Rng,
    market: &Market,
    fair: f64,
    moments: &[Timestamp],
    quotes: &mut Vec<(Timestamp, String, Quote)>,
) {
    let size = |random: &mut ChaCha8Rng| Some(Contracts::whole(50 * random.random_range(4..=10)));
    let (bid_size, ask_size) = (size(random), size(random));
    let mut shown = None;
    for &at in moments {
        let middle = 100.0 * fair + random.random_range(-0.5..0.5);
        let (bid, ask) = (cents((middle - 1.0).floor()), cents((middle + 1.0).ceil()));
        if shown.replace((bid, ask)) != Some((bid, ask)) {
            let (bid_size, ask_size) = (bid.and(bid_size), ask.and(ask_size));
            let quote = Quote { bid, ask, bid_size, ask_size, ..Quote::default() };
            quotes.push((at, market.ticker.to_string(), quote));
        }
    }
}

/// When bots quote that begin at `from`.
fn moments(random: &mut ChaCha8Rng, from: Timestamp) -> Vec<Timestamp> {
    let later = (1..QUOTED_MINUTES / STEP_MINUTES).map(|step| {
        let second = random.random_range(0..STEP_MINUTES * 60);
        from + Span::MINUTE.times(step * STEP_MINUTES) + Span::SECOND.times(second)
    });
    std::iter::once(from).chain(later).collect()
}

/// A price of 1 to 99 cents; outside, that side is empty.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked first")]
fn cents(cents: f64) -> Option<Price> {
    (1.0..=99.0).contains(&cents).then(|| Price::new(cents as u16 * 100)).flatten()
}
