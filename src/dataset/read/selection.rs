//! What of a data set a run reads: which tickers, and which stretch of time.

use std::collections::HashMap;

use crate::domain::{MarketId, PriceGrid, Timestamp};

/// What the markets say about each ticker.
#[derive(Debug, Default)]
pub struct Tickers {
    /// Every known ticker; `None` for those outside the run.
    pub ids: HashMap<String, Option<MarketId>>,
    /// Tickers of the run, sorted.
    pub wanted: Vec<String>,
    /// When each market was listed.
    pub opens: Vec<Timestamp>,
    /// Valid prices by market.
    pub grids: Vec<PriceGrid>,
    /// Payment by market.
    pub settles: Vec<Option<Timestamp>>,
}

/// What is read.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// First moment.
    pub start: Timestamp,
    /// Last moment.
    pub end: Timestamp,
}
