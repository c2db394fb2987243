//! Whether trades show an edge: how the evidence grew, what it did to the bankroll, and how many more are
//! needed to be sure.

use serde::Serialize;

use super::bootstrap::ratio_estimate;
use super::{IntervalEstimate, StatsError, clamp_probability, normal_quantile};

/// Evidence that counts: 20 to 1. If the one side is right, the other's evidence ever gets there with
/// probability at most 5 % (Ville 1939).
pub const LINE: f64 = 20.0;

/// What was believed and paid for at the first entry of an event whose market has settled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EvidenceEntry {
    /// The strategy's probability that the side it bought wins, from 0 to 1.
    pub belief: f64,
    /// The market's probability of that side.
    pub market: f64,
    /// Whether the market settled in favour of the side held.
    pub won: bool,
}

/// The likelihood ratio of beliefs over market prices as markets settled.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Path {
    /// ln Π p(y)/m(y) after each entry: evidence for the beliefs is e to this, against them e to minus this.
    pub log_ratio: Vec<f64>,
    /// Entries until evidence for the beliefs first reached [`LINE`].
    pub reached_for: Option<usize>,
    /// Entries until evidence against them first did.
    pub reached_against: Option<usize>,
}

/// The path over entries in the order of settlement. Probabilities are kept 1e-6 from 0 and 1.
///
/// # Errors
/// If a probability is not in [0, 1].
pub fn evidence_path(entries: &[EvidenceEntry]) -> Result<Path, StatsError> {
    let mut log_ratio = Vec::with_capacity(entries.len());
    let mut sum = 0.0;
    for (index, entry) in entries.iter().enumerate() {
        for value in [entry.belief, entry.market] {
            if !(0.0..=1.0).contains(&value) {
                return Err(StatsError::NotAProbability { index, value });
            }
        }
        let (belief, market) = (clamp_probability(entry.belief), clamp_probability(entry.market));
        let ratio = if entry.won { belief / market } else { (1.0 - belief) / (1.0 - market) };
        sum += ratio.ln();
        log_ratio.push(sum);
    }
    let first = |sign: f64| log_ratio.iter().position(|log| sign * log >= LINE.ln()).map(|index| index + 1);
    let (reached_for, reached_against) = (first(1.0), first(-1.0));
    Ok(Path { log_ratio, reached_for, reached_against })
}

/// Mean log growth of the bankroll per trade, ln(1 + profit/equity at entry), with its interval by event:
/// what Kelly (1956) maximises, at the stakes that were taken. A trade that took all or more of the equity
/// has no logarithm: then, and without trades, there is no figure.
///
/// # Panics
/// If there is not one event a trade.
#[must_use]
pub fn log_growth(profit_of_equity: &[f64], event: &[u32], seed: u64) -> Option<IntervalEstimate> {
    assert_eq!(profit_of_equity.len(), event.len(), "one event a trade");
    let logs: Option<Vec<f64>> = profit_of_equity
        .iter()
        .map(|profit| (profit.is_finite() && *profit > -1.0).then(|| profit.ln_1p()))
        .collect();
    let parts: Vec<(u32, f64, f64)> =
        event.iter().zip(logs?).map(|(&event, log)| (event, log, 1.0)).collect();
    ratio_estimate(&parts, seed)
}

/// Independent trades after which a one-sided test at 5 % finds a mean return like the one seen with 80 %
/// power: ((z₀.₉₅ + z₀.₈₀) · s/mean)², rounded up, in the normal approximation with s the sample's standard
/// deviation (n − 1). Give one return an event, since trades of one event are not independent. `None` when
/// the mean is not positive, which no number of trades makes significant, with fewer than two returns, and
/// when they do not vary.
#[must_use]
pub fn trades_needed(returns: &[f64]) -> Option<f64> {
    let n = returns.len() as f64;
    let mean = returns.iter().sum::<f64>() / n;
    let squares: f64 = returns.iter().map(|one| (one - mean) * (one - mean)).sum();
    let deviation = (squares / (n - 1.0)).sqrt();
    let power = normal_quantile(0.95) + normal_quantile(0.80);
    (mean > 0.0 && deviation > 0.0).then(|| (power * deviation / mean).powi(2).ceil())
}
