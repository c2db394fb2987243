//! `summary.json`: one object that says how a run went. Money in dollars.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::desk::Desk;
use crate::desk::risk::kill_switch::Evidence;
use crate::domain::{Fraction, Money, SettlementValue, Timestamp};

use super::calibration::Calibration;
use super::tally::RunTally;

/// What is not in the desk or the tally.
#[derive(Clone, Debug)]
pub struct SummaryFacts {
    /// Id of the run: a hash of version, scenario, data and flags, as 16 hexadecimal digits.
    pub run_id: String,
    /// Name of the scenario that was run.
    pub scenario: String,
    /// Kind of run: `backtest`, `paper` or `live`.
    pub mode: &'static str,
    /// Moments of the first input that a strategy was asked about and of the last input; `None` without one.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Cash that the run started with, from the scenario, in micro-dollars.
    pub bankroll: Money,
    /// Seed of the random draws behind the 95 % intervals.
    pub seed: u64,
    /// BLAKE3 hash of all journal records, in hexadecimal.
    pub digest: String,
    /// Wall-clock seconds that the run took, including the time to open its data.
    pub elapsed_s: f64,
    /// Number of bad data rows skipped, by kind of fault; empty unless skipping is allowed.
    pub rows_skipped: BTreeMap<&'static str, u64>,
}

/// State of one strategy's kill switch at the end of the run.
#[derive(Clone, Debug, Serialize)]
pub struct StrategySummary {
    /// Name of the strategy, from the scenario.
    pub name: String,
    /// Whether its kill switch has fired.
    pub halted: bool,
    /// Likelihood ratio of its beliefs over the market's prices.
    pub evidence_for: f64,
    /// Inverse ratio, market prices over beliefs, which the kill switch compares with its limit.
    pub evidence_against: f64,
}

/// Contents of `summary.json`: result, counts, calibration and evidence of one run.
#[derive(Clone, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the names are those of the file and say what they are; units in the module head"
)]
pub struct Summary {
    pub run_id: String,
    pub scenario: String,
    pub mode: &'static str,
    pub start: Option<String>,
    pub end: Option<String>,
    pub bankroll: f64,
    pub final_equity: f64,
    pub pnl: f64,
    pub r#return: f64,
    pub fees: f64,
    pub trades: u64,
    pub wins: u64,
    pub losses: u64,
    pub win_rate: Option<f64>,
    pub open_positions: u64,
    pub exits: BTreeMap<&'static str, u64>,
    pub max_drawdown: f64,
    pub max_exposure: f64,
    pub inputs: u64,
    pub evaluations: u64,
    pub abstentions: u64,
    pub opportunities: u64,
    pub orders: u64,
    pub orders_not_filled_whole: u64,
    pub fills: u64,
    pub refusals: BTreeMap<&'static str, u64>,
    pub halts: u64,
    pub strategies: Vec<StrategySummary>,
    pub assumed_quotes: u64,
    pub forecasts: u64,
    pub brier: Option<f64>,
    pub brier_market: Option<f64>,
    pub log_loss: Option<f64>,
    pub log_loss_market: Option<f64>,
    pub ece: Option<f64>,
    pub calibration: Vec<Calibration>,
    pub evidence_for: f64,
    pub evidence_against: f64,
    pub rows_skipped: BTreeMap<&'static str, u64>,
    pub digest: String,
    pub elapsed_s: f64,
    pub inputs_per_s: f64,
}

impl Summary {
    /// Puts a finished run into figures.
    #[must_use]
    pub fn new(facts: SummaryFacts, desk: &Desk, tally: &RunTally) -> Self {
        let counts = desk.counts();
        let equity = desk.equity_point();
        let pnl = equity.equity - facts.bankroll;
        let calibration = tally.calibration_by_horizon(facts.seed);
        let all = calibration.last().expect("there is always the pooled row");
        let strategies: Vec<_> = desk
            .strategy_names()
            .zip(desk.risk().kill_switches())
            .map(|(name, switch)| StrategySummary {
                name: name.to_owned(),
                halted: switch.is_halted(),
                evidence_for: evidence_to_f64(switch.evidence_for()),
                evidence_against: evidence_to_f64(switch.evidence_against()),
            })
            .collect();
        let worst = strategies.iter().max_by(|a, b| a.evidence_against.total_cmp(&b.evidence_against));
        Self {
            run_id: facts.run_id,
            scenario: facts.scenario,
            mode: facts.mode,
            start: facts.span.map(|span| span.0.to_string()),
            end: facts.span.map(|span| span.1.to_string()),
            bankroll: money_to_dollars(facts.bankroll),
            final_equity: money_to_dollars(equity.equity),
            pnl: money_to_dollars(pnl),
            r#return: money_to_dollars(pnl) / money_to_dollars(facts.bankroll),
            fees: money_to_dollars(tally.fees),
            trades: tally.trades,
            wins: tally.wins,
            losses: tally.trades - tally.wins,
            win_rate: (tally.trades > 0).then(|| tally.wins as f64 / tally.trades as f64),
            open_positions: desk.positions().iter().count() as u64,
            exits: tally.exits.clone(),
            max_drawdown: fraction_to_f64(desk.risk().equity.deepest_drawdown()),
            max_exposure: money_to_dollars(desk.risk().exposure.highest_total()),
            inputs: counts.inputs,
            evaluations: counts.evaluations,
            abstentions: counts.abstentions,
            opportunities: counts.opportunities,
            orders: tally.orders,
            orders_not_filled_whole: tally.short_orders,
            fills: tally.fills,
            refusals: tally.refusal_counts().collect(),
            halts: tally.halts,
            assumed_quotes: tally.assumed,
            forecasts: all.forecasts,
            brier: all.brier,
            brier_market: all.brier_market,
            log_loss: all.log_loss,
            log_loss_market: all.log_loss_market,
            ece: all.ece,
            evidence_for: worst.map_or(1.0, |worst| worst.evidence_for),
            evidence_against: worst.map_or(1.0, |worst| worst.evidence_against),
            strategies,
            calibration,
            rows_skipped: facts.rows_skipped,
            digest: facts.digest,
            elapsed_s: facts.elapsed_s,
            inputs_per_s: counts.inputs as f64 / facts.elapsed_s.max(1e-9),
        }
    }
}

/// Dollars as a float, for people.
#[must_use]
pub fn money_to_dollars(money: Money) -> f64 {
    money.micros() as f64 / 1e6
}

/// What a contract paid, in dollars as a float.
#[must_use]
pub fn settlement_to_dollars(value: SettlementValue) -> f64 {
    f64::from(value.in_micros()) / 1e6
}

/// A fraction as a float, for people.
#[must_use]
pub fn fraction_to_f64(fraction: Fraction) -> f64 {
    f64::from(fraction.ppm()) / 1e6
}

/// Evidence as a float, for people; at most 1e300, which JSON can hold.
pub(crate) fn evidence_to_f64(evidence: Evidence) -> f64 {
    let (mantissa, exponent) = evidence.mantissa_and_exponent();
    (mantissa as f64 * 2f64.powi(exponent.clamp(-2_000, 2_000))).min(1e300)
}
