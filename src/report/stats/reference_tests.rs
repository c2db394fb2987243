//! The statistics beside those of scikit-learn, scipy and statsmodels: `tests/reference/reference.py`.

use serde_json::Value;

use super::isotonic::{fit_isotonic, pool_equal_forecasts, rate_at};
use super::overfitting::{Returns, expected_best_sharpe, probability_of_overfitting};
use super::recalibration::fit_recalibration;
use super::{Forecasts, assess_forecasts, binned, evidence, scores};

fn fixture() -> Value {
    serde_json::from_str(include_str!("../../../tests/reference/fixture.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect()
}

struct Columns {
    name: String,
    probability: Vec<f64>,
    outcome: Vec<bool>,
    event: Vec<u32>,
}

impl Columns {
    fn of(set: &Value) -> Self {
        let all = |key: &str| set[key].as_array().unwrap().clone();
        Self {
            name: set["name"].to_string(),
            probability: numbers(&set["probability"]),
            outcome: all("outcome").iter().map(|one| one.as_bool().unwrap()).collect(),
            event: all("event").iter().map(|one| u32::try_from(one.as_u64().unwrap()).unwrap()).collect(),
        }
    }

    fn forecasts(&self) -> Forecasts<'_> {
        Forecasts::new(&self.probability, &self.outcome, &self.event).unwrap()
    }
}

fn near(what: &str, found: f64, expected: &Value, within: f64) {
    let expected = expected.as_f64().unwrap();
    assert!((found - expected).abs() <= within, "{what}: {found}, not {expected}");
}

#[test]
fn scores_are_those_of_other_programs() {
    for set in fixture()["forecasts"].as_array().unwrap() {
        let columns = Columns::of(set);
        let forecasts = columns.forecasts();
        let same = |what: &str, found: f64, expected: &Value| {
            near(&format!("{} {what}", columns.name), found, expected, 1e-9);
        };
        same("brier", scores::brier_score(&forecasts).unwrap(), &set["brier"]);
        same("log loss", scores::log_loss(&forecasts).unwrap(), &set["log_loss"]);
        same("in the large", scores::in_the_large(&forecasts).unwrap(), &set["in_the_large"]);
        same("sharpness", scores::sharpness(&forecasts).unwrap(), &set["sharpness"]);
        let test = scores::spiegelhalter_test(&forecasts).unwrap();
        same("z", test.z, &set["spiegelhalter"]["z"]);
        same("p", test.p_value, &set["spiegelhalter"]["p_value"]);
        let bins = scores::equal_width(&forecasts);
        same("ece", scores::calibration_error(&bins).unwrap(), &set["ece"]);
        same("debiased", scores::calibration_error_debiased(&bins).unwrap(), &set["ece_debiased"]);
        let parts = serde_json::to_value(scores::murphy_decomposition(&bins).unwrap()).unwrap();
        for (key, part) in parts.as_object().unwrap() {
            same(key, part.as_f64().unwrap(), &set["murphy"][key]);
        }
        let pooled = pool_equal_forecasts(&forecasts);
        let blocks = fit_isotonic(pooled.iter().copied());
        let parts = serde_json::to_value(scores::corp_decomposition(&pooled, &blocks).unwrap()).unwrap();
        for (key, part) in parts.as_object().unwrap() {
            same(key, part.as_f64().unwrap(), &set["corp"][key]);
        }
        for (&p, rate) in columns.probability.iter().zip(set["isotonic"].as_array().unwrap()) {
            same("isotonic", rate_at(&blocks, p).unwrap(), rate);
        }
        let line = fit_recalibration(&forecasts).unwrap();
        near("intercept", line.intercept, &set["intercept"], 1e-6);
        near("slope", line.slope, &set["slope"], 1e-6);
    }
}

/// The values of an assessment are those of the plain functions, and lie in their intervals where those are
/// not pivotal.
#[test]
fn an_assessment_has_the_same_values() {
    let fixture = fixture();
    let set = &fixture["forecasts"][0];
    let columns = Columns::of(set);
    let assessment = assess_forecasts(&columns.forecasts(), &columns.forecasts(), 7).unwrap();
    let model = &assessment.model;
    let same = |what: &str, found: super::IntervalEstimate, expected: &Value| {
        near(what, found.value, expected, 1e-9);
        let (low, high) = found.interval().unwrap();
        assert!(low < found.value && found.value < high, "{what}: {found:?}");
    };
    same("brier", model.brier, &set["brier"]);
    same("log loss", model.log_loss, &set["log_loss"]);
    same("in the large", model.in_the_large, &set["in_the_large"]);
    same("sharpness", model.sharpness, &set["sharpness"]);
    same("intercept", model.intercept.unwrap(), &set["intercept"]);
    same("slope", model.slope.unwrap(), &set["slope"]);
    near("ece", model.calibration_error.value, &set["ece"], 1e-9);
    near("debiased", model.calibration_error_debiased.unwrap().value, &set["ece_debiased"], 1e-9);
    near("reliability", model.murphy.reliability.value, &set["murphy"]["reliability"], 1e-9);
    near("miscalibration", model.corp.miscalibration.value, &set["corp"]["miscalibration"], 1e-9);
    near("climatology", assessment.climatology.brier.value, &set["murphy"]["uncertainty"], 1e-9);
    assert_eq!((assessment.forecasts, assessment.events, assessment.groups), (200, 50, 50));
    assert_eq!((assessment.draws, assessment.grid_groups), (2_000, 50));
    let difference = assessment.brier_difference;
    assert_eq!((difference.value, difference.interval()), (0.0, Some((0.0, 0.0))), "with itself");
}

#[test]
fn wilson_is_that_of_statsmodels() {
    for one in fixture()["wilson"].as_array().unwrap() {
        let trials = one["trials"].as_f64().unwrap();
        let (low, high) = binned::wilson_interval(one["successes"].as_f64().unwrap() / trials, trials);
        near("low", low, &one["low"], 1e-9);
        near("high", high, &one["high"], 1e-9);
    }
}

#[test]
fn sharpe_ratios_are_those_of_scipy() {
    for one in fixture()["sharpe"].as_array().unwrap() {
        let returns = numbers(&one["returns"]);
        let found = Returns::from_returns(&returns).unwrap();
        let trials = usize::try_from(one["trials"].as_u64().unwrap()).unwrap();
        let variance = one["variance"].as_f64().unwrap();
        near("sharpe", found.sharpe, &one["sharpe"], 1e-9);
        near("skewness", found.skewness, &one["skewness"], 1e-9);
        near("kurtosis", found.kurtosis, &one["kurtosis"], 1e-9);
        near("best", expected_best_sharpe(trials, variance).unwrap(), &one["expected_best"], 1e-9);
        near("probabilistic", found.probabilistic_sharpe(0.0).unwrap(), &one["probabilistic"], 1e-9);
        near("deflated", found.deflated_sharpe(trials, variance).unwrap(), &one["deflated"], 1e-9);
        near("record", found.minimum_track_record(0.0, 0.95).unwrap(), &one["track_record"], 1e-7);
        near("trades", evidence::trades_needed(&returns).unwrap(), &one["trades_needed"], 0.0);
    }
}

#[test]
fn overfitting_is_that_of_numpy() {
    for one in fixture()["overfitting"].as_array().unwrap() {
        let matrix: Vec<_> = one["returns"].as_array().unwrap().iter().map(numbers).collect();
        let blocks = usize::try_from(one["blocks"].as_u64().unwrap()).unwrap();
        let mut found = probability_of_overfitting(&matrix, blocks).unwrap();
        near("probability", found.probability, &one["probability"], 1e-9);
        found.logits.sort_by(f64::total_cmp);
        for (logit, expected) in found.logits.iter().zip(one["logits"].as_array().unwrap()) {
            near("logit", *logit, expected, 1e-9);
        }
        assert_eq!(found.logits.len(), one["logits"].as_array().unwrap().len());
    }
}
