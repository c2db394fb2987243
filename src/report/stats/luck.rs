//! What luck alone would have made of the same bets, had the market's prices been right.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Most histories that are simulated for one strategy; callers draw fewer where events are many.
pub const DRAWS: usize = 10_000;

/// A settled bet, as if held to the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bet {
    /// Number of the event; all bets on one event are decided by one random number.
    pub event: u32,
    /// Number of the market within the run; several bets may be on the same one.
    pub market: u32,
    /// Whether at most one market of the event pays YES. If not, they are taken as a ladder.
    pub exclusive: bool,
    /// The market's probability of YES at entry.
    pub probability: f64,
    /// Whether YES was bought, or else NO.
    pub bought_yes: bool,
    /// Whether the market settled YES, which decides what the bet really made.
    pub yes: bool,
    /// What it cost, fees and all, dollars.
    pub stake: f64,
    /// What it pays if the side bought wins, dollars.
    pub payoff: f64,
}

/// The profit that was made, among those that luck makes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Luck {
    /// Profit the bets made, held to settlement, in dollars after fees.
    pub profit: f64,
    /// Mean profit if the market is right: the price of fees and spread, usually below 0.
    pub expected: f64,
    /// Probability of a profit at least as large if the market is right.
    pub at_least: f64,
    /// Probability of one at most as large.
    pub at_most: f64,
    /// Number of simulated histories behind the mean and the probabilities.
    pub draws: usize,
    /// Profit of each simulated history in dollars, in the order drawn; not serialized.
    #[serde(skip)]
    pub profits: Vec<f64>,
}

/// Draws histories in which every market pays YES with its probability, and counts the profits.
///
/// One uniform u decides an event. On a ladder (nested strikes) a market pays YES if u is below its
/// probability: what is more likely happens whenever the less likely does, which is how nested strikes must
/// be. Of mutually exclusive markets each has a stretch of its own of [0, 1], as long as its probability, so
/// at most one pays; stretches that add up to more than 1, as mid prices may, are shortened in proportion.
/// Markets of an event that are neither are treated as a ladder, which for bets on one side makes profits
/// vary most: surprise is then understated rather than overstated.
///
/// Probabilities count the observed history as one more draw, so that none is 0 (Davison & Hinkley 1997,
/// §4.2). `None` without bets.
///
/// # Panics
/// If a probability is not in [0, 1], or a stake or payoff is not finite.
#[must_use]
pub fn simulate_luck(bets: &[Bet], draws: usize, seed: u64) -> Option<Luck> {
    if bets.is_empty() {
        return None;
    }
    let events = yes_stretches_by_event(bets);
    let observed = |event: &Vec<Stretch>| event.iter().map(|s| profit_of(&s.bet, s.bet.yes)).sum::<f64>();
    let profit: f64 = events.iter().map(observed).sum();
    // All in one row, where each history runs over them, and how many are each event's.
    let (mut row, mut counts) = (Vec::new(), Vec::with_capacity(events.len()));
    for event in &events {
        let before = row.len();
        row.extend(profit_steps(event));
        counts.push(row.len() - before);
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut history = || {
        let (mut left, mut profit) = (row.as_slice(), 0.0);
        for &count in &counts {
            let (steps, others) = left.split_at(count);
            // 32 bits are fine enough for prices, which are stated in ten-thousandths.
            let u = f64::from(random.random::<u32>()) / 4_294_967_296.0;
            profit += steps.iter().find(|step| u < step.to).map_or(0.0, |step| step.profit);
            left = others;
        }
        profit
    };
    let profits: Vec<f64> = (0..draws).map(|_| history()).collect();
    let chance = |counts: &dyn Fn(f64) -> bool| {
        let count = profits.iter().filter(|made| counts(**made)).count();
        (count + 1) as f64 / (draws + 1) as f64
    };
    Some(Luck {
        profit,
        expected: profits.iter().sum::<f64>() / draws.max(1) as f64,
        at_least: chance(&|made| made >= profit),
        at_most: chance(&|made| made <= profit),
        draws,
        profits,
    })
}

/// A bet and the part of [0, 1] in which its market pays YES.
struct Stretch {
    bet: Bet,
    from: f64,
    to: f64,
}

fn profit_of(bet: &Bet, yes: bool) -> f64 {
    if yes == bet.bought_yes { bet.payoff - bet.stake } else { -bet.stake }
}

/// The profit of an event for every u from the last step's end up to this one's.
struct Step {
    to: f64,
    profit: f64,
}

/// All steps of an event. Bets are summed in the order of `event`, as for the observed history, so that equal
/// histories have equal profits to the last bit.
fn profit_steps(event: &[Stretch]) -> Vec<Step> {
    let mut ends: Vec<f64> = event.iter().flat_map(|stretch| [stretch.from, stretch.to]).collect();
    ends.push(1.0);
    ends.sort_by(f64::total_cmp);
    ends.dedup();
    let mut from = 0.0;
    let mut steps = Vec::new();
    for to in ends.into_iter().filter(|end| *end > 0.0) {
        let profit = event.iter().map(|s| profit_of(&s.bet, s.from <= from && from < s.to)).sum();
        steps.push(Step { to, profit });
        from = to;
    }
    steps
}

fn yes_stretches_by_event(bets: &[Bet]) -> Vec<Vec<Stretch>> {
    let mut events: BTreeMap<u32, Vec<Bet>> = BTreeMap::new();
    for bet in bets {
        assert!((0.0..=1.0).contains(&bet.probability), "market {}: not a probability", bet.market);
        assert!(bet.stake.is_finite() && bet.payoff.is_finite(), "market {}: not an amount", bet.market);
        events.entry(bet.event).or_default().push(*bet);
    }
    events.into_values().map(|bets| yes_stretches(&bets)).collect()
}

fn yes_stretches(bets: &[Bet]) -> Vec<Stretch> {
    if !bets.iter().all(|bet| bet.exclusive) {
        return bets.iter().map(|&bet| Stretch { bet, from: 0.0, to: bet.probability }).collect();
    }
    // A market bought at several prices has room for the highest.
    let mut room: BTreeMap<u32, f64> = BTreeMap::new();
    for bet in bets {
        let widest = room.entry(bet.market).or_default();
        *widest = widest.max(bet.probability);
    }
    let scale = room.values().sum::<f64>().max(1.0);
    let mut next = 0.0;
    let mut starts = BTreeMap::new();
    for (market, widest) in room {
        starts.insert(market, next / scale);
        next += widest;
    }
    let stretch = |&bet: &Bet| {
        let from = starts[&bet.market];
        Stretch { bet, from, to: from + bet.probability / scale }
    };
    bets.iter().map(stretch).collect()
}
