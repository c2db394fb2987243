//! What a recorded run says: the answers to an owner's questions, with all figures behind them.
//!
//! Findings are made from a ledger alone, of a backtest as of a live run. Page, text and files show them.

mod answers;
mod calibration;
mod gather;
mod luck;
mod mark_outs;
mod money;
mod postmortem;
mod price_watch;
mod refusals;
mod risk_effect;
mod sources;
mod trades;
mod trials;

use serde::Serialize;

use crate::domain::{MarketId, Timestamp};
use crate::journal::reader::{LedgerMarketRow, LedgerReader};
use crate::journal::sqlite::LedgerError;

use super::forecasts::Resolved;
use super::summary::money_to_dollars;

pub use answers::{ReportAnswer, Tone, Warning};
pub use calibration::{BOUGHT, CalibrationFindings};
pub use luck::LuckEvidence;
pub use mark_outs::MarkOutFinding;
pub use money::{EquitySample, ProfitWaterfall, Results};
pub use postmortem::{Claim, Postmortem};
pub use risk_effect::{GateEffect, Halted, Prevented, Sizes, Stop};
pub use sources::{BANDS, ProfitGroup, ProfitSource};
pub use trades::Closed;
pub use trials::{SearchTrials, assess_search_trials};

use gather::Gathered;

/// Identity and extent of the run: mode, scenario, period, bankroll, data files and evaluation counts.
#[derive(Clone, Debug, Serialize)]
pub struct RunFacts {
    /// Id of the run in hexadecimal; for a backtest a hash of its inputs, so equal runs share it.
    pub run_id: String,
    /// Kind of run as the ledger records it: `backtest`, `paper` or `live`.
    pub mode: String,
    /// Name of the scenario that was run.
    pub scenario: String,
    /// Version of protogen that made it.
    pub version: String,
    /// The scenario's seed; intervals are drawn from it, too.
    pub seed: u64,
    /// First moment, in nanoseconds since 1970.
    pub start: Option<i64>,
    /// Recorded end in nanoseconds since 1970, else the last evaluation; `None` if there is neither.
    pub end: Option<i64>,
    /// Whether the ledger was closed with an end time; `false` while a live run goes on.
    pub finished: bool,
    /// What it began with, in dollars.
    pub bankroll: f64,
    /// BLAKE3 hash of all journal records, in hexadecimal; `None` while the run goes on.
    pub digest: Option<String>,
    /// Data files with their content hashes.
    pub data_files: Vec<(String, String)>,
    /// Number of evaluations: each is one strategy's belief in one market at one moment.
    pub evaluations: u64,
    /// Of those, of quotes that were assumed around a midpoint.
    pub assumed: u64,
    /// Of those, without a market price beside them.
    pub unpriced: u64,
    /// Of those, that led to an order or were refused by a gate.
    pub opportunities: u64,
}

/// All figures of one run; the page, the text and the data files of a report are made from them.
#[derive(Clone, Debug, Serialize)]
pub struct ReportFindings {
    /// Identity, period and evaluation counts of the run.
    pub run: RunFacts,
    /// What a reader must know before the rest.
    pub warnings: Vec<Warning>,
    /// The report's seven questions in their fixed order, each with its verdict.
    pub answers: Vec<ReportAnswer>,
    /// Did I make money? Profit, fees, drawdown and the equity curve.
    pub results: Results,
    /// Are my probabilities calibrated, and better than the market's?
    pub calibration: Vec<CalibrationFindings>,
    /// Is there a real edge? Evidence for and against the beliefs, one entry per strategy in order of id.
    pub evidence: Vec<LuckEvidence>,
    /// Where does it come from? Closed positions grouped by strategy, category, price paid and so on.
    pub sources: Vec<ProfitSource>,
    /// Who was on the other side?
    pub mark_outs: Vec<MarkOutFinding>,
    /// What did the risk layer prevent?
    pub prevented: Prevented,
    /// What went wrong? One entry for each strategy that closed a position.
    pub postmortems: Vec<Postmortem>,
    /// What did not fit the books: when, in nanoseconds since 1970, and what.
    pub discrepancies: Vec<(i64, String)>,
    /// Closed positions in the order they closed. Not in the JSON, but in `trades.csv`.
    #[serde(skip)]
    pub trades: Vec<Closed>,
    /// Forecasts in markets that settled YES or NO, oldest first. Not in the JSON, but in `forecasts.csv`.
    #[serde(skip)]
    pub forecasts: Vec<Resolved>,
    /// Names of the strategies by id.
    #[serde(skip)]
    pub strategies: Vec<String>,
    /// All markets of the run; a [`MarketId`] is an index in this list.
    #[serde(skip)]
    pub markets: Vec<LedgerMarketRow>,
}

impl ReportFindings {
    /// Reads a ledger and computes all findings from it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn from_ledger(ledger: &LedgerReader) -> Result<Self, LedgerError> {
        let run = Gathered::from_ledger(ledger)?;
        let seed = run.run.seed;
        // Who works on what, and when, does not change what comes out.
        let (calibration, evidence, sources, mark_outs, (prevented, postmortems)) =
            std::thread::scope(|scope| {
                let done = "statistics do not panic";
                let calibration = scope.spawn(|| calibration::calibration_findings(&run, seed));
                let evidence = scope.spawn(|| luck::evidence_by_strategy(&run, seed));
                let sources = scope.spawn(|| sources::profit_sources(&run, seed));
                let mark_outs = scope.spawn(|| mark_outs::mark_outs(&run, |_| true, seed));
                let prevented = Prevented::from_run(&run, seed);
                let postmortems = postmortem::all_postmortems(&run, &prevented.halts, seed);
                (
                    calibration.join().expect(done),
                    evidence.join().expect(done),
                    sources.join().expect(done),
                    mark_outs.join().expect(done),
                    (prevented, postmortems),
                )
            });
        let mut findings = Self {
            run: run_facts(&run),
            warnings: Vec::new(),
            answers: Vec::new(),
            results: Results::from_run(&run),
            calibration,
            evidence,
            sources,
            mark_outs,
            postmortems,
            prevented,
            discrepancies: run.discrepancies.iter().map(|(at, what)| (at.nanos(), what.clone())).collect(),
            trades: trades::closed_positions(&run),
            forecasts: run.forecasts,
            strategies: run.strategies,
            markets: run.markets,
        };
        findings.warnings = answers::collect_warnings(&findings);
        findings.answers = answers::answer_questions(&findings);
        Ok(findings)
    }
}

fn run_facts(run: &Gathered) -> RunFacts {
    let of = &run.run;
    RunFacts {
        run_id: of.run_id.clone(),
        mode: of.mode.clone(),
        scenario: of.scenario.clone(),
        version: of.version.clone(),
        seed: of.seed,
        start: run.start_time().map(Timestamp::nanos),
        end: run.end_time().map(Timestamp::nanos),
        finished: of.finished_at.is_some(),
        bankroll: money_to_dollars(of.bankroll),
        digest: of.digest.clone(),
        data_files: run.data_files.clone(),
        evaluations: run.evaluations.total,
        assumed: run.evaluations.assumed,
        unpriced: run.evaluations.unpriced,
        opportunities: run.evaluations.opportunities,
    }
}

/// Markets are stored by their index.
fn market_id(index: usize) -> MarketId {
    MarketId(u32::try_from(index).expect("market ids are 32 bits wide"))
}

#[cfg(test)]
mod tests;
