//! How much of a good result is left when one counts how often one tried.
//!
//! Sharpe ratios here are per period (trade or day), not annual.

use serde::Serialize;

use super::{normal_cdf, normal_quantile};

/// The shape of a series of returns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Returns {
    /// Number of returns, one a period (trade, event or day).
    pub count: usize,
    /// Mean over standard deviation (n − 1), per period.
    pub sharpe: f64,
    /// Skewness m₃/m₂^1.5 of the sample; 0 for a symmetric distribution.
    pub skewness: f64,
    /// m₄/m₂², of the sample; 3 for a normal distribution.
    pub kurtosis: f64,
}

impl Returns {
    /// Of a series of returns in excess of what cash would have earned. `None` with fewer than two, without
    /// variance, or if one is not finite.
    #[must_use]
    pub fn from_returns(returns: &[f64]) -> Option<Self> {
        let n = returns.len() as f64;
        let mean = returns.iter().sum::<f64>() / n;
        let moment = |power: i32| returns.iter().map(|one| (one - mean).powi(power)).sum::<f64>() / n;
        let second = moment(2);
        // Below this the series is constant but for rounding.
        let varies = second > (1e-14 * mean).powi(2) && second.is_finite();
        (returns.len() > 1 && varies).then(|| Self {
            count: returns.len(),
            sharpe: mean / (second * n / (n - 1.0)).sqrt(),
            skewness: moment(3) / second.powf(1.5),
            kurtosis: moment(4) / (second * second),
        })
    }

    /// Variance of the Sharpe ratio × (n − 1): 1 − γ₃ SR + (γ₄ − 1)/4 · SR² (Mertens 2002).
    fn scaled_sharpe_variance(&self) -> f64 {
        1.0 - self.skewness * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe * self.sharpe
    }

    /// Probability that the true Sharpe ratio exceeds `benchmark` (Bailey & López de Prado 2012):
    /// Φ((SR − SR*) √(n − 1) / √(1 − γ₃ SR + (γ₄ − 1)/4 · SR²)). `None` where that root does not exist.
    #[must_use]
    pub fn probabilistic_sharpe(&self, benchmark: f64) -> Option<f64> {
        let spread = self.scaled_sharpe_variance();
        let root = (self.count as f64 - 1.0).sqrt();
        (spread > 0.0).then(|| normal_cdf((self.sharpe - benchmark) * root / spread.sqrt()))
    }

    /// The same against the best Sharpe ratio that luck makes in `trials` (Bailey & López de Prado 2014,
    /// the deflated Sharpe ratio). `variance` is that of the trials' Sharpe ratios, per period.
    #[must_use]
    pub fn deflated_sharpe(&self, trials: usize, variance: f64) -> Option<f64> {
        self.probabilistic_sharpe(expected_best_sharpe(trials, variance)?)
    }

    /// Periods needed before a Sharpe ratio like this one is above `benchmark` with confidence `level`
    /// (Bailey & López de Prado 2012, minimum track record length):
    /// 1 + (1 − γ₃ SR + (γ₄ − 1)/4 · SR²)(z / (SR − SR*))². `None` when it is not above.
    #[must_use]
    pub fn minimum_track_record(&self, benchmark: f64, level: f64) -> Option<f64> {
        let excess = self.sharpe - benchmark;
        let spread = self.scaled_sharpe_variance();
        (excess > 0.0 && spread > 0.0).then(|| 1.0 + spread * (normal_quantile(level) / excess).powi(2))
    }
}

/// The expected best of `trials` Sharpe ratios whose true value is 0 (Bailey & López de Prado 2014):
/// √V ((1 − γ) Φ⁻¹(1 − 1/N) + γ Φ⁻¹(1 − 1/(N e))), with γ the Euler–Mascheroni constant. 0 for one trial;
/// `None` for none, or if the variance is negative or not finite.
#[must_use]
pub fn expected_best_sharpe(trials: usize, variance: f64) -> Option<f64> {
    if trials == 0 || !(0.0..f64::INFINITY).contains(&variance) {
        return None;
    }
    let share = 1.0 / trials as f64;
    let gamma = std::f64::consts::EULER_GAMMA;
    let best = (1.0 - gamma) * normal_quantile(1.0 - share)
        + gamma * normal_quantile(1.0 - share / std::f64::consts::E);
    Some(if trials == 1 { 0.0 } else { variance.sqrt() * best })
}

/// Whether the best of many trials in one half of time is also good in the other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overfitting {
    /// Share of splits in which the best trial of one half is no better than the median in the other.
    pub probability: f64,
    /// The logit of its relative rank out of sample, one a split; below 0 is worse than the median.
    pub logits: Vec<f64>,
}

/// Probability of backtest overfitting by combinatorially symmetric cross-validation (Bailey, Borwein, López
/// de Prado & Zhu 2017): time is cut in `blocks` equal parts, every half of them chooses the trial with the
/// best Sharpe ratio, the other half ranks it (ω = rank/(N + 1), 1 the worst; equals share their mean rank;
/// of equally good choices the first is taken), and a split is overfitted when ln ω/(1 − ω) ≤ 0.
///
/// `returns[t]` are all trials' returns in period `t`. Periods that do not fill the blocks are left out at
/// the start. A trial without variance has Sharpe ratio 0. `None` if `blocks` is odd, below 2 or above 20
/// (184,756 splits), with fewer than two trials or two periods a block, with rows of unequal length, or
/// returns that are not finite.
#[must_use]
pub fn probability_of_overfitting(returns: &[Vec<f64>], blocks: usize) -> Option<Overfitting> {
    let trials = returns.first()?.len();
    let length = returns.len().checked_div(blocks)?;
    let sound = |row: &Vec<f64>| row.len() == trials && row.iter().all(|one| one.is_finite());
    let fits = blocks.is_multiple_of(2) && (2..=20).contains(&blocks) && length >= 2;
    if !fits || trials < 2 || !returns.iter().all(sound) {
        return None;
    }
    let sums = Sums::by_block(&returns[returns.len() - length * blocks..], length);
    let halves = (0..1_usize << blocks).filter(|half| half.count_ones() as usize == blocks / 2);
    let logits: Vec<f64> = halves.map(|half| sums.out_of_sample_logit(half)).collect();
    let overfitted = logits.iter().filter(|logit| **logit <= 0.0).count();
    Some(Overfitting { probability: overfitted as f64 / logits.len() as f64, logits })
}

/// By block and trial: Σ (x − c) and Σ (x − c)², with c the trial's mean over all blocks, so that squares do
/// not cancel.
struct Sums {
    length: f64,
    centres: Vec<f64>,
    blocks: Vec<Vec<[f64; 2]>>,
}

impl Sums {
    fn by_block(returns: &[Vec<f64>], length: usize) -> Self {
        let mut centres = vec![0.0; returns[0].len()];
        for row in returns {
            centres.iter_mut().zip(row).for_each(|(sum, one)| *sum += one / returns.len() as f64);
        }
        let blocks = returns.chunks_exact(length).map(|rows| {
            let mut sums = vec![[0.0; 2]; centres.len()];
            for row in rows {
                for (sums, (one, centre)) in sums.iter_mut().zip(row.iter().zip(&centres)) {
                    let deviation = one - centre;
                    sums[0] += deviation;
                    sums[1] += deviation * deviation;
                }
            }
            sums
        });
        Self { length: length as f64, blocks: blocks.collect(), centres }
    }

    /// The Sharpe ratio of each trial over the blocks of a half, given as bits.
    fn sharpe_ratios(&self, half: usize) -> Vec<f64> {
        let n = self.length * f64::from(half.count_ones());
        let chosen = || (0..).zip(&self.blocks).filter(|(block, _)| half >> block & 1 == 1);
        let of_trial = |(trial, centre): (usize, &f64)| {
            let [sum, squares] =
                chosen().fold([0.0; 2], |all, (_, block)| [0, 1].map(|i| all[i] + block[trial][i]));
            let variance = (squares - sum * sum / n) / (n - 1.0);
            let mean = centre + sum / n;
            // a constant series but for rounding
            if variance > (1e-14 * mean).powi(2) { mean / variance.sqrt() } else { 0.0 }
        };
        self.centres.iter().enumerate().map(of_trial).collect()
    }

    /// Out-of-sample logit of the trial that is best in this half.
    fn out_of_sample_logit(&self, half: usize) -> f64 {
        let inside = self.sharpe_ratios(half);
        let others = ((1 << self.blocks.len()) - 1) ^ half;
        let outside = self.sharpe_ratios(others);
        let best =
            (1..inside.len()).fold(0, |best, trial| if inside[trial] > inside[best] { trial } else { best });
        let (below, equal) =
            outside.iter().fold((0.0, 0.0), |(below, equal), one| match one.total_cmp(&outside[best]) {
                std::cmp::Ordering::Less => (below + 1.0, equal),
                std::cmp::Ordering::Equal => (below, equal + 1.0),
                std::cmp::Ordering::Greater => (below, equal),
            });
        let rank = below + f64::midpoint(equal, 1.0);
        let share = rank / (outside.len() as f64 + 1.0);
        (share / (1.0 - share)).ln()
    }
}
