//! Markets: what pays when, on which grid, at which fee.
//!
//! Tickers are strings at the edge; inside, markets, events and series are dense integers that index
//! vectors. What a market pays on is its [`Strike`], never its ticker.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Decimal6, FeeSchedule, PriceGrid, Timestamp};

macro_rules! dense_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The position in a vector indexed by this id.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

dense_id!(
    /// A market of this run, dense from zero in ticker order.
    MarketId
);
dense_id!(
    /// An event (a group of markets on one question) of this run.
    EventId
);
dense_id!(
    /// A series (a recurring question) of this run.
    SeriesId
);

/// When a market pays YES, as a condition on the settled value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strike {
    /// `value > floor`.
    Greater(Decimal6),
    /// `value ≥ floor`.
    GreaterOrEqual(Decimal6),
    /// `value < cap`.
    Less(Decimal6),
    /// `value ≤ cap`.
    LessOrEqual(Decimal6),
    /// `floor ≤ value ≤ cap`.
    Between(Decimal6, Decimal6),
    /// A condition that is not a comparison with numbers; no model prices it.
    Other,
}

impl Strike {
    /// Whether `value` settles the market YES; `None` where the condition is not numeric.
    #[must_use]
    pub fn pays(self, value: Decimal6) -> Option<bool> {
        match self {
            Self::Greater(floor) => Some(value > floor),
            Self::GreaterOrEqual(floor) => Some(value >= floor),
            Self::Less(cap) => Some(value < cap),
            Self::LessOrEqual(cap) => Some(value <= cap),
            Self::Between(floor, cap) => Some(floor <= value && value <= cap),
            Self::Other => None,
        }
    }
}

/// Where a market is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketStatus {
    /// Open for trading.
    Active,
    /// Deactivated by the exchange, may come back.
    Halted,
    /// Past its close, not settled.
    Closed,
    /// Paid out; final.
    Settled,
}

/// What is known of a market when it is listed. Its result is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Market {
    /// This market.
    pub id: MarketId,
    /// Its event.
    pub event: EventId,
    /// Its series.
    pub series: SeriesId,
    /// The exchange's name of it.
    pub ticker: Box<str>,
    /// The exchange's name of its event.
    pub event_ticker: Arc<str>,
    /// The exchange's name of its series.
    pub series_ticker: Arc<str>,
    /// The exchange's category.
    pub category: Arc<str>,
    /// The question, for people.
    pub title: Box<str>,
    /// When it pays YES.
    pub strike: Strike,
    /// First moment of trading.
    pub open_time: Timestamp,
    /// Last moment of trading as known at listing.
    pub close_time: Timestamp,
    /// Valid prices.
    pub grid: PriceGrid,
    /// Fee schedule at listing.
    pub fees: FeeSchedule,
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Greater(floor) => write!(f, "above {floor}"),
            Self::GreaterOrEqual(floor) => write!(f, "{floor} or above"),
            Self::Less(cap) => write!(f, "below {cap}"),
            Self::LessOrEqual(cap) => write!(f, "{cap} or below"),
            Self::Between(floor, cap) => write!(f, "{floor} to {cap}"),
            Self::Other => f.write_str("not a number"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strikes_are_strict_where_the_exchange_says_so() {
        let at = |text| Decimal6::parse(text).unwrap();
        assert_eq!(Strike::Greater(at("4.25")).pays(at("4.25")), Some(false));
        assert_eq!(Strike::GreaterOrEqual(at("4.25")).pays(at("4.25")), Some(true));
        assert_eq!(Strike::Less(at("0")).pays(at("0")), Some(false));
        assert_eq!(Strike::LessOrEqual(at("0")).pays(at("0")), Some(true));
        assert_eq!(Strike::Between(at("84"), at("85")).pays(at("85")), Some(true));
        assert_eq!(Strike::Other.pays(at("1")), None);
    }
}
