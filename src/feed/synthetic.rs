//! `SyntheticFeed`: markets that do not exist, from a seed, for soak tests and for measuring the engine.
//!
//! Prices are random walks, quotes come at random gaps, every market has a displayed size and a rising
//! volume, and settles YES with the probability its last mid said. Nothing here resembles a real edge.

#[cfg(feature = "historical")]
use std::path::Path;
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[cfg(feature = "historical")]
use crate::dataset::DataError;
#[cfg(feature = "historical")]
use crate::dataset::read::catalogue::Settlement;
#[cfg(feature = "historical")]
use crate::dataset::write::writer::{SnapshotRow, SnapshotWriter, write_markets};
use crate::domain::{
    Contracts, Decimal6, EventId, FeeSchedule, Market, MarketId, MarketStatus, Price, PriceGrid, Quote,
    SeriesId, SettlementValue, Span, Strike, Timestamp,
};
use crate::engine::gateway::{Feed, GatewayError, Next};
use crate::event::{Input, MarketEvent, Stamped};

/// Size and time span of a synthetic history; the same settings give the same inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntheticSettings {
    /// Seed of the random generator that every price, gap, size and result comes from.
    pub seed: u64,
    /// Number of markets, all listed at the start; above 0 if there are quotes.
    pub markets: u32,
    /// Number of markets of each event; the last event may have fewer. 0 counts as 1.
    pub markets_per_event: u32,
    /// Number of series that events are dealt out to in turn. 0 counts as 1.
    pub series: u32,
    /// Number of quotes of all markets together.
    pub quotes: u64,
    /// Moment at which all markets are listed and open; quotes follow.
    pub start: Timestamp,
    /// Stretch of time in which quotes come; markets close an hour after its end.
    pub length: Span,
}

/// Iterator over quotes of random markets in order of time, all drawn from one seed.
#[derive(Debug)]
pub struct Walk {
    settings: SyntheticSettings,
    random: ChaCha8Rng,
    states: Vec<State>,
    now: Timestamp,
    left: u64,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// Midpoint of the market in whole cents, 3 to 97; it moves at most a cent a quote.
    mid: u16,
    volume: i64,
}

impl Walk {
    /// The walk of these settings, from its beginning.
    #[must_use]
    pub fn new(settings: SyntheticSettings) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(settings.seed);
        let states =
            (0..settings.markets).map(|_| State { mid: random.random_range(5..=95), volume: 0 }).collect();
        Self { now: settings.start, left: settings.quotes, settings, random, states }
    }

    /// The market with a number below `settings.markets`.
    #[must_use]
    pub fn market_by_number(&self, number: u32) -> Market {
        let settings = &self.settings;
        let event = number / settings.markets_per_event.max(1);
        let series = event % settings.series.max(1);
        let series_ticker: Arc<str> = format!("SYN{series:03}").into();
        let event_ticker: Arc<str> = format!("{series_ticker}-{event:06}").into();
        Market {
            id: MarketId(number),
            event: EventId(event),
            series: SeriesId(series),
            ticker: format!("{event_ticker}-T{:02}", number % settings.markets_per_event.max(1)).into(),
            event_ticker,
            series_ticker,
            category: "Synthetic".into(),
            title: "A market that does not exist".into(),
            strike: Strike::Greater(Decimal6::from_millionths(i64::from(number) * 1_000_000)),
            open_time: settings.start,
            close_time: self.close_time(),
            grid: PriceGrid::whole_cents(),
            fees: FeeSchedule::STANDARD,
        }
    }

    /// When all markets close; they are paid out an hour later.
    #[must_use]
    pub fn close_time(&self) -> Timestamp {
        self.settings.start + self.settings.length + Span::HOUR
    }

    /// What YES of a market pays, drawn from its last mid.
    pub fn sample_settlement_value(&mut self, number: u32) -> SettlementValue {
        let mid = self.states[number as usize].mid;
        if self.random.random_range(0..100) < mid { SettlementValue::ONE } else { SettlementValue::ZERO }
    }
}

impl Iterator for Walk {
    type Item = (Timestamp, u32, Quote);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let mean_gap = self.settings.length.nanos() / i64::try_from(self.settings.quotes).ok()?.max(1);
        let gap = self.random.random_range(0..=mean_gap.max(1) * 2);
        let now = self.now + Span::from_nanos(gap)?;
        // Whole microseconds, as data sets have them, and never past the close.
        let micros = now.nanos() / 1_000 * 1_000;
        self.now =
            Timestamp::from_nanos(micros).min(self.settings.start + self.settings.length).max(self.now);
        let number = self.random.random_range(0..self.settings.markets);
        let state = &mut self.states[number as usize];
        state.mid = match self.random.random_range(0..10) {
            0..3 => state.mid.saturating_sub(1).max(3),
            3..6 => (state.mid + 1).min(97),
            _ => state.mid,
        };
        state.volume += self.random.random_range(0..=20) * 100;
        let half = self.random.random_range(1..=2);
        let cents = |cents: u16| Price::new(cents * 100);
        let size = |random: &mut ChaCha8Rng| Some(Contracts::whole(random.random_range(1..=500)));
        let quote = Quote {
            bid: cents(state.mid - half),
            ask: cents(state.mid + half),
            recorded_mid: None,
            last: cents(state.mid),
            assumed: false,
            bid_size: size(&mut self.random),
            ask_size: size(&mut self.random),
            volume: Some(Contracts::from_hundredths(state.volume)),
        };
        Some((self.now, number, quote))
    }
}

/// Where the feed is in its story.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Listing(u32),
    Quoting,
    Closing(u32),
    Settling(u32),
}

/// A walk as a feed: markets are listed, quoted, closed, settled.
#[derive(Debug)]
pub struct SyntheticFeed {
    walk: Walk,
    stage: Stage,
    held: Option<Stamped<Input>>,
}

impl SyntheticFeed {
    /// Returns a feed that begins with the listing of all markets.
    #[must_use]
    pub fn new(settings: SyntheticSettings) -> Self {
        Self { walk: Walk::new(settings), stage: Stage::Listing(0), held: None }
    }

    fn next_input(&mut self) -> Option<Stamped<Input>> {
        let markets = self.walk.settings.markets;
        let at_close = self.walk.close_time();
        loop {
            let (at, event, stage) = match self.stage {
                Stage::Listing(number) if number < markets => {
                    let market = MarketEvent::Listed(Arc::new(self.walk.market_by_number(number)));
                    (self.walk.settings.start, market, Stage::Listing(number + 1))
                }
                Stage::Listing(_) => {
                    self.stage = Stage::Quoting;
                    continue;
                }
                Stage::Quoting => {
                    let Some((at, number, quote)) = self.walk.next() else {
                        self.stage = Stage::Closing(0);
                        continue;
                    };
                    (at, MarketEvent::Quote { market: MarketId(number), quote }, Stage::Quoting)
                }
                Stage::Closing(number) if number < markets => {
                    let (market, status) = (MarketId(number), MarketStatus::Closed);
                    (at_close, MarketEvent::Status { market, status }, Stage::Closing(number + 1))
                }
                Stage::Closing(_) => {
                    self.stage = Stage::Settling(0);
                    continue;
                }
                Stage::Settling(number) if number < markets => {
                    let (market, value) = (MarketId(number), self.walk.sample_settlement_value(number));
                    let settled = MarketEvent::Settled { market, value };
                    (at_close + Span::HOUR, settled, Stage::Settling(number + 1))
                }
                Stage::Settling(_) => return None,
            };
            self.stage = stage;
            return Some(Stamped { at, value: Input::Market(event) });
        }
    }
}

impl Feed for SyntheticFeed {
    fn next(&mut self, until: Option<Timestamp>) -> Result<Next<Stamped<Input>>, GatewayError> {
        if self.held.is_none() {
            self.held = self.next_input();
        }
        match &self.held {
            None => Ok(Next::End),
            Some(input) if until.is_some_and(|until| input.at > until) => Ok(Next::Due),
            Some(_) => Ok(self.held.take().map_or(Next::End, Next::Item)),
        }
    }
}

/// Writes a synthetic data set into an existing folder.
///
/// # Errors
/// When it cannot be written.
#[cfg(feature = "historical")]
pub fn write_synthetic(folder: &Path, settings: SyntheticSettings) -> Result<(), DataError> {
    let mut walk = Walk::new(settings);
    let markets: Vec<Market> = (0..settings.markets).map(|number| walk.market_by_number(number)).collect();
    let file = folder.join("snapshots.parquet");
    let mut writer = SnapshotWriter::create(&file)?;
    for (at, number, quote) in walk.by_ref() {
        let ticker = &markets[number as usize].ticker;
        writer.write_row(&SnapshotRow { at, ticker, quote })?;
    }
    writer.finish()?;
    let paid = walk.close_time() + Span::HOUR;
    let rows: Vec<_> = (0..settings.markets)
        .zip(markets)
        .map(|(number, market)| {
            (market, Some(Settlement { at: paid, value: walk.sample_settlement_value(number) }))
        })
        .collect();
    write_markets(&folder.join("markets.parquet"), &rows, false)
}
