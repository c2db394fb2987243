//! When a strategy must stop, by rule.
//!
//! Win-rate rule: with at least `min_trades` closed positions, wins among the last `window` are a
//! smaller share than `min_win_rate`.
//!
//! Evidence rule: E = Π m(y)/p(y) over the markets entered that have settled (the first entry of each
//! event), with p the belief in the side held at entry, m that side's market price at entry and y what
//! happened. If the beliefs are calibrated, E is a test martingale of mean 1 and ever passes 20 with
//! probability at most 5 % (Ville's inequality), however long one looks.
//!
//! E is kept as a 64-bit mantissa and an exponent, so the rule is exact to 1e-18 and free of floats.
//! Scalar settlements say nothing about a yes/no belief and leave E as it is.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::{Decimal6, EventId, Fraction, MarketId, Probability, SettlementValue, Side};

/// Thresholds of the win-rate and evidence rules: the scenario's `[kill_switch]` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KillRules {
    /// How many of the last closed positions the win rate looks at; not zero.
    pub window: u32,
    /// Fewest closed positions before the win rate counts.
    pub min_trades: u32,
    /// Win rate below which the strategy is halted.
    pub min_win_rate: Fraction,
    /// Evidence against the strategy at which it is halted.
    pub evidence: Decimal6,
}

/// Which of the two kill switch rules halted a strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KillRule {
    /// Too few of the last closed positions made a profit after fees.
    WinRate,
    /// The market's prices predicted better, beyond luck.
    Evidence,
}

/// A rule that fired, with its figures in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaltDecision {
    /// Which of the two kill switch rules fired.
    pub rule: KillRule,
    /// What was counted and the limit it broke, in words for the journal.
    pub detail: String,
}

/// A positive ratio as `mantissa × 2^exponent`, rounded down to 64 bits at every step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    exponent: i32,
    mantissa: u64,
}

impl Evidence {
    const ONE: Self = Self { exponent: -63, mantissa: 1 << 63 };
    const INFINITE: Self = Self { exponent: i32::MAX, mantissa: u64::MAX };

    /// `numerator / denominator`; infinite if the denominator is zero.
    fn from_ratio(numerator: u64, denominator: u64) -> Self {
        Self::ONE.multiply_by_ratio(numerator, denominator)
    }

    fn multiply_by_ratio(self, numerator: u64, denominator: u64) -> Self {
        if self == Self::INFINITE || denominator == 0 {
            return Self::INFINITE;
        }
        let exact = u128::from(self.mantissa) * u128::from(numerator);
        if exact == 0 {
            return Self { exponent: i32::MIN, mantissa: 0 };
        }
        // keep 64 significant bits after the division
        let shift = exact.leading_zeros();
        let quotient = (exact << shift) / u128::from(denominator);
        let exponent = self.exponent.saturating_sub_unsigned(shift);
        let excess = 64_u32.saturating_sub(quotient.leading_zeros());
        let mantissa = u64::try_from(quotient >> excess).unwrap_or(u64::MAX);
        Self { exponent: exponent.saturating_add_unsigned(excess), mantissa }
    }

    fn is_at_least(self, threshold: Self) -> bool {
        (self.exponent, self.mantissa) >= (threshold.exponent, threshold.mantissa)
    }

    /// Mantissa and exponent of two, for reports.
    #[must_use]
    pub const fn mantissa_and_exponent(self) -> (u64, i32) {
        (self.mantissa, self.exponent)
    }
}

impl fmt::Display for Evidence {
    /// With one decimal up to a million, then as a power of two.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::INFINITE {
            return f.write_str("infinite");
        }
        if self.exponent > -44 {
            return write!(f, "2^{}", self.exponent.saturating_add(63));
        }
        let shift = self.exponent.unsigned_abs();
        let tenths = (u128::from(self.mantissa) * 10).checked_shr(shift).unwrap_or(0);
        write!(f, "{}.{}", tenths / 10, tenths % 10)
    }
}

/// A belief that waits for its market to settle.
#[derive(Clone, Copy, Debug)]
struct Wager {
    market: MarketId,
    side: Side,
    belief: Probability,
    market_price: Probability,
}

/// The kill switch of one strategy.
#[derive(Debug)]
pub struct KillSwitch {
    rules: KillRules,
    recent: VecDeque<bool>,
    closed: u32,
    against: Evidence,
    in_favour: Evidence,
    entered: Vec<bool>,
    wagers: Vec<Wager>,
    halted: bool,
}

impl KillSwitch {
    /// A switch that has seen nothing.
    #[must_use]
    pub fn new(rules: KillRules) -> Self {
        Self {
            rules,
            recent: VecDeque::new(),
            closed: 0,
            against: Evidence::ONE,
            in_favour: Evidence::ONE,
            entered: Vec::new(),
            wagers: Vec::new(),
            halted: false,
        }
    }

    /// From here on other rules hold; what was seen so far stays, and so does a halt.
    pub fn reconfigure(&mut self, rules: KillRules) {
        self.rules = rules;
        while self.recent.len() > rules.window as usize {
            self.recent.pop_front();
        }
    }

    /// Whether a rule has fired and nobody has lifted it.
    #[must_use]
    pub const fn is_halted(&self) -> bool {
        self.halted
    }

    /// Evidence against the strategy: market over model.
    #[must_use]
    pub const fn evidence_against(&self) -> Evidence {
        self.against
    }

    /// Evidence for it: model over market.
    #[must_use]
    pub const fn evidence_for(&self) -> Evidence {
        self.in_favour
    }

    /// A position was opened. Only the first of each event counts as evidence, since markets of one
    /// event are not independent.
    pub fn record_entry(
        &mut self,
        event: EventId,
        market: MarketId,
        side: Side,
        belief: Probability,
        market_price: Probability,
    ) {
        let index = event.index();
        if self.entered.len() <= index {
            self.entered.resize(index + 1, false);
        }
        if !std::mem::replace(&mut self.entered[index], true) {
            self.wagers.push(Wager { market, side, belief, market_price });
        }
    }

    /// A position was closed, with or without profit.
    pub fn record_closed_position(&mut self, win: bool) -> Option<HaltDecision> {
        self.closed += 1;
        self.recent.push_back(win);
        if self.recent.len() > self.rules.window as usize {
            self.recent.pop_front();
        }
        if self.halted || self.closed < self.rules.min_trades {
            return None;
        }
        let wins = self.recent.iter().filter(|&&win| win).count();
        let (wins, seen) = (u64::try_from(wins).ok()?, u64::try_from(self.recent.len()).ok()?);
        if wins * 1_000_000 >= u64::from(self.rules.min_win_rate.ppm()) * seen {
            return None;
        }
        self.halted = true;
        let detail =
            format!("{wins} of the last {seen} closed positions won, below {}", self.rules.min_win_rate);
        Some(HaltDecision { rule: KillRule::WinRate, detail })
    }

    /// Multiplies the evidence by what a settlement says of the belief at entry, and returns the halt that
    /// this sets off. A scalar value, or a market without a counted entry, leaves the evidence as it is.
    pub fn record_settlement(&mut self, market: MarketId, value: SettlementValue) -> Option<HaltDecision> {
        let index = self.wagers.iter().position(|wager| wager.market == market)?;
        let wager = self.wagers.swap_remove(index);
        let yes = match value {
            SettlementValue::ONE => true,
            SettlementValue::ZERO => false,
            _ => return None,
        };
        let won = yes == (wager.side == Side::Yes);
        let given = |p: Probability| u64::from(if won { p.ppm() } else { p.complement().ppm() });
        let (market_said, model_said) = (given(wager.market_price), given(wager.belief));
        self.against = self.against.multiply_by_ratio(market_said, model_said);
        self.in_favour = self.in_favour.multiply_by_ratio(model_said, market_said);
        let threshold = u64::try_from(self.rules.evidence.millionths()).unwrap_or(0);
        if self.halted || !self.against.is_at_least(Evidence::from_ratio(threshold, 1_000_000)) {
            return None;
        }
        self.halted = true;
        let detail = format!(
            "the market's prices predicted {} times better than the beliefs, limit {}",
            self.against, self.rules.evidence
        );
        Some(HaltDecision { rule: KillRule::Evidence, detail })
    }

    /// The owner lifts the halt; the record that led to it starts anew.
    pub fn lift_halt(&mut self) {
        let entered = std::mem::take(&mut self.entered);
        let wagers = std::mem::take(&mut self.wagers);
        *self = Self { entered, wagers, ..Self::new(self.rules) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> KillRules {
        KillRules {
            window: 4,
            min_trades: 3,
            min_win_rate: Fraction::from_ppm(250_000).unwrap(),
            evidence: Decimal6::parse("20").unwrap(),
        }
    }

    fn ppm(ppm: u32) -> Probability {
        Probability::from_ppm(ppm).unwrap()
    }

    #[test]
    fn win_rate_halts_below_the_share_not_at_it() {
        let mut switch = KillSwitch::new(rules());
        assert_eq!(switch.record_closed_position(false), None);
        assert_eq!(switch.record_closed_position(false), None); // two closed: fewer than min_trades
        assert_eq!(switch.record_closed_position(true), None); // 1 of 3
        assert_eq!(switch.record_closed_position(false), None); // 1 of 4 = 25 %: not smaller
        assert_eq!(switch.record_closed_position(false), None); // window drops a loss: still 1 of 4
        assert_eq!(switch.record_closed_position(false), None); // f t f f → 1 of 4
        let verdict = switch.record_closed_position(false).unwrap(); // the win left the window: 0 of 4
        assert_eq!(verdict.rule, KillRule::WinRate);
        assert!(switch.is_halted());
        switch.lift_halt();
        assert!(!switch.is_halted());
    }

    #[test]
    fn evidence_multiplies_and_halts_at_the_threshold() {
        // Each time the model said 0.8, the market 0.5, and it lost: E × 0.5 / 0.2 = 2.5. 2.5³ = 15.6, 2.5⁴ = 39.1.
        let mut switch = KillSwitch::new(rules());
        for n in 0..4u32 {
            switch.record_entry(EventId(n), MarketId(n), Side::Yes, ppm(800_000), ppm(500_000));
        }
        for n in 0..3 {
            assert_eq!(switch.record_settlement(MarketId(n), SettlementValue::ZERO), None);
        }
        assert_eq!(switch.evidence_against().to_string(), "15.6");
        let verdict = switch.record_settlement(MarketId(3), SettlementValue::ZERO).unwrap();
        assert_eq!(verdict.rule, KillRule::Evidence);
        assert_eq!(switch.evidence_against().to_string(), "39.0"); // 39.0625
    }

    #[test]
    fn only_the_first_entry_of_an_event_counts_and_scalars_do_not() {
        let mut switch = KillSwitch::new(rules());
        switch.record_entry(EventId(0), MarketId(0), Side::No, ppm(600_000), ppm(400_000));
        switch.record_entry(EventId(0), MarketId(1), Side::No, ppm(999_999), ppm(1));
        switch.record_entry(EventId(1), MarketId(2), Side::No, ppm(600_000), ppm(400_000));
        switch.record_settlement(MarketId(1), SettlementValue::ONE);
        switch.record_settlement(MarketId(2), SettlementValue::from_micros(999_999).unwrap());
        assert_eq!(switch.evidence_against(), Evidence::ONE);
        switch.record_settlement(MarketId(0), SettlementValue::ZERO); // NO won: E = 0.4 / 0.6
        assert_eq!(switch.evidence_for().to_string(), "1.5");
    }

    #[test]
    fn a_certain_belief_that_fails_is_infinite_evidence() {
        let mut switch = KillSwitch::new(rules());
        switch.record_entry(EventId(0), MarketId(0), Side::Yes, ppm(1_000_000), ppm(900_000));
        assert_eq!(
            switch.record_settlement(MarketId(0), SettlementValue::ZERO).unwrap().rule,
            KillRule::Evidence
        );
        assert_eq!(switch.evidence_against().to_string(), "infinite");
    }

    /// The software float against rationals: (3/7)^n stays exact to better than one part in 1e15.
    #[test]
    fn evidence_stays_exact_over_many_steps() {
        let mut up = Evidence::ONE;
        for _ in 0..1_000 {
            up = up.multiply_by_ratio(700_001, 300_007);
        }
        for _ in 0..1_000 {
            up = up.multiply_by_ratio(300_007, 700_001);
        }
        let (mantissa, exponent) = up.mantissa_and_exponent();
        // rounding down 2 000 times loses at most 2 000 / 2^63 of one: just below 1 = 2^63 × 2^-63
        assert!(exponent == -64 && mantissa > u64::MAX - 10_000, "{mantissa} × 2^{exponent}");
    }
}
