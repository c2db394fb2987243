//! Bootstrap of the statistics that are not functions of sums: calibration errors and decompositions.
//!
//! A draw would have to bin and fit all forecasts anew. Instead forecasts are gathered once in cells of
//! 1/1000, by group of events, each cell at its mean; a draw only adds up the cells of the groups in it.

use super::bootstrap::{EventGroups, Resampler, pivotal_interval};
use super::isotonic::{GRID, Pooled, fit_isotonic, pool_equal_forecasts};
use super::scores::{
    BINS, Corp, Murphy, ScoreBin, calibration_error, calibration_error_debiased, corp_decomposition,
    equal_width, murphy_decomposition,
};
use super::{Forecasts, IntervalEstimate, cell_of};

/// Most groups here: rows of a table that every draw goes through. An interval from 200 groups of events is
/// about half a percent wider than one from infinitely many.
pub(super) const MOST_GROUPS: usize = 200;

/// What is estimated here. `uncertainty` within is a function of sums, and has no interval yet.
pub(super) struct GridShape<T = f64> {
    pub calibration_error: T,
    pub calibration_error_debiased: Option<T>,
    pub murphy: Murphy<T>,
    pub corp: Corp<T>,
}

/// Counts of forecasts and of YES outcomes by group of events and cell of 1/1000, which draws add up.
pub(super) struct GridStatistics {
    cells: Vec<GridCell>,
    /// A row a group: the counts of all cells, then how many of each came true.
    rows: Vec<Vec<u32>>,
}

/// A cell with forecasts in it.
struct GridCell {
    bin: usize,
    mean: f64,
    mean_square: f64,
}

impl GridStatistics {
    pub fn new(forecasts: &Forecasts, groups: &EventGroups) -> Self {
        let mut sums = vec![[0.0; 3]; GRID];
        for &p in forecasts.probability() {
            sums[cell_of(p, GRID)].iter_mut().zip([1.0, p, p * p]).for_each(|(sum, one)| *sum += one);
        }
        let (mut cells, mut columns) = (Vec::new(), vec![0; GRID]);
        for (index, [count, p, square]) in
            sums.into_iter().enumerate().filter(|(_, [count, ..])| *count > 0.0)
        {
            columns[index] = cells.len();
            // the mean of equal numbers may round past 1
            let [mean, mean_square] = [p, square].map(|sum| (sum / count).min(1.0));
            cells.push(GridCell { bin: index * BINS / GRID, mean, mean_square });
        }
        let mut rows = vec![vec![0; 2 * cells.len()]; groups.len()];
        let seen = forecasts.probability().iter().zip(forecasts.outcome());
        for ((&p, &yes), &group) in seen.zip(groups.group_numbers()) {
            let column = columns[cell_of(p, GRID)];
            rows[group as usize][column] += 1;
            rows[group as usize][cells.len() + column] += u32::from(yes);
        }
        assert!(forecasts.len() * groups.len() < u32::MAX as usize, "a draw's counts fit 32 bits");
        Self { cells, rows }
    }

    /// Values of the forecasts as they are, with intervals from `draws` draws.
    pub fn estimate_with_intervals(
        &self,
        forecasts: &Forecasts,
        draws: usize,
        seed: u64,
    ) -> GridShape<IntervalEstimate> {
        let pooled = pool_equal_forecasts(forecasts);
        let exact = calibration_statistics(&equal_width(forecasts), &pooled);
        let centre = self.resampled_statistics(&vec![1; self.rows.len()]);
        let mut resampler = Resampler::new(self.rows.len(), seed);
        let shapes: Vec<GridShape> =
            (0..draws).map(|_| self.resampled_statistics(resampler.draw_group_counts())).collect();
        let estimate = |least: f64, of: &dyn Fn(&GridShape) -> f64| {
            let mut values: Vec<f64> = shapes.iter().map(of).collect();
            pivotal_interval(of(&exact), of(&centre), &mut values, least)
        };
        let debiased = exact.calibration_error_debiased.map(|value| {
            let mut values: Vec<f64> =
                shapes.iter().filter_map(|shape| shape.calibration_error_debiased).collect();
            pivotal_interval(value, centre.calibration_error_debiased.unwrap_or(value), &mut values, 0.0)
        });
        GridShape {
            calibration_error: estimate(0.0, &|shape| shape.calibration_error),
            calibration_error_debiased: debiased,
            murphy: Murphy {
                reliability: estimate(0.0, &|shape| shape.murphy.reliability),
                resolution: estimate(0.0, &|shape| shape.murphy.resolution),
                uncertainty: IntervalEstimate::without_interval(exact.murphy.uncertainty),
                within_bin_variance: estimate(0.0, &|shape| shape.murphy.within_bin_variance),
                within_bin_covariance: estimate(f64::NEG_INFINITY, &|shape| {
                    shape.murphy.within_bin_covariance
                }),
            },
            corp: Corp {
                miscalibration: estimate(0.0, &|shape| shape.corp.miscalibration),
                discrimination: estimate(0.0, &|shape| shape.corp.discrimination),
                uncertainty: IntervalEstimate::without_interval(exact.corp.uncertainty),
            },
        }
    }

    /// The statistics when each group is in the sample so many times.
    fn resampled_statistics(&self, times: &[u32]) -> GridShape {
        let mut sums = vec![0_u32; 2 * self.cells.len()];
        for (row, &times) in self.rows.iter().zip(times) {
            // Once each time: not every processor multiplies rows of integers as fast as it adds them. Cannot
            // overflow, as `new` has asserted; a check here would cost most of the time.
            for _ in 0..times {
                sums.iter_mut().zip(row).for_each(|(sum, one)| *sum = sum.wrapping_add(*one));
            }
        }
        let (counts, came_true) = sums.split_at(self.cells.len());
        let mut bins = [ScoreBin::default(); BINS];
        let mut pooled = Vec::with_capacity(self.cells.len());
        for (cell, (&count, &yes)) in self.cells.iter().zip(counts.iter().zip(came_true)) {
            if count > 0 {
                bins[cell.bin].add_forecasts(f64::from(count), cell.mean, cell.mean_square, f64::from(yes));
                pooled.push(Pooled { forecast: cell.mean, count: count.into(), yes: yes.into() });
            }
        }
        calibration_statistics(&bins, &pooled)
    }
}

fn calibration_statistics(bins: &[ScoreBin], pooled: &[Pooled]) -> GridShape {
    let present = "there are forecasts";
    GridShape {
        calibration_error: calibration_error(bins).expect(present),
        calibration_error_debiased: calibration_error_debiased(bins),
        murphy: murphy_decomposition(bins).expect(present),
        corp: corp_decomposition(pooled, &fit_isotonic(pooled.iter().copied())).expect(present),
    }
}
