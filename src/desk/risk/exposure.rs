//! How much is at stake, in all, by series, by event and by market.
//!
//! Exposure = cost with fees of open positions + worst case of open orders.

use crate::desk::market_state::MarketState;
use crate::domain::{Fraction, Money};

/// The largest exposures allowed, as shares of equity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExposureLimits {
    /// In one market.
    pub market: Fraction,
    /// In all markets of one event.
    pub event: Fraction,
    /// In all markets of one series.
    pub series: Fraction,
    /// In all.
    pub total: Fraction,
}

/// Money at stake.
#[derive(Debug, Default)]
pub struct Exposure {
    total: Money,
    highest: Money,
    series: Vec<Money>,
    events: Vec<Money>,
    markets: Vec<Money>,
}

/// What is at stake around one market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stakes {
    /// In the market itself.
    pub market: Money,
    /// In its event.
    pub event: Money,
    /// In its series.
    pub series: Money,
    /// In all.
    pub total: Money,
}

impl Exposure {
    /// More (or, negative, less) is at stake in a market.
    pub fn change(&mut self, book: &MarketState, by: Money) {
        self.total += by;
        self.highest = self.highest.max(self.total);
        add(&mut self.series, book.series().index(), by);
        add(&mut self.events, book.event().index(), by);
        add(&mut self.markets, book.market.id.index(), by);
    }

    /// In all. Never negative, but where a version before this one booked a large negative fee; nothing is opened then.
    #[must_use]
    pub const fn total(&self) -> Money {
        self.total
    }

    /// The highest it ever was.
    #[must_use]
    pub const fn highest(&self) -> Money {
        self.highest
    }

    /// Around one market.
    #[must_use]
    pub fn around(&self, book: &MarketState) -> Stakes {
        let at = |list: &[Money], index: usize| list.get(index).copied().unwrap_or_default();
        Stakes {
            market: at(&self.markets, book.market.id.index()),
            event: at(&self.events, book.event().index()),
            series: at(&self.series, book.series().index()),
            total: self.total,
        }
    }
}

fn add(list: &mut Vec<Money>, index: usize, by: Money) {
    if list.len() <= index {
        list.resize(index + 1, Money::ZERO);
    }
    list[index] += by;
}
