//! Asking the exchange: what was answered before is not asked again, and what fails in passing is asked until it
//! does not. Answers are kept as what is used of them, in a few integers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::{FeeSchedule, FeeType, Price, PriceGrid, SettlementValue, Strike, Timestamp};
use crate::kalshi::rest::{
    ApiError, CandleSpan, EndlessListError, Half, MarketFilter, PageCursors, PagedList, Rest,
};
use crate::kalshi::wire::{
    self, ApiBookSide, ApiMarket, ApiMarketStatus, ApiTrade, Candle, ItemList, MarketResult, OddItem,
};

use super::PullError;
use super::response_cache::Answers;

/// Pauses between tries of what fails in passing; the client itself has tried several times before each.
const PAUSES: [u64; 6] = [1, 2, 5, 10, 30, 60];
/// Most pages of one list; the longest, the trades of a busy market, has some hundreds.
const MOST_PAGES: usize = 10_000;

/// A market as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub ticker: String,
    pub event: String,
    pub title: String,
    pub yes_sub_title: String,
    pub strike: Strike,
    pub open: Timestamp,
    pub close: Timestamp,
    pub grid: PriceGrid,
    /// When it was paid out and what YES got.
    pub settled: Option<(Timestamp, SettlementValue)>,
    /// Whether it is over, and nothing about it will change.
    pub over: bool,
}

/// What belongs to a market through its event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventFacts {
    pub ticker: String,
    pub series: String,
    pub exclusive: bool,
    pub fee_type: Option<FeeType>,
    pub multiplier_ppm: Option<u32>,
}

/// What belongs to a market through its series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PulledSeries {
    pub ticker: String,
    pub category: String,
    pub fees: FeeSchedule,
}

/// A candle: its end in Unix seconds; bid, ask and last in ten-thousandths, 0 = none; volume of its period and open
/// interest in hundredths.
pub type CandleRow = (i64, u16, u16, u16, i64, i64);
/// A trade: microseconds, id, YES price, hundredths, whether the taker bought YES.
pub type TradeRow = (i64, String, Price, i64, bool);

/// One page of a market's public trades, as it is kept on the disk.
#[derive(Debug, Serialize, Deserialize)]
pub struct TradePage {
    pub trades: Vec<TradeRow>,
    /// Trades agreed outside the book, which are left out.
    pub blocks: u64,
    /// Trades that could not be read, each as what it is about and why.
    #[serde(default)]
    pub unreadable: Vec<(String, String)>,
    pub next: Option<String>,
}

/// One page of a list, as it is kept on the disk.
#[derive(Debug, Serialize, Deserialize)]
struct KeptPage<T> {
    items: Vec<T>,
    /// Items that could not be read, each as what it is about and why.
    unreadable: Vec<(String, String)>,
    next: Option<String>,
}

impl<T> KeptPage<T> {
    /// Keeps of a page what `keep` makes of each item; `list` names what has no ticker.
    fn of_page<I>(list: &str, (page, next): PagedList<I>, keep: impl Fn(I) -> Result<T, OddItem>) -> Self {
        let ItemList { items: listed, mut odd } = page;
        let mut items = Vec::with_capacity(listed.len());
        for item in listed {
            match keep(item) {
                Ok(item) => items.push(item),
                Err(unusable) => odd.push(unusable),
            }
        }
        let about = |odd: OddItem| {
            let about = odd.ticker.or(odd.event_ticker).unwrap_or_else(|| format!("an item of {list}"));
            (about, odd.problem)
        };
        Self { items, unreadable: odd.into_iter().map(about).collect(), next }
    }
}

/// The exchange and what it has answered.
#[derive(Debug)]
pub struct PullExchange {
    rest: Rest,
    answers: Mutex<Answers>,
    unreadable: Mutex<BTreeMap<String, String>>,
    asked: AtomicU64,
    remembered: AtomicU64,
}

impl PullExchange {
    pub fn new(rest: Rest, answers: Answers) -> Self {
        let (asked, remembered, unreadable) = Default::default();
        Self { rest, answers: Mutex::new(answers), unreadable, asked, remembered }
    }

    /// Requests sent, and requests that an earlier, unfinished pull had sent.
    pub fn request_counts(&self) -> (u64, u64) {
        (self.asked.load(Ordering::Relaxed), self.remembered.load(Ordering::Relaxed))
    }

    /// Leaves something out that cannot be read: what it is, and why.
    pub fn leave_out(&self, about: String, problem: String) {
        let mut unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        unreadable.entry(about).or_insert(problem);
    }

    /// What was left out as it could not be read, with the reasons.
    pub fn take_unreadable(&self) -> BTreeMap<String, String> {
        std::mem::take(&mut self.unreadable.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn lock_answers(&self) -> MutexGuard<'_, Answers> {
        // A record is written as a whole or not at all, whoever panics.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to a request, and how many bytes it takes on the disk.
    async fn fetch_cached_sized<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        request: impl AsyncFn() -> Result<T, ApiError>,
    ) -> Result<(T, u64), PullError> {
        let known = {
            let answers = self.lock_answers();
            let known = answers.get(key)?;
            self.remembered.fetch_add(answers.is_from_before(key).into(), Ordering::Relaxed);
            known
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let mut pauses = PAUSES.into_iter();
        let value = loop {
            match request().await {
                Ok(value) => break value,
                Err(error) if error.is_transient() => {
                    let Some(pause) = pauses.next() else { return Err(error.into()) };
                    tracing::info!(%error, "asking again in {pause} s");
                    tokio::time::sleep(Duration::from_secs(pause)).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        self.asked.fetch_add(1, Ordering::Relaxed);
        let bytes = self.lock_answers().store_answer(key, &value)?;
        Ok((value, bytes))
    }

    async fn fetch_cached<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        request: impl AsyncFn() -> Result<T, ApiError>,
    ) -> Result<T, PullError> {
        self.fetch_cached_sized(key, request).await.map(|(value, _)| value)
    }

    /// Fetches a list to its end; each page is kept as an answer of its own. Items that cannot be read are left out.
    async fn fetch_all_pages<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        page: impl AsyncFn(Option<&str>) -> Result<KeptPage<T>, ApiError>,
    ) -> Result<Vec<T>, PullError> {
        let mut items = Vec::new();
        let mut cursors = PageCursors::of_list(MOST_PAGES);
        loop {
            let cursor = cursors.current_cursor();
            let place = format!("{key}, page {}", cursor.unwrap_or("one"));
            let mut kept = self.fetch_cached(&place, async || page(cursor).await).await?;
            items.append(&mut kept.items);
            kept.unreadable.into_iter().for_each(|(about, problem)| self.leave_out(about, problem));
            match kept.next {
                None => return Ok(items),
                Some(next) => cursors.advance_to(next).map_err(|error| endless_list_error(key, error))?,
            }
        }
    }

    /// Asks for the exchange's time; a pull that is run again gets what it was told first.
    pub async fn as_of(&self) -> Result<Timestamp, PullError> {
        self.fetch_cached("time", async || self.rest.as_of().await).await
    }

    /// What was settled before this is history.
    pub async fn historical_cutoff(&self) -> Result<Cutoff, PullError> {
        let cutoff = async || {
            let cutoff = self.rest.historical_cutoff().await?;
            Ok(Cutoff { settled: cutoff.market_settled, traded: cutoff.trades_created })
        };
        self.fetch_cached("cutoff", cutoff).await
    }

    pub async fn series(&self, ticker: &str) -> Result<Option<PulledSeries>, PullError> {
        let facts = |series: wire::Series| PulledSeries {
            fees: series.fees(),
            ticker: series.ticker,
            category: series.category,
        };
        let key = format!("series {ticker}");
        self.fetch_cached(&key, async || none_if_missing(self.rest.series(ticker).await.map(facts))).await
    }

    /// Fee changes of a series: from when on, and which.
    pub async fn fee_changes(&self, series: &str) -> Result<Vec<(Timestamp, FeeSchedule)>, PullError> {
        let changes = async || {
            let changes = self.rest.all_fee_changes(series).await?;
            Ok(changes.iter().map(|change| (change.at, change.fees())).collect())
        };
        self.fetch_cached(&format!("fee changes of {series}"), changes).await
    }

    pub async fn event(&self, ticker: &str) -> Result<Option<EventFacts>, PullError> {
        let key = format!("event {ticker}");
        self.fetch_cached(&key, async || none_if_missing(self.rest.event(ticker).await.map(event_facts)))
            .await
    }

    pub async fn events_of_series(
        &self,
        series: &str,
        since: Option<Timestamp>,
    ) -> Result<Vec<EventFacts>, PullError> {
        let key = format!("events of {series} closing since {since:?}");
        let page = async |cursor: Option<&str>| {
            let page = self.rest.events_page(series, since, cursor).await?;
            Ok(KeptPage::of_page(&key, page, |event| Ok(event_facts(event))))
        };
        self.fetch_all_pages(&key, page).await
    }

    /// Markets of one half of the exchange.
    pub async fn list_markets(&self, half: Half, filter: &MarketFilter) -> Result<Vec<Listed>, PullError> {
        let key = format!("{half:?} markets {filter:?}");
        let page = async |cursor: Option<&str>| {
            let page = match half {
                Half::Live => self.rest.markets_page(filter, cursor).await?,
                Half::Historical => self.rest.historical_markets_page(filter, cursor).await?,
            };
            Ok(KeptPage::of_page(&key, page, listed_market))
        };
        self.fetch_all_pages(&key, page).await
    }

    pub async fn market(&self, half: Half, ticker: &str) -> Result<Option<Listed>, PullError> {
        let market = async || {
            let market = match half {
                Half::Live => self.rest.market(ticker).await,
                Half::Historical => self.rest.historical_market(ticker).await,
            };
            let unusable = |odd: OddItem| ApiError::Schema {
                endpoint: format!("market {ticker}"),
                problem: odd.problem,
            };
            none_if_missing(market)?.map(listed_market).transpose().map_err(unusable)
        };
        self.fetch_cached(&format!("{half:?} market {ticker}"), market).await
    }

    /// Candles of several live markets; a market that is not live has none. Also how many bytes they take.
    pub async fn live_candles(
        &self,
        tickers: &[&str],
        span: CandleSpan,
    ) -> Result<(Option<Vec<(String, Vec<CandleRow>)>>, u64), PullError> {
        let candles = async || {
            let markets = none_if_missing(self.rest.live_candles(tickers, span).await)?;
            let rows =
                |(ticker, candles): (String, Vec<Candle>)| (ticker, candles.iter().map(candle_row).collect());
            Ok(markets.map(|markets| markets.into_iter().map(rows).collect()))
        };
        self.fetch_cached_sized(&format!("candles of {} {span:?}", tickers.join(",")), candles).await
    }

    /// Candles of a historical market; `None` if there is no such market.
    pub async fn old_candles(
        &self,
        ticker: &str,
        span: CandleSpan,
    ) -> Result<(Option<Vec<CandleRow>>, u64), PullError> {
        let candles = async || {
            let candles = none_if_missing(self.rest.historical_candles(ticker, span).await)?;
            Ok(candles.map(|candles| candles.iter().map(candle_row).collect()))
        };
        self.fetch_cached_sized(&format!("historical candles of {ticker} {span:?}"), candles).await
    }

    /// All trades of a market from one second to another in one half of the exchange, with the number of those left
    /// out and of the bytes they take.
    pub async fn market_trades(
        &self,
        half: Half,
        ticker: &str,
        span: (i64, i64),
    ) -> Result<(Vec<TradeRow>, u64, u64), PullError> {
        let (mut trades, mut blocks, mut bytes) = (Vec::new(), 0, 0);
        let mut cursors = PageCursors::of_list(MOST_PAGES);
        let list = format!("{half:?} trades of {ticker} {span:?}");
        loop {
            let cursor = cursors.current_cursor();
            let key = format!("{list} from {}", cursor.unwrap_or("the first page"));
            let page = async || {
                let page = self.rest.trades_page(half, ticker, span, cursor).await?;
                let KeptPage { items: trades, unreadable, next } = KeptPage::of_page(&list, page, Ok);
                let blocks = trades.iter().filter(|trade: &&ApiTrade| trade.is_block_trade).count() as u64;
                let trades = trades.iter().filter(|trade| !trade.is_block_trade).map(trade_row).collect();
                Ok(TradePage { trades, blocks, unreadable, next })
            };
            let (mut page, size) = self.fetch_cached_sized(&key, page).await?;
            trades.append(&mut page.trades);
            page.unreadable.into_iter().for_each(|(about, problem)| self.leave_out(about, problem));
            (blocks, bytes) = (blocks + page.blocks, bytes + size);
            match page.next {
                None => return Ok((trades, blocks, bytes)),
                Some(next) => cursors.advance_to(next).map_err(|error| endless_list_error(&list, error))?,
            }
        }
    }
}

/// From when on the live half knows things.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Cutoff {
    pub settled: Timestamp,
    pub traded: Timestamp,
}

/// What the exchange does not have is an answer, too.
fn none_if_missing<T>(answer: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn endless_list_error(list: &str, error: EndlessListError) -> PullError {
    PullError::Exchange(format!("{list}: {error}; report this to the exchange"))
}

fn event_facts(event: wire::ApiEvent) -> EventFacts {
    EventFacts {
        ticker: event.event_ticker,
        series: event.series_ticker,
        exclusive: event.mutually_exclusive,
        fee_type: event.fee_type,
        multiplier_ppm: event.fee_multiplier_ppm,
    }
}

/// A market as it is kept.
///
/// # Errors
/// What it says of itself does not fit.
fn listed_market(market: ApiMarket) -> Result<Listed, OddItem> {
    let unusable = |problem| OddItem { ticker: Some(market.ticker.clone()), event_ticker: None, problem };
    let strike = market.strike().map_err(|error| unusable(error.problem))?;
    if let Strike::Between(floor, cap) = strike
        && floor > cap
    {
        return Err(unusable(format!("floor_strike {floor} is above cap_strike {cap}")));
    }
    let over = market.status == ApiMarketStatus::Finalized;
    let value = match market.result.filter(|_| over) {
        None => None,
        Some(MarketResult::Yes) => Some(SettlementValue::ONE),
        Some(MarketResult::No) => Some(SettlementValue::ZERO),
        Some(MarketResult::Scalar) => market.settlement_value(),
    };
    let told = market.settlement_money.filter(|_| over);
    if let (Some(value), Some(told)) = (value, told)
        && i64::from(value.in_micros()) != told.micros()
    {
        return Err(unusable(format!("settlement_value_dollars {told} does not fit its result")));
    }
    Ok(Listed {
        strike,
        settled: market.settlement_ts.map(whole_micros).zip(value),
        over,
        open: whole_micros(market.open_time),
        close: whole_micros(market.close_time),
        title: market.title.unwrap_or_default(),
        ticker: market.ticker,
        event: market.event_ticker,
        yes_sub_title: market.yes_sub_title.unwrap_or_default(),
        grid: market.grid,
    })
}

/// A data set holds whole microseconds.
fn whole_micros(at: Timestamp) -> Timestamp {
    Timestamp::from_nanos(at.nanos().div_euclid(1_000) * 1_000)
}

fn candle_row(candle: &Candle) -> CandleRow {
    let price = |price: Option<Price>| price.map_or(0, Price::get);
    (
        candle.end.nanos() / 1_000_000_000,
        price(candle.yes_bid),
        price(candle.yes_ask),
        price(candle.last),
        candle.volume.hundredths(),
        candle.open_interest.hundredths(),
    )
}

fn trade_row(trade: &ApiTrade) -> TradeRow {
    (
        trade.at.nanos().div_euclid(1_000),
        trade.trade_id.clone(),
        trade.yes_price,
        trade.count.hundredths(),
        trade.taker_book_side == ApiBookSide::Bid,
    )
}
