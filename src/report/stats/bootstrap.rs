//! How far a statistic may be off: the bootstrap over events.
//!
//! Whole events are drawn with replacement (Davison & Hinkley 1997, §3.8), because forecasts about one event
//! are not independent. Statistics that are functions of sums over forecasts are computed for every
//! forecaster from the same draws, so that differences are paired.
//!
//! Intervals are `BCa` (Efron 1987): percentiles, corrected for bias and skewness by a jackknife over the
//! events. Plain percentiles are too narrow when events are few, as they know neither the √(G/(G−1)) nor
//! Student's t; so the percentiles are those that Student's t with G − 1 degrees of freedom asks for
//! (Hesterberg 2015, "expanded percentile").

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{IntervalEstimate, normal_cdf, normal_quantile, sorted_quantile};

/// Number of resamples drawn for a bootstrap interval.
pub const DRAWS: usize = 2_000;

/// Most groups that are resampled where a draw only adds up sums.
pub const MOST_GROUPS: usize = 1_000;

/// Forecasts sorted into the groups that are drawn: the events, or a given number of sets of them.
///
/// More events are dealt to the groups at random. Groups of independent events are independent, and a sum
/// over groups has the variance of the sum over events; what is lost is degrees of freedom, of which
/// 1,000 are as good as infinitely many, and 200 nearly so.
#[derive(Clone, Debug)]
pub struct EventGroups {
    of: Vec<u32>,
    count: usize,
    events: usize,
}

impl EventGroups {
    /// At most `most` groups for forecasts of these events.
    #[must_use]
    pub fn new(event: &[u32], most: usize, seed: u64) -> Self {
        let mut events = event.to_vec();
        events.sort_unstable();
        events.dedup();
        let groups = events.len().min(most);
        let mut dealt: Vec<u32> = (0..).take(groups).cycle().take(events.len()).collect();
        if events.len() > groups {
            shuffle_in_place(&mut dealt, &mut ChaCha8Rng::seed_from_u64(seed));
        }
        let group = |event| dealt[events.binary_search(event).expect("every event is in the list")];
        Self { of: event.iter().map(group).collect(), count: groups, events: events.len() }
    }

    /// Returns the group of each forecast, numbered from 0, in the order of the forecasts.
    #[must_use]
    pub fn group_numbers(&self) -> &[u32] {
        &self.of
    }

    /// Returns the number of groups, which is also how many are drawn for a resample.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is nothing to draw.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the number of distinct events, at least as many as there are groups.
    #[must_use]
    pub const fn event_count(&self) -> usize {
        self.events
    }
}

/// Shuffles in place (Fisher and Yates), every order being equally likely.
fn shuffle_in_place(dealt: &mut [u32], random: &mut ChaCha8Rng) {
    for last in (1..dealt.len()).rev() {
        dealt.swap(last, random.random_range(0..=last));
    }
}

/// Draws groups with replacement; the same seed gives the same draws.
#[derive(Clone, Debug)]
pub struct Resampler {
    random: ChaCha8Rng,
    times: Vec<u32>,
}

impl Resampler {
    /// Prepares resamples of `groups` out of `groups` groups; draws nothing yet.
    #[must_use]
    pub fn new(groups: usize, seed: u64) -> Self {
        Self { random: ChaCha8Rng::seed_from_u64(seed), times: vec![0; groups] }
    }

    /// How often each group is in the next draw.
    pub fn draw_group_counts(&mut self) -> &[u32] {
        self.times.fill(0);
        let groups = u32::try_from(self.times.len()).expect("groups fit 32 bits");
        for _ in 0..groups {
            self.times[self.random.random_range(0..groups) as usize] += 1;
        }
        &self.times
    }
}

/// Sums over groups, in the sample and in every draw.
#[derive(Clone, Debug)]
pub struct Bootstrap<const C: usize> {
    rows: Vec<[f64; C]>,
    total: [f64; C],
    resampled: Vec<[f64; C]>,
}

impl<const C: usize> Bootstrap<C> {
    /// From the sums of each group.
    #[must_use]
    pub fn new(rows: Vec<[f64; C]>, draws: usize, seed: u64) -> Self {
        let mut total = [0.0; C];
        rows.iter().for_each(|row| add_weighted_row(&mut total, row, 1.0));
        let draws = if rows.len() < 2 { 0 } else { draws };
        let mut source = Resampler::new(rows.len(), seed);
        let resampled = (0..draws).map(|_| {
            let mut sums = [0.0; C];
            for (row, &times) in rows.iter().zip(source.draw_group_counts()).filter(|(_, times)| **times > 0)
            {
                add_weighted_row(&mut sums, row, f64::from(times));
            }
            sums
        });
        Self { total, resampled: resampled.collect(), rows }
    }

    /// A statistic of the sums with its 95 % interval; `None` if the sample has no such statistic, and no
    /// interval with fewer than two groups. Draws without it are left out.
    pub fn estimate_with_interval(
        &self,
        statistic: impl Fn(&[f64; C]) -> Option<f64>,
    ) -> Option<IntervalEstimate> {
        let value = statistic(&self.total)?;
        let mut drawn: Vec<f64> = self.resampled.iter().filter_map(&statistic).collect();
        if drawn.is_empty() {
            return Some(IntervalEstimate::without_interval(value));
        }
        drawn.sort_unstable_by(f64::total_cmp);
        let left_out = self.rows.iter().filter_map(|row| {
            let mut sums = self.total;
            add_weighted_row(&mut sums, row, -1.0);
            statistic(&sums)
        });
        let acceleration = jackknife_acceleration(&left_out.collect::<Vec<_>>());
        let [low, high] = bca_interval(value, &drawn, acceleration, self.rows.len());
        Some(IntervalEstimate { value, low: Some(low), high: Some(high) })
    }
}

fn add_weighted_row<const C: usize>(sums: &mut [f64; C], row: &[f64; C], times: f64) {
    sums.iter_mut().zip(row).for_each(|(sum, one)| *sum += times * one);
}

/// Skewness of the jackknife's influence values over 6 (Efron 1987, eq. 6.6 in the form of Efron &
/// Tibshirani 1993, eq. 14.15).
fn jackknife_acceleration(left_out: &[f64]) -> f64 {
    let mean = left_out.iter().sum::<f64>() / left_out.len() as f64;
    let (square, cube) = left_out
        .iter()
        .map(|value| mean - value)
        .fold((0.0, 0.0), |sums, d| (sums.0 + d * d, sums.1 + d * d * d));
    if square > 0.0 { cube / (6.0 * square * f64::sqrt(square)) } else { 0.0 }
}

/// The ends of the interval among sorted draws.
fn bca_interval(value: f64, sorted: &[f64], acceleration: f64, groups: usize) -> [f64; 2] {
    let draws = sorted.len() as f64;
    let below = sorted.partition_point(|drawn| *drawn < value);
    let equal = sorted.partition_point(|drawn| *drawn <= value) - below;
    // With all draws on one side the bias is only known to be beyond the last of them.
    let share = ((below as f64 + equal as f64 / 2.0) / draws).clamp(0.5 / draws, 1.0 - 0.5 / draws);
    let bias = normal_quantile(share);
    let reach = expanded_quantile(groups);
    [-reach, reach].map(|z| {
        let shifted = bias + z;
        let scale = 1.0 - acceleration * shifted;
        let level = if scale > 0.0 { normal_cdf(bias + shifted / scale) } else { f64::from(shifted > 0.0) };
        sorted_quantile(sorted, level)
    })
}

/// Student's 97.5 % quantile × √(G/(G−1)), in place of the normal 1.96.
fn expanded_quantile(groups: usize) -> f64 {
    let freedom = (groups - 1) as f64;
    let student = StudentsT::new(0.0, 1.0, freedom).expect("at least two groups were drawn");
    student.inverse_cdf(0.975) * (groups as f64 / freedom).sqrt()
}

/// The pivotal ("basic") interval 2·value − percentiles (Davison & Hinkley 1997, §5.2), for statistics that
/// are biased upwards and of which a resample, a sample of the sample, repeats the bias: it takes the bias
/// off once. `centre` is the statistic of the sample as the draws see it. Never below `least`.
pub(super) fn pivotal_interval(value: f64, centre: f64, drawn: &mut [f64], least: f64) -> IntervalEstimate {
    if drawn.is_empty() {
        return IntervalEstimate::without_interval(value);
    }
    drawn.sort_unstable_by(f64::total_cmp);
    let end = |share| (value + centre - sorted_quantile(drawn, share)).max(least);
    IntervalEstimate { value, low: Some(end(0.975)), high: Some(end(0.025)) }
}

/// Σ amounts / Σ units over `(event, amount, units)`, with its interval; `None` without units.
#[must_use]
pub fn ratio_estimate(parts: &[(u32, f64, f64)], seed: u64) -> Option<IntervalEstimate> {
    let events: Vec<u32> = parts.iter().map(|part| part.0).collect();
    let groups = EventGroups::new(&events, MOST_GROUPS, seed);
    let mut rows = vec![[0.0; 2]; groups.len()];
    for (&group, (_, amount, units)) in groups.group_numbers().iter().zip(parts) {
        let row = &mut rows[group as usize];
        row[0] += amount;
        row[1] += units;
    }
    Bootstrap::new(rows, DRAWS, seed)
        .estimate_with_interval(|sums| (sums[1] > 0.0).then(|| sums[0] / sums[1]))
}
