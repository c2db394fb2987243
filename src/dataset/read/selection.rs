//! What of a data set a run reads: which tickers, and which stretch of time.

use std::collections::HashMap;

use crate::domain::{MarketId, PriceGrid, Timestamp};

/// What the markets say about each ticker.
#[derive(Debug, Default)]
pub struct Tickers {
    /// Every known ticker; `None` for those outside the run.
    pub ids: HashMap<String, Option<MarketId>>,
    /// Tickers of the run in byte order; row groups whose statistics exclude them all are skipped.
    pub wanted: Vec<String>,
    /// Moment at which each market was listed, by market id; earlier snapshots are refused.
    pub opens: Vec<Timestamp>,
    /// Grid of valid prices of each market, by market id; book levels must be on it.
    pub grids: Vec<PriceGrid>,
    /// Moment of settlement by market id, later snapshots are refused; `None` = no result.
    pub settles: Vec<Option<Timestamp>>,
}

/// The stretch of time that is read, both ends included.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// First moment of the window; earlier snapshots are left out.
    pub start: Timestamp,
    /// Last moment of the window, itself included.
    pub end: Timestamp,
}
