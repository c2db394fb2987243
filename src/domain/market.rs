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
    /// A market of this run, dense from zero in the order of listing.
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
    /// Pays if `value > floor`: the exchange's `greater` with its `floor_strike`.
    Greater(Decimal6),
    /// Pays if `value ≥ floor`: the exchange's `greater_or_equal` with its `floor_strike`.
    GreaterOrEqual(Decimal6),
    /// Pays if `value < cap`: the exchange's `less` with its `cap_strike`.
    Less(Decimal6),
    /// Pays if `value ≤ cap`: the exchange's `less_or_equal` with its `cap_strike`.
    LessOrEqual(Decimal6),
    /// Pays if `floor ≤ value ≤ cap`: the exchange's `between`, both bounds included.
    Between(Decimal6, Decimal6),
    /// A condition that is not a comparison with numbers; no model prices it.
    Other,
}

impl Strike {
    /// Whether `value` settles the market YES; `None` where the condition is not numeric.
    #[must_use]
    pub fn pays_yes(self, value: Decimal6) -> Option<bool> {
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
    /// Open for trading: the exchange takes and matches orders.
    Active,
    /// Not trading, but may still: not opened yet (`initialized`) or deactivated by the exchange
    /// (`inactive`).
    Halted,
    /// No longer trading and not paid out yet; its result may already be determined.
    Closed,
    /// Paid out (`finalized` at the exchange); no other status follows.
    Settled,
}

/// What is known of a market when it is listed. Its result is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Market {
    /// Number of this market within the run, an index into vectors of markets.
    pub id: MarketId,
    /// Number of its event, which it shares with the other markets on the same question.
    pub event: EventId,
    /// Number of its series, by which the exchange sets fees.
    pub series: SeriesId,
    /// Exchange's `ticker` of this market, unique there.
    pub ticker: Box<str>,
    /// Exchange's `event_ticker`, the same for all markets on one question.
    pub event_ticker: Arc<str>,
    /// Exchange's `series_ticker`, the same for all events of a recurring question.
    pub series_ticker: Arc<str>,
    /// Exchange's category of the series, spelled as there; empty if the data do not name it.
    pub category: Arc<str>,
    /// Question in words, for people only; empty if the data do not have it.
    pub title: Box<str>,
    /// Condition on the settled value under which a YES contract pays $1.
    pub strike: Strike,
    /// When trading begins, as the exchange or the data set says.
    pub open_time: Timestamp,
    /// When trading ends, as known at listing; an order arriving then is too late. A `CloseTime` event
    /// overrides it.
    pub close_time: Timestamp,
    /// Prices that orders may carry, as prices of YES.
    pub grid: PriceGrid,
    /// Fee schedule of its series at listing; a later `Fees` event overrides it.
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
        assert_eq!(Strike::Greater(at("4.25")).pays_yes(at("4.25")), Some(false));
        assert_eq!(Strike::GreaterOrEqual(at("4.25")).pays_yes(at("4.25")), Some(true));
        assert_eq!(Strike::Less(at("0")).pays_yes(at("0")), Some(false));
        assert_eq!(Strike::LessOrEqual(at("0")).pays_yes(at("0")), Some(true));
        assert_eq!(Strike::Between(at("84"), at("85")).pays_yes(at("85")), Some(true));
        assert_eq!(Strike::Other.pays_yes(at("1")), None);
    }
}
