//! What the REST API sends and takes, as types. Only what protogen uses is decoded, so that a field it
//! never looks at may come and go; of what it uses, everything required must be there. Lists are read item by
//! item ([`ItemList`]); absent, `null` and empty lists and cursors are one.

mod account;
mod candle;
mod exchange;
mod item_list;
mod market;
mod order;
mod problem;
mod series;

pub use account::{
    AccountLimits, ApiSettlement, Balance, EndpointCost, EndpointCosts, MarketPosition, RateLimit,
    ShardBalance,
};
pub use candle::Candle;
pub(crate) use candle::{CandleBatch, OldCandles};
pub use exchange::{
    DayHours, ExchangeStatus, HistoricalCutoff, Maintenance, Schedule, ShardStatus, WeeklyHours,
};
pub use item_list::{ItemList, OddItem};
pub use market::{ApiMarket, ApiMarketStatus, ApiOrderBook, ApiTrade, MarketResult, MarketType};
pub use order::{
    AmendOrder, Amended, ApiBookSide, ApiFill, ApiOrder, ApiOrderStatus, BatchItem, CancelItem, Cancelled,
    CreateOrder, CreatedOrder, Decreased, OrderGroup, OrderGroupCreated, SelfTradePrevention,
    WireTimeInForce,
};
pub use problem::ApiErrorBody;
pub use series::{ApiEvent, ApiFeeChange, EventFeeChange, Series};

pub(crate) use envelope::*;

/// The wrappers around lists and single objects, which only the client sees.
mod envelope {
    use serde::Deserialize;

    use super::{
        ApiEvent, ApiFeeChange, ApiFill, ApiMarket, ApiOrder, ApiOrderBook, ApiSettlement, ApiTrade,
        BatchItem, Cancelled, CreatedOrder, EventFeeChange, ItemList, MarketPosition, Schedule, Series,
    };

    /// One page of a list that the exchange hands out in pieces, by cursor.
    pub(crate) trait Page {
        /// Type of the listed objects, such as [`ApiMarket`].
        type Item;
        /// Whether it lists what the account did or holds, of which nothing may be left out.
        const IS_ACCOUNT: bool;
        /// The items, and the cursor of the next page; `None` on the last.
        fn into_items_and_cursor(self) -> (ItemList<Self::Item>, Option<String>);
    }

    macro_rules! pages {
        ($($name:ident { $field:ident: $item:ty, $is_account:literal })*) => {$(
            #[derive(Debug, Deserialize)]
            pub(crate) struct $name {
                #[serde(default)]
                pub $field: ItemList<$item>,
                #[serde(default)]
                pub cursor: Option<String>,
            }
            impl Page for $name {
                type Item = $item;
                const IS_ACCOUNT: bool = $is_account;
                fn into_items_and_cursor(self) -> (ItemList<$item>, Option<String>) {
                    (self.$field, self.cursor.filter(|cursor| !cursor.is_empty()))
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
        EventsPage { events: ApiEvent, false }
        EventFeeChangesPage { event_fee_changes: EventFeeChange, false }
        MarketsPage { markets: ApiMarket, false }
        TradesPage { trades: ApiTrade, false }
        OrdersPage { orders: ApiOrder, true }
        FillsPage { fills: ApiFill, true }
        PositionsPage { market_positions: MarketPosition, true }
        SettlementsPage { settlements: ApiSettlement, true }
    }

    wrappers! {
        OneSeries { series: Series }
        SeriesList { series: Vec<Series> }
        FeeChanges { series_fee_change_arr: Vec<ApiFeeChange> }
        OneMarket { market: ApiMarket }
        OneOrder { order: ApiOrder }
        OneOrderBook { orderbook_fp: ApiOrderBook }
        OrderBooks { orderbooks: Vec<TickerBook> }
        OneSchedule { schedule: Schedule }
        BatchCreatedList { orders: Vec<BatchItem<CreatedOrder>> }
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
        pub orderbook_fp: ApiOrderBook,
    }

    /// An event, with its markets beside it or in it.
    #[derive(Debug, Deserialize)]
    pub(crate) struct OneEvent {
        pub event: ApiEvent,
        #[serde(default)]
        pub markets: ItemList<ApiMarket>,
    }
}

#[cfg(test)]
mod tests;
