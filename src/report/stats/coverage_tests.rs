//! Whether the intervals are what they say: on simulated forecasts whose truth is known, 95 % of them must
//! hold it. Markets of an event share their luck, as they do on the exchange.

use std::thread;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::binned::wilson_interval;
use super::bootstrap::{EventGroups, MOST_GROUPS};
use super::paired::{Paired, Who};
use super::{Forecasts, IntervalEstimate};

const SETS: u64 = 2_000;
const EVENTS: u32 = 40;
const DRAWS: usize = 250;
const NAMES: [&str; 8] = [
    "Brier",
    "market's Brier",
    "log loss",
    "market's log loss",
    "difference",
    "log difference",
    "lean",
    "slope",
];

/// The model says the truth p, uniform on [0.1, 0.9]; the market says ½ + 0.6 (p − ½).
fn intervals(events: u32, seed: u64) -> [IntervalEstimate; 8] {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut model, mut market, mut outcome, mut event) = (vec![], vec![], vec![], vec![]);
    for one in 0..events {
        let u: f64 = random.random();
        for _ in 0..=one % 3 {
            let p = 0.1 + 0.8 * random.random::<f64>();
            model.push(p);
            market.push(0.5 + 0.6 * (p - 0.5));
            outcome.push(u < p);
            event.push(one);
        }
    }
    let model = Forecasts::new(&model, &outcome, &event).unwrap();
    let market = Forecasts::new(&market, &outcome, &event).unwrap();
    let paired = Paired::new(&model, &market, &EventGroups::new(&event, MOST_GROUPS, seed), DRAWS, seed);
    [
        paired.brier_score(Who::Model),
        paired.brier_score(Who::Market),
        paired.log_loss(Who::Model),
        paired.log_loss(Who::Market),
        paired.brier_difference(),
        paired.log_loss_difference(),
        paired.in_the_large(Who::Model),
        paired.slope(Who::Model).unwrap(),
    ]
}

/// Var p = 0.8²/12; E p(1 − p) = ¼ − Var p; the market's Brier score is larger by (0.4)² Var p. Log losses
/// are integrals over p, by the midpoint rule.
fn truth() -> [f64; 8] {
    let variance = 0.64 / 12.0;
    let (brier, worse) = (0.25 - variance, 0.16 * variance);
    let integral = |of: &dyn Fn(f64) -> f64| {
        let cells = 20_000;
        let middles = (0..cells).map(|i| 0.1 + 0.8 * (f64::from(i) + 0.5) / f64::from(cells));
        middles.map(|p| -p * of(p).ln() - (1.0 - p) * (1.0 - of(p)).ln()).sum::<f64>() / f64::from(cells)
    };
    let (model, market) = (integral(&|p| p), integral(&|p| 0.5 + 0.6 * (p - 0.5)));
    [brier, brier + worse, model, market, -worse, model - market, 0.0, 1.0]
}

/// In how many of the sets each interval holds the truth.
fn covered(events: u32, seeds: std::ops::Range<u64>) -> [u32; 8] {
    let truth = truth();
    let mut held = [0; 8];
    for seed in seeds {
        for ((held, found), truth) in held.iter_mut().zip(intervals(events, seed)).zip(truth) {
            let (low, high) = found.interval().unwrap();
            *held += u32::from(low <= truth && truth <= high);
        }
    }
    held
}

#[test]
fn ninety_five_in_a_hundred_intervals_hold_the_truth() {
    let second = thread::spawn(|| covered(EVENTS, SETS / 2..SETS));
    let first = covered(EVENTS, 0..SETS / 2);
    let second = second.join().unwrap();
    let shares = [0, 1, 2, 3, 4, 5, 6, 7].map(|i| f64::from(first[i] + second[i]) / SETS as f64);
    let named: Vec<_> = NAMES.iter().zip(shares).collect();
    assert!(shares.iter().all(|share| (0.93..=0.97).contains(share)), "{named:?}");
}

#[test]
fn ninety_five_in_a_hundred_rates_are_in_wilsons_interval() {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let held = (0..SETS).filter(|_| {
        let p: f64 = 0.1 + 0.8 * random.random::<f64>();
        let yes = (0..100).filter(|_| random.random::<f64>() < p).count();
        let (low, high) = wilson_interval(yes as f64 / 100.0, 100.0);
        (low..=high).contains(&p)
    });
    let share = held.count() as f64 / SETS as f64;
    assert!((0.93..=0.97).contains(&share), "{share}");
}
