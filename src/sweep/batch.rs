//! Inputs decoded once for all desks, and which of them a desk needs.
//!
//! A desk that scans every quarter of an hour sees of a market it has nothing to do with only what its next
//! scan sees. Such a desk is spared the quotes between: it gets the last quote of each market before the
//! scan, everything that is not a quote, and every quote of the markets it has orders in. Beside the last quote
//! (with its levels, which stand right before it) it gets the one before where sizes are unknown (the simulated
//! exchange takes the volume between the two), and the last two-sided one (the mark). Of the other quotes of what it
//! holds it is told the mark alone. What it decides is the same, byte for byte: tests compare digests with a
//! backtest's.

use std::ops::Range;

use crate::domain::{MarketId, Quote, Span, Timestamp};
use crate::engine::gateway::{Feed, GatewayError, Next};
use crate::event::{Input, MarketEvent, Stamped};

/// Inputs a batch, about; a moment is never cut.
const ROWS: usize = 65_536;

/// A stretch of the timeline with what helps to read only parts of it.
#[derive(Debug)]
pub struct InputBatch {
    /// All inputs of the batch in the order of the feed; rows are indices into them.
    pub inputs: Vec<Stamped<Input>>,
    /// Whether the feed has no input after this batch.
    pub is_last: bool,
    /// Rows that desks need, one filter for each interval between scans in the sweep.
    filters: Vec<(Span, Filter)>,
    /// Where the quotes of a market, with their levels, are: `rows[starts[m]..starts[m + 1]]`.
    starts: Vec<u32>,
    rows: Vec<u32>,
    /// Of every row its market and bid plus ask, if it is a two-sided quote.
    mids: Vec<(MarketId, Option<u16>)>,
}

impl InputBatch {
    /// What desks that scan at this interval need.
    #[must_use]
    pub fn filter_for_interval(&self, interval: Span) -> &Filter {
        let found = self.filters.iter().find(|(known, _)| *known == interval);
        &found.expect("every interval of the sweep is filtered for").1
    }

    /// The market and bid plus ask of a row, if it is a two-sided quote.
    #[must_use]
    #[inline]
    pub fn two_sided(&self, row: u32) -> Option<(MarketId, u16)> {
        let (market, twice_mid) = self.mids[row as usize];
        twice_mid.map(|twice_mid| (market, twice_mid))
    }

    /// The quotes of a market, with their levels, within a range of rows.
    #[must_use]
    pub fn quote_rows(&self, market: MarketId, within: &Range<u32>) -> &[u32] {
        let index = market.index();
        let bounds = self.starts.get(index).zip(self.starts.get(index + 1));
        let Some((&from, &to)) = bounds else {
            return &[];
        };
        let rows = &self.rows[from as usize..to as usize];
        let low = rows.partition_point(|&row| row < within.start);
        let high = rows.partition_point(|&row| row < within.end);
        &rows[low..high]
    }
}

/// The rows every desk of one interval needs, stretch by stretch.
#[derive(Debug, Default)]
pub struct Filter {
    /// Stretches of the batch in order of time, each with at least one row.
    pub stretches: Vec<ScanWindow>,
    keep: Vec<u32>,
}

impl Filter {
    /// The rows needed of a stretch.
    #[must_use]
    pub fn needed_rows(&self, stretch: &ScanWindow) -> &[u32] {
        &self.keep[stretch.keep.start as usize..stretch.keep.end as usize]
    }
}

/// Inputs between two moments at which desks may scan.
#[derive(Clone, Debug)]
pub struct ScanWindow {
    /// The earlier of the moments; every input of the stretch is later.
    pub after: Timestamp,
    /// Up to here everything has been told when the stretch is through.
    pub until: Timestamp,
    /// Its rows, as a range of indices into the batch's inputs.
    pub rows: Range<u32>,
    keep: Range<u32>,
}

/// Reads a feed in batches, and finds the rows that desks of each scan interval need.
pub struct Batches<F> {
    feed: F,
    ahead: Option<Stamped<Input>>,
    intervals: Vec<Span>,
    markets: usize,
    sieve: RowFilter,
    day: i64,
}

impl<F: Feed> Batches<F> {
    /// Over a feed of so many markets, for desks that scan at these intervals.
    ///
    /// # Errors
    /// What the feed reports.
    pub fn new(mut feed: F, markets: usize, intervals: Vec<Span>) -> Result<Self, GatewayError> {
        let ahead = next_input(&mut feed)?;
        Ok(Self { feed, ahead, intervals, markets, sieve: RowFilter::new(markets), day: i64::MIN })
    }

    /// The next batch; `None` after the last.
    ///
    /// # Errors
    /// What the feed reports.
    pub fn next_batch(&mut self) -> Result<Option<InputBatch>, GatewayError> {
        let mut inputs: Vec<Stamped<Input>> = Vec::with_capacity(ROWS + 1);
        while let Some(input) = self.ahead.take() {
            if inputs.len() >= ROWS && inputs.last().is_some_and(|last| last.at < input.at) {
                self.ahead = Some(input);
                break;
            }
            inputs.push(input);
            self.ahead = next_input(&mut self.feed)?;
        }
        if inputs.is_empty() {
            return Ok(None);
        }
        let new_days = self.new_days(&inputs);
        let is_last = self.ahead.is_none();
        let next = self.ahead.as_ref().map(|input| input.at);
        let filters = self.intervals.iter().map(|&interval| {
            (interval, self.sieve.build_filter(&inputs, &Cut { interval, next, new_days: &new_days }))
        });
        let filters = filters.collect();
        let (starts, rows) = by_market(&inputs, self.markets);
        let mid = |input: &Stamped<Input>| match as_quote(&input.value) {
            Some((market, quote)) => (market, quote.twice_mid()),
            None => (MarketId(0), None),
        };
        let mids = inputs.iter().map(mid).collect();
        Ok(Some(InputBatch { inputs, is_last, filters, starts, rows, mids }))
    }

    /// The first row of each UTC day: it makes a desk note its equity.
    fn new_days(&mut self, inputs: &[Stamped<Input>]) -> Vec<u32> {
        let mut rows = Vec::new();
        for (row, input) in (0..).zip(inputs) {
            let day = input.at.utc_day();
            if day != self.day {
                self.day = day;
                // Levels are of no use without their quote, which is of the same moment.
                rows.push(row + u32::from(is_depth(&input.value)));
            }
        }
        rows
    }
}

fn next_input(feed: &mut impl Feed) -> Result<Option<Stamped<Input>>, GatewayError> {
    Ok(match feed.next(None)? {
        Next::Item(input) => Some(input),
        Next::Due | Next::Quiet | Next::End => None,
    })
}

fn as_quote(input: &Input) -> Option<(MarketId, &Quote)> {
    match input {
        Input::Market(MarketEvent::Quote { market, quote }) => Some((*market, quote)),
        _ => None,
    }
}

/// The market whose snapshot a row belongs to; the levels of a snapshot stand right before its quote.
fn of_snapshot(input: &Input) -> Option<MarketId> {
    match input {
        Input::Market(MarketEvent::Quote { market, .. } | MarketEvent::Depth { market, .. }) => Some(*market),
        _ => None,
    }
}

const fn is_depth(input: &Input) -> bool {
    matches!(input, Input::Market(MarketEvent::Depth { .. }))
}

/// Counting sort of the snapshots by market.
fn by_market(inputs: &[Stamped<Input>], markets: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0u32; markets + 1];
    let quotes = || (0u32..).zip(inputs).filter_map(|(row, input)| Some((row, of_snapshot(&input.value)?)));
    quotes().for_each(|(_, market)| starts[market.index() + 1] += 1);
    for market in 0..markets {
        starts[market + 1] += starts[market];
    }
    let mut rows = vec![0; starts[markets] as usize];
    let mut next = starts.clone();
    for (row, market) in quotes() {
        let place = &mut next[market.index()];
        rows[*place as usize] = row;
        *place += 1;
    }
    (starts, rows)
}

/// What the cut of a batch into stretches depends on, besides its inputs.
struct Cut<'a> {
    interval: Span,
    /// The first moment of the next batch.
    next: Option<Timestamp>,
    new_days: &'a [u32],
}

/// What is remembered of a market within a stretch.
#[derive(Clone, Copy, Debug, Default)]
struct Latest {
    last: Option<u32>,
    before: Option<u32>,
    two_sided: Option<u32>,
}

/// Finds the needed rows; keeps its memory between batches.
struct RowFilter {
    latest: Vec<Latest>,
    touched: Vec<MarketId>,
}

impl RowFilter {
    fn new(markets: usize) -> Self {
        Self { latest: vec![Latest::default(); markets], touched: Vec::new() }
    }

    fn build_filter(&mut self, inputs: &[Stamped<Input>], cut: &Cut<'_>) -> Filter {
        let mut filter = Filter::default();
        let rows = u32::try_from(inputs.len()).expect("a batch is small");
        if cut.interval == Span::ZERO {
            // A scan on every change: all of it is needed.
            filter.keep = (0..rows).collect();
            let (first, last) = (inputs[0].at, inputs[inputs.len() - 1].at);
            let stretch =
                ScanWindow { after: first.just_before(), until: last, rows: 0..rows, keep: 0..rows };
            filter.stretches.push(stretch);
            return filter;
        }
        let mut from = 0;
        while from < rows {
            let end = inputs[from as usize].at.rounded_up_to(cut.interval);
            let beyond = inputs[from as usize..].partition_point(|input| input.at <= end);
            let to = from + u32::try_from(beyond).expect("a batch is small");
            let within = &inputs[from as usize..to as usize];
            let kept = filter.keep.len();
            self.collect_needed_rows(within, from, &mut filter.keep);
            let is_end = to == rows && cut.next.is_none();
            filter.keep.extend(cut.new_days.iter().filter(|row| (from..to).contains(row)));
            // A desk must not take the end of its rows for the end of time before it is there.
            filter.keep.extend(is_end.then_some(to - 1));
            sort_from(&mut filter.keep, kept);
            // Where the stretch goes on in the next batch, its end is not there yet.
            let is_cut = to == rows && cut.next.is_some_and(|next| next <= end);
            let until = if is_cut { within[within.len() - 1].at } else { end };
            // Scans stand at whole multiples: the one before this stretch is over when it begins.
            let after = Timestamp::from_nanos(end.nanos().saturating_sub(cut.interval.nanos()));
            let count = |length: usize| u32::try_from(length).expect("a batch is small");
            let keep = count(kept)..count(filter.keep.len());
            filter.stretches.push(ScanWindow { after, until, rows: from..to, keep });
            from = to;
        }
        filter
    }

    /// Appends the needed rows of a stretch that begins at row `from`.
    fn collect_needed_rows(&mut self, within: &[Stamped<Input>], from: u32, keep: &mut Vec<u32>) {
        for (row, input) in (from..).zip(within) {
            let Some((market, quote)) = as_quote(&input.value) else {
                // Levels go with their quote.
                if of_snapshot(&input.value).is_none() {
                    keep.push(row);
                }
                continue;
            };
            let latest = &mut self.latest[market.index()];
            if latest.last.is_none() {
                self.touched.push(market);
            }
            latest.before = latest.last.replace(row);
            if quote.twice_mid().is_some() {
                latest.two_sided = Some(row);
            }
        }
        for market in self.touched.drain(..) {
            let Latest { last, before, two_sided } = std::mem::take(&mut self.latest[market.index()]);
            let last = last.expect("only quoted markets are touched");
            let quote = as_quote(&within[(last - from) as usize].value).expect("the row is a quote").1;
            let sizes_known = quote.bid_size.is_some() && quote.ask_size.is_some();
            let mut needs = |row: u32| {
                let before = (row - from).checked_sub(1).map(|before| &within[before as usize].value);
                keep.extend(before.filter(|input| is_depth(input)).map(|_| row - 1));
                keep.push(row);
            };
            needs(last);
            before.filter(|_| !sizes_known).into_iter().chain(two_sided).for_each(needs);
        }
    }
}

/// Sorts the rows from a place on and leaves each there once.
fn sort_from(keep: &mut Vec<u32>, from: usize) {
    keep[from..].sort_unstable();
    let mut write = from;
    for read in from..keep.len() {
        if write == from || keep[write - 1] != keep[read] {
            keep[write] = keep[read];
            write += 1;
        }
    }
    keep.truncate(write);
}
