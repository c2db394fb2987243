//! The scores that are functions of sums over forecasts, of model and market from the same draws.

use serde::Serialize;

use super::bootstrap::{Bootstrap, EventGroups};
use super::recalibration::{Recalibration, Slopes, fit_recalibration, logit};
use super::scores::negative_log_likelihood;
use super::{Forecasts, IntervalEstimate, yes_indicator};

/// Scores of the share of YES.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Climatology {
    /// Brier score ȳ(1 − ȳ) of always forecasting ȳ, the sample's share of YES.
    pub brier: IntervalEstimate,
    /// −ȳ ln ȳ − (1 − ȳ) ln(1 − ȳ), nats.
    pub log_loss: IntervalEstimate,
}

/// Selects the forecaster whose columns of sums and recalibration fit are read.
#[derive(Clone, Copy)]
pub(super) enum Who {
    Model,
    Market,
}

impl Who {
    /// Returns the index of the forecaster's first column in a group's sums.
    const fn first_column(self) -> usize {
        match self {
            Self::Model => FIRST_BLOCK,
            Self::Market => FIRST_BLOCK + BLOCK,
        }
    }
}

/// Columns of a group's sums: count and YES, then one block a forecaster.
const COUNT: usize = 0;
const YES: usize = 1;
const FIRST_BLOCK: usize = 2;
const COLUMNS: usize = FIRST_BLOCK + 2 * BLOCK;

/// In a block: squared error, surprise, p − ½ and its square, and the derivatives of the recalibration.
const BRIER: usize = 0;
const SURPRISE: usize = 1;
const CENTRED: usize = 2;
const SQUARED: usize = 3;
const SLOPES: usize = 4;
const BLOCK: usize = 9;

type Sums = [f64; COLUMNS];

/// Score sums by group of events with their bootstrap draws, and each forecaster's recalibration fit.
pub(super) struct Paired {
    sums: Bootstrap<COLUMNS>,
    fits: [Option<Recalibration>; 2],
}

impl Paired {
    /// Of forecasts of the same questions, of which there is at least one.
    pub fn new(model: &Forecasts, market: &Forecasts, groups: &EventGroups, draws: usize, seed: u64) -> Self {
        let fits = [fit_recalibration(model), fit_recalibration(market)];
        let mut rows = vec![[0.0; COLUMNS]; groups.len()];
        for (&group, &yes) in groups.group_numbers().iter().zip(model.outcome()) {
            let row = &mut rows[group as usize];
            row[COUNT] += 1.0;
            row[YES] += yes_indicator(yes);
        }
        for (who, forecasts) in [(Who::Model, model), (Who::Market, market)] {
            add_block(&mut rows, who.first_column(), forecasts, fits[who as usize], groups);
        }
        Self { sums: Bootstrap::new(rows, draws, seed), fits }
    }

    pub fn yes_share(&self) -> IntervalEstimate {
        self.mean_estimate(|sums| sums[YES])
    }

    pub fn brier_score(&self, who: Who) -> IntervalEstimate {
        self.mean_estimate(|sums| sums[who.first_column() + BRIER])
    }

    pub fn log_loss(&self, who: Who) -> IntervalEstimate {
        self.mean_estimate(|sums| sums[who.first_column() + SURPRISE])
    }

    pub fn in_the_large(&self, who: Who) -> IntervalEstimate {
        self.mean_estimate(|sums| {
            100.0 * (sums[YES] - sums[who.first_column() + CENTRED] - 0.5 * sums[COUNT])
        })
    }

    pub fn sharpness(&self, who: Who) -> IntervalEstimate {
        // Squares around ½ lose little; what they lose must not make a variance negative.
        self.mean_estimate(|sums| {
            let [centred, squared] = [CENTRED, SQUARED].map(|column| sums[who.first_column() + column]);
            (squared - centred * centred / sums[COUNT]).max(0.0)
        })
    }

    pub fn intercept(&self, who: Who) -> Option<IntervalEstimate> {
        self.refitted_coefficient(who, |fit| fit.intercept, 0)
    }

    pub fn slope(&self, who: Who) -> Option<IntervalEstimate> {
        self.refitted_coefficient(who, |fit| fit.slope, 1)
    }

    pub fn climatology(&self) -> Climatology {
        let of_share =
            |of: fn(f64) -> f64| self.mean_estimate(|sums| sums[COUNT] * of(sums[YES] / sums[COUNT]));
        Climatology {
            brier: of_share(|share| share * (1.0 - share)),
            log_loss: of_share(|share| {
                share * negative_log_likelihood(share, 1.0)
                    + (1.0 - share) * negative_log_likelihood(share, 0.0)
            }),
        }
    }

    pub fn brier_difference(&self) -> IntervalEstimate {
        self.score_difference(BRIER)
    }

    pub fn log_loss_difference(&self) -> IntervalEstimate {
        self.score_difference(SURPRISE)
    }

    fn score_difference(&self, column: usize) -> IntervalEstimate {
        self.mean_estimate(|sums| {
            sums[Who::Model.first_column() + column] - sums[Who::Market.first_column() + column]
        })
    }

    fn mean_estimate(&self, of: impl Fn(&Sums) -> f64) -> IntervalEstimate {
        // Without its only group a sample is empty, and has no mean.
        let mean = |sums: &Sums| (sums[COUNT] > 0.0).then(|| of(sums) / sums[COUNT]);
        self.sums.estimate_with_interval(mean).expect("there are forecasts")
    }

    /// A coefficient after one Newton step from the sample's fit.
    fn refitted_coefficient(
        &self,
        who: Who,
        of: fn(Recalibration) -> f64,
        which: usize,
    ) -> Option<IntervalEstimate> {
        let coefficient = of(self.fits[who as usize]?);
        let at = who.first_column() + SLOPES;
        self.sums.estimate_with_interval(|sums| {
            let slopes = Slopes {
                score: [sums[at], sums[at + 1]],
                information: [sums[at + 2], sums[at + 3], sums[at + 4]],
            };
            slopes.newton_step().map(|step| coefficient + step[which])
        })
    }
}

fn add_block(
    rows: &mut [Sums],
    start: usize,
    forecasts: &Forecasts,
    fit: Option<Recalibration>,
    groups: &EventGroups,
) {
    for (&group, (p, y)) in groups.group_numbers().iter().zip(forecasts.probability_outcome_pairs()) {
        let block = &mut rows[group as usize][start..start + BLOCK];
        let centred = p - 0.5;
        block[BRIER] += (p - y) * (p - y);
        block[SURPRISE] += negative_log_likelihood(p, y);
        block[CENTRED] += centred;
        block[SQUARED] += centred * centred;
        if let Some(fit) = fit {
            let slopes = fit.forecast_derivatives(logit(p), y);
            let derivatives = slopes.score.iter().chain(&slopes.information);
            block[SLOPES..].iter_mut().zip(derivatives).for_each(|(sum, one)| *sum += one);
        }
    }
}
