//! What was: candles, trades, settled markets and past fees, live and below `/historical`. Lists come page by
//! page, so that what was fetched can be kept before more is asked for.
#![expect(clippy::missing_errors_doc, reason = "every request fails in the ways of `ApiError`")]

use super::call::{Call, path_segment};
use super::market_data::{EVENTS, MarketFilter, TRADES};
use super::{ApiError, PagedList, Rest};
use crate::domain::Timestamp;
use crate::kalshi::number::seconds_of;
use crate::kalshi::wire::{
    ApiEvent, ApiFeeChange, ApiMarket, ApiTrade, AsOf, Candle, CandleBatch, EventsPage, FeeChanges,
    MarketsPage, OldCandles, OneMarket, TradesPage,
};

/// Which of the exchange's halves is asked: what is over since the cutoff, or before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// What is going on, and what was over only lately.
    Live,
    /// Settled markets, and trades, from before the exchange's cutoff: the endpoints below `/historical`.
    Historical,
}

/// Which candles: those that end from second `from` to second `until`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CandleSpan {
    /// First end of a period, in Unix seconds.
    pub from: i64,
    /// Last end of a period, in Unix seconds.
    pub until: i64,
    /// Minutes of a period: 1, 60 or 1440.
    pub minutes: u16,
}

impl CandleSpan {
    fn candles_call(self, path: impl AsRef<str>) -> Call {
        Call::for_read(path)
            .with_query("start_ts", self.from.to_string())
            .with_query("end_ts", self.until.to_string())
            .with_query("period_interval", self.minutes.to_string())
    }
}

impl Rest {
    /// The exchange's time, as of which it answers.
    pub async fn as_of(&self) -> Result<Timestamp, ApiError> {
        Ok(self.send_and_decode::<AsOf>(Call::for_read("/exchange/user_data_timestamp")).await?.as_of)
    }

    /// Past and announced fee changes of a series.
    pub async fn all_fee_changes(&self, series_ticker: &str) -> Result<Vec<ApiFeeChange>, ApiError> {
        let call = Call::for_read("/series/fee_changes").with_query("series_ticker", series_ticker);
        let changes = self.send_and_decode::<FeeChanges>(call.with_query("show_historical", "true")).await?;
        Ok(changes.series_fee_change_arr)
    }

    /// Events of a series, without markets; with `closing_since`, those with a market that closes then or later.
    pub async fn events_page(
        &self,
        series_ticker: &str,
        closing_since: Option<Timestamp>,
        cursor: Option<&str>,
    ) -> Result<PagedList<ApiEvent>, ApiError> {
        let call = Call::for_read("/events")
            .with_query("limit", EVENTS)
            .with_query("series_ticker", series_ticker)
            .with_some("min_close_ts", closing_since.map(seconds_of));
        self.fetch_page::<EventsPage>(call.with_some("cursor", cursor)).await
    }

    /// Markets that were settled before the cutoff. Of the filter, only series, event or tickers are used, and
    /// only one of them may be given.
    pub async fn historical_markets_page(
        &self,
        filter: &MarketFilter,
        cursor: Option<&str>,
    ) -> Result<PagedList<ApiMarket>, ApiError> {
        let call = filter.call_to("/historical/markets", &filter.tickers);
        self.fetch_page::<MarketsPage>(call.with_some("cursor", cursor)).await
    }

    /// One market that was settled before the cutoff.
    pub async fn historical_market(&self, ticker: &str) -> Result<ApiMarket, ApiError> {
        let call = Call::for_read(format!("/historical/markets/{}", path_segment(ticker)?));
        Ok(self.send_and_decode::<OneMarket>(call).await?.market)
    }

    /// Candles of at most 100 live markets and 10,000 periods in all, by ticker.
    pub async fn live_candles(
        &self,
        tickers: &[&str],
        span: CandleSpan,
    ) -> Result<Vec<(String, Vec<Candle>)>, ApiError> {
        let call = span.candles_call("/markets/candlesticks").with_query("market_tickers", tickers.join(","));
        let batch = self.send_and_decode::<CandleBatch>(call).await?;
        let of = |candles: Vec<_>| candles.into_iter().map(Candle::from).collect();
        Ok(batch.markets.into_iter().map(|market| (market.market_ticker, of(market.candlesticks))).collect())
    }

    /// Candles of a market that was settled before the cutoff; at most 5,000 periods.
    pub async fn historical_candles(&self, ticker: &str, span: CandleSpan) -> Result<Vec<Candle>, ApiError> {
        let call = span.candles_call(format!("/historical/markets/{}/candlesticks", path_segment(ticker)?));
        let endpoint = call.endpoint();
        let answer = self.send_and_decode::<OldCandles>(call).await?;
        if answer.ticker != ticker {
            let problem = format!("ticker: it is {}, not {ticker}", answer.ticker);
            return Err(ApiError::Schema { endpoint, problem });
        }
        Ok(answer.candlesticks.into_iter().map(Candle::from).collect())
    }

    /// A market's trades from second `from` to second `until`, newest first.
    pub async fn trades_page(
        &self,
        half: Half,
        ticker: &str,
        (from, until): (i64, i64),
        cursor: Option<&str>,
    ) -> Result<PagedList<ApiTrade>, ApiError> {
        let path = match half {
            Half::Live => "/markets/trades",
            Half::Historical => "/historical/trades",
        };
        let call = Call::for_read(path)
            .with_query("limit", TRADES)
            .with_query("ticker", ticker)
            .with_query("min_ts", from.to_string())
            .with_query("max_ts", until.to_string());
        self.fetch_page::<TradesPage>(call.with_some("cursor", cursor)).await
    }
}
