//! The words at the border: an interval that holds equality may never be called a direction.

use super::assess::Assessment;
use super::binned::BinnedForecasts;
use super::{Forecasts, IntervalEstimate, assess_forecasts, conclusion};

const DIRECTIONS: [&str; 8] = [
    "overconfident",
    "underconfident",
    "too high",
    "too low",
    "were better",
    "was better",
    "more often",
    "less often",
];

fn directional(words: &str) -> bool {
    DIRECTIONS.iter().any(|direction| words.contains(direction))
}

fn estimate(value: f64, low: f64, high: f64) -> IntervalEstimate {
    IntervalEstimate { value, low: Some(low), high: Some(high) }
}

fn bin(said: f64, rate: f64, low: f64, high: f64) -> String {
    let (from, to, count, events) = (said, said, 104, 90);
    conclusion::describe_bin(&BinnedForecasts {
        from,
        to,
        count,
        events,
        mean_forecast: said,
        rate,
        low,
        high,
    })
}

/// An assessment of enough forecasts, whose figures a test sets as it needs.
fn assessment() -> Assessment {
    let probability: Vec<f64> = (0..120).map(|i| f64::from(i % 10) / 10.0 + 0.05).collect();
    let outcome: Vec<bool> = (0..120).map(|i| i * 7 % 10 < 5).collect();
    let event: Vec<u32> = (0..120).collect();
    let forecasts = Forecasts::new(&probability, &outcome, &event).unwrap();
    assess_forecasts(&forecasts, &forecasts, 7).unwrap()
}

#[test]
fn too_few_is_said_first() {
    assert_eq!(conclusion::too_few(37, 30).unwrap(), "37 resolved forecasts: too few to tell, 100 needed.");
    assert_eq!(conclusion::too_few(1, 1).unwrap(), "1 resolved forecast: too few to tell, 100 needed.");
    let few = conclusion::too_few(500, 8).unwrap();
    assert_eq!(few, "500 resolved forecasts, but of 8 events: too few to tell, 20 needed.");
    assert!(conclusion::too_few(100, 20).is_none() && conclusion::too_few(99, 20).is_some());
    let mut found = assessment();
    found.brier_difference = estimate(0.1, 0.05, 0.15);
    assert!(directional(&conclusion::judge_against_market(&found).words));
    found.events = 19;
    assert!(!directional(&conclusion::judge_against_market(&found).words));
    assert!(!directional(&conclusion::judge_calibration(99, 99, &found.model).words));
}

#[test]
fn bins_in_words() {
    let words = bin(0.7, 0.58, 0.49, 0.66);
    assert_eq!(words, "You say 70 %, it happens 58 % (49–66 %, n = 104): overconfident.");
    assert!(bin(0.3, 0.42, 0.33, 0.51).ends_with("overconfident."));
    assert!(bin(0.7, 0.85, 0.78, 0.91).ends_with("underconfident."));
    assert!(bin(0.3, 0.15, 0.09, 0.22).ends_with("underconfident."));
    assert!(bin(0.55, 0.40, 0.31, 0.50).ends_with("too high."));
    assert!(bin(0.45, 0.60, 0.50, 0.69).ends_with("too low."));
    assert_eq!(
        bin(0.012, 0.048, 0.0206, 0.108),
        "You say 1.2 %, it happens 4.8 % (2.0–10.8 %, n = 104): overconfident."
    );
    let few = BinnedForecasts {
        from: 0.7,
        to: 0.7,
        count: 9,
        events: 9,
        mean_forecast: 0.7,
        rate: 0.1,
        low: 0.01,
        high: 0.4,
    };
    assert!(conclusion::describe_bin(&few).ends_with("too few to tell."));
    assert!(
        conclusion::describe_bin(&BinnedForecasts { count: 90, ..few }).ends_with("too few to tell."),
        "of nine events"
    );
    assert!(
        conclusion::describe_bin(&BinnedForecasts { count: 10, events: 10, ..few }).ends_with("too high.")
    );
}

/// Walks intervals over what was said in steps too fine to print.
#[test]
fn no_bin_that_holds_the_forecast_has_a_fault() {
    let mut faults = 0;
    for step in 0..=2_000 {
        let low = 0.3 + f64::from(step) * 0.0002;
        let high = low + 0.05;
        for said in [0.03, 0.35, 0.5, 0.612, 0.95] {
            let words = bin(said, f64::midpoint(low, high), low, high);
            assert!(!(low <= said && said <= high && directional(&words)), "{said} {low} {high}: {words}");
            faults += u32::from(directional(&words));
            assert!(directional(&words) || (low - 0.02..=high + 0.02).contains(&said), "too shy: {words}");
        }
    }
    assert!(faults > 5_000, "{faults}");
}

#[test]
fn the_market_in_words() {
    let mut found = assessment();
    found.model.brier = IntervalEstimate::without_interval(0.102);
    found.market.brier = IntervalEstimate::without_interval(0.034);
    found.brier_difference = estimate(0.068, 0.0501, 0.0899);
    assert_eq!(
        conclusion::judge_against_market(&found).words,
        "Brier 0.102 against the market's 0.034; the difference 0.068 (0.050 to 0.090) is not luck: \
         the market's prices were better."
    );
    found.brier_difference = estimate(-0.02, -0.031, -0.009);
    assert!(conclusion::judge_against_market(&found).words.ends_with("is not luck: the model was better."));
    for (low, high) in [(-0.01, 0.09), (0.0, 0.09), (-0.09, 0.0), (0.0, 0.0), (0.0009, 0.1), (-0.1, -0.0009)]
    {
        found.brier_difference = estimate(f64::midpoint(low, high), low, high);
        let words = conclusion::judge_against_market(&found).words;
        assert!(!directional(&words) && words.ends_with("they cannot be told apart."), "{words}");
    }
    found.brier_difference = IntervalEstimate::without_interval(0.5);
    assert!(!directional(&conclusion::judge_against_market(&found).words));
}

#[test]
fn calibration_in_words() {
    let mut scores = assessment().model;
    let mut words = |slope: Option<IntervalEstimate>, lean: IntervalEstimate| {
        scores.slope = slope;
        scores.in_the_large = lean;
        conclusion::judge_calibration(120, 120, &scores).words
    };
    let (even, level) = (estimate(0.2, -3.0, 3.4), estimate(1.02, 0.8, 1.3));
    assert_eq!(
        words(Some(estimate(0.62, 0.411, 0.833)), even),
        "Recalibration slope 0.62 (0.41 to 0.84), 1 when calibrated: overconfident. \
         No lean to YES or NO can be told (-3.0 to 3.4 points)."
    );
    assert!(words(Some(estimate(1.5, 1.2, 1.9)), even).contains("underconfident"));
    let said_too_much = words(Some(level), estimate(-4.1, -7.21, -1.04));
    assert!(
        said_too_much
            .ends_with("YES came 4.1 points less often than said (1.0 to 7.3): too high on the whole."),
        "{said_too_much}"
    );
    assert!(words(Some(level), estimate(4.1, 1.0, 7.2)).contains("more often"));
    for (low, high) in [(0.9, 1.0), (1.0, 1.2), (0.5, 0.999), (1.001, 2.0), (0.2, 3.0)] {
        assert!(!directional(&words(Some(estimate(1.0, low, high)), even)), "slope {low} {high}");
    }
    for (low, high) in [(-1.0, 0.0), (0.0, 1.0), (0.04, 5.0), (-5.0, -0.04)] {
        assert!(!directional(&words(Some(level), estimate(0.0, low, high))), "lean {low} {high}");
    }
    assert!(!directional(&words(None, IntervalEstimate::without_interval(20.0))));
}
