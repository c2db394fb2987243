//! Halts: by which rule new positions stopped, and the halt of all trading that is in force.
//!
//! A halt of all trading holds until it is lifted by a person. Who halts when it is halted already adds the latest
//! reason; that the desk once halted itself is not forgotten because the owner halts it too.

use serde::Serialize;

use super::kill_switch::KillRule;

/// What stopped new positions, for one strategy or for all trading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HaltRule {
    /// A rule of one strategy's kill switch fired; only that strategy is halted.
    Kill(KillRule),
    /// The owner asked for a halt of all trading, by command or by a `STOP` file.
    Owner,
    /// The exchange's account differs from ours.
    Discrepancy,
    /// The exchange answered in a way the session does not understand, or refused the key.
    Exchange,
}

impl HaltRule {
    /// The name used in the ledger and in summaries.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Kill(KillRule::WinRate) => "win_rate",
            Self::Kill(KillRule::Evidence) => "evidence",
            Self::Owner => "owner",
            Self::Discrepancy => "discrepancy",
            Self::Exchange => "exchange",
        }
    }
}

/// A halt of all trading that nobody has lifted.
#[derive(Debug)]
pub struct TradingHalt {
    /// The rule by which the desk halted itself, if it did; else the owner's.
    rule: HaltRule,
    /// The reason given with the latest halt, in words.
    reason: String,
}

impl TradingHalt {
    /// The halt in force when trading is halted by `rule` after `before`.
    #[must_use]
    pub fn from_previous(before: Option<Self>, rule: HaltRule, reason: String) -> Self {
        let before = before.map(|halt| halt.rule).filter(|_| rule == HaltRule::Owner);
        Self { rule: before.unwrap_or(rule), reason }
    }

    /// Returns the reason given with the latest halt, in words.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether it was not the owner alone who halted.
    #[must_use]
    pub fn came_by_itself(&self) -> bool {
        self.rule != HaltRule::Owner
    }
}
