//! Model `fomc`: what the committee did in comparable circumstances.
//!
//! The regime before a meeting is the direction of the last decision (cut, hold, hike), whether the last
//! first print of CPI year on year is above 3 %, and whether unemployment is at least 0.3 points above
//! six months earlier. Changes at scheduled meetings since a given year are counted by regime and shrunk
//! to the unconditional distribution by a Dirichlet prior:
//!
//! p(k | regime) = (n(k, regime) + α·q(k)) / (n(regime) + α),  q(k) = (N(k) + ½) / (N + ½·K)
//!
//! with k in steps of 25 basis points, K = 9 steps from −100 to +100 and ½ the Jeffreys prior, so that
//! nothing is impossible merely because it has not happened yet. A later meeting is reached through the
//! meetings in between: a Markov chain over the direction of the last decision, with CPI and unemployment
//! as they are now. Unscheduled moves change the level and the direction, never the counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::desk::strategy::{Estimate, Learned, MarketView};
use crate::domain::fact::Month;
use crate::domain::{Decimal6, Fact, Fraction, Probability, Span, Strike, Timestamp};

use super::FomcSettings;

/// Largest step either way: 100 basis points.
const MAX_STEP: i32 = 4;
/// Number of different changes at one meeting: −4 to +4 steps of 25 basis points.
const CHANGES: usize = 9;
/// One step in millionths of a percent.
const STEP: i64 = 250_000;
/// One step in basis points, in millionths.
const STEP_BP: i64 = 25_000_000;
/// How long after a market's close its meeting may be announced.
const ANNOUNCED_WITHIN: Span = Span::DAY;
/// Meetings further away than this are not priced: three years of them.
const MAX_MEETINGS: usize = 24;

/// A distribution over changes, from −100 to +100 basis points.
type Changes = [f64; CHANGES];

/// Direction of a decision on the target range: the sign of the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Cut,
    Hold,
    Hike,
}

impl Direction {
    const ALL: [Self; 3] = [Self::Cut, Self::Hold, Self::Hike];

    fn from_change(change: i64) -> Self {
        match change.signum() {
            -1 => Self::Cut,
            0 => Self::Hold,
            _ => Self::Hike,
        }
    }

    const fn as_noun(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Hold => "hold",
            Self::Hike => "hike",
        }
    }

    const fn as_past_tense(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Hold => "held",
            Self::Hike => "hiked",
        }
    }
}

/// Circumstances before a meeting: direction of the last decision, CPI above 3 %, rising unemployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Regime {
    last: Direction,
    high_inflation: bool,
    rising_unemployment: bool,
}

/// A scheduled meeting since the year `since`: its regime (`None` = unknown then) and its change in steps.
#[derive(Clone, Copy, Debug)]
struct Meeting {
    regime: Option<Regime>,
    step: i32,
}

/// What the chain says of one meeting.
#[derive(Clone, Debug)]
struct FomcOutlook {
    /// Probability of each change at that meeting, from −100 to +100 basis points.
    change: Changes,
    /// Sum of all changes up to and with it: probability of `index − offset` steps.
    total: Vec<f64>,
    reason: Arc<str>,
}

/// The model `fomc`: counted meetings, target range, CPI, unemployment, and the calendar of meetings.
pub struct FomcModel {
    settings: FomcSettings,
    meetings: Vec<Meeting>,
    level: Option<Decimal6>,
    last: Option<Direction>,
    inflation: Option<Decimal6>,
    unemployment: BTreeMap<Month, Decimal6>,
    calendar: BTreeSet<Timestamp>,
    /// Outlooks by number of meetings ahead, valid until the next fact.
    outlooks: Vec<FomcOutlook>,
}

impl FomcModel {
    /// A model that knows nothing yet.
    #[must_use]
    pub const fn new(settings: FomcSettings) -> Self {
        Self {
            settings,
            meetings: Vec::new(),
            level: None,
            last: None,
            inflation: None,
            unemployment: BTreeMap::new(),
            calendar: BTreeSet::new(),
            outlooks: Vec::new(),
        }
    }

    /// Learns a decision, a meeting, CPI year on year or unemployment; all other facts are ignored.
    pub fn learn_fact(&mut self, fact: &Fact, published: Timestamp) -> Learned {
        match *fact {
            Fact::FomcDecision { scheduled, upper_before, upper_after } => {
                let change = upper_after.millionths() - upper_before.millionths();
                let (year, _) = published.year_month();
                if scheduled && year >= self.settings.since {
                    let step = i32::try_from(nearest_step(change)).unwrap_or(0);
                    let step = step.clamp(-MAX_STEP, MAX_STEP);
                    self.meetings.push(Meeting { regime: self.current_regime(), step });
                }
                self.level = Some(upper_after);
                self.last = Some(Direction::from_change(change));
            }
            Fact::FomcMeeting { announcement } => {
                self.calendar.insert(announcement);
            }
            Fact::CpiPrint { yoy: Some(yoy), .. } => self.inflation = Some(yoy),
            Fact::CpiPrint { .. }
            | Fact::CpiConsensus { .. }
            | Fact::CpiRelease { .. }
            | Fact::HighForecast { .. }
            | Fact::ObservedHigh { .. } => {
                return Learned::Ignored;
            }
            Fact::Unemployment { month, rate } => {
                self.unemployment.insert(month, rate);
            }
        }
        self.outlooks.clear();
        Learned::Used
    }

    /// Returns the belief in one market; `None` if its series or meeting is not covered or no regime known.
    pub fn evaluate(&mut self, view: &MarketView<'_>) -> Option<Estimate> {
        let series = &*view.market.series_ticker;
        let pays_on_level = self.settings.level_series.iter().any(|name| name == series);
        let pays_on_change = self.settings.decision_series.iter().any(|name| name == series);
        if !pays_on_level && !pays_on_change {
            return None;
        }
        let regime = self.current_regime()?;
        let ahead = self.meetings_ahead(view.now, view.close_time)?;
        let level = self.level?;
        self.look_ahead(regime, ahead);
        let outlook = self.outlooks.get(ahead.checked_sub(1)?)?;
        let probability = if pays_on_level {
            probability_of_level(&outlook.total, level, view.market.strike)
        } else {
            probability_of_change(&outlook.change, view.market.strike)
        }?;
        let (_, known) = self.count_changes(|meeting| meeting.regime == Some(regime));
        Some(Estimate {
            probability: Probability::from_f64(probability.clamp(0.0, 1.0))?,
            confidence: Fraction::from_f64(known / (known + self.settings.prior_strength))?,
            reason: Arc::clone(&outlook.reason),
        })
    }

    fn current_regime(&self) -> Option<Regime> {
        let (&month, &rate) = self.unemployment.last_key_value()?;
        let before = self.unemployment.get(&month.months_earlier(6))?;
        Some(Regime {
            last: self.last?,
            high_inflation: self.inflation? > Decimal6::from_millionths(3_000_000),
            rising_unemployment: rate.millionths() - before.millionths() >= 300_000,
        })
    }

    /// Scheduled meetings from now up to and with the one the market is about; `None` if that one is on
    /// no published calendar.
    fn meetings_ahead(&self, now: Timestamp, close: Timestamp) -> Option<usize> {
        let target = self.calendar.range(close..=close + ANNOUNCED_WITHIN).next()?;
        let ahead = self.calendar.range(..=target).filter(|&&at| at > now).count();
        (1..=MAX_MEETINGS).contains(&ahead).then_some(ahead)
    }

    /// Counts of changes over the meetings that `which` picks, and how many those are.
    fn count_changes(&self, which: impl Fn(&Meeting) -> bool) -> (Changes, f64) {
        let mut counts = [0.0; CHANGES];
        let mut all = 0.0;
        for meeting in self.meetings.iter().filter(|meeting| which(meeting)) {
            counts[index_of(meeting.step)] += 1.0;
            all += 1.0;
        }
        (counts, all)
    }

    /// The change at one meeting in a regime.
    fn change_distribution(&self, regime: Regime) -> Changes {
        let (counts, seen) = self.count_changes(|meeting| meeting.regime == Some(regime));
        let (all_counts, all) = self.count_changes(|_| true);
        let strength = self.settings.prior_strength;
        let mut changes = [0.0; CHANGES];
        for (k, change) in changes.iter_mut().enumerate() {
            let unconditional = (all_counts[k] + 0.5) / (all + 0.5 * 9.0);
            *change = (counts[k] + strength * unconditional) / (seen + strength);
        }
        changes
    }

    /// Extends the outlooks to `ahead` meetings.
    fn look_ahead(&mut self, regime: Regime, ahead: usize) {
        if self.outlooks.len() >= ahead {
            return;
        }
        let by_direction = Direction::ALL.map(|last| self.change_distribution(Regime { last, ..regime }));
        let words = self.reason_text(regime);
        let width = 2 * ahead * CHANGES;
        let offset = ahead * CHANGES;
        // state[d][s]: last decision was d and the changes so far add up to s − offset steps
        let mut state = [(); 3].map(|()| vec![0.0; width + 1]);
        state[direction_index(regime.last)][offset] = 1.0;
        self.outlooks.clear();
        for meeting in 1..=ahead {
            let mut next = [(); 3].map(|()| vec![0.0; width + 1]);
            let mut change = [0.0; CHANGES];
            for (from, changes) in state.iter().zip(&by_direction) {
                for (s, &weight) in from.iter().enumerate().filter(|&(_, &weight)| weight > 0.0) {
                    for (k, &p) in changes.iter().enumerate() {
                        let to = direction_index(Direction::from_change(step_of(k)));
                        next[to][s + k - CHANGES / 2] += weight * p;
                        change[k] += weight * p;
                    }
                }
            }
            let total = (0..=width).map(|s| next[0][s] + next[1][s] + next[2][s]).collect();
            let reason = Arc::from(match meeting {
                1 => words.clone(),
                _ => format!("{words}; {meeting} meetings from now"),
            });
            self.outlooks.push(FomcOutlook { change, total, reason });
            state = next;
        }
    }

    /// Why, in words: the commonest decision in this regime.
    fn reason_text(&self, regime: Regime) -> String {
        let circumstances = format!(
            "after a {} with CPI {} 3 % and unemployment {}",
            regime.last.as_noun(),
            if regime.high_inflation { "above" } else { "not above" },
            if regime.rising_unemployment { "rising" } else { "not rising" },
        );
        let same = |meeting: &&Meeting| meeting.regime == Some(regime);
        let seen = self.meetings.iter().filter(same).count();
        let of = |direction: Direction| {
            let decided = |meeting: &&Meeting| Direction::from_change(i64::from(meeting.step)) == direction;
            self.meetings.iter().filter(same).filter(decided).count()
        };
        match Direction::ALL.into_iter().rev().max_by_key(|&direction| of(direction)) {
            Some(common) if seen > 0 => {
                format!("{} of {seen} meetings {circumstances} {}", of(common), common.as_past_tense())
            }
            _ => format!("no meeting {circumstances} since {}", self.settings.since),
        }
    }
}

/// A change in millionths of a percent as the nearest number of steps.
const fn nearest_step(change: i64) -> i64 {
    (2 * change + STEP * change.signum()) / (2 * STEP)
}

fn index_of(step: i32) -> usize {
    usize::try_from(step + MAX_STEP).expect("steps are clamped to the range of changes")
}

fn step_of(index: usize) -> i64 {
    i64::try_from(index).expect("an index of nine changes") - i64::from(MAX_STEP)
}

const fn direction_index(direction: Direction) -> usize {
    direction as usize
}

/// That the level after the changes satisfies the strike.
fn probability_of_level(total: &[f64], level: Decimal6, strike: Strike) -> Option<f64> {
    let offset = i64::try_from(total.len() / 2).ok()?;
    (0i64..).zip(total).try_fold(0.0, |sum, (index, &p)| {
        let after = Decimal6::from_millionths(level.millionths() + (index - offset) * STEP);
        Some(if strike.pays_yes(after)? { sum + p } else { sum })
    })
}

/// That the change at the meeting, in basis points, satisfies the strike.
fn probability_of_change(change: &Changes, strike: Strike) -> Option<f64> {
    (0usize..).zip(change).try_fold(0.0, |sum, (index, &p)| {
        let points = Decimal6::from_millionths(step_of(index) * STEP_BP);
        Some(if strike.pays_yes(points)? { sum + p } else { sum })
    })
}

#[cfg(test)]
#[path = "fomc_tests.rs"]
mod tests;
