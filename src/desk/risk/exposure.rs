//! How much is at stake, in all, by series, by event and by market.
//!
//! Exposure = cost with fees of open positions + worst case of open orders.

use crate::desk::market_state::MarketState;
use crate::domain::{Fraction, Money};

/// The largest exposures allowed, as shares of equity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExposureLimits {
    /// Cap on positions and orders in one market: `risk.max_market_exposure`.
    pub market: Fraction,
    /// In all markets of one event.
    pub event: Fraction,
    /// In all markets of one series.
    pub series: Fraction,
    /// Cap on positions and orders in all markets together: `risk.max_exposure`.
    pub total: Fraction,
}

/// Money at stake in open positions and orders, summed over all and by series, event and market.
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
    /// At stake in positions and orders of the market itself.
    pub market: Money,
    /// At stake in all markets of its event, this one included.
    pub event: Money,
    /// At stake in all markets of its series, this one included.
    pub series: Money,
    /// At stake in all markets together, as in [`Exposure::total`].
    pub total: Money,
}

impl Exposure {
    /// More (or, negative, less) is at stake in a market.
    pub fn adjust_exposure(&mut self, book: &MarketState, by: Money) {
        self.total += by;
        self.highest = self.highest.max(self.total);
        add_at_index(&mut self.series, book.series_id().index(), by);
        add_at_index(&mut self.events, book.event_id().index(), by);
        add_at_index(&mut self.markets, book.market.id.index(), by);
    }

    /// In all. Never negative, but where a version before this one booked a large negative fee; nothing is opened then.
    #[must_use]
    pub const fn total(&self) -> Money {
        self.total
    }

    /// Returns the most that was ever at stake at once, zero at the start.
    #[must_use]
    pub const fn highest_total(&self) -> Money {
        self.highest
    }

    /// Returns what is at stake in a market, in its event, in its series and in all.
    #[must_use]
    pub fn stakes_around_market(&self, book: &MarketState) -> Stakes {
        let at = |list: &[Money], index: usize| list.get(index).copied().unwrap_or_default();
        Stakes {
            market: at(&self.markets, book.market.id.index()),
            event: at(&self.events, book.event_id().index()),
            series: at(&self.series, book.series_id().index()),
            total: self.total,
        }
    }
}

fn add_at_index(list: &mut Vec<Money>, index: usize, by: Money) {
    if list.len() <= index {
        list.resize(index + 1, Money::ZERO);
    }
    list[index] += by;
}
