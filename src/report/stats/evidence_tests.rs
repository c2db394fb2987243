//! Evidence and luck: hand-made cases, and how often evidence errs.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::evidence::{EvidenceEntry, evidence_path, log_growth, trades_needed};
use super::luck::{Bet, simulate_luck};

const RUNS: u32 = 2_000;

/// Share of runs in which evidence against beliefs of 0.7 reaches 20 within 100 trades.
fn convicted(market: f64, truth: f64, seed: u64) -> f64 {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let runs = (0..RUNS).filter(|_| {
        let entries: Vec<_> = (0..100)
            .map(|_| EvidenceEntry { belief: 0.7, market, won: random.random::<f64>() < truth })
            .collect();
        evidence_path(&entries).unwrap().reached_against.is_some()
    });
    runs.count() as f64 / f64::from(RUNS)
}

#[test]
fn evidence_convicts_the_wrong_and_seldom_the_right() {
    for market in [0.4, 0.6] {
        let calibrated = convicted(market, 0.7, 5);
        assert!(calibrated > 0.0 && calibrated <= 0.05, "market {market}: {calibrated}");
    }
    let wrong = convicted(0.45, 0.45, 6);
    assert!(wrong > 0.9, "{wrong}");
}

/// Two wins at belief 0.8 and price 0.4, then a loss: ratios 2, 2, (0.2/0.6). Twenty to one after five wins:
/// 2⁵ = 32, and 2⁴ = 16 is not enough.
#[test]
fn a_path_by_hand() {
    let entry = |won| EvidenceEntry { belief: 0.8, market: 0.4, won };
    let found = evidence_path(&[entry(true), entry(true), entry(false)]).unwrap();
    for (log, expected) in found.log_ratio.iter().zip([2.0, 4.0, 4.0 / 3.0]) {
        assert!((log.exp() - expected).abs() < 1e-12);
    }
    assert_eq!((found.reached_for, found.reached_against), (None, None));
    assert_eq!(evidence_path(&[entry(true); 6]).unwrap().reached_for, Some(5));
    // a loss is 3 to 1 against: 9 after two, 27 after three
    assert_eq!(evidence_path(&[entry(false); 6]).unwrap().reached_against, Some(3));
    // Certainty that fails is as much evidence as 1e-6 can be, and finite.
    let failed = evidence_path(&[EvidenceEntry { belief: 1.0, market: 0.5, won: false }]).unwrap();
    assert!((failed.log_ratio[0] - 2e-6f64.ln()).abs() < 1e-9);
    let refused =
        evidence_path(&[entry(true), EvidenceEntry { belief: f64::NAN, ..entry(true) }]).unwrap_err();
    assert!(refused.to_string().contains("forecast 1,"), "{refused}");
    assert!(evidence_path(&[]).unwrap().log_ratio.is_empty());
}

#[test]
fn growth_by_hand() {
    // (ln 1.1 + ln 0.9)/2, two events
    let found = log_growth(&[0.1, -0.1], &[0, 1], 7).unwrap();
    assert!((found.value - 0.99f64.ln() / 2.0).abs() < 1e-12, "{found:?}");
    let (low, high) = found.interval().unwrap();
    // two events can only be drawn as both of one or one of each
    assert!((low - 0.9f64.ln()).abs() < 1e-12 && (high - 1.1f64.ln()).abs() < 1e-12, "{low} {high}");
    assert!(log_growth(&[0.1, -0.1], &[3, 3], 7).unwrap().interval().is_none(), "one event");
    assert!(log_growth(&[0.1, -1.0], &[0, 1], 7).is_none(), "ruin has no logarithm");
    assert!(log_growth(&[], &[], 7).is_none());
}

/// z₀.₉₅ + z₀.₈₀ = 1.644854 + 0.841621 = 2.486475. Returns 1 and 0 have mean ½ and deviation 1/√2:
/// (2.486475 · 1.414214)² = 12.365 → 13.
#[test]
fn power_by_hand() {
    assert_eq!(trades_needed(&[1.0, 0.0]), Some(13.0));
    for hopeless in [&[-1.0, 0.5][..], &[1.0, -1.0], &[0.3], &[0.3, 0.3], &[]] {
        assert_eq!(trades_needed(hopeless), None, "{hopeless:?}");
    }
}

fn bet(event: u32, market: u32, probability: f64) -> Bet {
    Bet { event, market, exclusive: false, probability, bought_yes: true, yes: true, stake: 0.5, payoff: 1.0 }
}

fn chances(bets: &[Bet]) -> (f64, f64) {
    let found = simulate_luck(bets, 10_000, 3).unwrap();
    (found.at_least, found.at_most)
}

fn about(found: f64, expected: f64) {
    // three standard errors of 10,000 draws of an even chance
    assert!((found - expected).abs() < 0.015, "{found}, not {expected}");
}

#[test]
fn luck_follows_how_markets_hang_together() {
    // Independent events, both won: ¼.
    about(chances(&[bet(0, 0, 0.5), bet(1, 1, 0.5)]).0, 0.25);
    // Two rungs of a ladder, both won: as often as the less likely.
    let ladder = [bet(0, 0, 0.5), bet(0, 1, 0.3)];
    about(chances(&ladder).0, 0.3);
    about(chances(&ladder).1, 1.0);
    // YES of the lower rung and NO of the higher, won both: u between 0.3 and 0.5.
    let between = [bet(0, 0, 0.5), Bet { bought_yes: false, yes: false, ..bet(0, 1, 0.3) }];
    about(chances(&between).0, 0.2);
    // Mutually exclusive: YES of two cannot both win; one of them does with 0.5 + 0.3.
    let exclusive = |one: Bet| Bet { exclusive: true, ..one };
    let two = [exclusive(bet(0, 0, 0.5)), exclusive(Bet { yes: false, ..bet(0, 1, 0.3) })];
    about(chances(&two).0, 0.8);
    // YES of one and NO of the other, won both: as often as the one.
    let mixed = between.map(exclusive);
    about(chances(&mixed).0, 0.5);
    // Prices that add up to 1.25 are shortened to 1: 0.6 → 0.48.
    let dear = [exclusive(bet(0, 0, 0.6)), exclusive(Bet { stake: 0.0, payoff: 0.0, ..bet(0, 1, 0.65) })];
    about(chances(&dear).0, 0.48);
    // The same market bought twice pays twice or not at all.
    about(chances(&[exclusive(bet(0, 0, 0.4)), exclusive(bet(0, 0, 0.4))]).0, 0.4);
}

#[test]
fn luck_of_one_bet_by_hand() {
    // Won 0.5 where 0.2 was the chance: expected 0.2 · 0.5 − 0.8 · 0.5 = −0.3.
    let found = simulate_luck(&[bet(0, 0, 0.2)], 10_000, 3).unwrap();
    assert!((found.profit - 0.5).abs() < 1e-12 && (found.expected + 0.3).abs() < 0.015, "{found:?}");
    about(found.at_least, 0.2);
    assert!((found.at_most - 1.0).abs() < 1e-12);
    assert_eq!(simulate_luck(&[bet(0, 0, 0.2)], 10_000, 3), Some(found), "the same seed");
    // What cannot happen has still happened once in 10,001.
    about(chances(&[bet(0, 0, 0.0)]).0 * 10_001.0, 1.0);
    assert_eq!(simulate_luck(&[], 10_000, 3), None);
}
