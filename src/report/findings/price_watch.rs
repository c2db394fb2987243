//! Prices some time after each fill, kept while a ledger is read once from its beginning.
//!
//! The price after a fill is the mid of the last evaluation not later than the horizon, if there was one
//! after the fill at all; once a market has paid out, it is what it paid.

use std::collections::VecDeque;

use crate::domain::{Action, Probability, Span, Timestamp};
use crate::journal::reader::{FillRow, LedgerMarketRow};

use crate::report::forecasts::probability_to_f64;
use crate::report::summary::settlement_to_dollars;

/// Horizons after a fill at which its market's price is looked up, with their names.
pub const AFTER: [(&str, Span); 5] = [
    ("at the fill", Span::ZERO),
    ("1 minute", Span::MINUTE),
    ("15 minutes", Span::MINUTE.times(15)),
    ("1 hour", Span::HOUR),
    ("1 day", Span::DAY),
];

/// Place of the look at the fill itself.
pub const AT_FILL: usize = 0;

/// A look at a market that is still to come.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Timestamp,
    filled_at: Timestamp,
    fill: usize,
    after: usize,
}

/// Pending looks and the latest price of one market; no looks if nothing was bought there.
#[derive(Debug)]
struct WatchedMarket {
    /// Looks that have no price yet, sorted by the moment they are due.
    due: VecDeque<Due>,
    /// Moment and mid of the latest evaluation seen; `None` before the first.
    latest: Option<(Timestamp, Probability)>,
}

/// Watches the markets of the fills that opened or added.
#[derive(Debug)]
pub struct PriceWatch {
    markets: Vec<WatchedMarket>,
    /// By fill: the price of YES at each horizon, where one is known.
    pub seen: Vec<[Option<f64>; AFTER.len()]>,
}

impl PriceWatch {
    /// Schedules a look at every horizon for each purchase among a run's fills.
    pub fn for_fills(fills: &[FillRow], markets: usize) -> Self {
        let mut due: Vec<Vec<Due>> = vec![Vec::new(); markets];
        for (number, fill) in fills.iter().enumerate().filter(|(_, fill)| fill.action == Action::Buy) {
            let Some(due) = due.get_mut(fill.market) else { continue };
            for (after, (_, span)) in AFTER.into_iter().enumerate() {
                due.push(Due { at: fill.at + span, filled_at: fill.at, fill: number, after });
            }
        }
        let sorted = |mut due: Vec<Due>| {
            due.sort_by_key(|due| (due.at, due.fill));
            WatchedMarket { due: due.into(), latest: None }
        };
        Self { markets: due.into_iter().map(sorted).collect(), seen: vec![[None; AFTER.len()]; fills.len()] }
    }

    /// Takes in a market's mid at `at`; looks due before that get the previous mid.
    pub fn record_price(&mut self, market: usize, at: Timestamp, price: Probability) {
        let Some(WatchedMarket { due, latest }) = self.markets.get_mut(market) else { return };
        while let Some(next) = due.pop_front_if(|next| next.at < at) {
            record_price_after_fill(&mut self.seen, next, *latest);
        }
        *latest = Some((at, price));
    }

    /// Answers the looks still pending: by the settlement if it came in time, else by the latest mid.
    pub fn finish_pending_lookups(&mut self, markets: &[LedgerMarketRow]) {
        for (WatchedMarket { due, latest }, market) in self.markets.iter_mut().zip(markets) {
            for next in due.drain(..) {
                match market.settled {
                    Some((at, value)) if at <= next.at => {
                        self.seen[next.fill][next.after] = Some(settlement_to_dollars(value));
                    }
                    _ => record_price_after_fill(&mut self.seen, next, *latest),
                }
            }
        }
    }
}

/// Keeps the latest price for a look, if it is younger than the fill or the look is at the fill itself.
fn record_price_after_fill(
    seen: &mut [[Option<f64>; AFTER.len()]],
    due: Due,
    latest: Option<(Timestamp, Probability)>,
) {
    if let Some((at, price)) = latest
        && (at > due.filled_at || due.at == due.filled_at)
    {
        seen[due.fill][due.after] = Some(probability_to_f64(price));
    }
}
