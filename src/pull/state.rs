//! What a data set remembers of how it was pulled: `pull.json` in its folder, from which the next pull goes on.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::dataset::DataError;
use crate::dataset::read::catalogue::Settlement;
use crate::dataset::write::writer::Listing;
use crate::domain::{EventId, FeeSchedule, Market, MarketId, SeriesId, Timestamp};
use crate::kalshi::number::{price_text, seconds_of};

use super::exchange::Listed;

/// File name of a [`PullState`] in the folder of its data set.
pub const STATE: &str = "pull.json";
const VERSION: u32 = 1;

/// What cannot be changed once something was pulled, as it would leave holes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Name of the exchange that is pulled from: `prod`, `demo` or `sandbox`.
    pub environment: String,
    /// Minutes of a candle: 1, 60 or 1440.
    pub minutes: u16,
    /// Nothing before this moment is pulled; `None` = every market from its opening on.
    pub since: Option<Timestamp>,
    /// Whether the markets' public trades are pulled besides their candles.
    pub trades: bool,
}

/// How far a data set is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullState {
    version: u32,
    /// What it was pulled with first, and has to be pulled with again.
    pub terms: Terms,
    /// What is pulled, and as of when all its markets were there.
    pub targets: BTreeMap<String, Option<Timestamp>>,
    /// The exchange's time of the last pull.
    pub as_of: Timestamp,
    /// How many pulls have added files; the names of the latest one's files contain this number, as `.001`.
    pub generation: u32,
    /// All markets of the data set by ticker; while pulling, each has its place in this order as its number.
    pub markets: BTreeMap<String, StateEntry>,
}

/// A market of a data set: what the exchange says of it, and up to when its rows are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateEntry {
    /// As the exchange listed it last; no longer changed once everything of it is there.
    pub listed: Listed,
    /// Ticker of its series, such as `KXHIGHNY`.
    pub series: String,
    /// Category of its series as the exchange spells it, such as `Climate and Weather`.
    pub category: String,
    /// Its fees when it was opened.
    pub fees: FeeSchedule,
    /// Whether at most one market of its event pays.
    pub exclusive: bool,
    /// Candles that ended by this second are there; `None` = none was asked for.
    pub candles_until: Option<i64>,
    /// Trades by this second are there.
    pub trades_until: Option<i64>,
    /// Contracts traded by `candles_until`, in hundredths.
    pub volume: i64,
}

impl PullState {
    /// Returns the state before the first pull: no markets and no targets.
    pub fn new(terms: Terms) -> Self {
        let (targets, markets) = Default::default();
        Self { version: VERSION, terms, targets, as_of: Timestamp::MIN, generation: 0, markets }
    }

    /// The state of a data set; `None` if there is no data set.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn load(out: &Path) -> Result<Option<Self>, DataError> {
        let path = out.join(STATE);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|error| DataError::of_file(&path, format!("cannot be read: {error}")))?,
        };
        let state: Self = serde_json::from_slice(&text).map_err(|error| {
            DataError::of_file(&path, format!("cannot be read: {error}; pull into another folder"))
        })?;
        if state.version != VERSION {
            let problem = format!("is of version {}, not {VERSION}; pull into another folder", state.version);
            return Err(DataError::of_file(&path, problem));
        }
        Ok(Some(state))
    }

    /// Writes it into a folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), DataError> {
        let path = folder.join(STATE);
        let text = serde_json::to_vec(self).expect("a state is plain data");
        std::fs::write(&path, text)
            .map_err(|error| DataError::of_file(&path, format!("cannot be written: {error}")))
    }
}

impl StateEntry {
    /// The last second in which it can have traded, as known now.
    pub fn last_second(&self) -> i64 {
        let paid = self.listed.settled.map_or(Timestamp::MAX, |(at, _)| at);
        seconds_of(self.listed.close.min(paid))
    }

    /// Whether it is over and everything of it is there.
    pub fn is_whole(&self, trades: bool) -> bool {
        let last = self.last_second();
        let there = |until: Option<i64>| until.is_some_and(|until| until >= last);
        self.listed.over && there(self.candles_until) && (!trades || there(self.trades_until))
    }

    /// Its row in the list of markets.
    pub fn listing(&self) -> Listing {
        let listed = &self.listed;
        Listing {
            market: Market {
                id: MarketId(0),
                event: EventId(0),
                series: SeriesId(0),
                ticker: listed.ticker.as_str().into(),
                event_ticker: listed.event.as_str().into(),
                series_ticker: self.series.as_str().into(),
                category: self.category.as_str().into(),
                title: listed.title.as_str().into(),
                strike: listed.strike,
                open_time: listed.open,
                close_time: listed.close,
                grid: listed.grid.clone(),
                fees: self.fees,
            },
            settlement: listed.settled.map(|(at, value)| Settlement { at, value }),
            yes_sub_title: listed.yes_sub_title.clone(),
            mutually_exclusive: self.exclusive,
            price_ranges: self.price_ranges(),
        }
    }

    /// Its grid as the exchange writes it.
    fn price_ranges(&self) -> String {
        let range = |band: &crate::domain::price::Band| {
            let [start, end, step] = [band.start, band.end, band.step].map(price_text);
            serde_json::json!({"start": start, "end": end, "step": step})
        };
        let ranges: Vec<_> = self.listed.grid.bands().iter().map(range).collect();
        if ranges.is_empty() { String::new() } else { serde_json::Value::from(ranges).to_string() }
    }
}
