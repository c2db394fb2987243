//! What happened as a non-decreasing function of what was said, without bins to choose.
//!
//! Pool-adjacent-violators (Ayer et al. 1955) on forecasts pooled where they are equal; used for
//! reliability diagrams and scores as in Dimitriadis, Gneiting & Jordan (2021), "CORP".

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::{Forecasts, cell_of, sorted_quantile};

/// Cells of [0, 1] in which many different forecasts are gathered where a fit is made over and over.
pub const GRID: usize = 1_000;

/// Forecasts of one probability, or of one cell of the grid, with their outcomes counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pooled {
    /// The probability of YES they share, from 0 to 1; a cell's mean where cells are pooled.
    pub forecast: f64,
    /// Number of forecasts that are pooled here.
    pub count: u64,
    /// Number of those forecasts whose outcome was YES, at most `count`.
    pub yes: u64,
}

/// Forecasts that the fit gives one rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Block {
    /// Smallest forecast in the block, a probability from 0 to 1.
    pub from: f64,
    /// Largest forecast in the block, a probability from 0 to 1.
    pub to: f64,
    /// Number of forecasts in the block, at least 1.
    pub count: u64,
    /// Mean of the block's forecasts, between `from` and `to`.
    pub mean_forecast: f64,
    /// Share of YES: the recalibrated probability.
    pub rate: f64,
}

/// Where the fit would lie if the forecasts were calibrated, at one forecast.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ConsistencyBand {
    /// Forecast at which the band is taken, a probability from 0 to 1.
    pub forecast: f64,
    /// 2.5 % quantile of the rates fitted to simulated outcomes, from 0 to 1.
    pub low: f64,
    /// 97.5 % quantile of the rates fitted to simulated outcomes, from 0 to 1.
    pub high: f64,
}

/// Returns the distinct forecasts in rising order, with the number of times each was made and came true.
#[must_use]
pub fn pool_equal_forecasts(forecasts: &Forecasts) -> Vec<Pooled> {
    // Floats of one sign order like their bits, and those of [0, 1] leave the highest bit free: the
    // outcome rides in the lowest, and integers sort fast. Adding 0 turns −0 into 0.
    let packed = forecasts.probability().iter().zip(forecasts.outcome());
    let mut keys: Vec<u64> = packed.map(|(p, &yes)| ((p + 0.0).to_bits() << 1) | u64::from(yes)).collect();
    keys.sort_unstable();
    let equal = keys.chunk_by(|a, b| a >> 1 == b >> 1);
    let pooled = equal.map(|keys| Pooled {
        forecast: f64::from_bits(keys[0] >> 1),
        count: keys.len() as u64,
        yes: keys.iter().map(|key| key & 1).sum(),
    });
    pooled.collect()
}

/// The fit, in rising order; forecasts must rise strictly, and a count of 0 is passed over.
#[must_use]
pub fn fit_isotonic(pooled: impl IntoIterator<Item = Pooled>) -> Vec<Block> {
    let mut open: Vec<Open> = Vec::new();
    for next in pooled.into_iter().filter(|next| next.count > 0) {
        let mut block = Open {
            from: next.forecast,
            to: next.forecast,
            count: next.count,
            yes: next.yes,
            sum: next.forecast * next.count as f64,
        };
        // Compared as integers: equal rates are one block, whatever their rounding.
        while let Some(last) = open.pop_if(|last| {
            u128::from(last.yes) * u128::from(block.count) >= u128::from(block.yes) * u128::from(last.count)
        }) {
            block.from = last.from;
            block.count += last.count;
            block.yes += last.yes;
            block.sum += last.sum;
        }
        open.push(block);
    }
    open.iter().map(Open::close_block).collect()
}

/// The fitted rate at a forecast: constant within a block, linear between two, and beyond the ends as
/// at the ends. Nothing without blocks.
#[must_use]
pub fn rate_at(blocks: &[Block], forecast: f64) -> Option<f64> {
    let next = blocks.partition_point(|block| block.to < forecast);
    let Some(block) = blocks.get(next) else {
        return blocks.last().map(|last| last.rate);
    };
    match next.checked_sub(1).map(|before| blocks[before]) {
        Some(before) if forecast < block.from => {
            let part = (forecast - before.to) / (block.from - before.to);
            Some(before.rate + part * (block.rate - before.rate))
        }
        _ => Some(block.rate),
    }
}

/// Where the fit would lie, in 95 % of cases at each forecast of `grid`, if the forecasts were calibrated.
///
/// Keeps the forecasts and draws outcomes from them (consistency bars of Bröcker & Smith 2007, as bands in
/// Dimitriadis et al. 2021). Outcomes are drawn **independently**: how markets of one event hang together
/// is not known from forecasts alone. Where events have many markets that move together the true band is
/// wider, and a chart should say that this one is for independent outcomes. Empty without forecasts or
/// draws. More than a thousand different forecasts are gathered in cells of 1/1000, each at its mean, and
/// counts of variance 25 or more are drawn from the normal approximation.
#[must_use]
pub fn consistency_band(
    forecasts: &Forecasts,
    grid: &[f64],
    draws: usize,
    seed: u64,
) -> Vec<ConsistencyBand> {
    let pooled = gather_into_cells(pool_equal_forecasts(forecasts));
    if pooled.is_empty() || draws == 0 {
        return Vec::new();
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut rates = vec![Vec::with_capacity(draws); grid.len()];
    let trials: Vec<Trials> = pooled.iter().map(|cell| Trials::new(cell.count, cell.forecast)).collect();
    for _ in 0..draws {
        let resampled = pooled
            .iter()
            .zip(&trials)
            .map(|(cell, trials)| Pooled { yes: trials.draw_successes(&mut random), ..*cell });
        let blocks = fit_isotonic(resampled);
        for (rates, &forecast) in rates.iter_mut().zip(grid) {
            rates.push(rate_at(&blocks, forecast).expect("there are forecasts"));
        }
    }
    let band = grid.iter().zip(&mut rates).map(|(&forecast, rates)| {
        rates.sort_unstable_by(f64::total_cmp);
        ConsistencyBand { forecast, low: sorted_quantile(rates, 0.025), high: sorted_quantile(rates, 0.975) }
    });
    band.collect()
}

/// At most [`GRID`] forecasts: as they are, or the means of cells.
fn gather_into_cells(pooled: Vec<Pooled>) -> Vec<Pooled> {
    if pooled.len() <= GRID {
        return pooled;
    }
    let cells = pooled.chunk_by(|a, b| cell_of(a.forecast, GRID) == cell_of(b.forecast, GRID));
    let gathered = cells.map(|cell| {
        let count: u64 = cell.iter().map(|one| one.count).sum();
        let sum: f64 = cell.iter().map(|one| one.forecast * one.count as f64).sum();
        Pooled { forecast: (sum / count as f64).min(1.0), count, yes: cell.iter().map(|one| one.yes).sum() }
    });
    gathered.collect()
}

/// From this variance on a binomial count is drawn as a rounded normal one: its skewness is then below 0.2, and
/// a fit goes through many of them.
const NORMAL_FROM: f64 = 25.0;

/// Independent trials of one chance, many times over.
struct Trials {
    count: u64,
    /// Mean and standard deviation of the rarer outcome.
    mean: f64,
    deviation: f64,
    /// ln(1 − p) of the rarer outcome.
    log_failure: f64,
    success_is_rarer: bool,
}

impl Trials {
    fn new(count: u64, p: f64) -> Self {
        let success_is_rarer = p <= 0.5;
        let rarer = if success_is_rarer { p } else { 1.0 - p };
        let mean = count as f64 * rarer;
        let deviation = (mean * (1.0 - rarer)).sqrt();
        Self { count, mean, deviation, log_failure: (-rarer).ln_1p(), success_is_rarer }
    }

    /// Draws how many of the `count` trials succeed.
    fn draw_successes(&self, random: &mut ChaCha8Rng) -> u64 {
        let rarer = self.draw_rarer_count(random);
        if self.success_is_rarer { rarer } else { self.count - rarer }
    }

    /// Where they are few, those between are jumped over by the geometric distribution, which costs as many
    /// logarithms as there are.
    fn draw_rarer_count(&self, random: &mut ChaCha8Rng) -> u64 {
        if self.mean <= 0.0 {
            return 0;
        }
        let trials = self.count as f64;
        // 1 − u is in (0, 1], whose logarithm is finite
        let logarithm = |random: &mut ChaCha8Rng| (1.0 - random.random::<f64>()).ln();
        if self.deviation * self.deviation >= NORMAL_FROM {
            // Box & Muller (1958)
            let radius = (-2.0 * logarithm(random)).sqrt();
            let normal = radius * (std::f64::consts::TAU * random.random::<f64>()).cos();
            return round_to_count((self.mean + self.deviation * normal).clamp(0.0, trials));
        }
        let (mut seen, mut found) = (0.0, 0);
        loop {
            seen += (logarithm(random) / self.log_failure).floor() + 1.0;
            if seen > trials {
                return found;
            }
            found += 1;
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count is whole and in range")]
fn round_to_count(count: f64) -> u64 {
    count.round() as u64
}

#[derive(Clone, Copy)]
struct Open {
    from: f64,
    to: f64,
    count: u64,
    yes: u64,
    sum: f64,
}

impl Open {
    fn close_block(&self) -> Block {
        let count = self.count as f64;
        Block {
            from: self.from,
            to: self.to,
            count: self.count,
            // the quotient may round past the ends
            mean_forecast: (self.sum / count).clamp(self.from, self.to),
            rate: self.yes as f64 / count,
        }
    }
}
