//! Who was on the other side: where the market's price stood some time after each fill.
//!
//! A fill is good if the price moves its way afterwards. If it moves the other way at once, the quote that
//! was taken was stale for a reason, or ours was the stale opinion. At the fill itself the market's mid is
//! half a spread worse than the price paid; so the drift since then is told apart from it.

use serde::Serialize;

use crate::domain::{Action, Side};
use crate::journal::reader::FillRow;
use crate::report::stats::IntervalEstimate;
use crate::report::stats::bootstrap::ratio_estimate;
use crate::report::summary::settlement_to_dollars;

use super::gather::Gathered;
use super::price_watch::{AFTER, AT_FILL};

/// What fills were worth a while later.
#[derive(Clone, Debug, Serialize)]
pub struct MarkOutFinding {
    /// Name of the horizon: `at the fill`, `1 minute` to `1 day` after it, or `settlement`.
    pub after: &'static str,
    /// Number of purchases whose market had a known price at that horizon.
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

/// Name of the last horizon, where the price of a contract is what its market paid out.
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
    all.push(look(SETTLEMENT, &|fill, _| settled(fill).map(|(_, value)| settlement_to_dollars(value))));
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
        ratio_estimate(&parts.collect::<Vec<_>>(), seed)
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
