//! Whether the best of many sets is more than the luckiest.
//!
//! Three looks, none of which uses a figure twice. Walk-forward: the set that was best on earlier events,
//! on later ones. Probability of overfitting: whether the best of one half of time is good in the other.
//! Deflated Sharpe ratio: whether the best is better than the best of as many sets without an edge.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::report::stats::IntervalEstimate;
use crate::report::stats::bootstrap::{Bootstrap, DRAWS};
use crate::report::stats::conclusion::ENOUGH_EVENTS;
use crate::report::stats::overfitting::{Returns, probability_of_overfitting};

use super::parameter_space::Set;
use super::result::TaskResult;

/// Parts of time between which sets are chosen and judged: 252 ways to halve them.
const BLOCKS: usize = 10;
/// Deflated Sharpe ratio from which luck is not the likely reason.
const SURE: f64 = 0.95;

/// Which of the events before a fold the fold's set is chosen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WalkWindow {
    /// All earlier events, back to the first of the data.
    Anchored,
    /// The latest earlier events, at most as many as lie before the first fold.
    Rolling,
}

/// How sets are chosen on earlier events and judged on later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkForward {
    /// Which of the events before a fold its set is chosen on.
    pub window: WalkWindow,
    /// Number of folds; one without traded events before it to choose on is skipped.
    pub folds: usize,
    /// Nanoseconds between the end of an event that chooses and the first entry it is judged by.
    pub embargo_ns: i64,
}

/// One choice and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fold {
    /// First entry it is judged by, nanoseconds since 1970.
    pub from: i64,
    /// Number of earlier events the set was chosen on.
    pub chosen_on: usize,
    /// Events left out: open when the judged ones began, or too close before.
    pub purged: usize,
    /// Number of events of the fold that judged the set.
    pub judged_on: usize,
    /// The set, by its place in the sweep.
    pub set: usize,
    /// Profit on the judging events as a share of the bankroll.
    pub profit: f64,
}

/// Verdict on a sweep: its best set, and whether that set is more than the luckiest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepAssessment {
    /// Number of parameter sets with a result, each counted as one trial.
    pub sets: usize,
    /// The set with the best daily Sharpe ratio, by its place in the sweep.
    pub best: usize,
    /// Task id of the best set, as in the manifest.
    pub best_id: String,
    /// Scenario keys and values of the best set, in the order of the axes.
    pub best_parameters: Set,
    /// Its profit as a share of the bankroll, over all of the data it was chosen on.
    pub best_return: f64,
    /// Its Sharpe ratio per day, not annualized; `None` with fewer than two days or no variance.
    pub best_sharpe: Option<f64>,
    /// Probability that its true Sharpe ratio is above that of the best of as many sets without an edge.
    pub deflated_sharpe: Option<f64>,
    /// Probability of backtest overfitting, 0 to 1; `None` with one set, or too few or unequal days.
    pub overfitting: Option<f64>,
    /// Choices on earlier events, and what they came to on later ones.
    pub folds: Vec<Fold>,
    /// Events the folds were judged on.
    pub judged_events: usize,
    /// Profit of all folds as a share of the bankroll, with its 95 % interval over events.
    pub out_of_sample: Option<IntervalEstimate>,
    /// Whether anything here beats the market.
    pub beats_the_market: bool,
}

/// An event with what each set made of it, as a share of the bankroll.
struct JudgedEvent {
    opened: i64,
    closed: i64,
    profit: Vec<f64>,
    traded: bool,
}

impl SweepAssessment {
    /// Over the results of a sweep, in its order. `None` without any.
    #[must_use]
    pub fn from_results(results: &[TaskResult], walk: &WalkForward, seed: u64) -> Option<Self> {
        let daily: Vec<Vec<f64>> = results.iter().map(TaskResult::daily_returns).collect();
        let returns: Vec<Option<Returns>> = daily.iter().map(|days| Returns::from_returns(days)).collect();
        let sharpe: Vec<f64> = returns.iter().map(|found| found.map_or(0.0, |found| found.sharpe)).collect();
        let best = first_best(&sharpe)?;
        let events = judged_events(results);
        let (folds, judged) = walk_forward_folds(&events, results.len(), walk);
        let rows: Vec<[f64; 1]> = judged.iter().map(|profit| [*profit]).collect();
        let out_of_sample = (!rows.is_empty())
            .then(|| Bootstrap::new(rows, DRAWS, seed).estimate_with_interval(|sums| Some(sums[0])));
        let mut verdict = Self {
            sets: results.len(),
            best,
            best_id: results[best].id.clone(),
            best_parameters: results[best].parameters.clone(),
            best_return: results[best].figures.total_return(),
            best_sharpe: returns[best].map(|found| found.sharpe),
            deflated_sharpe: returns[best]
                .and_then(|found| found.deflated_sharpe(results.len(), sample_variance(&sharpe))),
            overfitting: overfitting_probability(&daily),
            folds,
            judged_events: judged.len(),
            out_of_sample: out_of_sample.flatten(),
            beats_the_market: false,
        };
        verdict.beats_the_market = verdict.is_sure();
        Some(verdict)
    }

    /// Only when every look that can be taken says so.
    fn is_sure(&self) -> bool {
        let above = self.out_of_sample.and_then(|found| found.low).is_some_and(|low| low > 0.0);
        let beyond_luck = self.deflated_sharpe.is_some_and(|sure| sure >= SURE);
        let holds = self.sets == 1 || self.overfitting.is_some_and(|probability| probability < 0.5);
        above && beyond_luck && holds && self.judged_events >= ENOUGH_EVENTS
    }
}

/// Place of the largest value; of equals the first.
fn first_best(values: &[f64]) -> Option<usize> {
    (0..values.len()).reduce(|best, at| if values[at] > values[best] { at } else { best })
}

fn sample_variance(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64
}

/// `None` where the sets do not span the same days, or too few.
fn overfitting_probability(daily: &[Vec<f64>]) -> Option<f64> {
    let days = daily.first()?.len();
    if daily.iter().any(|one| one.len() != days) {
        return None;
    }
    let by_day: Vec<Vec<f64>> = (0..days).map(|day| daily.iter().map(|one| one[day]).collect()).collect();
    probability_of_overfitting(&by_day, BLOCKS).map(|found| found.probability)
}

/// All events any set traded, by their first entry. An event lasts from the first entry of any set to the
/// last exit of any, so that what is left out does not depend on the set.
fn judged_events(results: &[TaskResult]) -> Vec<JudgedEvent> {
    let mut events: BTreeMap<&str, JudgedEvent> = BTreeMap::new();
    for (set, result) in results.iter().enumerate() {
        for one in &result.events {
            let event = events.entry(&one.event).or_insert_with(|| JudgedEvent {
                opened: one.opened,
                closed: one.closed,
                profit: vec![0.0; results.len()],
                traded: false,
            });
            event.opened = event.opened.min(one.opened);
            event.closed = event.closed.max(one.closed);
            event.profit[set] = one.pnl_micros as f64 / result.figures.bankroll_micros as f64;
            event.traded |= one.trades > 0;
        }
    }
    let mut events: Vec<JudgedEvent> = events.into_values().collect();
    // Stable, so events that began together stay in the order of their names.
    events.sort_by_key(|event| event.opened);
    events
}

/// The events are cut into `folds + 1` equal parts by their first entry; the first only chooses. Returns the
/// folds, and the profit on every judging event.
fn walk_forward_folds(events: &[JudgedEvent], sets: usize, walk: &WalkForward) -> (Vec<Fold>, Vec<f64>) {
    let (mut folds, mut judged) = (Vec::new(), Vec::new());
    let bound = |part: usize| events.len() * part / (walk.folds + 1);
    for part in 1..=walk.folds {
        let tested = &events[bound(part)..bound(part + 1)];
        let Some(from) = tested.first().map(|event| event.opened) else {
            continue;
        };
        // An event chooses only if it was over, embargo included, when the judged ones began.
        let before = &events[..bound(part)];
        let is_over = |event: &&JudgedEvent| event.closed.saturating_add(walk.embargo_ns) <= from;
        let mut choosing: Vec<&JudgedEvent> = before.iter().filter(is_over).collect();
        let purged = before.len() - choosing.len();
        if walk.window == WalkWindow::Rolling {
            let surplus = choosing.len().saturating_sub(bound(1));
            choosing.drain(..surplus);
        }
        if !choosing.iter().any(|event| event.traded) {
            continue;
        }
        let merit: Vec<f64> = (0..sets).map(|set| event_sharpe_ratio(&choosing, set)).collect();
        let Some(set) = first_best(&merit) else {
            continue;
        };
        let profits: Vec<f64> = tested.iter().map(|event| event.profit[set]).collect();
        let profit = profits.iter().sum();
        folds.push(Fold { from, chosen_on: choosing.len(), purged, judged_on: profits.len(), set, profit });
        judged.extend(profits);
    }
    (folds, judged)
}

/// Mean over standard deviation of a set's profit by event; 0 where it does not vary.
fn event_sharpe_ratio(events: &[&JudgedEvent], set: usize) -> f64 {
    let profits: Vec<f64> = events.iter().map(|event| event.profit[set]).collect();
    Returns::from_returns(&profits).map_or(0.0, |found| found.sharpe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::result::{Days, EventResult, Figures};

    /// A set that made these profits in dollars, one event a day, each open for `length` days.
    fn set(profits: &[f64], length: i64) -> TaskResult {
        const DAY: i64 = 86_400_000_000_000;
        #[expect(clippy::cast_possible_truncation, reason = "a few dollars")]
        let micros = |dollars: f64| (dollars * 1e6).round() as i64;
        let event = |(day, profit): (i64, &f64)| EventResult {
            event: format!("E-{day:04}"),
            opened: day * DAY,
            closed: (day + length) * DAY,
            trades: 1,
            pnl_micros: micros(*profit),
        };
        let mut equity = 1_000.0;
        let days = (1i64..).zip(profits).map(|(day, profit)| {
            equity += profit;
            (day, micros(equity))
        });
        let days: Vec<_> = days.collect();
        let last = i64::try_from(profits.len()).unwrap() - 1;
        let text = r#"{"bankroll_micros":1000000000,"final_equity_micros":0,"fees_micros":0,"trades":0,"wins":0,
            "open_positions":0,"max_drawdown_ppm":0,"max_exposure_micros":0,"inputs":0,"evaluations":0,
            "opportunities":0,"orders":0,"fills":0,"refusals":0,"halts":0,"brier":null,"brier_market":null,
            "log_loss":null,"evidence_for":1.0,"digest":""}"#;
        let figures: Figures = serde_json::from_str(text).unwrap();
        let total = days.last().unwrap().1;
        TaskResult {
            id: String::new(),
            parameters: Vec::new(),
            figures: Figures { final_equity_micros: total, ..figures },
            events: (0i64..).zip(profits).map(event).collect(),
            days: Days { first: 0, last, equity: days },
        }
    }

    fn walk(window: WalkWindow, embargo_days: i64) -> WalkForward {
        WalkForward { window, folds: 2, embargo_ns: embargo_days * 86_400_000_000_000 }
    }

    #[test]
    fn daily_returns_are_ratios_of_equity() {
        let found = set(&[10.0, -20.2, 0.0, 98.98], 0).daily_returns();
        // 1000 → 1010 → 989.8 → 989.8 → 1088.78
        let expected = [0.01, -0.02, 0.0, 0.1];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn the_choice_is_made_on_earlier_events_only() {
        // Days 0-2 favour the first set, 3-5 and 6-8 the second; three parts of three events.
        let first = set(&[3.0, 2.0, 3.0, -1.0, -1.0, -2.0, -1.0, -1.0, -1.0], 0);
        let second = set(&[-1.0, -1.0, -2.0, 5.0, 6.0, 5.0, 4.0, 4.0, 5.0], 0);
        let verdict =
            SweepAssessment::from_results(&[first, second], &walk(WalkWindow::Anchored, 0), 7).unwrap();
        // Fold 1 is chosen on days 0-2: the first set, which then loses 4 dollars of 1000.
        assert_eq!((verdict.folds[0].set, verdict.folds[0].chosen_on), (0, 3));
        assert!((verdict.folds[0].profit + 0.004).abs() < 1e-12);
        // Fold 2 on days 0-5: means 4/6 and 12/6 dollars; deviations 2.34 and 3.69: the second, which makes 13.
        assert_eq!((verdict.folds[1].set, verdict.folds[1].chosen_on), (1, 6));
        assert!((verdict.folds[1].profit - 0.013).abs() < 1e-12);
        assert!((verdict.out_of_sample.unwrap().value - 0.009).abs() < 1e-12);
        assert!(!verdict.beats_the_market, "six events are too few");
        let rolling = [set(&[9.0, 8.0, 9.0, -1.0, -1.0, -1.1, 1.0, 1.0, 1.0], 0), set(&[0.1; 9], 0)];
        let rolling = SweepAssessment::from_results(&rolling, &walk(WalkWindow::Rolling, 0), 7).unwrap();
        // Days 3-5 alone choose: the first lost, the second does not vary (merit 0).
        assert_eq!((rolling.folds[1].set, rolling.folds[1].chosen_on), (1, 3));
    }

    #[test]
    fn events_that_are_open_or_too_close_do_not_choose() {
        let sets = [set(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], 1)];
        let verdict = SweepAssessment::from_results(&sets, &walk(WalkWindow::Anchored, 0), 7).unwrap();
        // Judging begins on day 3; the event of day 2 closes on day 3, at that very moment: over.
        assert_eq!((verdict.folds[0].chosen_on, verdict.folds[0].purged), (3, 0));
        let verdict = SweepAssessment::from_results(&sets, &walk(WalkWindow::Anchored, 1), 7).unwrap();
        assert_eq!((verdict.folds[0].chosen_on, verdict.folds[0].purged), (2, 1));
        assert_eq!((verdict.folds[1].chosen_on, verdict.folds[1].purged), (5, 1));
    }

    #[test]
    fn a_real_edge_is_seen_and_noise_is_not() {
        // Deterministic noise: the fractional parts of multiples of an irrational number.
        let noise = |seed: f64, day: usize| ((day as f64 + 1.0) * seed).fract() - 0.5;
        let series = |seed: f64, edge: f64| -> Vec<f64> {
            (0..300).map(|day| edge + 10.0 * noise(seed, day)).collect()
        };
        let seeds = [0.754_877_666, 0.569_840_291, 0.618_033_988, 0.414_213_562, 0.732_050_807];
        let lucky: Vec<_> = seeds.iter().map(|seed| set(&series(*seed, 0.0), 0)).collect();
        let anchored = walk(WalkWindow::Anchored, 0);
        assert!(!SweepAssessment::from_results(&lucky, &anchored, 7).unwrap().beats_the_market);
        let mut with_edge = lucky;
        with_edge.push(set(&series(0.236_067_977, 2.0), 0));
        let verdict = SweepAssessment::from_results(&with_edge, &anchored, 7).unwrap();
        assert!(verdict.beats_the_market, "{verdict:?}");
        assert_eq!(verdict.best, 5);
    }
}
