//! Which requests are to be made for the markets of a state, in an order that depends on nothing but them.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::Timestamp;
use crate::kalshi::number::seconds_of;
use crate::kalshi::rest::CandleSpan;

use super::state::{PullState, StateEntry};

/// Candles that one market gets in a request. Of what the exchange takes, the smaller figure that is known.
const A_MARKET: i64 = 5_000;
/// Candles that a request for several markets brings at most.
const ALL_MARKETS: i64 = 10_000;
/// Most markets whose candles are asked for in one request.
const MARKETS: i64 = 100;

/// One or a few requests, whose answers are used together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullUnit {
    /// Candles of markets, by their numbers.
    Candles { markets: Vec<usize>, span: CandleSpan },
    /// All trades of a market from one second to another.
    Trades { market: usize, span: (i64, i64) },
}

/// Everything that some markets lack. A pull that reaches its maximum ends between two jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullJob {
    /// Their numbers, in order of tickers.
    pub markets: Vec<usize>,
    /// What to ask for, in this order: candles before the span wanted, candles of that span, then trades.
    pub units: Vec<PullUnit>,
    /// After it, this second is reached.
    pub until: i64,
}

/// What markets must have in common to be asked for in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Lack {
    /// The older half is asked market by market.
    alone: Option<usize>,
    /// Hours before what is wanted, for the volume until then.
    before: Option<(i64, i64)>,
    /// First and last second at which candles that are lacking may end; `None` if none is lacking.
    wanted: Option<(i64, i64)>,
    until: i64,
}

/// What is lacking until a moment; `old` are the markets of the older half.
pub fn plan_jobs(state: &PullState, old: &BTreeSet<String>, until: Timestamp) -> Vec<PullJob> {
    let terms = &state.terms;
    let mut groups: BTreeMap<Lack, Vec<usize>> = BTreeMap::new();
    let entries: Vec<&StateEntry> = state.markets.values().collect();
    for (number, entry) in entries.iter().enumerate().filter(|(_, entry)| !entry.is_whole(terms.trades)) {
        let until = entry.last_second().min(seconds_of(until));
        let since = terms.since.filter(|&since| since > entry.listed.open).map(seconds_of);
        let open = seconds_of(entry.listed.open);
        let (before, from) = match (entry.candles_until, since) {
            (Some(there), _) => (None, there + 1),
            (None, Some(since)) if terms.minutes < 60 => (Some((open + 1, since)), since + 1),
            (None, _) => (None, open + 1),
        };
        let wanted = (from <= until).then_some((from, until));
        let alone = old.contains(&entry.listed.ticker).then_some(number);
        if wanted.is_some() || trades_of(entry, terms.since, until).is_some() {
            groups.entry(Lack { alone, before, wanted, until }).or_default().push(number);
        }
    }
    let mut jobs = Vec::new();
    for (lack, markets) in groups {
        let minutes = i64::from(terms.minutes);
        let periods = |span: Option<(i64, i64)>, minutes: i64| {
            span.map_or(1, |(from, until)| (until - from) / (60 * minutes) + 1)
        };
        let longest = periods(lack.wanted, minutes).max(periods(lack.before, 60));
        let together = (ALL_MARKETS / longest).clamp(1, MARKETS);
        for markets in markets.chunks(usize::try_from(together).unwrap_or(1)) {
            let mut units = Vec::new();
            let most = A_MARKET.min(ALL_MARKETS / together);
            units.extend(
                candle_windows(lack.before, 60, most)
                    .chain(candle_windows(lack.wanted, terms.minutes, most))
                    .map(|span| PullUnit::Candles { markets: markets.to_vec(), span }),
            );
            let trades = markets.iter().filter(|_| terms.trades).filter_map(|&market| {
                let span = trades_of(entries[market], terms.since, lack.until)?;
                Some(PullUnit::Trades { market, span })
            });
            units.extend(trades);
            jobs.push(PullJob { markets: markets.to_vec(), units, until: lack.until });
        }
    }
    let begin = |job: &PullJob| job.markets.iter().map(|&market| (entries[market].listed.open, market)).min();
    jobs.sort_by_key(begin);
    jobs
}

/// The seconds of which the trades of a market are lacking.
fn trades_of(entry: &StateEntry, since: Option<Timestamp>, until: i64) -> Option<(i64, i64)> {
    let begin = seconds_of(since.unwrap_or(Timestamp::MIN).max(entry.listed.open));
    let from = entry.trades_until.map_or(begin, |there| there + 1);
    (from <= until).then_some((from, until))
}

/// A span in pieces of at most so many periods.
fn candle_windows(span: Option<(i64, i64)>, minutes: u16, most: i64) -> impl Iterator<Item = CandleSpan> {
    let width = most * 60 * i64::from(minutes);
    span.into_iter().flat_map(move |(first, last)| {
        let starts = std::iter::successors(Some(first), move |from| Some(from + width));
        starts.take_while(move |&from| from <= last).map(move |from| CandleSpan {
            from,
            until: (from + width - 1).min(last),
            minutes,
        })
    })
}
