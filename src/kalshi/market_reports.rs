//! What a reading of markets brings: those that were read, with the series facts that hold for them, those that
//! cannot be understood, and those that are missing. And which markets are of interest at all.

use std::sync::Arc;

use crate::domain::FeeSchedule;

use super::rest::ApiError;
use super::wire;

/// Which markets are of interest: those whose series and category are both listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarketScope {
    /// Tickers of series, such as `KXHIGHNY`; empty = every series.
    pub series: Vec<String>,
    /// Categories as the exchange spells them; empty = every category.
    pub categories: Vec<String>,
}

impl MarketScope {
    /// Whether markets of a series are of interest.
    #[must_use]
    pub fn covers_series(&self, series: &str, category: &str) -> bool {
        let listed = |list: &[String], name: &str| list.is_empty() || list.iter().any(|item| item == name);
        listed(&self.series, series) && listed(&self.categories, category)
    }
}

/// A series as far as its markets need it: those of one event, since an event may have fees of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesFacts {
    /// Ticker of the series, such as `KXHIGHNY`.
    pub ticker: Arc<str>,
    /// Category of the series as the exchange spells it, such as `Climate and Weather`.
    pub category: Arc<str>,
    /// Fees as last fetched: those of the series, with what the event has of its own.
    pub fees: FeeSchedule,
}

/// A market with its series, as reported.
pub type MarketReport = (wire::ApiMarket, SeriesFacts);

/// A market of the scope that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableMarket {
    /// Ticker of the market.
    pub ticker: Arc<str>,
    /// Which field of which answer, and what is wrong with it.
    pub reason: String,
}

/// What a reading of markets brought.
#[derive(Debug, Default)]
pub struct MarketReports {
    /// Markets that were read.
    pub reports: Vec<MarketReport>,
    /// Markets of the scope that cannot be understood.
    pub odd: Vec<UnreadableMarket>,
    /// Markets that were asked for and that the exchange does not know.
    pub unknown: Vec<Arc<str>>,
    /// Markets that could not be read in passing, to be asked for again.
    pub missing: Vec<Arc<str>>,
    /// Why they could not be, the last reason; `None` if none is missing.
    pub error: Option<ApiError>,
}

impl MarketReports {
    pub(super) fn add_missing(&mut self, ticker: &str, error: ApiError) {
        self.missing.push(ticker.into());
        self.error = Some(error);
    }
}
