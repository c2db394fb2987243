//! Small cases by hand, published figures, and inputs with nothing in them.

use super::binned::{equal_count_bins, wilson_interval};
use super::bootstrap::{Bootstrap, EventGroups, MOST_GROUPS};
use super::isotonic::{Block, consistency_band, fit_isotonic, pool_equal_forecasts, rate_at};
use super::overfitting::{Returns, expected_best_sharpe, probability_of_overfitting};
use super::recalibration::fit_recalibration;
use super::{Assessment, Forecasts, StatsError, assess_forecasts, scores};

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
}

fn own_events(count: usize) -> Vec<u32> {
    (0..).take(count).collect()
}

#[test]
fn what_is_no_probability_is_refused() {
    for value in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
        let refused = Forecasts::new(&[0.5, value], &[true, false], &[0, 1]).unwrap_err();
        assert!(refused.to_string().starts_with("forecast 1, counted from 0:"), "{refused}");
    }
    let refused = Forecasts::new(&[0.5], &[true, false], &[0]).unwrap_err();
    assert_eq!(refused, StatsError::Lengths { probabilities: 1, outcomes: 2, events: 1 });
}

#[test]
fn nothing_gives_nothing() {
    let none = Forecasts::new(&[], &[], &[]).unwrap();
    assert!(assess_forecasts(&none, &none, 7).is_none());
    assert!(scores::brier_score(&none).is_none() && scores::spiegelhalter_test(&none).is_none());
    assert!(scores::calibration_error(&scores::equal_width(&none)).is_none());
    assert!(scores::murphy_decomposition(&scores::equal_width(&none)).is_none());
    assert!(scores::corp_decomposition(&[], &[]).is_none() && rate_at(&[], 0.5).is_none());
    assert!(fit_recalibration(&none).is_none());
    assert!(equal_count_bins(&none, 10).is_empty() && consistency_band(&none, &[0.5], 10, 7).is_empty());
    assert!(EventGroups::new(&[], MOST_GROUPS, 7).is_empty());
}

/// All floats of an assessment.
fn floats(value: &serde_json::Value, found: &mut Vec<f64>) {
    match value {
        serde_json::Value::Number(number) => found.extend(number.as_f64()),
        serde_json::Value::Array(all) => all.iter().for_each(|one| floats(one, found)),
        serde_json::Value::Object(all) => all.values().for_each(|one| floats(one, found)),
        _ => {}
    }
}

fn assessed(probability: &[f64], outcome: &[bool], event: &[u32]) -> Assessment {
    let forecasts = Forecasts::new(probability, outcome, event).unwrap();
    let found = assess_forecasts(&forecasts, &forecasts, 7).unwrap();
    let mut all = Vec::new();
    floats(&serde_json::to_value(&found).unwrap(), &mut all);
    assert!(all.len() > 20 && all.iter().all(|one| one.is_finite() && one.abs() < 1e6), "{found:?}");
    found
}

#[test]
fn one_forecast_has_scores_and_no_intervals() {
    let found = assessed(&[0.8], &[true], &[4]);
    near(found.model.brier.value, 0.04);
    near(found.model.log_loss.value, -(0.8f64.ln()));
    near(found.model.in_the_large.value, 20.0);
    assert!(found.model.brier.interval().is_none() && found.model.corp.miscalibration.low.is_none());
    assert!(found.model.slope.is_none() && found.model.calibration_error_debiased.is_none());
    assert_eq!((found.events, found.groups, found.draws), (1, 1, 0));
    // Many forecasts of one event are one event.
    assert!(assessed(&[0.8, 0.3], &[true, false], &[4, 4]).brier_difference.interval().is_none());
}

#[test]
fn one_class_and_equal_forecasts_have_no_slope() {
    let event = own_events(30);
    let rising: Vec<f64> = (0..30).map(|i| f64::from(i) / 29.0).collect();
    let found = assessed(&rising, &[true; 30], &event);
    assert!(found.model.slope.is_none() && found.model.intercept.is_none());
    near(found.climatology.brier.value, 0.0);
    let mixed: Vec<bool> = (0..30).map(|i| i % 3 == 0).collect();
    let found = assessed(&[0.3; 30], &mixed, &event);
    assert!(found.model.slope.is_none());
    // Equal forecasts are one block and discriminate nothing: miscalibration is (0.3 − ⅓)².
    near(found.model.corp.discrimination.value, 0.0);
    near(found.model.corp.miscalibration.value, (0.3f64 - 1.0 / 3.0).powi(2));
    near(found.model.sharpness.value, 0.0);
    // Forecasts that separate the classes would have an infinite slope; so would a tie at the border.
    let separated: Vec<bool> = (0..30).map(|i| i > 14).collect();
    assert!(assessed(&rising, &separated, &event).model.slope.is_none());
    let tied = Forecasts::new(&[0.2, 0.5, 0.5, 0.9], &[false, false, true, true], &[0, 1, 2, 3]).unwrap();
    assert!(fit_recalibration(&tied).is_none());
}

#[test]
fn certainty_is_scored_and_not_lost() {
    let outcome = [true, false, false, true];
    let found = assessed(&[1.0, -0.0, 1.0, 0.0], &outcome, &[0, 1, 2, 3]);
    near(found.model.brier.value, 0.5);
    // two of four were certain and wrong: −ln 1e-6 each; the others −ln(1 − 1e-6)
    near(found.model.log_loss.value, f64::midpoint(13.815_510_557_964_274, 1.000_000_5e-6));
    assert!(found.model.spiegelhalter.is_none(), "no variance");
    // a slope exists: of forecasts 0 and of forecasts 1 half came true
    near(found.model.slope.unwrap().value, 0.0);
}

/// Forecasts 0.1 (no), 0.3 (yes), 0.3 (no), 0.4 (no), 0.9 (yes): rates 0, ½, 0, 1; ½ > 0 pools to ⅓.
#[test]
fn isotonic_by_hand() {
    let p = [0.4, 0.1, 0.3, 0.9, 0.3];
    let y = [false, false, true, true, false];
    let forecasts = Forecasts::new(&p, &y, &[0, 1, 2, 3, 4]).unwrap();
    let blocks = fit_isotonic(pool_equal_forecasts(&forecasts));
    let middle = Block { from: 0.3, to: 0.4, count: 3, mean_forecast: 1.0 / 3.0, rate: 1.0 / 3.0 };
    assert_eq!(blocks.iter().map(|block| block.count).collect::<Vec<_>>(), [1, 3, 1]);
    near(blocks[1].mean_forecast, middle.mean_forecast);
    assert_eq!(Block { mean_forecast: middle.mean_forecast, ..blocks[1] }, middle);
    near(rate_at(&blocks, 0.35).unwrap(), 1.0 / 3.0);
    near(rate_at(&blocks, 0.2).unwrap(), 1.0 / 6.0);
    near(rate_at(&blocks, 0.65).unwrap(), 2.0 / 3.0);
    near(rate_at(&blocks, 0.0).unwrap(), 0.0);
    near(rate_at(&blocks, 1.0).unwrap(), 1.0);
}

/// Of 400 equal forecasts of 0.3 the fit is the share of YES: 0.3 ± 1.96 · √(0.21/400) = 0.3 ± 0.0449.
#[test]
fn the_band_of_equal_forecasts_is_the_binomial_one() {
    for (p, low, high) in [(0.3, 0.255, 0.345), (0.7, 0.655, 0.745)] {
        let (probability, outcome, event) = ([p; 400], [true; 400], own_events(400));
        let forecasts = Forecasts::new(&probability, &outcome, &event).unwrap();
        let band = consistency_band(&forecasts, &[p], 4_000, 7)[0];
        assert!((band.low - low).abs() < 0.006 && (band.high - high).abs() < 0.006, "{band:?}");
        assert_eq!(consistency_band(&forecasts, &[p], 4_000, 7)[0], band, "the same seed");
    }
    // The same of 2,500, whose variance of 525 is drawn as a normal one: ± 0.01796.
    let (probability, outcome, event) = (vec![0.7; 2_500], [true; 2_500], own_events(2_500));
    let forecasts = Forecasts::new(&probability, &outcome, &event).unwrap();
    let band = consistency_band(&forecasts, &[0.7], 4_000, 7)[0];
    assert!((band.low - 0.682_04).abs() < 0.0015 && (band.high - 0.717_96).abs() < 0.0015, "{band:?}");
    let certain = Forecasts::new(&[0.0, 1.0], &[true, false], &[0, 1]).unwrap();
    let band = consistency_band(&certain, &[0.0, 1.0], 50, 7);
    assert_eq!((band[0].high, band[1].low), (0.0, 1.0), "the impossible is not drawn");
}

/// Gathered in cells or not, the band is the same but for 1/1000 and the draws.
#[test]
fn the_band_of_many_forecasts_is_that_of_few() {
    let grid = [0.25, 0.5, 0.75];
    let bands = [1_000_u32, 1_009].map(|different| {
        let p: Vec<f64> = (0..2_018).map(|i| f64::from(i % different) / f64::from(different)).collect();
        let (outcome, event) = (vec![true; p.len()], own_events(p.len()));
        consistency_band(&Forecasts::new(&p, &outcome, &event).unwrap(), &grid, 400, 7)
    });
    for (few, many) in bands[0].iter().zip(&bands[1]) {
        assert!((few.low - many.low).abs() < 0.02 && (few.high - many.high).abs() < 0.02, "{bands:?}");
        assert!(few.low < few.forecast && few.forecast < few.high, "{few:?}");
    }
}

/// Newcombe (1998), table I, method 3.
#[test]
fn wilson_as_published() {
    for (yes, trials, low, high) in
        [(81.0, 263.0, 0.2553, 0.3662), (15.0, 148.0, 0.0624, 0.1605), (0.0, 20.0, 0.0, 0.1611)]
    {
        let found = wilson_interval(yes / trials, trials);
        assert!((found.0 - low).abs() < 5e-5 && (found.1 - high).abs() < 5e-5, "{found:?}");
    }
    assert_eq!(wilson_interval(0.0, 0.0), (0.0, 1.0));
}

#[test]
fn equal_forecasts_stay_in_one_bin() {
    let p = [0.1, 0.2, 0.2, 0.2, 0.2, 0.9];
    let y = [false, true, false, false, false, true];
    let forecasts = Forecasts::new(&p, &y, &[0, 1, 2, 3, 4, 5]).unwrap();
    let bins = equal_count_bins(&forecasts, 3);
    assert_eq!(
        bins.iter().map(|bin| (bin.from, bin.to, bin.count)).collect::<Vec<_>>(),
        [(0.1, 0.2, 5), (0.9, 0.9, 1)]
    );
    near(bins[0].mean_forecast, 0.18);
    near(bins[0].rate, 0.2);
    assert_eq!((bins[0].low, bins[0].high), wilson_interval(0.2, 5.0));
    // Five copies of each market in one event say no more than one.
    let copies = |all: &[f64]| all.iter().flat_map(|&one| [one; 5]).collect::<Vec<_>>();
    let p = copies(&[0.3; 8]);
    let y: Vec<bool> = (0..40).map(|i| i / 5 % 2 == 0).collect();
    let event: Vec<u32> = (0..40).map(|i| i / 5).collect();
    let bin = equal_count_bins(&Forecasts::new(&p, &y, &event).unwrap(), 1)[0];
    assert_eq!((bin.count, bin.events), (40, 8));
    // design effect 5 · 8/7
    let (low, high) = wilson_interval(0.5, 7.0);
    near(bin.low, low);
    near(bin.high, high);
}

/// Two events of one forecast each: a resample is both of one or one of each.
#[test]
fn a_bootstrap_of_two() {
    let bootstrap = Bootstrap::new(vec![[1.0, 0.0], [1.0, 1.0]], 2_000, 7);
    let found = bootstrap.estimate_with_interval(|sums| Some(sums[1] / sums[0])).unwrap();
    assert_eq!((found.value, found.interval()), (0.5, Some((0.0, 1.0))));
    assert!(bootstrap.estimate_with_interval(|_| None).is_none());
}

/// With many events and no skewness the interval is that of the normal approximation: 10,000 fair coins
/// dealt to 1,000 groups, 0.5 ± 1.96 · 0.005.
#[test]
fn many_events_are_dealt_to_groups() {
    let event = own_events(10_000);
    let groups = EventGroups::new(&event, MOST_GROUPS, 7);
    assert_eq!((groups.len(), groups.event_count()), (MOST_GROUPS, 10_000));
    let mut rows = vec![[0.0; 2]; groups.len()];
    for (&event, &group) in event.iter().zip(groups.group_numbers()) {
        rows[group as usize][0] += 1.0;
        rows[group as usize][1] += f64::from(event % 2);
    }
    assert!(rows.iter().all(|row| row[0] > 9.5 && row[0] < 10.5), "ten events a group");
    let found =
        Bootstrap::new(rows, 2_000, 7).estimate_with_interval(|sums| Some(sums[1] / sums[0])).unwrap();
    let (low, high) = found.interval().unwrap();
    assert!((low - 0.4902).abs() < 0.0008 && (high - 0.5098).abs() < 0.0008, "{low} {high}");
}

/// The parts add up to the Brier score, in both decompositions.
#[test]
fn decompositions_add_up() {
    let p: Vec<f64> = (0..97).map(|i| f64::from(i * 37 % 97) / 96.0).collect();
    let y: Vec<bool> = (0..97).map(|i| i * 11 % 7 < 3).collect();
    let event = own_events(97);
    let forecasts = Forecasts::new(&p, &y, &event).unwrap();
    let brier = scores::brier_score(&forecasts).unwrap();
    let m = scores::murphy_decomposition(&scores::equal_width(&forecasts)).unwrap();
    near(
        m.reliability - m.resolution + m.uncertainty + m.within_bin_variance - m.within_bin_covariance,
        brier,
    );
    let pooled = pool_equal_forecasts(&forecasts);
    let c = scores::corp_decomposition(&pooled, &fit_isotonic(pooled.iter().copied())).unwrap();
    near(c.miscalibration - c.discrimination + c.uncertainty, brier);
    let found = assessed(&p, &y, &event);
    // the window is not full
    assert!(found.rolling.is_empty());
}

#[test]
fn the_window_rolls() {
    // The last of 250 forecasts of 0.5 with 100 wins at the end.
    let y: Vec<bool> = (0..250).map(|i| i >= 150).collect();
    let found = assessed(&[0.4; 250], &y, &own_events(250));
    assert_eq!((found.rolling.len(), found.rolling[0].forecasts), (151, 100));
    let last = found.rolling[150];
    assert_eq!(last.forecasts, 250);
    near(last.brier, 0.36);
    near(last.in_the_large, 60.0);
    near(found.rolling[0].brier_market, 0.16);
}

/// Bailey & López de Prado (2014), the example of section "A numerical example": 100 trials of variance ½ a
/// year, five years of daily returns, Sharpe ratio 2.5 a year, skewness −3, kurtosis 10: best by luck 0.1132,
/// deflated 0.9004. Bailey & López de Prado (2012): to tell 2 a year from 1 at 95 % takes 2.73 years of daily,
/// 2.83 of weekly and 3.24 of monthly normal returns.
#[test]
fn sharpe_ratios_as_published() {
    let best = expected_best_sharpe(100, 0.5 / 250.0).unwrap();
    assert!((best - 0.1132).abs() < 5e-5, "{best}");
    let returns = Returns { count: 1_250, sharpe: 2.5 / 250f64.sqrt(), skewness: -3.0, kurtosis: 10.0 };
    let deflated = returns.deflated_sharpe(100, 0.5 / 250.0).unwrap();
    assert!((deflated - 0.9004).abs() < 5e-5, "{deflated}");
    for (a_year, years) in [(252.0, 2.73), (52.0, 2.83), (12.0, 3.24)] {
        let yearly = f64::sqrt(a_year);
        let returns = Returns { count: 100, sharpe: 2.0 / yearly, skewness: 0.0, kurtosis: 3.0 };
        let found = returns.minimum_track_record(1.0 / yearly, 0.95).unwrap() / a_year;
        assert!((found - years).abs() < 0.006, "{found}, not {years}");
    }
}

#[test]
fn returns_without_shape_have_none() {
    for flat in [&[][..], &[0.1], &[0.1, 0.1, 0.1], &[0.1, f64::NAN]] {
        assert!(Returns::from_returns(flat).is_none(), "{flat:?}");
    }
    let losing = Returns::from_returns(&[-0.1, 0.05, -0.2]).unwrap();
    assert!(losing.minimum_track_record(0.0, 0.95).is_none());
    assert_eq!(expected_best_sharpe(1, 0.1), Some(0.0));
    assert!(expected_best_sharpe(0, 0.1).is_none() && expected_best_sharpe(5, -0.1).is_none());
    let good = vec![vec![0.1, 0.0], vec![0.2, 0.1], vec![0.0, 0.3], vec![0.1, -0.1]];
    assert!(probability_of_overfitting(&good, 2).is_some());
    for blocks in [0, 3, 4, 22] {
        assert!(probability_of_overfitting(&good, blocks).is_none(), "{blocks} blocks");
    }
    assert!(probability_of_overfitting(&[vec![0.1], vec![0.2], vec![0.3], vec![0.1]], 2).is_none());
    assert!(probability_of_overfitting(&[], 2).is_none());
}

/// The better trial of one half is always the worse of the other: every split is overfitted.
#[test]
fn trials_that_change_places_are_overfitted() {
    let (up, down) = ([0.1, 0.3], [-0.3, -0.1]);
    let rows: Vec<Vec<f64>> = (0..4)
        .map(|t| if t < 2 { vec![up[t % 2], down[t % 2]] } else { vec![down[t % 2], up[t % 2]] })
        .collect();
    let found = probability_of_overfitting(&rows, 2).unwrap();
    near(found.probability, 1.0);
    // the worst of two: ω = ⅓, ln ½
    assert_eq!(found.logits.len(), 2);
    near(found.logits[0], 0.5f64.ln());
}

/// 1,000 events: forecasts 0.2 of which 0.4 came true, 0.8 of which 0.9. Reliability is (0.2² + 0.1²)/2 =
/// 0.025, its variance by the delta method 0.2² · 0.24/500 + 0.1² · 0.09/500 + 0.03² · 0.25/1000 = 0.004607²,
/// its bias (0.24 + 0.09)/2/500 = 0.00033, which the pivotal interval takes off once: 0.02467 ± 1.96 · 0.004607,
/// both ends less 0.0006 for the skewness of a square, 0.24/1000 · (1.96² − 1) · 0.92: 0.0150 and 0.0331. The
/// tolerance is a seventh of the half width, as 200 groups know a deviation to 5 %; percentiles as they are
/// would be 0.0019 higher. With two rising rates the isotonic fit is the two bins.
#[test]
fn pivotal_intervals_by_the_delta_method() {
    let p: Vec<f64> = (0..1_000).map(|i| if i % 2 == 0 { 0.2 } else { 0.8 }).collect();
    let y: Vec<bool> = (0..1_000).map(|i| i / 2 % 10 < if i % 2 == 0 { 4 } else { 9 }).collect();
    let found = assessed(&p, &y, &own_events(1_000)).model;
    for estimate in [found.murphy.reliability, found.corp.miscalibration] {
        near(estimate.value, 0.025);
        let (low, high) = estimate.interval().unwrap();
        assert!((low - 0.015).abs() < 0.0013 && (high - 0.0331).abs() < 0.0013, "{low} {high}");
    }
    let (resolution, discrimination) = (found.murphy.resolution, found.corp.discrimination);
    near(resolution.value, 0.0625);
    near(resolution.low.unwrap(), discrimination.low.unwrap());
    near(resolution.high.unwrap(), discrimination.high.unwrap());
}
