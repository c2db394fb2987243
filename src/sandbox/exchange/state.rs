//! What the exchange shows of its markets, and what it tells.

use std::sync::Arc;

use serde_json::Value;

use crate::domain::{
    Contracts, Depth, FeeSchedule, Level, Market, MarketId, MarketStatus, Price, Quote, Timestamp,
};

use crate::sandbox::wire;

/// What the book shows, the best first, at YES prices. No level is of no contracts: it would be no level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownBook {
    /// What is bid.
    pub bids: Vec<Level>,
    /// What is asked.
    pub asks: Vec<Level>,
}

impl ShownBook {
    /// Best bid.
    #[must_use]
    pub fn bid(&self) -> Option<Level> {
        self.bids.first().copied()
    }

    /// Best ask.
    #[must_use]
    pub fn ask(&self) -> Option<Level> {
        self.asks.first().copied()
    }
}

/// What a market showed at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownCandle {
    /// When.
    pub at: Timestamp,
    /// Best bid; $0 = none.
    pub bid: Price,
    /// Best ask; $1 = none.
    pub ask: Price,
    /// The last trade.
    pub last: Option<Price>,
    /// Contracts traded in its life.
    pub volume: Contracts,
}

impl ShownCandle {
    pub(in crate::sandbox) fn new(at: Timestamp, quote: &Quote, before: Option<&Self>) -> Self {
        let volume = quote.volume.or(before.map(|before| before.volume)).unwrap_or_default();
        let (bid, ask) = (quote.bid.unwrap_or(Price::ZERO), quote.ask.unwrap_or(Price::ONE));
        Self { at, bid, ask, last: quote.last, volume }
    }
}

/// A listed market.
#[derive(Debug)]
pub struct ServedMarket {
    /// As it was listed.
    pub market: Arc<Market>,
    /// Where it is in its life.
    pub status: MarketStatus,
    /// When it closes, as known now.
    pub close: Timestamp,
    /// The data's last quote.
    pub quote: Quote,
    /// What the book shows.
    pub book: ShownBook,
    /// What stands behind the data's next quote.
    pub behind: Option<Arc<Depth>>,
    /// All it has shown so far, for candles.
    pub history: Vec<ShownCandle>,
    /// Rises with every quote.
    pub clock: u64,
    /// What YES paid, and when.
    pub settled: Option<(Price, Timestamp)>,
    /// Last change that was no trading.
    pub updated: Timestamp,
    pub(in crate::sandbox) fees: FeeSchedule,
}

impl ServedMarket {
    pub(in crate::sandbox) const fn status_name(&self) -> &'static str {
        match self.status {
            MarketStatus::Active => "active",
            MarketStatus::Halted => "inactive",
            MarketStatus::Closed => "closed",
            MarketStatus::Settled => "finalized",
        }
    }

    pub(in crate::sandbox) fn result(&self) -> &'static str {
        self.settled.map_or("", |(value, _)| wire::result_of(value))
    }
}

/// A series, as its markets tell.
#[derive(Debug)]
pub struct SeriesState {
    pub(in crate::sandbox) ticker: Arc<str>,
    pub(in crate::sandbox) category: Arc<str>,
    pub(in crate::sandbox) fees: FeeSchedule,
    pub(in crate::sandbox) updated: Timestamp,
}

/// An event, as its markets tell.
#[derive(Debug)]
pub struct ExchangeEvent {
    pub(in crate::sandbox) ticker: Arc<str>,
    pub(in crate::sandbox) series: Arc<str>,
    pub(in crate::sandbox) category: Arc<str>,
    pub(in crate::sandbox) title: Box<str>,
    pub(in crate::sandbox) updated: Timestamp,
    pub(in crate::sandbox) markets: Vec<MarketId>,
}

/// What a socket can subscribe to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketChannel {
    /// Levels of the book.
    OrderBook,
    /// Best prices.
    Ticker,
    /// Public trades.
    Trade,
    /// Own trades.
    Fill,
    /// Own orders.
    Orders,
    /// Own positions.
    Positions,
    /// Lives of markets.
    Lifecycle,
}

/// Something to be told to whoever subscribed to it.
#[derive(Clone, Debug)]
pub struct Message {
    /// On which channel.
    pub channel: SocketChannel,
    /// Its `type`.
    pub kind: &'static str,
    /// The market it is about.
    pub market: Option<MarketId>,
    /// The only account that may see it.
    pub account: Option<usize>,
    /// Its `msg`.
    pub body: Value,
    /// The same for those who want YES prices on both sides.
    pub yes_body: Option<Value>,
}

/// Where the clock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Now.
    pub now: Timestamp,
    /// Nothing can happen any more by itself.
    pub end: bool,
}
