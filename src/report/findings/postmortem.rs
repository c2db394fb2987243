//! The story of a strategy that was halted, or should have been, in three lessons: was the distribution
//! wrong, was somebody faster, and how long did it take to stop?

use serde::Serialize;

use crate::domain::{Money, StrategyId, Timestamp};
use crate::journal::reader::LedgerTradeRow;
use crate::report::stats::IntervalEstimate;
use crate::report::stats::binned::wilson_interval;

use crate::report::format::{format_percent, format_signed_cents, format_signed_dollars};

use super::gather::Gathered;
use super::mark_outs::{MarkOutFinding, SETTLEMENT, mark_outs};
use super::risk_effect::{Halted, Stop, replay_all_kill_rules};
use crate::report::forecasts::probability_to_f64;
use crate::report::summary::money_to_dollars;

/// Bounds of what was said of the side that was bought.
const SAID: [(&str, f64); 5] = [
    ("under 25 %", 0.25),
    ("25 to 50 %", 0.50),
    ("50 to 75 %", 0.75),
    ("75 to 90 %", 0.90),
    ("90 % and more", f64::INFINITY),
];

/// What was said of the sides bought, and how often they won.
#[derive(Clone, Debug, Serialize)]
pub struct Claim {
    /// Band that the belief in the side bought fell in, such as `75 to 90 %`.
    pub said: &'static str,
    /// Number of positions in the band whose market has settled.
    pub positions: u64,
    /// Mean belief in the side bought.
    pub belief: f64,
    /// Mean price of it on the market.
    pub market: f64,
    /// Share that won, with Wilson's 95 % interval as if positions were independent.
    pub won: IntervalEstimate,
}

/// What one strategy made of its closed positions, with the figures behind each of the three lessons.
#[derive(Clone, Debug, Serialize)]
pub struct Postmortem {
    /// Name of the strategy that the lessons are about.
    pub strategy: String,
    /// Number of positions it closed; at least one.
    pub trades: u64,
    /// Closed positions that lost or broke even after fees.
    pub losses: u64,
    /// What they made after fees, in dollars.
    pub pnl: f64,
    /// First halt of this strategy or of all trading; `None` if it was never halted.
    pub halted: Option<Halted>,
    /// Lesson 1: what it said of its bets, and what happened.
    pub distribution: Vec<Claim>,
    /// Lesson 2: where the price went after it bought.
    pub competition: Vec<MarkOutFinding>,
    /// Lesson 3: how soon each rule stops it.
    pub delay: Vec<Stop>,
    /// Heading and text of the lessons: distribution, competition, delay in stopping.
    pub story: Vec<(&'static str, String)>,
}

/// The stories of all strategies that traded.
pub fn all_postmortems(run: &Gathered, halts: &[Halted], seed: u64) -> Vec<Postmortem> {
    let ids =
        (0..run.strategies.len()).map(|id| StrategyId(u8::try_from(id).expect("at most 255 strategies")));
    ids.filter_map(|strategy| strategy_postmortem(run, strategy, halts, seed)).collect()
}

fn strategy_postmortem(
    run: &Gathered,
    strategy: StrategyId,
    halts: &[Halted],
    seed: u64,
) -> Option<Postmortem> {
    let trades: Vec<&LedgerTradeRow> = run.trades.iter().filter(|trade| trade.strategy == strategy).collect();
    if trades.is_empty() {
        return None;
    }
    let name = &run.strategies[strategy.index()];
    let competition = mark_outs(run, |fill| run.strategy_of(fill) == Some(strategy), seed);
    let mut story = Postmortem {
        strategy: name.clone(),
        trades: trades.len() as u64,
        losses: trades.iter().filter(|trade| trade.pnl <= Money::ZERO).count() as u64,
        pnl: trades.iter().map(|trade| money_to_dollars(trade.pnl)).sum(),
        halted: halts.iter().find(|halt| halt.strategy.as_ref().is_none_or(|halted| halted == name)).cloned(),
        distribution: belief_claims(run, &trades),
        competition,
        delay: replay_all_kill_rules(run, strategy),
        story: Vec::new(),
    };
    story.story = vec![
        ("Distribution", distribution_lesson(&story)),
        ("Competition", competition_lesson(&story)),
        ("Delay in stopping", delay_lesson(&story)),
    ];
    Some(story)
}

fn belief_claims(run: &Gathered, trades: &[&LedgerTradeRow]) -> Vec<Claim> {
    let mut from = 0.0;
    let claims = SAID.into_iter().filter_map(|(said, to)| {
        let low = std::mem::replace(&mut from, to);
        let bets: Vec<(f64, f64, f64)> = trades
            .iter()
            .filter(|trade| (low..to).contains(&probability_to_f64(trade.belief)))
            .filter_map(|trade| {
                Some((
                    probability_to_f64(trade.belief),
                    probability_to_f64(trade.market_price),
                    run.side_payout(trade)?,
                ))
            })
            .collect();
        let count = bets.len() as f64;
        let mean = |of: fn(&(f64, f64, f64)) -> f64| bets.iter().map(of).sum::<f64>() / count;
        (!bets.is_empty()).then(|| {
            let won = mean(|bet| bet.2);
            let (low, high) = wilson_interval(won, count);
            Claim {
                said,
                positions: bets.len() as u64,
                belief: mean(|bet| bet.0),
                market: mean(|bet| bet.1),
                won: IntervalEstimate { value: won, low: Some(low), high: Some(high) },
            }
        })
    });
    claims.collect()
}

/// Writes lesson 1: whether the sides bought won as often as the strategy believed.
fn distribution_lesson(story: &Postmortem) -> String {
    let all: u64 = story.distribution.iter().map(|claim| claim.positions).sum();
    if all == 0 {
        return "None of the markets bought has settled: nothing can be said about the probabilities.".into();
    }
    let mean = |of: fn(&Claim) -> f64| {
        story.distribution.iter().map(|claim| of(claim) * claim.positions as f64).sum::<f64>() / all as f64
    };
    let (belief, market, won) = (mean(|c| c.belief), mean(|c| c.market), mean(|c| c.won.value));
    let (low, high) = wilson_interval(won, all as f64);
    let verdict = if high < belief {
        "It was too sure of its bets, beyond luck."
    } else if low > belief {
        "It was not sure enough of its bets, beyond luck."
    } else {
        "The difference may be luck."
    };
    let nearer = match ((won - belief).abs(), (won - market).abs()) {
        (model, price) if price < model => "The market's price was nearer to what happened.",
        (model, price) if model < price => "That is nearer to what happened than the market's price.",
        _ => "The market's price was as near.",
    };
    format!(
        "Of {all} sides bought it said that {} would win, the market said {}; {} did ({} to {} with luck alone). \
         {verdict} {nearer}",
        format_percent(belief),
        format_percent(market),
        format_percent(won),
        format_percent(low),
        format_percent(high)
    )
}

/// Writes lesson 2: whether the mid moved for or against the strategy after its fills.
fn competition_lesson(story: &Postmortem) -> String {
    let later = || story.competition.iter().skip(1).filter(|after| after.after != SETTLEMENT);
    let mut words: Vec<String> = later()
        .filter_map(|after| {
            let drift = after.drift.as_ref()?;
            Some(format!(
                "{} after {} ({} fills)",
                format_signed_cents(drift.value),
                after.after,
                after.fills
            ))
        })
        .collect();
    let Some(latest) = words.pop() else {
        return "No price between the fills and settlement is known: whether somebody was faster cannot be \
                told from this run."
            .into();
    };
    let told = if words.is_empty() { latest } else { format!("{} and {latest}", words.join(", ")) };
    let fills = story.competition.first().map_or(0, |at_fill| at_fill.fills);
    let first = later().filter(|after| after.fills * 2 >= fills).find_map(|after| after.drift.as_ref());
    let verdict = match first.and_then(IntervalEstimate::interval) {
        Some((_, high)) if high < 0.0 => {
            "The price went against it, beyond luck: it traded on what others had already acted upon."
        }
        Some((low, _)) if low > 0.0 => "The price came its way, beyond luck: it was ahead of the others.",
        _ => "That cannot be told apart from chance.",
    };
    let at_fill = story.competition.first().and_then(|at_fill| at_fill.gain.as_ref());
    let spread = at_fill.map_or(String::new(), |gain| {
        format!("It paid {:.1} ¢ a contract beyond the market's mid. ", -gain.value * 100.0)
    });
    format!("{spread}Since the fill the mid moved its way by {told}. {verdict}")
}

/// Writes lesson 3: when the strategy was halted, or when the soonest rule would have halted it.
fn delay_lesson(story: &Postmortem) -> String {
    let outcome = format!(
        "It closed {} positions, {} of them without profit, for {}.",
        story.trades,
        story.losses,
        format_signed_dollars(story.pnl)
    );
    let soonest = story.delay.iter().filter(|stop| stop.at.is_some()).min_by_key(|stop| stop.at);
    let (actual, rule) = match (&story.halted, soonest) {
        (Some(halt), _) => {
            let actual = format!(
                "It was halted on {} by the {} rule: {}.",
                Timestamp::from_nanos(halt.at).utc_date(),
                halt.rule.replace('_', " "),
                halt.detail
            );
            (actual, None)
        }
        (None, Some(stop)) => ("It was never halted.".to_owned(), Some(stop)),
        (None, None) => {
            ("It was never halted, and the usual rules would not have halted it.".to_owned(), None)
        }
    };
    let rule = rule.map_or(String::new(), |stop| {
        format!(
            " The rule \"{}\" would have stopped it on {}, after {} losses; the {} positions opened later made {}.",
            stop.rule,
            stop.at.map(|at| Timestamp::from_nanos(at).utc_date()).unwrap_or_default(),
            stop.losses,
            stop.later_trades,
            format_signed_dollars(stop.later_pnl)
        )
    });
    format!("{outcome} {actual}{rule}")
}
