//! Snapshots from Parquet in order of time, in bounded memory whatever the size of the data.
//!
//! One thread a file in reach decodes whole row groups into typed column batches, two of them ahead
//! ([`decode`](super::decode)); here the files are merged by time, ties by file order, and every row is
//! checked.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray};

use crate::domain::{Depth, MarketId, Quote, Timestamp};

use super::column_values::{count_at, price_at};
use super::decode::{Decoded, DecodedBatch, FilePlan, decode_ahead};
use super::parquet_file;
use super::row_event::RowEvent;
use super::selection::{Tickers, Window};
use crate::dataset::{DataError, Problem};

/// Rows of all batches in flight together.
const ROWS_IN_FLIGHT: usize = 65_536;
const FEWEST_ROWS: usize = 1_024;
const MOST_ROWS: usize = 4_096;

/// A snapshot with what it says, before assumptions are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Moment of the row: the column `ts`, in whole microseconds UTC.
    pub at: Timestamp,
    /// Id of the market in this run, found by the column `ticker`.
    pub market: MarketId,
    /// Top of the book as recorded; empty in a row that tells an event.
    pub quote: Quote,
    /// What the row tells instead of a quote, if it is not for one.
    pub event: Option<RowEvent>,
}

/// What a key of the ticker dictionary stands for: a market of the run, one outside it, or none known.
#[derive(Clone, Copy, Debug)]
enum KeyMeaning {
    Market(MarketId),
    Outside,
    Unknown,
}

/// One file being read: its decoder, the present batch, and the place in it.
#[derive(Debug)]
struct FileSource {
    plan: FilePlan,
    batches: Option<Receiver<Decoded>>,
    batch: Option<DecodedBatch>,
    next: usize,
    meanings: Vec<KeyMeaning>,
    /// The dictionary they are of, kept so that its address cannot come to mean another.
    meanings_of: Option<StringArray>,
    last_ts: i64,
    /// What stands behind the row read last; `None` where the file has no columns for it.
    depth: Option<Arc<Depth>>,
    done: bool,
}

impl FileSource {
    const fn new(plan: FilePlan) -> Self {
        Self {
            plan,
            batches: None,
            batch: None,
            next: 0,
            meanings: Vec::new(),
            meanings_of: None,
            last_ts: i64::MIN,
            depth: None,
            done: false,
        }
    }

    /// The time of the next row, or at least a lower bound of it; `None` at the end.
    fn earliest_next_time(&self) -> Option<Timestamp> {
        match &self.batch {
            _ if self.done => None,
            Some(batch) if self.next < batch.len() => {
                Some(batch.ts.get(self.next).and_then(Timestamp::from_micros).unwrap_or(Timestamp::MIN))
            }
            Some(_) => Some(Timestamp::from_micros(self.last_ts).unwrap_or(Timestamp::MIN)),
            None => Some(self.plan.first),
        }
    }

    /// Makes sure that the current batch has a row. Returns whether it has.
    fn ensure_row_available(&mut self, rows: usize, tickers: &Tickers) -> Result<bool, DataError> {
        while !self.done && self.batch.as_ref().is_none_or(|batch| self.next >= batch.len()) {
            if self.batches.is_none() {
                self.batches = Some(decode_ahead(self.plan.clone(), rows)?);
            }
            let batch = match self.batches.as_ref().map(Receiver::recv) {
                Some(Ok(batch)) => batch?,
                // A thread that goes without a word has panicked: the file is not what its footer says.
                _ => return Err(parquet_file::broken_parquet_error(&self.plan.file, "the decoder gave up")),
            };
            if let Some(batch) = &batch {
                self.learn_dictionary(&batch.dictionary, tickers);
            } else {
                self.done = true;
                self.batches = None;
            }
            self.batch = batch;
            self.next = 0;
        }
        Ok(!self.done)
    }

    fn learn_dictionary(&mut self, dictionary: &ArrayRef, tickers: &Tickers) {
        let names: &StringArray = dictionary.as_string::<i32>();
        if self.meanings_of.as_ref().is_some_and(|known| parquet_file::same_strings(known, names)) {
            return;
        }
        self.meanings.clear();
        self.meanings.extend(names.iter().map(|name| match name.and_then(|name| tickers.ids.get(name)) {
            Some(Some(market)) => KeyMeaning::Market(*market),
            Some(None) => KeyMeaning::Outside,
            None => KeyMeaning::Unknown,
        }));
        self.meanings_of = Some(names.clone());
    }

    /// Reads the next row. `Ok(None)` = not of this run.
    #[inline]
    fn read_next_row(&mut self, tickers: &Tickers) -> Result<Option<Snapshot>, Problem> {
        let batch = self.batch.as_ref().expect("a filled source has a batch");
        let row = self.next;
        self.next += 1;
        let ts = batch.ts.get(row).ok_or(Problem::Missing("ts"))?;
        if ts < self.last_ts {
            return Err(Problem::Unsorted);
        }
        let at = Timestamp::from_micros(ts).ok_or(Problem::TimeOutOfRange(ts))?;
        self.last_ts = ts;
        let key = batch.keys.get(row).ok_or(Problem::Missing("ticker"))?;
        let key = usize::try_from(key).unwrap_or(usize::MAX);
        let market = match self.meanings.get(key) {
            Some(KeyMeaning::Market(market)) => *market,
            Some(KeyMeaning::Outside) => return Ok(None),
            Some(KeyMeaning::Unknown) | None => {
                let ticker = ticker_of(batch, key);
                let missing = ticker.is_empty();
                return Err(if missing {
                    Problem::Missing("ticker")
                } else {
                    Problem::UnknownTicker(ticker)
                });
            }
        };
        let named = || ticker_of(batch, key);
        if at < tickers.opens[market.index()] {
            return Err(Problem::BeforeOpen(named()));
        }
        if tickers.settles[market.index()].is_some_and(|settled| at > settled) {
            return Err(Problem::AfterSettlement(named()));
        }
        let quote = read_quote(batch, row)?;
        let event = batch.row_event(row)?;
        if event.is_some() && quote != Quote::default() {
            return Err(Problem::EventWithQuote);
        }
        // Beside the snapshot, which is small and passed by value millions of times. A row that tells of
        // something else has no book.
        if let Some(levels) = batch.levels.as_ref().filter(|_| event.is_none()) {
            let depth = levels.read_depth(row, &quote, &tickers.grids[market.index()])?;
            self.depth = Some(depth).filter(|depth| **depth != Depth::default());
        }
        Ok(Some(Snapshot { at, market, quote, event }))
    }

    /// Number of the row read last, counted from 1.
    fn row_number(&self) -> u64 {
        let base = self.batch.as_ref().map_or(0, |batch| batch.base);
        base + u64::try_from(self.next).unwrap_or(0)
    }
}

fn ticker_of(batch: &DecodedBatch, key: usize) -> String {
    let names: &StringArray = batch.dictionary.as_string::<i32>();
    if key < names.len() { names.value(key).to_owned() } else { format!("with dictionary key {key}") }
}

#[inline]
fn read_quote(batch: &DecodedBatch, row: usize) -> Result<Quote, Problem> {
    let bid = price_at(&batch.bid, row, "yes_bid")?;
    let ask = price_at(&batch.ask, row, "yes_ask")?;
    if let (Some(bid), Some(ask)) = (bid, ask)
        && bid >= ask
    {
        return Err(Problem::Crossed(i32::from(bid.get()), i32::from(ask.get())));
    }
    // Where a side is known, the recorded midpoint adds nothing.
    let mid = price_at(&batch.mid, row, "mid")?.filter(|_| bid.is_none() && ask.is_none());
    Ok(Quote {
        bid,
        ask,
        recorded_mid: mid,
        last: price_at(&batch.last, row, "last_price")?,
        assumed: false,
        bid_size: count_at(&batch.bid_size, row, "yes_bid_size")?,
        ask_size: count_at(&batch.ask_size, row, "yes_ask_size")?,
        volume: count_at(&batch.volume, row, "volume")?,
    })
}

/// Rows skipped because of one kind of [`Problem`], in lenient reading.
#[derive(Debug, Default)]
pub struct Skipped {
    /// Number of rows skipped for this reason.
    pub count: u64,
    /// The first of them as errors with file and row, at most 20.
    pub examples: Vec<DataError>,
}

/// Bad rows of a kind kept as examples.
const EXAMPLES: usize = 20;

/// All snapshots of several files in order of time.
#[derive(Debug)]
pub struct SnapshotStream {
    sources: Vec<FileSource>,
    tickers: Tickers,
    window: Window,
    rows_a_batch: usize,
    current: Option<usize>,
    /// The others by the time of their next row, or a lower bound of it; at a tie by file order.
    others: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// How far the current source may go before another is asked.
    limit: Option<Timestamp>,
    head: Option<Snapshot>,
    /// Whether any file has columns for further levels.
    has_levels: bool,
    /// `Some` = skip bad rows and count them by kind.
    skipped: Option<BTreeMap<&'static str, Skipped>>,
    rows_read: u64,
}

impl SnapshotStream {
    /// Reads the planned files; with `lenient`, bad rows are skipped and counted.
    #[must_use]
    pub fn new(plans: Vec<FilePlan>, tickers: Tickers, window: Window, lenient: bool) -> Self {
        let rows_a_batch = (ROWS_IN_FLIGHT / plans.len().max(1)).clamp(FEWEST_ROWS, MOST_ROWS);
        let has_levels = plans.iter().any(FilePlan::has_levels);
        let sources: Vec<_> = plans.into_iter().map(FileSource::new).collect();
        let heads = sources
            .iter()
            .zip(0..)
            .filter_map(|(source, index)| Some(Reverse((source.earliest_next_time()?, index))));
        Self {
            others: heads.collect(),
            sources,
            tickers,
            window,
            rows_a_batch,
            current: None,
            limit: None,
            head: None,
            has_levels,
            skipped: lenient.then(BTreeMap::new),
            rows_read: 0,
        }
    }

    /// Returns the number of rows read so far, skipped and unwanted ones included.
    #[must_use]
    pub const fn rows_read(&self) -> u64 {
        self.rows_read
    }

    /// Bad rows skipped so far, by kind.
    pub fn skipped_by_kind(&self) -> impl Iterator<Item = (&'static str, &Skipped)> {
        self.skipped.iter().flatten().map(|(&kind, skipped)| (kind, skipped))
    }

    /// Returns the bad rows skipped, by kind; empty unless reading was lenient.
    #[must_use]
    pub fn into_skipped(self) -> BTreeMap<&'static str, Skipped> {
        self.skipped.unwrap_or_default()
    }

    /// The next snapshot, without taking it.
    ///
    /// # Errors
    /// The first bad row, with file and row number.
    #[inline]
    pub fn peek(&mut self) -> Result<Option<&Snapshot>, DataError> {
        if self.head.is_none() {
            self.head = self.read_next_snapshot()?;
        }
        Ok(self.head.as_ref())
    }

    /// Whether any file has columns for further levels.
    #[inline]
    #[must_use]
    pub const fn has_levels(&self) -> bool {
        self.has_levels
    }

    /// Takes what stands behind the snapshot that was peeked at, and its market.
    pub fn take_depth(&mut self) -> Option<(MarketId, Arc<Depth>)> {
        // The head is of the current source.
        let market = self.head.as_ref()?.market;
        let depth = self.sources.get_mut(self.current?)?.depth.take();
        depth.map(|depth| (market, depth))
    }

    /// Takes the snapshot that was peeked at.
    #[inline]
    pub fn take_snapshot(&mut self) -> Option<Snapshot> {
        self.head.take()
    }

    #[inline]
    fn read_next_snapshot(&mut self) -> Result<Option<Snapshot>, DataError> {
        loop {
            let Some(current) = self.choose_source()? else {
                return Ok(None);
            };
            let source = &mut self.sources[current];
            self.rows_read += 1;
            match source.read_next_row(&self.tickers) {
                Ok(Some(snapshot)) if snapshot.at < self.window.start => {}
                Ok(Some(snapshot)) if snapshot.at > self.window.end => {
                    source.done = true;
                    source.batches = None;
                }
                Ok(Some(snapshot)) => return Ok(Some(snapshot)),
                Ok(None) => {}
                Err(problem) => {
                    let kind = problem.kind_name();
                    let error = DataError::of_row(&source.plan.file, source.row_number(), problem);
                    let Some(skipped) = &mut self.skipped else {
                        return Err(error);
                    };
                    let skipped = skipped.entry(kind).or_default();
                    skipped.count += 1;
                    if skipped.examples.len() < EXAMPLES {
                        skipped.examples.push(error);
                    }
                }
            }
        }
    }

    /// Makes the source with the earliest row current. `None` = there is no row left.
    #[inline]
    fn choose_source(&mut self) -> Result<Option<usize>, DataError> {
        if let Some(current) = self.current
            && let Some(source) = self.sources.get(current)
            && let Some(batch) = &source.batch
            && source.next < batch.len()
            && self.limit.is_none_or(|limit| source.earliest_next_time().is_some_and(|head| head <= limit))
        {
            return Ok(self.current);
        }
        self.choose_again()
    }

    fn choose_again(&mut self) -> Result<Option<usize>, DataError> {
        if let Some(current) = self.current.take() {
            self.others
                .extend(self.sources[current].earliest_next_time().map(|head| Reverse((head, current))));
        }
        while let Some(Reverse((_, index))) = self.others.pop() {
            let source = &mut self.sources[index];
            if !source.ensure_row_available(self.rows_a_batch, &self.tickers)? {
                continue;
            }
            // The bound before filling may have been too low; look again with the real head.
            let real = source.earliest_next_time().unwrap_or(Timestamp::MAX);
            let next = self.others.peek().map(|&Reverse(next)| next);
            if next.is_none_or(|next| (real, index) <= next) {
                self.current = Some(index);
                // At a tie the earlier file goes first, so a later one may only run to just before it.
                self.limit = next.map(|(head, other)| if index < other { head } else { head.just_before() });
                return Ok(self.current);
            }
            self.others.push(Reverse((real, index)));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::domain::Span;
    use crate::feed::synthetic::SyntheticSettings;
    use crate::feed::synthetic::write_synthetic;

    #[test]
    fn a_decoder_that_dies_is_not_the_end_of_the_file() {
        let settings = SyntheticSettings {
            seed: 7,
            markets: 1,
            markets_per_event: 1,
            series: 1,
            quotes: 3,
            start: Timestamp::from_nanos(0),
            length: Span::HOUR,
        };
        let folder = tempfile::tempdir().unwrap();
        write_synthetic(folder.path(), settings).unwrap();
        let window = Window { start: Timestamp::MIN, end: Timestamp::MAX };
        let tickers = Tickers::default();
        let plan = FilePlan::new(&folder.path().join("snapshots.parquet"), &tickers, window).unwrap();
        let mut source = FileSource::new(plan);
        let (sender, receiver) = sync_channel(2);
        source.batches = Some(receiver);
        drop(sender);
        let error = source.ensure_row_available(1_024, &tickers).unwrap_err();
        assert_eq!(error.problem, "cannot be read as Parquet (truncated?): the decoder gave up");
    }
}
