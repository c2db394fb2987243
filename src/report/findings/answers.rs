//! The questions an owner asks, each with an answer in a sentence that claims no more than the figures allow.

use serde::Serialize;

use crate::report::forecasts::POOLED;
use crate::report::stats::assess::Assessment;
use crate::report::stats::conclusion;
use crate::report::stats::conclusion::Judgement;

use crate::report::format::{
    format_count, format_dollars, format_percent, format_signed_cents, format_signed_dollars,
};

use super::{ProfitGroup, ReportFindings};

/// Whether an answer or a warning is good news, bad news or undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// The figures speak for the strategies, as with a profit, an edge beyond luck or sound forecasts.
    Good,
    /// The figures speak against them, or something went wrong, as with a halt that nobody has lifted.
    Bad,
    /// The figures do not decide, as with too few events, or what they say is neither good nor bad.
    Unknown,
}

/// One of the report's seven fixed questions, answered from the findings of a run.
#[derive(Clone, Debug, Serialize)]
pub struct ReportAnswer {
    /// Where the evidence is on the page.
    pub section: &'static str,
    /// Wording of the question, such as `Is there a real edge?`; the same in every report.
    pub question: &'static str,
    /// Whether the answer is good news, bad news or undecided.
    pub tone: Tone,
    /// The verdict in one to three words, such as `Yes`, `No` or `Cannot tell`.
    pub word: &'static str,
    /// The answer spelled out in a sentence or more, with the figures that it rests on.
    pub sentence: String,
}

/// What a reader must know first.
#[derive(Clone, Debug, Serialize)]
pub struct Warning {
    /// `Bad` for a halt not lifted or a discrepancy with the exchange, `Unknown` for assumed quotes.
    pub tone: Tone,
    /// Heading in a line, such as which strategy was halted by which rule.
    pub title: String,
    /// Text below the heading: the halt's figures, the latest discrepancy, or what assumed quotes mean.
    pub text: String,
}

/// Returns a warning for assumed quotes, for discrepancies and for each halt not lifted; empty if none.
pub fn collect_warnings(findings: &ReportFindings) -> Vec<Warning> {
    let mut all = Vec::new();
    let mut warn = |tone, title: String, text: String| all.push(Warning { tone, title, text });
    let run = &findings.run;
    if run.assumed > 0 {
        let share = 100.0 * run.assumed as f64 / run.evaluations.max(1) as f64;
        let text =
            "Only a midpoint is known there. What such a backtest earns depends on the spread assumed.";
        warn(
            Tone::Unknown,
            format!("Bid and ask are assumed in {share:.0} % of the evaluations"),
            text.into(),
        );
    }
    if !findings.discrepancies.is_empty() {
        let (count, last) =
            (findings.discrepancies.len(), &findings.discrepancies[findings.discrepancies.len() - 1].1);
        warn(
            Tone::Bad,
            format!("{count} times the exchange's account did not fit the books"),
            format!("Last: {last}"),
        );
    }
    for halt in findings.prevented.halts.iter().filter(|halt| halt.resumed.is_none()) {
        let whose = halt.strategy.as_deref().unwrap_or("All trading");
        let title = format!("{whose} was halted by its {} rule", halt.rule.replace('_', " "));
        warn(Tone::Bad, title, halt.detail.clone());
    }
    all
}

/// All answers, in the order the owner asks.
pub fn answer_questions(findings: &ReportFindings) -> Vec<ReportAnswer> {
    vec![
        answer_profit(findings),
        answer_calibration(findings),
        answer_against_market(findings),
        answer_edge(findings),
        answer_source(findings),
        answer_other_side(findings),
        answer_risk_effect(findings),
    ]
}

fn answer_profit(findings: &ReportFindings) -> ReportAnswer {
    let results = &findings.results;
    let (tone, word) = match results.pnl {
        pnl if pnl > 0.005 => (Tone::Good, "Yes"),
        pnl if pnl < -0.005 => (Tone::Bad, "No"),
        _ => (Tone::Unknown, "Neither"),
    };
    let sentence = match results.trades {
        0 => "Nothing was closed.".to_owned(),
        trades => format!(
            "{} after {} of fees, {} of {}; {} of {} closed positions won.",
            format_signed_dollars(results.pnl),
            format_dollars(results.fees),
            format_percent(results.r#return),
            format_dollars(results.bankroll),
            format_count(results.wins),
            format_count(trades)
        ),
    };
    ReportAnswer { section: "money", question: "Did I make money, after fees?", tone, word, sentence }
}

/// The assessment with most forecasts, of all horizons together.
fn largest_assessment(findings: &ReportFindings) -> Option<(&str, &Assessment)> {
    let pooled = findings.calibration.iter().filter(|of| of.which == POOLED);
    let assessed = pooled.filter_map(|of| Some((&*of.strategy, of.assessment.as_ref()?)));
    assessed.max_by_key(|(_, assessment)| assessment.forecasts)
}

const UNRESOLVED: &str = "No forecast beside a market price has been resolved.";

fn answer_calibration(findings: &ReportFindings) -> ReportAnswer {
    let (section, question) = ("calibration", "Are my probabilities calibrated?");
    let Some((strategy, of)) = largest_assessment(findings) else {
        let sentence = UNRESOLVED.into();
        return ReportAnswer { section, question, tone: Tone::Unknown, word: "Cannot tell", sentence };
    };
    let said = conclusion::judge_calibration(of.forecasts, of.events, &of.model);
    let (tone, word) = match said.judgement {
        Judgement::TooFew => (Tone::Unknown, "Too early"),
        Judgement::Bad => (Tone::Bad, "No"),
        Judgement::Open | Judgement::Good => (Tone::Good, "No fault seen"),
    };
    let whose = if findings.strategies.len() > 1 { format!("{strategy}: ") } else { String::new() };
    ReportAnswer { section, question, tone, word, sentence: whose + &said.words }
}

fn answer_against_market(findings: &ReportFindings) -> ReportAnswer {
    let (section, question) = ("market", "Am I better than the market's own price?");
    let Some((_, of)) = largest_assessment(findings) else {
        let sentence = UNRESOLVED.into();
        return ReportAnswer { section, question, tone: Tone::Unknown, word: "Cannot tell", sentence };
    };
    let said = conclusion::judge_against_market(of);
    let (tone, word) = match said.judgement {
        Judgement::TooFew => (Tone::Unknown, "Too early"),
        Judgement::Open => (Tone::Unknown, "Cannot tell"),
        Judgement::Bad => (Tone::Bad, "No"),
        Judgement::Good => (Tone::Good, "Yes"),
    };
    ReportAnswer { section, question, tone, word, sentence: said.words }
}

fn answer_edge(findings: &ReportFindings) -> ReportAnswer {
    let (section, question) = ("luck", "Is there a real edge?");
    let Some(evidence) = findings.evidence.iter().max_by_key(|evidence| evidence.markets) else {
        return ReportAnswer {
            section,
            question,
            tone: Tone::Unknown,
            word: "Cannot tell",
            sentence: "Nothing traded.".into(),
        };
    };
    let markets = evidence.markets;
    let needed = match evidence.events_needed {
        Some(needed) => format!(
            " With the profit seen so far, {needed:.0} events would be needed to know; there are {}.",
            evidence.events
        ),
        None if evidence.events > 0 => {
            " At the result seen so far no number of events would show a profit.".into()
        }
        None => String::new(),
    };
    let (against, in_favour) = (evidence.evidence_against, evidence.evidence_for);
    let (tone, word) = edge_verdict(in_favour, against, findings.results.pnl);
    let words = if markets == 0 {
        "No market that was entered has settled.".to_owned()
    } else if against >= LINE {
        format!(
            "The market is right: over {markets} events its prices predicted {} times better than the beliefs.",
            format_ratio(against)
        )
    } else if in_favour >= LINE {
        let better = format!(
            "over {markets} events the beliefs predicted {} times better than the market's mid",
            format_ratio(in_favour)
        );
        match tone {
            Tone::Good => format!("This is more than luck: {better}."),
            _ => format!(
                "The beliefs are more than luck, {better}; but what was paid beyond the mid, and fees, were more."
            ),
        }
    } else {
        format!(
            "{markets} settled events speak {} to 1 for the beliefs: between 1 to 20 and 20 to 1 nothing is shown.",
            format_ratio(in_favour)
        )
    };
    ReportAnswer { section, question, tone, word, sentence: words + &needed }
}

/// Answers "Is there a real edge?" from the likelihood ratios for and against the beliefs (each 1 where no market has
/// settled) and the profit after fees.
pub(super) fn edge_verdict(in_favour: f64, against: f64, profit: f64) -> (Tone, &'static str) {
    if against >= LINE {
        (Tone::Bad, "No")
    } else if in_favour < LINE {
        (Tone::Unknown, "Cannot tell")
    } else if profit > 0.0 {
        (Tone::Good, "Yes")
    } else {
        (Tone::Bad, "Not after costs")
    }
}

/// Likelihood ratio from which evidence counts for or against the beliefs: 20 to 1.
const LINE: f64 = crate::report::stats::evidence::LINE;

fn answer_source(findings: &ReportFindings) -> ReportAnswer {
    let (section, question) = ("sources", "Where does it come from?");
    let groups = || findings.sources.iter().filter(|source| source.groups.len() > 1);
    let all = groups().flat_map(|source| source.groups.iter().map(move |group| (source.by, group)));
    let best = all.clone().max_by(|a, b| a.1.pnl.total_cmp(&b.1.pnl));
    let worst = all.min_by(|a, b| a.1.pnl.total_cmp(&b.1.pnl));
    let told = |(by, group): (&str, &ProfitGroup)| {
        format!(
            "by {by}: {} with {} in {} positions",
            group.name,
            format_signed_dollars(group.pnl),
            format_count(group.trades)
        )
    };
    let sentence = match (best, worst) {
        (Some(best), Some(worst)) => format!("Best {}. Worst {}.", told(best), told(worst)),
        _ => "Too little was traded to take it apart.".into(),
    };
    ReportAnswer { section, question, tone: Tone::Unknown, word: "See", sentence }
}

fn answer_other_side(findings: &ReportFindings) -> ReportAnswer {
    let (section, question) = ("other-side", "Who was on the other side?");
    let fills = findings.mark_outs.first().map_or(0, |at_fill| at_fill.fills);
    let mut later = findings.mark_outs.iter().skip(1).filter(|after| after.fills * 2 >= fills);
    let Some((after, drift)) = later.find_map(|after| Some((after, after.drift?))) else {
        let sentence = "Nothing was bought whose market had a price then and afterwards.".into();
        return ReportAnswer { section, question, tone: Tone::Unknown, word: "Cannot tell", sentence };
    };
    let when = if after.after == super::mark_outs::SETTLEMENT {
        "From fill to settlement".to_owned()
    } else {
        format!("Within {} of a fill", after.after)
    };
    let figure = format!("{when} the market's mid moved {} our way", format_signed_cents(drift.value));
    let (tone, word, verdict) = match drift.interval() {
        Some((_, high)) if high < 0.0 => (Tone::Bad, "The better informed", "which is not luck"),
        Some((low, _)) if low > 0.0 => (Tone::Good, "The slower", "which is not luck"),
        _ => (Tone::Unknown, "Cannot tell", "which may be chance"),
    };
    ReportAnswer {
        section,
        question,
        tone,
        word,
        sentence: format!("{figure} ({} fills), {verdict}.", format_count(after.fills)),
    }
}

fn answer_risk_effect(findings: &ReportFindings) -> ReportAnswer {
    let (section, question) = ("risk", "What did the risk layer prevent?");
    let prevented = &findings.prevented;
    let refusals: u64 = prevented.gates.iter().map(|gate| gate.refusals).sum();
    let gate = prevented.gates.iter().max_by_key(|gate| gate.refusals);
    let halts = match prevented.halts.len() {
        0 => "no halt".to_owned(),
        1 => "one halt".to_owned(),
        many => format!("{many} halts"),
    };
    let sentence = match gate {
        None => format!("No gate refused anything; {halts}."),
        Some(gate) => {
            let made = gate.would_have_made.map_or(String::new(), |made| {
                format!("; a contract each would have made {} on average", format_signed_cents(made.value))
            });
            format!(
                "{} refusals, {} of them because {}{made}; {halts}.",
                format_count(refusals),
                format_count(gate.refusals),
                gate.meaning
            )
        }
    };
    ReportAnswer { section, question, tone: Tone::Unknown, word: "See", sentence }
}

/// A ratio as one says it.
fn format_ratio(value: f64) -> String {
    match value {
        value if value >= 1e6 => "more than a million".into(),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 0.1 => format!("{value:.1}"),
        value if value >= 1e-3 => format!("{value:.3}"),
        _ => "less than 0.001".into(),
    }
}
