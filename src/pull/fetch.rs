//! Making the requests of a plan, several at a time, and taking the answers in the plan's order.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::dataset::DataError;
use crate::dataset::io::sorter::Sorter;
use crate::dataset::write::writer::PackedRow;
use crate::domain::Span;
use crate::kalshi::number::seconds_of;
use crate::kalshi::rest::{CandleSpan, Half};

use super::exchange::{CandleRow, Cutoff, PullExchange, TradeRow};
use super::plan::{PullJob, PullUnit};
use super::state::{PullState, StateEntry};
use super::write::PulledTrade;
use super::{Notes, Progress, PullError};

/// Rows sorted in memory, 60 MB of candles; the rest waits on the disk.
const IN_MEMORY: usize = 1 << 20;
/// The cutoff moves on while a pull goes on, or waits to be run again. Trades that may be moved until then are
/// asked for in both halves.
const MOVING: Span = Span::DAY.times(14);

/// All rows that were fetched, to be sorted by time: snapshots made of candles, and trades.
pub struct FetchedRows {
    pub snapshots: Sorter<PackedRow>,
    pub trades: Sorter<PulledTrade>,
}

impl FetchedRows {
    /// None yet; what does not fit into memory goes into these folders.
    pub fn new(snapshots: &Path, trades: &Path) -> Self {
        Self { snapshots: Sorter::new(snapshots, IN_MEMORY), trades: Sorter::new(trades, IN_MEMORY) }
    }
}

/// What a [`PullUnit`] brought, with the numbers of the markets it belongs to.
#[derive(Default)]
struct FetchedAnswer {
    candles: Vec<(usize, Vec<CandleRow>)>,
    trades: Option<(usize, Vec<TradeRow>)>,
    /// Trades left out, as they were agreed outside the book.
    blocks: u64,
    /// Bytes that the answers to its requests take on the disk, as JSON.
    bytes: u64,
}

/// Where and how it is fetched.
pub struct Fetcher<'a> {
    pub exchange: &'a PullExchange,
    pub cutoff: Cutoff,
    /// Requests on the way at a time.
    pub at_once: usize,
    /// After so many bytes no further job is begun.
    pub max_bytes: Option<u64>,
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// A market, for those who ask.
struct FetchRequest {
    ticker: String,
    over: bool,
    old: bool,
}

impl Fetcher<'_> {
    /// Fetches jobs in order, notes in the state how far each market is, and says how many jobs were done.
    pub async fn fetch_jobs(
        &self,
        jobs: &[PullJob],
        old: &std::collections::BTreeSet<String>,
        state: &mut PullState,
        rows: &mut FetchedRows,
        notes: &mut Notes,
    ) -> Result<usize, PullError> {
        let asked = |entry: &StateEntry| FetchRequest {
            ticker: entry.listed.ticker.clone(),
            over: entry.listed.over,
            old: old.contains(&entry.listed.ticker),
        };
        let markets: Vec<FetchRequest> = state.markets.values().map(asked).collect();
        let mut entries: Vec<&mut StateEntry> = state.markets.values_mut().collect();
        let units: Vec<&PullUnit> = jobs.iter().flat_map(|job| &job.units).collect();
        let answers = stream::iter(units.iter().map(|unit| self.fetch_unit(unit, &markets)));
        let mut answers = answers.buffered(self.at_once);
        let since = state.terms.since.map_or(i64::MIN, seconds_of);
        let (mut bytes, mut done) = (0, 0);
        for (number, job) in jobs.iter().enumerate() {
            if self.max_bytes.is_some_and(|most| bytes >= most) {
                return Ok(number);
            }
            for unit in &job.units {
                let Some(answer) = answers.try_next().await? else { break };
                bytes += answer.bytes;
                done += 1;
                (self.progress)(Progress::Fetching { done, of: units.len() });
                notes.add_count("trades agreed outside the book, left out", answer.blocks);
                for (market, candles) in answer.candles {
                    let PullUnit::Candles { span, .. } = unit else { continue };
                    take_candles((market, candles), (*span, since), entries[market], rows, notes)?;
                }
                if let (Some((market, trades)), PullUnit::Trades { span, .. }) = (answer.trades, unit) {
                    take_trades((market, trades), *span, &mut rows.trades)?;
                }
            }
            for &market in &job.markets {
                let entry = &mut *entries[market];
                entry.candles_until = entry.candles_until.max(Some(job.until));
                if state.terms.trades {
                    entry.trades_until = entry.trades_until.max(Some(job.until));
                }
            }
        }
        Ok(jobs.len())
    }

    async fn fetch_unit(
        &self,
        unit: &PullUnit,
        markets: &[FetchRequest],
    ) -> Result<FetchedAnswer, PullError> {
        match unit {
            PullUnit::Trades { market, span } => {
                self.market_trades(*market, &markets[*market].ticker, *span).await
            }
            PullUnit::Candles { markets: numbers, span } => match numbers.as_slice() {
                [alone] if markets[*alone].old => self.old_candles(*alone, &markets[*alone], *span).await,
                _ => self.live_candles(numbers, markets, *span).await,
            },
        }
    }

    async fn old_candles(
        &self,
        number: usize,
        market: &FetchRequest,
        span: CandleSpan,
    ) -> Result<FetchedAnswer, PullError> {
        let (candles, bytes) = self.exchange.old_candles(&market.ticker, span).await?;
        let problem = || PullError::Exchange(format!("{} is listed, but has no candlesticks", market.ticker));
        let candles = vec![(number, candles.ok_or_else(problem)?)];
        Ok(FetchedAnswer { candles, bytes, ..FetchedAnswer::default() })
    }

    /// Candles of markets that were live when they were listed.
    async fn live_candles(
        &self,
        numbers: &[usize],
        markets: &[FetchRequest],
        span: CandleSpan,
    ) -> Result<FetchedAnswer, PullError> {
        let tickers: Vec<&str> = numbers.iter().map(|&number| &*markets[number].ticker).collect();
        let mut answer = FetchedAnswer::default();
        let mut candles = BTreeMap::new();
        let (together, size) = self.exchange.live_candles(&tickers, span).await?;
        answer.bytes += size;
        match together {
            Some(found) => candles.extend(found),
            // One that has gone may spoil the answer for all.
            None if tickers.len() > 1 => {
                for &ticker in &tickers {
                    let (alone, size) = self.exchange.live_candles(&[ticker], span).await?;
                    answer.bytes += size;
                    candles.extend(alone.into_iter().flatten());
                }
            }
            None => {}
        }
        for &number in numbers {
            let market = &markets[number];
            let mut rows = candles.remove(&market.ticker).unwrap_or_default();
            // It may have become history since it was listed.
            if rows.is_empty() && market.over {
                let (old, size) = self.exchange.old_candles(&market.ticker, span).await?;
                rows = old.unwrap_or_default();
                answer.bytes += size;
            }
            answer.candles.push((number, rows));
        }
        match candles.into_keys().next() {
            None => Ok(answer),
            Some(ticker) => Err(PullError::Exchange(format!(
                "GET /markets/candlesticks: it answers with {ticker}, unasked"
            ))),
        }
    }

    async fn market_trades(
        &self,
        market: usize,
        ticker: &str,
        span: (i64, i64),
    ) -> Result<FetchedAnswer, PullError> {
        let mut answer = FetchedAnswer::default();
        let mut all = Vec::new();
        // A second more, as it is not told whether the last one counts as a whole.
        let wide = (span.0, span.1 + 1);
        // The live half first: what moves meanwhile is then found in the other.
        let live = wide.1 >= seconds_of(self.cutoff.traded);
        let old = wide.0 < seconds_of(self.cutoff.traded + MOVING);
        for half in [Half::Live, Half::Historical] {
            if if half == Half::Live { live } else { old } {
                let (trades, blocks, bytes) = self.exchange.market_trades(half, ticker, wide).await?;
                all.extend(trades);
                answer.blocks += blocks;
                answer.bytes += bytes;
            }
        }
        answer.trades = Some((market, all));
        Ok(answer)
    }
}

/// Candles become snapshots at their ends. Those before what is wanted only tell the volume until then.
pub fn take_candles(
    (market, mut candles): (usize, Vec<CandleRow>),
    (span, since): (CandleSpan, i64),
    entry: &mut StateEntry,
    rows: &mut FetchedRows,
    notes: &mut Notes,
) -> Result<(), PullError> {
    candles.sort_unstable();
    candles.dedup();
    let mut before = None;
    for (end, bid, ask, last, volume, open_interest) in candles {
        let place = || format!("{} at {end}", entry.listed.ticker);
        if before.replace(end) == Some(end) {
            return Err(PullError::Exchange(format!("{}: two candlesticks that differ", place())));
        }
        if end < span.from || end > span.until {
            notes.add_occurrence("candlesticks that were not asked for, left out", place);
            continue;
        }
        if volume < 0 || open_interest < 0 {
            return Err(PullError::Exchange(format!("{}: a candlestick's volume is negative", place())));
        }
        entry.volume += volume;
        if end <= since {
            continue;
        }
        if bid > 0 && ask > 0 && bid >= ask {
            notes.add_occurrence("candlesticks whose bid is not below the ask, left out", place);
            continue;
        }
        rows.snapshots.push(PackedRow {
            at: end * 1_000_000,
            market: market_number(market),
            bid,
            ask,
            last,
            mid: 0,
            bid_size: -1,
            ask_size: -1,
            volume: entry.volume,
            open_interest,
        })?;
    }
    Ok(())
}

fn market_number(market: usize) -> u32 {
    u32::try_from(market).expect("markets are far fewer than 2^32")
}

fn take_trades(
    (market, trades): (usize, Vec<TradeRow>),
    (from, until): (i64, i64),
    rows: &mut Sorter<PulledTrade>,
) -> Result<(), PullError> {
    let wanted = from * 1_000_000..(until + 1) * 1_000_000;
    for row in trades.iter().filter(|row| wanted.contains(&row.0)) {
        let trade = PulledTrade::new(market_number(market), row);
        let trade = trade
            .ok_or_else(|| PullError::Exchange(format!("trade id `{}` is longer than any was", row.1)))?;
        rows.push(trade).map_err(|error: DataError| PullError::Data(error))?;
    }
    Ok(())
}
