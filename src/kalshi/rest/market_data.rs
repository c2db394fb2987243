//! What everybody may ask: the exchange's state, series, events, markets, books, trades.
#![expect(clippy::missing_errors_doc, reason = "every request fails in the ways of `ApiError`")]

use super::call::{Call, path_segment};
use super::{ApiError, PagedList, Rest};
use crate::domain::Timestamp;
use crate::kalshi::number::seconds_of;
use crate::kalshi::wire::{
    ApiEvent, ApiFeeChange, ApiMarket, ApiOrderBook, ApiTrade, EventFeeChange, EventFeeChangesPage,
    EventsPage, ExchangeStatus, FeeChanges, HistoricalCutoff, ItemList, MarketsPage, OneEvent, OneMarket,
    OneOrderBook, OneSchedule, OneSeries, OrderBooks, Schedule, Series, SeriesList, TradesPage,
};

/// Most market tickers that the exchange takes in one request.
const TICKERS: usize = 100;
/// Most items of one page, by list.
pub(super) const EVENTS: &str = "200";
const MARKETS: &str = "1000";
pub(super) const TRADES: &str = "1000";

/// The states of markets that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    /// Before their opening, when no order is taken yet.
    Unopened,
    /// Open for trading: between opening and close, and not halted.
    Open,
    /// Halted by the exchange between opening and close; trading may resume.
    Paused,
    /// Past their close and not paid out.
    Closed,
    /// Settled: the result is final and has been paid out.
    Settled,
}

impl StatusFilter {
    const fn query_value(self) -> &'static str {
        match self {
            Self::Unopened => "unopened",
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Closed => "closed",
            Self::Settled => "settled",
        }
    }
}

/// Which markets; combinations are never among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarketFilter {
    /// Only markets of the series with this ticker, such as `KXHIGHNY`; `None` = of any series.
    pub series_ticker: Option<String>,
    /// Only markets of the event with this ticker, such as `KXHIGHNY-26NOV20`; `None` = of any event.
    pub event_ticker: Option<String>,
    /// Only markets in this state; `None` = in any. Not sent when historical markets are asked for.
    pub status: Option<StatusFilter>,
    /// Closing in this second or later.
    pub closing_since: Option<Timestamp>,
    /// Only the markets with these tickers; empty = all. More than 100 are split by [`Rest::markets`].
    pub tickers: Vec<String>,
}

/// Which events [`Rest::events`] asks for; the default asks for all, without their markets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only events of the series with this ticker, such as `KXHIGHNY`; `None` = of any series.
    pub series_ticker: Option<String>,
    /// With a market in this state; `Paused` cannot be asked for.
    pub status: Option<StatusFilter>,
    /// Whether to bring their markets, too.
    pub with_markets: bool,
}

impl MarketFilter {
    fn markets_call(&self, tickers: &[String]) -> Call {
        self.call_to("/markets", tickers)
            .with_some("status", self.status.map(StatusFilter::query_value))
            .with_some("min_close_ts", self.closing_since.map(seconds_of))
    }

    /// What any list of markets can be asked.
    pub(super) fn call_to(&self, path: &str, tickers: &[String]) -> Call {
        Call::for_read(path)
            .with_query("limit", MARKETS)
            .with_query("mve_filter", "exclude")
            .with_some("series_ticker", self.series_ticker.as_ref())
            .with_some("event_ticker", self.event_ticker.as_ref())
            .with_some("tickers", (!tickers.is_empty()).then(|| tickers.join(",")))
    }
}

impl Rest {
    /// Whether the exchange is up and trading.
    pub async fn exchange_status(&self) -> Result<ExchangeStatus, ApiError> {
        self.send_and_decode(Call { answered_by_5xx: true, ..Call::for_read("/exchange/status") }).await
    }

    /// Fetches the exchange's weekly trading hours and its announced maintenance windows.
    pub async fn exchange_schedule(&self) -> Result<Schedule, ApiError> {
        Ok(self.send_and_decode::<OneSchedule>(Call::for_read("/exchange/schedule")).await?.schedule)
    }

    /// Fetches one series by its ticker: among other things its category and its fees.
    pub async fn series(&self, ticker: &str) -> Result<Series, ApiError> {
        let call = Call::for_read(format!("/series/{}", path_segment(ticker)?));
        Ok(self.send_and_decode::<OneSeries>(call).await?.series)
    }

    /// All series of a category, spelled as the exchange does.
    pub async fn series_list(&self, category: &str) -> Result<Vec<Series>, ApiError> {
        let call = Call::for_read("/series").with_query("category", category);
        Ok(self.send_and_decode::<SeriesList>(call).await?.series)
    }

    /// The announced fee changes of a series, or of all.
    pub async fn series_fee_changes(
        &self,
        series_ticker: Option<&str>,
    ) -> Result<Vec<ApiFeeChange>, ApiError> {
        let call = Call::for_read("/series/fee_changes").with_some("series_ticker", series_ticker);
        Ok(self.send_and_decode::<FeeChanges>(call).await?.series_fee_change_arr)
    }

    /// The fee changes of an event.
    pub async fn event_fee_changes(&self, event_ticker: &str) -> Result<Vec<EventFeeChange>, ApiError> {
        let call = Call::for_read("/events/fee_changes")
            .with_query("event_ticker", event_ticker)
            .with_query("limit", EVENTS);
        Ok(self.all_pages::<EventFeeChangesPage>(call).await?.items)
    }

    /// Fetches one event by its ticker, with its markets in [`ApiEvent::markets`].
    pub async fn event(&self, ticker: &str) -> Result<ApiEvent, ApiError> {
        let call = Call::for_read(format!("/events/{}", path_segment(ticker)?));
        let OneEvent { mut event, markets } = self.send_and_decode(call).await?;
        event.markets.append_page(markets);
        Ok(event)
    }

    /// Fetches all events that pass the filter, page by page to the end of the list.
    pub async fn events(&self, filter: &EventFilter) -> Result<ItemList<ApiEvent>, ApiError> {
        let call = Call::for_read("/events")
            .with_query("limit", EVENTS)
            .with_some("series_ticker", filter.series_ticker.as_ref())
            .with_some("status", filter.status.map(StatusFilter::query_value))
            .with_some("with_nested_markets", filter.with_markets.then_some("true"));
        self.all_pages::<EventsPage>(call).await
    }

    /// Fetches all markets that pass the filter, page by page, and at most 100 tickers a request.
    /// Of a list that has no end, the pages that were read are returned, and a warning is logged.
    pub async fn markets(&self, filter: &MarketFilter) -> Result<ItemList<ApiMarket>, ApiError> {
        let mut markets = ItemList::default();
        let chunks: Vec<&[String]> =
            if filter.tickers.is_empty() { vec![&[]] } else { filter.tickers.chunks(TICKERS).collect() };
        for tickers in chunks {
            let call = filter.markets_call(tickers);
            let (list, endless) = self.pages_to_bound::<MarketsPage>(&call).await?;
            if let Some(error) = endless {
                tracing::warn!("{}: {error}; the markets read so far are used", call.endpoint());
            }
            markets.append_page(list);
        }
        Ok(markets)
    }

    /// One page of markets, and the cursor of the next; `None` after the last.
    pub async fn markets_page(
        &self,
        filter: &MarketFilter,
        cursor: Option<&str>,
    ) -> Result<PagedList<ApiMarket>, ApiError> {
        let call = filter.markets_call(&filter.tickers).with_some("cursor", cursor);
        self.fetch_page::<MarketsPage>(call).await
    }

    /// Fetches one live market by its ticker; one settled before the cutoff is refused with 404.
    pub async fn market(&self, ticker: &str) -> Result<ApiMarket, ApiError> {
        let call = Call::for_read(format!("/markets/{}", path_segment(ticker)?));
        Ok(self.send_and_decode::<OneMarket>(call).await?.market)
    }

    /// The best `depth` levels of a market's book, or all for 0.
    pub async fn order_book(&self, ticker: &str, depth: u32) -> Result<ApiOrderBook, ApiError> {
        let call = Call::for_read(format!("/markets/{}/orderbook", path_segment(ticker)?))
            .with_query("depth", depth.to_string());
        Ok(self.send_and_decode::<OneOrderBook>(call).await?.orderbook_fp)
    }

    /// The books of several markets, with their tickers.
    pub async fn order_books(&self, tickers: &[String]) -> Result<Vec<(String, ApiOrderBook)>, ApiError> {
        let mut books = Vec::new();
        for tickers in tickers.chunks(TICKERS) {
            let call = Call::for_read("/markets/orderbooks");
            let call = tickers.iter().fold(call, |call, ticker| call.with_query("tickers", ticker));
            let answer = self.send_and_decode::<OrderBooks>(call).await?.orderbooks;
            books.extend(answer.into_iter().map(|book| (book.ticker, book.orderbook_fp)));
        }
        Ok(books)
    }

    /// A market's trades from second `from` to second `until`, newest first.
    pub async fn trades(
        &self,
        ticker: &str,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<ItemList<ApiTrade>, ApiError> {
        let call = Call::for_read("/markets/trades")
            .with_query("limit", TRADES)
            .with_query("ticker", ticker)
            .with_some("min_ts", from.map(seconds_of))
            .with_some("max_ts", until.map(seconds_of));
        self.all_pages::<TradesPage>(call).await
    }

    /// From when on the live endpoints know things.
    pub async fn historical_cutoff(&self) -> Result<HistoricalCutoff, ApiError> {
        self.send_and_decode(Call::for_read("/historical/cutoff")).await
    }
}
