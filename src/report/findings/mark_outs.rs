//! Who was on the other side: where the market's price stood some time after each fill.
//!
//! A fill is good if the price moves its way afterwards. If it moves the other way at once, the quote that
//! was taken was stale for a reason, or ours was the stale opinion. At the fill itself the market's mid is
//! half a spread worse than the price paid; so the drift since then is told apart from it. The price after
//! a fill is the mid of the last evaluation not later than the horizon, if there was one after the fill at
//! all; once a market has paid out, it is what it paid.

use std::collections::VecDeque;

use serde::Serialize;

use crate::domain::{Action, Probability, Side, Span, Timestamp};
use crate::journal::reader::{FillRow, LedgerMarketRow};
use crate::report::stats::IntervalEstimate;
use crate::report::stats::bootstrap::ratio;

use super::gather::Gathered;
use crate::report::forecasts::share;

/// How long after a fill.
pub const AFTER: [(&str, Span); 5] = [
    ("at the fill", Span::ZERO),
    ("1 minute", Span::MINUTE),
    ("15 minutes", Span::MINUTE.times(15)),
    ("1 hour", Span::HOUR),
    ("1 day", Span::DAY),
];

/// A look at a market that is still to come.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Timestamp,
    filled_at: Timestamp,
    fill: usize,
    after: usize,
}

/// A market with fills.
#[derive(Debug)]
struct Watched {
    /// Looks to come, earliest first.
    due: VecDeque<Due>,
    /// The latest price seen.
    latest: Option<(Timestamp, Probability)>,
}

/// Watches the markets of the fills that opened or added.
#[derive(Debug)]
pub struct Watch {
    markets: Vec<Watched>,
    /// By fill: the price of YES at each horizon, where one is known.
    pub seen: Vec<[Option<f64>; AFTER.len()]>,
}

impl Watch {
    /// Of a run's fills.
    pub fn over(fills: &[FillRow], markets: usize) -> Self {
        let mut due: Vec<Vec<Due>> = vec![Vec::new(); markets];
        for (number, fill) in fills.iter().enumerate().filter(|(_, fill)| fill.action == Action::Buy) {
            let Some(due) = due.get_mut(fill.market) else { continue };
            for (after, (_, span)) in AFTER.into_iter().enumerate() {
                due.push(Due { at: fill.at + span, filled_at: fill.at, fill: number, after });
            }
        }
        let sorted = |mut due: Vec<Due>| {
            due.sort_by_key(|due| (due.at, due.fill));
            Watched { due: due.into(), latest: None }
        };
        Self { markets: due.into_iter().map(sorted).collect(), seen: vec![[None; AFTER.len()]; fills.len()] }
    }

    /// A market's price at a moment.
    pub fn see(&mut self, market: usize, at: Timestamp, price: Probability) {
        let Some(Watched { due, latest }) = self.markets.get_mut(market) else { return };
        while let Some(next) = due.pop_front_if(|next| next.at < at) {
            note(&mut self.seen, next, *latest);
        }
        *latest = Some((at, price));
    }

    /// The data has ended.
    pub fn end(&mut self, markets: &[LedgerMarketRow]) {
        for (Watched { due, latest }, market) in self.markets.iter_mut().zip(markets) {
            for next in due.drain(..) {
                match market.settled {
                    Some((at, value)) if at <= next.at => {
                        self.seen[next.fill][next.after] = Some(f64::from(value.get()) / 1e4);
                    }
                    _ => note(&mut self.seen, next, *latest),
                }
            }
        }
    }
}

/// Keeps the latest price for a look, if it is younger than the fill or the look is at the fill itself.
fn note(seen: &mut [[Option<f64>; AFTER.len()]], due: Due, latest: Option<(Timestamp, Probability)>) {
    if let Some((at, price)) = latest
        && (at > due.filled_at || due.at == due.filled_at)
    {
        seen[due.fill][due.after] = Some(share(price));
    }
}

/// What fills were worth a while later.
#[derive(Clone, Debug, Serialize)]
pub struct MarkOutFinding {
    /// How much later.
    pub after: &'static str,
    /// Fills with a price then.
    pub fills: u64,
    /// Mean gain of a contract against the price paid, in dollars, before fees, with its 95 % interval by
    /// event.
    pub gain: Option<IntervalEstimate>,
    /// The same against the market's mid at the fill.
    pub drift: Option<IntervalEstimate>,
    /// Share of the contracts whose market stood worse than the price paid.
    pub worse: Option<f64>,
}

/// What YES was worth a while after a fill, given what was seen after it.
type Price<'a> = &'a dyn Fn(&FillRow, &[Option<f64>]) -> Option<f64>;

/// Place of the look at the fill itself.
pub const AT_FILL: usize = 0;

/// Name of the last look.
pub const SETTLEMENT: &str = "settlement";

/// All horizons, and the settlement, of the fills that opened or added and that `counts`.
pub fn mark_outs(run: &Gathered, counts: impl Fn(&FillRow) -> bool, seed: u64) -> Vec<MarkOutFinding> {
    let bought = run.fills.iter().zip(&run.watch.seen);
    let bought: Vec<_> = bought.filter(|(fill, _)| fill.action == Action::Buy && counts(fill)).collect();
    let look = |after, price: Price<'_>| {
        let looks = bought.iter().filter_map(|(fill, seen)| {
            let of_side = |yes: f64| if fill.side == Side::Yes { yes } else { 1.0 - yes };
            Some(MarkOutLook {
                event: run.event_of[fill.market],
                contracts: fill.contracts.hundredths() as f64 / 100.0,
                paid: f64::from(fill.price.get()) / 1e4,
                then: of_side(price(fill, &seen[..])?),
                at_fill: seen[AT_FILL].map(of_side),
            })
        });
        mark_out(after, &looks.collect::<Vec<_>>(), seed)
    };
    let mut all: Vec<MarkOutFinding> =
        AFTER.iter().enumerate().map(|(after, (name, _))| look(name, &|_, seen| seen[after])).collect();
    let settled = |fill: &FillRow| run.markets[fill.market].settled;
    all.push(look(SETTLEMENT, &|fill, _| settled(fill).map(|(_, value)| f64::from(value.get()) / 1e4)));
    all
}

/// A fill and its market's price a while later; prices of the side bought.
struct MarkOutLook {
    event: u32,
    contracts: f64,
    paid: f64,
    then: f64,
    at_fill: Option<f64>,
}

fn mark_out(after: &'static str, looks: &[MarkOutLook], seed: u64) -> MarkOutFinding {
    let weighted = |from: &dyn Fn(&MarkOutLook) -> Option<f64>| {
        let parts = looks.iter().filter_map(|look| {
            Some((look.event, (look.then - from(look)?) * look.contracts, look.contracts))
        });
        ratio(&parts.collect::<Vec<_>>(), seed)
    };
    let contracts: f64 = looks.iter().map(|look| look.contracts).sum();
    let worse: f64 = looks.iter().filter(|look| look.then < look.paid).map(|look| look.contracts).sum();
    MarkOutFinding {
        after,
        fills: looks.len() as u64,
        gain: weighted(&|look| Some(look.paid)),
        drift: weighted(&|look| look.at_fill),
        worse: (contracts > 0.0).then(|| worse / contracts),
    }
}
