//! The classic reliability table: bins of equal count, each with how often YES came and how sure that is.

use serde::Serialize;

use super::Forecasts;

/// Φ⁻¹(0.975): the standard normal quantile that bounds a two-sided 95 % interval.
pub(super) const Z_95: f64 = 1.959_963_984_540_054;

/// Forecasts next to each other in size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BinnedForecasts {
    /// Smallest forecast in the bin, a probability from 0 to 1.
    pub from: f64,
    /// Largest forecast in the bin, a probability from 0 to 1.
    pub to: f64,
    /// Number of forecasts in the bin, at least 1.
    pub count: u64,
    /// Number of distinct events those forecasts are about.
    pub events: u64,
    /// Mean of the bin's forecasts, from 0 to 1.
    pub mean_forecast: f64,
    /// Share of the bin's forecasts whose outcome was YES, from 0 to 1.
    pub rate: f64,
    /// Lower end of the rate's 95 % interval.
    pub low: f64,
    /// Upper end of the rate's 95 % interval.
    pub high: f64,
}

/// Wilson's (1927) score interval of a rate at 95 %, for a share of successes among `trials`, which need
/// not be whole. (0, 1) without trials.
#[must_use]
pub fn wilson_interval(rate: f64, trials: f64) -> (f64, f64) {
    if trials <= 0.0 {
        return (0.0, 1.0);
    }
    let z2 = Z_95 * Z_95 / trials;
    let centre = (rate + z2 / 2.0) / (1.0 + z2);
    let half = (z2 * (rate * (1.0 - rate) + z2 / 4.0)).sqrt() / (1.0 + z2);
    // rounding must not push the ends past what they bound
    ((centre - half).clamp(0.0, rate), (centre + half).clamp(rate, 1.0))
}

/// Bins of about equal count, at most `bins` of them; equal forecasts stay together.
///
/// Markets of one event move together, which makes a rate less sure than its count says. The interval is
/// Wilson's for the effective number of forecasts: count / design effect, where the design effect is the
/// variance of the rate with events as clusters over that of independent forecasts, at least 1 (Kish 1965;
/// Korn & Graubard 1998). Where no variance is seen, or all is one event, each event counts once.
#[must_use]
pub fn equal_count_bins(forecasts: &Forecasts, bins: usize) -> Vec<BinnedForecasts> {
    let p = forecasts.probability();
    let mut order: Vec<usize> = (0..p.len()).collect();
    // Floats of [0, 1] order like their bits; adding 0 turns −0 into 0.
    order.sort_by_cached_key(|&i| (p[i] + 0.0).to_bits());
    let mut found = Vec::new();
    let mut start = 0;
    for bin in 1..=bins {
        let mut end = (p.len() * bin / bins).max(start);
        while end > start && end < order.len() && p[order[end]] <= p[order[end - 1]] {
            end += 1;
        }
        if end > start {
            found.push(summarize_bin(forecasts, &order[start..end]));
        }
        start = end;
    }
    found
}

fn summarize_bin(forecasts: &Forecasts, members: &[usize]) -> BinnedForecasts {
    let p = forecasts.probability();
    let count = members.len() as f64;
    let mut by_event: Vec<(u32, bool)> =
        members.iter().map(|&i| (forecasts.event()[i], forecasts.outcome()[i])).collect();
    by_event.sort_unstable();
    let rate = by_event.iter().filter(|(_, yes)| *yes).count() as f64 / count;
    let clusters = by_event.chunk_by(|a, b| a.0 == b.0);
    let (events, spread) = clusters.fold((0, 0.0), |(events, spread), cluster| {
        let yes = cluster.iter().filter(|(_, yes)| *yes).count() as f64;
        let excess = yes - rate * cluster.len() as f64;
        (events + 1, spread + excess * excess)
    });
    let (low, high) = wilson_interval(rate, count / design_effect(members.len(), events, rate, spread));
    BinnedForecasts {
        from: p[members[0]],
        to: p[members[members.len() - 1]],
        count: members.len() as u64,
        events: events as u64,
        mean_forecast: members.iter().map(|&i| p[i]).sum::<f64>() / count,
        rate,
        low,
        high,
    }
}

/// `spread` is Σ over events of (YES − rate × forecasts)².
fn design_effect(count: usize, events: usize, rate: f64, spread: f64) -> f64 {
    let (n, clusters) = (count as f64, events as f64);
    let independent = n * rate * (1.0 - rate);
    if events == count {
        1.0
    } else if events < 2 || independent <= 0.0 {
        n / clusters
    } else {
        // An estimate below 1 is not believed.
        (clusters / (clusters - 1.0) * spread / independent).max(1.0)
    }
}
