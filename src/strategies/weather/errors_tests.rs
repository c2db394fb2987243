//! The distributions against scipy (norm; t with 4 degrees of freedom, whose location and scale are the
//! fixed point of the likelihood equations in numpy, and those of `scipy.stats.t.fit` to 1e-4) and against
//! counts by hand.

use super::*;

const PAST: [i16; 7] = [-3, -1, 0, 0, 1, 2, 7];

fn fit(model: ErrorModel) -> ErrorDistribution {
    ErrorDistribution::fit_to_errors(model, &PAST).unwrap()
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

#[test]
fn normal_as_scipy_has_it() {
    let normal = fit(ErrorModel::Gaussian);
    let ErrorDistribution::Gaussian { mean, deviation } = normal else { panic!("another model") };
    close(mean, 6.0 / 7.0);
    close(deviation, 3.132_015_933_791_495);
    close(normal.at_most(-5), 0.043_591_752_898);
    close(normal.at_most(0), 0.454_607_122_391);
    close(normal.at_least(4), 0.199_385_047_232);
    close(normal.probability_within(Some(1), Some(2)), 0.245_440_209_539);
    // far out the other tail must not round it away: 8.6 deviations
    let far = normal.at_least(30);
    assert!((far / 2.976_464_676_245_85e-20 - 1.0).abs() < 1e-9, "{far}");
}

#[test]
fn student_t_as_scipy_fits_it() {
    let student = fit(ErrorModel::StudentT);
    let ErrorDistribution::StudentT { location, scale } = student else { panic!("another model") };
    close(location, 0.341_563_126_758);
    close(scale, 2.050_684_488_439);
    close(student.at_most(-5), 0.038_791_250_020);
    close(student.at_most(0), 0.528_936_707_492);
    close(student.at_least(4), 0.099_179_321_161);
    close(student.probability_within(Some(1), Some(2)), 0.295_098_016_859);
    close(student.at_least(30), 7.103_511_410_49e-5);
}

#[test]
fn empirical_by_hand() {
    let empirical = fit(ErrorModel::Empirical);
    // At most 0: of the seven, ½ of the 4 up to 0, ¼ of the 2 up to −1, ¼ of the 5 up to 1 = 3.75. The
    // imagined error: 1 − 0.8 / 1.8 = 0.555556. Together 4.305556 / 8.
    close(empirical.at_most(0), 4.305_555_555_556 / 8.0);
    // Exactly 7: ½ of the one at 7; the imagined one 0.2 / 1.8 · 0.8⁷ = 0.023302.
    close(empirical.probability_within(Some(7), Some(7)), (0.5 + 0.2 / 1.8 * 0.209_715_2) / 8.0);
    // Exactly 8: ¼ of the one at 7.
    close(empirical.probability_within(Some(8), Some(8)), (0.25 + 0.2 / 1.8 * 0.167_772_16) / 8.0);
    // Nothing is impossible: 40 °F off is the imagined error alone, 0.8⁴⁰ / 1.8 / 8 = 9.23075e-6.
    let far = empirical.at_least(40);
    assert!((far / 9.230_749_97e-6 - 1.0).abs() < 1e-6, "{far:e}");
    close(empirical.at_most(-4), (0.25 + 0.8 * 0.8 * 0.8 * 0.8 / 1.8) / 8.0);
}

#[test]
fn every_distribution_adds_up_and_is_never_zero_nearby() {
    for model in [ErrorModel::Gaussian, ErrorModel::StudentT, ErrorModel::Empirical] {
        let next = fit(model);
        let parts: f64 = (-20..=20).map(|error| next.probability_within(Some(error), Some(error))).sum();
        close(next.at_most(-21) + parts + next.at_least(21), 1.0);
        assert!((-15..=15).all(|error| next.probability_within(Some(error), Some(error)) > 0.0), "{model:?}");
        close(next.probability_within(None, None), 1.0);
        close(next.probability_within(Some(2), Some(1)), 0.0);
    }
}

#[test]
fn errors_without_spread_say_nothing_of_a_width() {
    assert_eq!(ErrorDistribution::fit_to_errors(ErrorModel::Gaussian, &[2, 2, 2]), None);
    assert_eq!(ErrorDistribution::fit_to_errors(ErrorModel::StudentT, &[2, 2, 2]), None);
    assert_eq!(ErrorDistribution::fit_to_errors(ErrorModel::Empirical, &[2]), None);
    assert!(ErrorDistribution::fit_to_errors(ErrorModel::Empirical, &[2, 2]).is_some());
}
