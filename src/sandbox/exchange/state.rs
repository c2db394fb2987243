//! What the exchange shows of its markets, and what it tells.

use std::sync::Arc;

use serde_json::Value;

use crate::domain::{
    Contracts, Depth, FeeSchedule, Level, Market, MarketId, MarketStatus, Price, Quote, SettlementValue,
    Timestamp,
};

use crate::sandbox::wire;

/// What the book shows, the best first, at YES prices. No level is of no contracts: it would be no level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownBook {
    /// Levels at which YES is bid, the highest price first.
    pub bids: Vec<Level>,
    /// Levels at which YES is offered, the lowest price first.
    pub asks: Vec<Level>,
}

impl ShownBook {
    /// Returns the best YES bid with its size; `None` if nothing is bid.
    #[must_use]
    pub fn best_bid(&self) -> Option<Level> {
        self.bids.first().copied()
    }

    /// Returns the best YES ask with its size; `None` if nothing is offered.
    #[must_use]
    pub fn best_ask(&self) -> Option<Level> {
        self.asks.first().copied()
    }
}

/// What a market showed at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownCandle {
    /// Exchange time of the quote it was made of.
    pub at: Timestamp,
    /// Best YES bid of the quote; $0 if it has none.
    pub bid: Price,
    /// Best YES ask of the quote; $1 if it has none.
    pub ask: Price,
    /// YES price of the last trade; `None` if the quote does not know it.
    pub last: Option<Price>,
    /// Contracts traded in the market's life; the figure before where the quote has none.
    pub volume: Contracts,
}

impl ShownCandle {
    pub(in crate::sandbox) fn new(at: Timestamp, quote: &Quote, before: Option<&Self>) -> Self {
        let volume = quote.volume.or(before.map(|before| before.volume)).unwrap_or_default();
        let (bid, ask) = (quote.bid.unwrap_or(Price::ZERO), quote.ask.unwrap_or(Price::ONE));
        Self { at, bid, ask, last: quote.last, volume }
    }
}

/// The other result that a market is first determined with, and where that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum ResultDispute {
    /// The next determination is going to be disputed.
    Asked,
    /// It was determined with a result that does not hold; `holds` is what it pays in the end.
    Open { first: SettlementValue, holds: SettlementValue },
}

/// A market the exchange has listed: its definition, status, quote, order book and result as of now.
#[derive(Debug)]
pub struct ServedMarket {
    /// The market's definition as it was last listed: ticker, strike, price grid and more.
    pub market: Arc<Market>,
    /// Whether the market is active, halted, closed or settled now.
    pub status: MarketStatus,
    /// When it closes, as known now.
    pub close: Timestamp,
    /// The latest quote of the data; empty before the first one.
    pub quote: Quote,
    /// The displayed order book: best prices of the quote, then what stands behind them.
    pub book: ShownBook,
    /// What stands behind the data's next quote.
    pub behind: Option<Arc<Depth>>,
    /// All it has shown so far, for candles.
    pub history: Vec<ShownCandle>,
    /// Number of quotes since it was listed: `clock` in order book snapshots and deltas.
    pub clock: u64,
    /// What one YES contract paid, and when by exchange time; `None` before the settlement.
    pub settled: Option<(SettlementValue, Timestamp)>,
    /// Exchange time of the last listing, change of status or close, or settlement.
    pub updated: Timestamp,
    pub(in crate::sandbox) fees: FeeSchedule,
    /// Whether its result is disputed, or is going to be.
    pub(in crate::sandbox) dispute: Option<ResultDispute>,
    /// Number of the matching engine it is traded on.
    pub(in crate::sandbox) shard: u8,
}

impl ServedMarket {
    pub(in crate::sandbox) const fn status_name(&self) -> &'static str {
        match self.status {
            _ if self.first_result().is_some() => "disputed",
            MarketStatus::Active => "active",
            MarketStatus::Halted => "inactive",
            MarketStatus::Closed => "closed",
            MarketStatus::Settled => "finalized",
        }
    }

    pub(in crate::sandbox) fn result_name(&self) -> &'static str {
        self.shown_result().map_or("", wire::result_of)
    }

    /// What YES pays by the result that is known now, be it disputed.
    pub(in crate::sandbox) fn shown_result(&self) -> Option<SettlementValue> {
        self.first_result().or(self.settled.map(|(value, _)| value))
    }

    /// The result that is disputed.
    const fn first_result(&self) -> Option<SettlementValue> {
        match self.dispute {
            Some(ResultDispute::Open { first, .. }) => Some(first),
            Some(ResultDispute::Asked) | None => None,
        }
    }
}

/// A series, as its markets tell.
#[derive(Debug)]
pub struct SeriesState {
    pub(in crate::sandbox) ticker: Arc<str>,
    pub(in crate::sandbox) category: Arc<str>,
    pub(in crate::sandbox) fees: FeeSchedule,
    pub(in crate::sandbox) updated: Timestamp,
    /// Number of the matching engine on which its new events are traded.
    pub(in crate::sandbox) shard: u8,
}

/// An event, as its markets tell.
#[derive(Debug)]
pub struct ExchangeEvent {
    pub(in crate::sandbox) ticker: Arc<str>,
    pub(in crate::sandbox) series: Arc<str>,
    pub(in crate::sandbox) category: Arc<str>,
    pub(in crate::sandbox) title: Box<str>,
    pub(in crate::sandbox) updated: Timestamp,
    /// Number of the matching engine on which its markets are traded.
    pub(in crate::sandbox) shard: u8,
    pub(in crate::sandbox) markets: Vec<MarketId>,
}

/// What a socket can subscribe to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketChannel {
    /// `orderbook_delta`: a snapshot of the order book, then each change of a level.
    OrderBook,
    /// `ticker`: best bid and ask, last price and volume of a market, at every quote.
    Ticker,
    /// `trade`: the trades of all accounts, seen from the taker, without names.
    Trade,
    /// `fill`: the fills of the account's own orders.
    Fill,
    /// `user_orders`: the account's own orders, each time one of them changes.
    Orders,
    /// `market_positions`: the account's own position in a market after a fill or payout.
    Positions,
    /// `market_lifecycle_v2`: listings, halts, moved closes, settlements, and fee changes by event.
    Lifecycle,
}

/// Something to be told to whoever subscribed to it.
#[derive(Clone, Debug)]
pub struct Message {
    /// Channel whose subscribers get the message.
    pub channel: SocketChannel,
    /// Value of the JSON key `type`, such as `orderbook_delta` or `user_order`.
    pub kind: &'static str,
    /// The market it is about; `None` if it is about an event.
    pub market: Option<MarketId>,
    /// Index of the only account that may see it; `None` = it is public.
    pub account: Option<usize>,
    /// Value of the JSON key `msg`, which is left out if this is null.
    pub body: Value,
    /// The same for those who want YES prices on both sides.
    pub yes_body: Option<Value>,
}

/// The time of the exchange, as returned when its clock was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Present moment of the exchange, in the time of its data.
    pub now: Timestamp,
    /// Nothing can happen any more by itself.
    pub end: bool,
}
