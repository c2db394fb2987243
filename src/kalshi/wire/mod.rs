//! What the REST API sends and takes, as types. Only what protogen uses is decoded, so that a field it
//! never looks at may come and go; of what it uses, everything required must be there.

mod account;
mod candle;
mod exchange;
mod market;
mod order;
mod problem;
mod series;

pub use account::{
    AccountLimits, Balance, EndpointCost, EndpointCosts, MarketPosition, RateLimit, Settlement, ShardBalance,
};
pub use candle::Candle;
pub(crate) use candle::{CandleBatch, OldCandles};
pub use exchange::{
    DayHours, ExchangeStatus, HistoricalCutoff, Maintenance, Schedule, ShardStatus, WeeklyHours,
};
pub use market::{Market, MarketResult, MarketType, OrderBook, Status, Trade};
pub use order::{
    AmendOrder, Amended, BatchItem, BookSide, CancelItem, Cancelled, CreateOrder, Created, Decreased, Fill,
    Order, OrderGroup, OrderGroupCreated, OrderStatus, SelfTradePrevention, WireTimeInForce,
};
pub use problem::ApiErrorBody;
pub use series::{Event, EventFeeChange, FeeChange, Series};

pub(crate) use envelope::*;

/// The wrappers around lists and single objects, which only the client sees.
mod envelope {
    use serde::Deserialize;

    use super::{
        BatchItem, Cancelled, Created, Event, EventFeeChange, FeeChange, Fill, Market, MarketPosition, Order,
        OrderBook, Schedule, Series, Settlement, Trade,
    };

    /// One page of a list.
    pub(crate) trait Page {
        /// What is listed.
        type Item;
        /// The items, and the cursor of the next page; empty on the last.
        fn split(self) -> (Vec<Self::Item>, String);
    }

    macro_rules! pages {
        ($($name:ident { $field:ident: $item:ty })*) => {$(
            #[derive(Debug, Deserialize)]
            pub(crate) struct $name {
                pub $field: Vec<$item>,
                pub cursor: String,
            }
            impl Page for $name {
                type Item = $item;
                fn split(self) -> (Vec<$item>, String) {
                    (self.$field, self.cursor)
                }
            }
        )*};
    }

    macro_rules! wrappers {
        ($($name:ident { $field:ident: $item:ty })*) => {$(
            #[derive(Debug, Deserialize)]
            pub(crate) struct $name {
                pub $field: $item,
            }
        )*};
    }

    pages! {
        EventsPage { events: Event }
        EventFeeChangesPage { event_fee_changes: EventFeeChange }
        MarketsPage { markets: Market }
        TradesPage { trades: Trade }
        OrdersPage { orders: Order }
        FillsPage { fills: Fill }
        PositionsPage { market_positions: MarketPosition }
        SettlementsPage { settlements: Settlement }
    }

    wrappers! {
        OneSeries { series: Series }
        SeriesList { series: Vec<Series> }
        FeeChanges { series_fee_change_arr: Vec<FeeChange> }
        OneMarket { market: Market }
        OneOrder { order: Order }
        OneOrderBook { orderbook_fp: OrderBook }
        OrderBooks { orderbooks: Vec<TickerBook> }
        OneSchedule { schedule: Schedule }
        BatchCreatedList { orders: Vec<BatchItem<Created>> }
        BatchCancelledList { orders: Vec<BatchItem<Cancelled>> }
    }

    /// The time as of which the exchange answers.
    #[derive(Debug, Deserialize)]
    pub(crate) struct AsOf {
        #[serde(rename = "as_of_time", deserialize_with = "crate::kalshi::number::time")]
        pub as_of: crate::domain::Timestamp,
    }

    #[derive(Debug, Deserialize)]
    pub(crate) struct TickerBook {
        pub ticker: String,
        pub orderbook_fp: OrderBook,
    }

    /// An event, with its markets beside it or in it.
    #[derive(Debug, Deserialize)]
    pub(crate) struct OneEvent {
        pub event: Event,
        #[serde(default)]
        pub markets: Vec<Market>,
    }
}

#[cfg(test)]
mod tests;
