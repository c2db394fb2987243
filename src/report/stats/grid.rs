//! Bootstrap of the statistics that are not functions of sums: calibration errors and decompositions.
//!
//! A draw would have to bin and fit all forecasts anew. Instead forecasts are gathered once in cells of
//! 1/1000, by group of events, each cell at its mean; a draw only adds up the cells of the groups in it.

use super::bootstrap::{DRAWS, Groups, Resampler, pivotal};
use super::isotonic::{GRID, Pooled, fit, pool};
use super::scores::{
    BINS, Bin, Corp, Murphy, calibration_error, calibration_error_debiased, corp, equal_width, murphy,
};
use super::{Estimate, Forecasts, cell_of};

/// Filled cells that all draws together may add up before there are fewer draws; and the fewest.
const WORK: usize = 150_000_000;
const FEWEST_DRAWS: usize = 200;

/// How many draws these grids can have.
pub(super) fn draws_for(grids: &[Grid], groups: &Groups) -> usize {
    let filled = grids.iter().map(|grid| grid.filled.len()).max().unwrap_or_default();
    if groups.len() < 2 { 0 } else { (WORK / filled.max(1)).clamp(FEWEST_DRAWS, DRAWS) }
}

/// What is estimated here. `uncertainty` within is a function of sums, and has no interval yet.
pub(super) struct Shape<T = f64> {
    pub calibration_error: T,
    pub calibration_error_debiased: Option<T>,
    pub murphy: Murphy<T>,
    pub corp: Corp<T>,
}

/// Forecasts by group and cell.
pub(super) struct Grid {
    /// Mean forecast and mean square of each cell.
    means: Vec<[f64; 2]>,
    /// The filled cells of each group, one group after the other.
    filled: Vec<Filled>,
    ends: Vec<usize>,
}

#[derive(Clone, Copy, Default)]
struct Filled {
    cell: u32,
    count: u32,
    yes: u32,
}

impl Grid {
    pub fn new(forecasts: &Forecasts, groups: &Groups) -> Self {
        let mut table = vec![[0_u32; 2]; groups.len() * GRID];
        let mut sums = vec![[0.0; 3]; GRID];
        let seen = forecasts.probability().iter().zip(forecasts.outcome());
        for ((&p, &yes), &group) in seen.zip(groups.of()) {
            let cell = cell_of(p, GRID);
            let [count, all_yes] = &mut table[group as usize * GRID + cell];
            *count += 1;
            *all_yes += u32::from(yes);
            sums[cell].iter_mut().zip([1.0, p, p * p]).for_each(|(sum, one)| *sum += one);
        }
        let (mut filled, mut ends) = (Vec::new(), Vec::with_capacity(groups.len()));
        for group in table.chunks_exact(GRID) {
            let cells = (0..).zip(group).filter(|(_, [count, _])| *count > 0);
            filled.extend(cells.map(|(cell, &[count, yes])| Filled { cell, count, yes }));
            ends.push(filled.len());
        }
        // the mean of equal numbers may round past 1
        let mean = |[count, p, squared]: [f64; 3]| [p / count, squared / count].map(|mean| mean.min(1.0));
        Self { means: sums.into_iter().map(mean).collect(), filled, ends }
    }

    /// Values of the forecasts as they are, with intervals from `draws` draws.
    pub fn estimates(&self, forecasts: &Forecasts, draws: usize, seed: u64) -> Shape<Estimate> {
        let pooled = pool(forecasts);
        let exact = shape(&equal_width(forecasts), &pooled);
        let centre = self.drawn(&vec![1; self.ends.len()]);
        let mut resampler = Resampler::new(self.ends.len(), seed);
        let shapes: Vec<Shape> = (0..draws).map(|_| self.drawn(resampler.draw())).collect();
        let estimate = |least: f64, of: &dyn Fn(&Shape) -> f64| {
            let mut values: Vec<f64> = shapes.iter().map(of).collect();
            pivotal(of(&exact), of(&centre), &mut values, least)
        };
        let debiased = exact.calibration_error_debiased.map(|value| {
            let mut values: Vec<f64> =
                shapes.iter().filter_map(|shape| shape.calibration_error_debiased).collect();
            pivotal(value, centre.calibration_error_debiased.unwrap_or(value), &mut values, 0.0)
        });
        Shape {
            calibration_error: estimate(0.0, &|shape| shape.calibration_error),
            calibration_error_debiased: debiased,
            murphy: Murphy {
                reliability: estimate(0.0, &|shape| shape.murphy.reliability),
                resolution: estimate(0.0, &|shape| shape.murphy.resolution),
                uncertainty: Estimate::bare(exact.murphy.uncertainty),
                within_bin_variance: estimate(0.0, &|shape| shape.murphy.within_bin_variance),
                within_bin_covariance: estimate(f64::NEG_INFINITY, &|shape| {
                    shape.murphy.within_bin_covariance
                }),
            },
            corp: Corp {
                miscalibration: estimate(0.0, &|shape| shape.corp.miscalibration),
                discrimination: estimate(0.0, &|shape| shape.corp.discrimination),
                uncertainty: Estimate::bare(exact.corp.uncertainty),
            },
        }
    }

    /// The statistics when each group is in the sample so many times.
    fn drawn(&self, times: &[u32]) -> Shape {
        let mut cells = [[0_u32; 2]; GRID];
        let mut start = 0;
        for (&end, &times) in self.ends.iter().zip(times) {
            if times > 0 {
                for filled in &self.filled[start..end] {
                    let [count, yes] = &mut cells[filled.cell as usize];
                    *count += times * filled.count;
                    *yes += times * filled.yes;
                }
            }
            start = end;
        }
        let mut bins = [Bin::default(); BINS];
        let mut pooled = Vec::with_capacity(GRID);
        for (cell, (&[count, yes], &[mean, squared])) in cells.iter().zip(&self.means).enumerate() {
            if count > 0 {
                bins[cell * BINS / GRID].add(f64::from(count), mean, squared, f64::from(yes));
                pooled.push(Pooled { forecast: mean, count: count.into(), yes: yes.into() });
            }
        }
        shape(&bins, &pooled)
    }
}

fn shape(bins: &[Bin], pooled: &[Pooled]) -> Shape {
    let present = "there are forecasts";
    Shape {
        calibration_error: calibration_error(bins).expect(present),
        calibration_error_debiased: calibration_error_debiased(bins),
        murphy: murphy(bins).expect(present),
        corp: corp(pooled, &fit(pooled.iter().copied())).expect(present),
    }
}
