//! Turns in a market's life that a recording keeps as rows among the quotes.

use crate::domain::{MarketStatus, Timestamp};

/// A turn in a market's life that a recording has between quotes, in its column `event`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowEvent {
    /// The book could not be relied on from here to the next quote.
    Gap,
    /// The market was opened, halted or closed.
    Status(MarketStatus),
    /// The exchange moved the close of the market to this moment, earlier or later.
    CloseTime(Timestamp),
}

impl RowEvent {
    /// The name of a moved close, whose moment is in the column `close_time`.
    pub const CLOSE_TIME: &str = "close_time";
    const GAP: &str = "gap";
    const STATUS: [(&str, MarketStatus); 3] = [
        ("active", MarketStatus::Active),
        ("halted", MarketStatus::Halted),
        ("closed", MarketStatus::Closed),
    ];

    /// As it is written; `None` for what is no row: a payment is a result in `markets.parquet`.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Gap => Some(Self::GAP),
            Self::CloseTime(_) => Some(Self::CLOSE_TIME),
            Self::Status(status) => {
                Self::STATUS.iter().find(|(_, known)| *known == status).map(|(name, _)| *name)
            }
        }
    }

    /// The event of a name, but for a moved close, which is more than its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let status = || Self::STATUS.iter().find(|(known, _)| *known == name).map(|(_, status)| *status);
        if name == Self::GAP { Some(Self::Gap) } else { status().map(Self::Status) }
    }
}
