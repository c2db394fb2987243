//! What the desk knows of each market: definition, quote, status, fees, close.

use std::sync::Arc;

use crate::domain::{
    EventId, FeeSchedule, Market, MarketId, MarketStatus, Quote, SeriesId, SettlementValue, Timestamp,
};
use crate::event::MarketEvent;

/// What the desk knows of one market now: definition, best prices, status, fees, settlement.
#[derive(Clone, Debug)]
pub struct MarketState {
    /// The market's definition as last listed: tickers, strike, price grid, times.
    pub market: Arc<Market>,
    /// Best bid and ask as last reported; empty before the first quote, kept through a gap.
    pub quote: Quote,
    /// When the latest quote arrived; `None` before the first and after a gap.
    pub quoted_at: Option<Timestamp>,
    /// Bid plus ask of the latest two-sided quote, in ten-thousandths: twice the mark.
    pub twice_mid: Option<u16>,
    /// Where it is in its life.
    pub status: MarketStatus,
    /// Fee schedule of a trade made now; replaced when the series changes its fees or the market is listed
    /// anew.
    pub fees: FeeSchedule,
    /// Last moment of trading as known now.
    pub close_time: Timestamp,
    /// What one YES contract paid at settlement, from $0 to $1; `None` until then.
    pub settled: Option<SettlementValue>,
    /// Whether the account holds something here that is not ours.
    pub unmanaged: bool,
    /// Whether the session cannot understand the market at present.
    pub set_aside: bool,
}

impl MarketState {
    /// Returns the event this market belongs to; exposure is capped by event.
    #[must_use]
    pub fn event_id(&self) -> EventId {
        self.market.event
    }

    /// Returns the series this market belongs to; fees and an exposure cap go by series.
    #[must_use]
    pub fn series_id(&self) -> SeriesId {
        self.market.series
    }
}

/// The state of every market listed so far, in a vector indexed by [`MarketId`].
#[derive(Debug, Default)]
pub struct MarketStates {
    books: Vec<Option<MarketState>>,
}

impl MarketStates {
    /// The book of a market, if it was listed.
    #[must_use]
    #[inline]
    pub fn get(&self, market: MarketId) -> Option<&MarketState> {
        self.books.get(market.index())?.as_ref()
    }

    /// Iterates over all markets listed so far, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &MarketState> {
        self.books.iter().flatten()
    }

    /// Applies what the exchange said. Events of markets that were never listed are not applied;
    /// returns whether it was.
    #[inline]
    pub fn apply_event(&mut self, at: Timestamp, event: &MarketEvent) -> bool {
        match event {
            MarketEvent::Listed(market) => self.list_market(market),
            MarketEvent::Fees { series, fees } => {
                let affected = self.books.iter_mut().flatten().filter(|book| book.series_id() == *series);
                affected.for_each(|book| book.fees = *fees);
                true
            }
            // Decisions look at the best prices alone.
            MarketEvent::Depth { market, .. } => self.update_market(*market, |_| {}),
            MarketEvent::Quote { market, quote } => self.update_market(*market, |book| {
                book.quote = *quote;
                book.quoted_at = Some(at);
                book.twice_mid = quote.twice_mid().or(book.twice_mid);
            }),
            MarketEvent::Gap { market } => self.update_market(*market, |book| book.quoted_at = None),
            MarketEvent::Status { market, status } => self.update_market(*market, |book| {
                if book.status != MarketStatus::Settled {
                    book.status = *status;
                }
            }),
            MarketEvent::CloseTime { market, close } => {
                self.update_market(*market, |book| book.close_time = *close)
            }
            MarketEvent::Settled { market, value } => self.update_market(*market, |book| {
                book.status = MarketStatus::Settled;
                book.settled = Some(*value);
            }),
        }
    }

    /// Marks a market in which the account holds something that is not ours.
    pub fn set_unmanaged(&mut self, market: MarketId) {
        self.update_market(market, |book| book.unmanaged = true);
    }

    /// Marks whether a market is set aside.
    pub fn set_aside(&mut self, market: MarketId, set_aside: bool) {
        self.update_market(market, |book| book.set_aside = set_aside);
    }

    fn list_market(&mut self, market: &Arc<Market>) -> bool {
        let index = market.id.index();
        if self.books.len() <= index {
            self.books.resize(index + 1, None);
        }
        if let Some(book) = &mut self.books[index] {
            // The exchange changed its definition: its price grid, its strike, its fees.
            book.fees = market.fees;
            book.close_time = market.close_time;
            book.market = Arc::clone(market);
            return true;
        }
        self.books[index] = Some(MarketState {
            market: Arc::clone(market),
            quote: Quote::default(),
            quoted_at: None,
            twice_mid: None,
            status: MarketStatus::Active,
            fees: market.fees,
            close_time: market.close_time,
            settled: None,
            unmanaged: false,
            set_aside: false,
        });
        true
    }

    #[inline]
    fn update_market(&mut self, market: MarketId, change: impl FnOnce(&mut MarketState)) -> bool {
        match self.books.get_mut(market.index()) {
            Some(Some(book)) => {
                change(book);
                true
            }
            _ => false,
        }
    }
}
