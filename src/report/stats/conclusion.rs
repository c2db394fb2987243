//! What the figures say, in words that never claim more than the 95 % interval allows.
//!
//! Figures are rounded so that a claim shrinks: ends of intervals outward, and what they are compared with
//! toward them. A claim is made from the rounded figures, so that what is printed bears it out; an interval
//! that touches equality gives none.

use serde::Serialize;

use super::IntervalEstimate;
use super::assess::{Assessment, Scores};
use super::binned::BinnedForecasts;

/// Resolved forecasts below which nothing is claimed.
pub const ENOUGH: usize = 100;

/// Events below which nothing is claimed: with fewer, no interval is to be trusted.
pub const ENOUGH_EVENTS: usize = 20;

/// Resolved forecasts and events in a bin below which nothing is claimed of it.
const ENOUGH_IN_BIN: u64 = 10;

/// What the figures allow to be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// The sample is too small for any claim.
    TooFew,
    /// It is large enough, and decides nothing.
    Open,
    /// The beliefs are at fault, or worse.
    Bad,
    /// The model's Brier score is below the market's by more than luck explains.
    Good,
}

/// A verdict about a set of forecasts, and the text that states it in the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conclusion {
    /// The verdict that the sample size and the 95 % intervals allow.
    pub judgement: Judgement,
    /// One or two sentences for the reader, with the figures and intervals behind the verdict.
    pub words: String,
}

impl Conclusion {
    fn new(judgement: Judgement, words: String) -> Self {
        Self { judgement, words }
    }
}

/// What keeps a sample from saying anything.
#[must_use]
pub fn too_few(forecasts: usize, events: usize) -> Option<String> {
    if forecasts < ENOUGH {
        let s = if forecasts == 1 { "" } else { "s" };
        Some(format!("{forecasts} resolved forecast{s}: too few to tell, {ENOUGH} needed."))
    } else if events < ENOUGH_EVENTS {
        let s = if events == 1 { "" } else { "s" };
        Some(format!(
            "{forecasts} resolved forecasts, but of {events} event{s}: too few to tell, {ENOUGH_EVENTS} needed."
        ))
    } else {
        None
    }
}

/// What was said in a bin, and what happened.
#[must_use]
pub fn describe_bin(bin: &BinnedForecasts) -> String {
    // Whole percents say too little near certainty.
    let decimals = usize::from(!(0.1..=0.9).contains(&bin.mean_forecast));
    let (said, rate) = (100.0 * bin.mean_forecast, 100.0 * bin.rate);
    let (low, high) = round_outward(100.0 * bin.low, 100.0 * bin.high, decimals);
    // Toward the interval: by rounding, what was said may come to look right, never wrong.
    let said = if said > high { round_down(said, decimals) } else { round_up(said, decimals) };
    let judgement = if bin.count < ENOUGH_IN_BIN || bin.events < ENOUGH_IN_BIN {
        "too few to tell"
    } else if (low..=high).contains(&said) {
        "no fault to be seen"
    } else if (said - 50.0) * (rate - 50.0) < 0.0 {
        if said > rate { "too high" } else { "too low" }
    } else if (said - 50.0).abs() > (rate - 50.0).abs() {
        "overconfident"
    } else {
        "underconfident"
    };
    format!(
        "You say {said:.decimals$} %, it happens {rate:.decimals$} % ({low:.decimals$}–{high:.decimals$} %, n = {}): {judgement}.",
        bin.count
    )
}

/// Whether forecasts lie too far out or too near the middle, and whether they lean to one side.
#[must_use]
pub fn judge_calibration(forecasts: usize, events: usize, scores: &Scores) -> Conclusion {
    if let Some(few) = too_few(forecasts, events) {
        return Conclusion::new(Judgement::TooFew, few);
    }
    let (stretched, stretch) = judge_slope(scores.slope.as_ref());
    let (leaning, lean) = judge_bias(&scores.in_the_large);
    let judgement = if stretched || leaning { Judgement::Bad } else { Judgement::Open };
    Conclusion::new(judgement, format!("{stretch} {lean}"))
}

/// Whether the recalibration slope is off for certain, and in words.
fn judge_slope(slope: Option<&IntervalEstimate>) -> (bool, String) {
    let Some((slope, interval)) = slope.and_then(|slope| Some((slope, slope.interval()?))) else {
        return (false, "Over- or underconfidence cannot be told: no recalibration fits.".to_owned());
    };
    let (low, high) = round_outward(interval.0, interval.1, 2);
    let judgement = if high < 1.0 {
        "overconfident"
    } else if low > 1.0 {
        "underconfident"
    } else {
        "neither over- nor underconfidence can be told"
    };
    let words = format!(
        "Recalibration slope {:.2} ({low:.2} to {high:.2}), 1 when calibrated: {judgement}.",
        slope.value
    );
    (high < 1.0 || low > 1.0, words)
}

/// Whether YES came more or less often than said for certain, and in words.
fn judge_bias(in_the_large: &IntervalEstimate) -> (bool, String) {
    let Some(interval) = in_the_large.interval() else {
        return (false, "A lean to one side cannot be told.".to_owned());
    };
    let (low, high) = round_outward(interval.0, interval.1, 1);
    let value = in_the_large.value.abs();
    let words = if low > 0.0 {
        format!(
            "YES came {value:.1} points more often than said ({low:.1} to {high:.1}): too low on the whole."
        )
    } else if high < 0.0 {
        let (low, high) = (-high, -low);
        format!(
            "YES came {value:.1} points less often than said ({low:.1} to {high:.1}): too high on the whole."
        )
    } else {
        format!("No lean to YES or NO can be told ({low:.1} to {high:.1} points).")
    };
    (low > 0.0 || high < 0.0, words)
}

/// The model's Brier score beside the market's.
#[must_use]
pub fn judge_against_market(assessment: &Assessment) -> Conclusion {
    if let Some(few) = too_few(assessment.forecasts, assessment.events) {
        return Conclusion::new(Judgement::TooFew, few);
    }
    let [model, market] = [&assessment.model, &assessment.market].map(|scores| scores.brier.value);
    let scores = format!("Brier {model:.3} against the market's {market:.3}");
    let difference = assessment.brier_difference;
    let Some(interval) = difference.interval() else {
        return Conclusion::new(Judgement::Open, format!("{scores}; they cannot be told apart."));
    };
    let (low, high) = round_outward(interval.0, interval.1, 3);
    let of = format!("the difference {:.3} ({low:.3} to {high:.3})", difference.value);
    let (judgement, claim) = if low > 0.0 {
        (Judgement::Bad, "is not luck: the market's prices were better")
    } else if high < 0.0 {
        (Judgement::Good, "is not luck: the model was better")
    } else {
        (Judgement::Open, "may be luck: they cannot be told apart")
    };
    Conclusion::new(judgement, format!("{scores}; {of} {claim}."))
}

fn round_outward(low: f64, high: f64, decimals: usize) -> (f64, f64) {
    (round_down(low, decimals), round_up(high, decimals))
}

/// Rounded down; adding 0 turns −0 into 0.
fn round_down(value: f64, decimals: usize) -> f64 {
    let unit = [1.0, 10.0, 100.0, 1_000.0][decimals];
    (value * unit).floor() / unit + 0.0
}

fn round_up(value: f64, decimals: usize) -> f64 {
    -round_down(-value, decimals) + 0.0
}
