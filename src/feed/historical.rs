//! `HistoricalFeed`: recorded markets, snapshots and facts as one timeline.
//!
//! At one moment the order is: markets are listed, fees change, facts become public, quotes, markets
//! close, markets are paid out. A snapshot stands at the moment it was taken, a fact at the moment it
//! was published, a result at the moment of payment: nothing is told before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::domain::{
    Fact, FeeSchedule, Market, MarketId, MarketStatus, Price, Quote, SeriesId, SettlementValue, Timestamp,
};
use crate::engine::gateway::{Feed, GatewayError, Next};
use crate::event::{Input, MarketEvent, Stamped};

use crate::dataset::DataError;
use crate::dataset::data_set::DataSet;
use crate::dataset::facts::{read_facts, read_fee_changes};
use crate::dataset::read::catalogue::{Catalogue, read_markets};
use crate::dataset::read::decode::FilePlan;
use crate::dataset::read::row_event::RowEvent;
use crate::dataset::read::selection::Window;
use crate::dataset::read::snapshots::{Snapshot, SnapshotStream};

/// Which files a [`HistoricalFeed`] replays, for which time, under which assumptions.
#[derive(Clone, Debug)]
pub struct HistoricalSettings<'a> {
    /// Data sets whose markets, fee changes and snapshots are merged into one timeline.
    pub data: &'a [DataSet],
    /// CSV files of facts, each fact told at its `published_at`.
    pub facts: &'a [PathBuf],
    /// Stretch of time to replay: snapshots outside it and everything after its end are left out.
    pub window: Window,
    /// Assumed distance of bid and ask from the midpoint where neither is known.
    pub half_spread: Option<Price>,
    /// Skip and count bad snapshots instead of refusing the data.
    pub lenient: bool,
}

/// Something that happens at a known time. The order of the variants is the order at one moment;
/// quotes come between facts and closes.
#[derive(Clone, Copy, Debug)]
enum Scheduled {
    Listed(MarketId),
    /// By its place among the later definitions.
    Redefined(usize),
    Fees(SeriesId, FeeSchedule),
    Fact(Fact),
    Closed(MarketId),
    Settled(MarketId, SettlementValue),
}

impl Scheduled {
    const fn tie_break_rank(&self) -> u8 {
        match self {
            Self::Listed(_) | Self::Redefined(_) => 0,
            Self::Fees(..) => 1,
            Self::Fact(_) => 2,
            Self::Closed(_) => 4,
            Self::Settled(..) => 5,
        }
    }

    /// Whether it comes before quotes of the same moment.
    const fn before_quotes(&self) -> bool {
        self.tie_break_rank() < 3
    }
}

/// Replays data sets and facts as a [`Feed`], merged in order of time.
#[derive(Debug)]
pub struct HistoricalFeed {
    markets: Vec<Arc<Market>>,
    redefined: Vec<Arc<Market>>,
    timeline: Vec<(Timestamp, Scheduled)>,
    next: usize,
    end: Timestamp,
    snapshots: SnapshotStream,
    half_spread: Option<Price>,
    rows: u64,
    passed_over: BTreeSet<PathBuf>,
    /// They keep the copies of files from a server.
    sets: Vec<DataSet>,
}

impl HistoricalFeed {
    /// Opens the data and reads everything but the snapshots.
    ///
    /// # Errors
    /// Names file and row of the first thing that is wrong.
    pub fn open(
        settings: &HistoricalSettings<'_>,
        covers: impl Fn(&Market) -> bool,
    ) -> Result<Self, DataError> {
        Self::load_from_settings(settings, covers)
            .map_err(|error| error_with_source_path(settings.data, error))
    }

    fn load_from_settings(
        settings: &HistoricalSettings<'_>,
        covers: impl Fn(&Market) -> bool,
    ) -> Result<Self, DataError> {
        let window = settings.window;
        let files: Vec<(&Path, _)> = settings
            .data
            .iter()
            .map(|set| Ok((set.markets.as_path(), read_markets(&set.markets)?)))
            .collect::<Result<_, DataError>>()?;
        let mut catalogue = Catalogue::new(files, window, covers)?;
        let mut timeline = lifecycle_timeline(&catalogue, window);
        for file in settings.data.iter().filter_map(|set| set.fee_changes.as_ref()) {
            for change in read_fee_changes(file)? {
                if let Some(&series) = catalogue.series.get(&change.series_ticker) {
                    timeline.push((change.effective_at, Scheduled::Fees(series, change.fees)));
                }
            }
        }
        for file in settings.facts {
            timeline.extend(read_facts(file)?.into_iter().map(|(at, fact)| (at, Scheduled::Fact(fact))));
        }
        timeline.retain(|&(at, _)| at <= window.end);
        timeline.sort_by_key(|(at, item)| (*at, item.tie_break_rank()));
        let tickers = std::mem::take(&mut catalogue.tickers);
        let plans: Vec<FilePlan> = settings
            .data
            .iter()
            .flat_map(|set| &set.snapshots)
            .map(|file| FilePlan::new(file, &tickers, window))
            .collect::<Result<_, _>>()?;
        let (plans, idle): (Vec<_>, Vec<_>) = plans.into_iter().partition(|plan| plan.rows > 0);
        settings.data.iter().try_for_each(|set| set.fetch_row_groups(&plans))?;
        let passed_over = idle.into_iter().map(|plan| plan.file).collect();
        let rows = plans.iter().map(|plan| plan.rows).sum();
        Ok(Self {
            markets: catalogue.markets,
            redefined: catalogue.redefined.into_iter().map(|(_, market)| market).collect(),
            timeline,
            next: 0,
            end: window.end,
            snapshots: SnapshotStream::new(plans, tickers, window, settings.lenient),
            half_spread: settings.half_spread,
            rows,
            passed_over,
            sets: settings.data.to_vec(),
        })
    }

    /// The markets of the run, by id.
    #[must_use]
    pub fn markets(&self) -> &[Arc<Market>] {
        &self.markets
    }

    /// Whether nothing of a file of snapshots is read, because it holds none of the run's markets and dates.
    #[must_use]
    pub fn passes_over(&self, file: &Path) -> bool {
        self.passed_over.contains(file)
    }

    /// Snapshot rows that will be looked at.
    #[must_use]
    pub const fn rows_to_read(&self) -> u64 {
        self.rows
    }

    /// Snapshot rows looked at so far.
    #[must_use]
    pub const fn rows_read(&self) -> u64 {
        self.snapshots.rows_read()
    }

    /// Returns the number of bad snapshot rows skipped so far, by kind of problem.
    #[must_use]
    pub fn skipped_by_kind(&self) -> BTreeMap<&'static str, u64> {
        self.snapshots.skipped_by_kind().map(|(kind, skipped)| (kind, skipped.count)).collect()
    }

    fn next_scheduled_input(&mut self) -> Option<Stamped<Input>> {
        let (at, item) = *self.timeline.get(self.next)?;
        self.next += 1;
        let status = |market, status| MarketEvent::Status { market, status };
        let value = match item {
            Scheduled::Listed(market) => {
                Input::Market(MarketEvent::Listed(Arc::clone(&self.markets[market.index()])))
            }
            Scheduled::Redefined(place) => {
                let market = Arc::clone(&self.redefined[place]);
                self.plan_close(at, market.id, market.close_time);
                Input::Market(MarketEvent::Listed(market))
            }
            Scheduled::Fees(series, fees) => Input::Market(MarketEvent::Fees { series, fees }),
            Scheduled::Fact(fact) => Input::Fact(fact),
            Scheduled::Closed(market) => Input::Market(status(market, MarketStatus::Closed)),
            Scheduled::Settled(market, value) => Input::Market(MarketEvent::Settled { market, value }),
        };
        Some(Stamped { at, value })
    }

    /// What a recording has between quotes.
    fn apply_row_event(&mut self, at: Timestamp, market: MarketId, event: RowEvent) -> MarketEvent {
        match event {
            RowEvent::Gap => MarketEvent::Gap { market },
            RowEvent::Status(status) => MarketEvent::Status { market, status },
            RowEvent::CloseTime(close) => {
                self.plan_close(at, market, close);
                MarketEvent::CloseTime { market, close }
            }
        }
    }

    /// Closes a market at another moment than was planned, but not before now.
    fn plan_close(&mut self, now: Timestamp, market: MarketId, close: Timestamp) {
        let is_planned =
            |(_, item): &(Timestamp, Scheduled)| matches!(item, Scheduled::Closed(id) if *id == market);
        if let Some(planned) = self.timeline[self.next..].iter().position(is_planned) {
            self.timeline.remove(self.next + planned);
        }
        let (at, item) = (close.max(now), Scheduled::Closed(market));
        if at <= self.end {
            let before = |&(other, known): &(Timestamp, Scheduled)| {
                (other, known.tie_break_rank()) <= (at, item.tie_break_rank())
            };
            let place = self.next + self.timeline[self.next..].partition_point(before);
            self.timeline.insert(place, (at, item));
        }
    }

    /// What stands behind the snapshot that comes next. Out of the way of data without levels.
    #[cold]
    #[inline(never)]
    fn take_depth_input(&mut self, at: Option<Timestamp>) -> Option<Stamped<Input>> {
        let (market, depth) = self.snapshots.take_depth()?;
        at.map(|at| Stamped { at, value: Input::Market(MarketEvent::Depth { market, depth }) })
    }

    #[inline]
    fn quote_with_assumptions(&self, snapshot: &Snapshot) -> Quote {
        let quote = snapshot.quote;
        match (self.half_spread, quote.recorded_mid.or(quote.last)) {
            (Some(half_spread), Some(middle)) if quote.bid.is_none() && quote.ask.is_none() => {
                // Rounded outward, so that the assumed spread is never narrower than asked for.
                let grid = &self.markets[snapshot.market.index()].grid;
                let bid = grid.floor(middle.lowered_by(half_spread));
                let ask = grid.ceil(middle.raised_by(half_spread));
                Quote { bid, ask, assumed: true, ..quote }
            }
            _ => quote,
        }
    }
}

/// An error in the names of those who gave the data.
fn error_with_source_path(sets: &[DataSet], error: DataError) -> DataError {
    sets.iter().fold(error, |error, set| set.error_with_source_path(error))
}

fn lifecycle_timeline(catalogue: &Catalogue, window: Window) -> Vec<(Timestamp, Scheduled)> {
    let mut timeline = Vec::with_capacity(catalogue.markets.len() * 3);
    let redefined = catalogue.redefined.iter().enumerate();
    timeline.extend(redefined.map(|(place, &(at, _))| (at, Scheduled::Redefined(place))));
    for (market, settlement) in catalogue.markets.iter().zip(&catalogue.settlements) {
        // A market that was listed before the window is simply there when it begins.
        let listed = catalogue.tickers.opens[market.id.index()];
        timeline.push((listed, Scheduled::Listed(market.id)));
        timeline.push((market.close_time, Scheduled::Closed(market.id)));
        if let Some(settlement) = settlement {
            timeline.push((settlement.at, Scheduled::Settled(market.id, settlement.value)));
        }
    }
    timeline.retain(|&(at, _)| at <= window.end);
    timeline
}

impl Feed for HistoricalFeed {
    #[inline]
    fn next(&mut self, until: Option<Timestamp>) -> Result<Next<Stamped<Input>>, GatewayError> {
        let scheduled = self.timeline.get(self.next).map(|(at, item)| (*at, item.before_quotes()));
        let quoted = self.snapshots.peek().map_err(|error| error_with_source_path(&self.sets, error))?;
        let quoted = quoted.map(|snapshot| snapshot.at);
        let first_scheduled = match (scheduled, quoted) {
            (None, None) => return Ok(Next::End),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some((at, before_quotes)), Some(quoted)) => at < quoted || (at == quoted && before_quotes),
        };
        let at = if first_scheduled { scheduled.map(|(at, _)| at) } else { quoted };
        if at.is_some_and(|at| until.is_some_and(|until| at > until)) {
            return Ok(Next::Due);
        }
        if !first_scheduled
            && self.snapshots.has_levels()
            && let Some(depth) = self.take_depth_input(at)
        {
            return Ok(Next::Item(depth));
        }
        let input = if first_scheduled {
            self.next_scheduled_input()
        } else {
            self.snapshots.take_snapshot().map(|snapshot| {
                let market = snapshot.market;
                let event = match snapshot.event {
                    None => MarketEvent::Quote { market, quote: self.quote_with_assumptions(&snapshot) },
                    Some(event) => self.apply_row_event(snapshot.at, market, event),
                };
                Stamped { at: snapshot.at, value: Input::Market(event) }
            })
        };
        Ok(input.map_or(Next::End, Next::Item))
    }
}
