//! What did the risk layer prevent? Refusals by gate and what they would have brought, sizes asked for and
//! got, and how soon each kill rule stops.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::desk::risk::Refusal;
use crate::desk::risk::kill_switch::{KillRules, KillSwitch};
use crate::domain::{Action, Decimal6, EventId, Fraction, Money, StrategyId, Timestamp};
use crate::journal::encode::FIRST_REFUSAL;
use crate::journal::reader::LedgerTradeRow;
use crate::report::stats::IntervalEstimate;
use crate::report::stats::bootstrap::ratio_estimate;

use super::gather::Gathered;
use super::market_id;
use crate::report::summary::{money_to_dollars, settlement_to_dollars};

fn gate_effects(run: &Gathered, seed: u64) -> Vec<GateEffect> {
    run.refusals.counts.iter().map(|(&code, &refusals)| gate_effect(run, seed, code, refusals)).collect()
}

fn gate_effect(run: &Gathered, seed: u64, code: u8, refusals: u64) -> GateEffect {
    let mut missed = Vec::new();
    let mut markets = BTreeSet::new();
    for (&(_, _, market), bet) in run.refusals.first.iter().filter(|((gate, ..), _)| *gate == code) {
        markets.insert(market);
        if let Some((_, value)) = run.markets[market.index()].settled {
            let paid = settlement_to_dollars(value);
            let side = if bet.yes { paid } else { 1.0 - paid };
            missed.push((run.event_of[market.index()], side - bet.cost, 1.0));
        }
    }
    let name = run.verdicts.get(&code).cloned().unwrap_or_else(|| format!("verdict {code}"));
    let gate = Refusal::ALL.get(usize::from(code - FIRST_REFUSAL));
    GateEffect {
        meaning: gate.map_or("", |gate| refusal_meaning(*gate)),
        name,
        refusals,
        markets: markets.len() as u64,
        settled: missed.len() as u64,
        would_have_made: ratio_estimate(&missed, seed),
    }
}

/// What a gate asks, in words.
const fn refusal_meaning(gate: Refusal) -> &'static str {
    match gate {
        Refusal::TradingHalted => "all trading was halted",
        Refusal::StrategyHalted => "the strategy's kill switch had fired",
        Refusal::MarketNotTrading => "the market was paused or over",
        Refusal::Unmanaged => "the account holds contracts there that are not the desk's",
        Refusal::StaleQuote => "the quote was older than max_quote_age",
        Refusal::OutsideScan => "too close to the end, or too little volume",
        Refusal::OrderOpen => "an order was open in the market",
        Refusal::HeldByAnother => "another strategy holds it",
        Refusal::HeldOtherSide => "the other side is held",
        Refusal::DailyLossLimit => "the day had lost its limit",
        Refusal::Drawdown => "drawdown scaling left no stake",
        Refusal::CannotSize => "the stake could not be worked out",
        Refusal::KellyBelowOne => "Kelly's stake buys less than a contract",
        Refusal::AtTarget => "as much is held as Kelly asks for",
        Refusal::MarketCap => "max_market_exposure was used up",
        Refusal::EventCap => "max_event_exposure was used up",
        Refusal::SeriesCap => "max_series_exposure was used up",
        Refusal::TotalCap => "max_exposure was used up",
        Refusal::FreeCash => "there was no cash left",
        Refusal::SetAside => "the market could not be understood",
    }
}

/// A gate and what it held back.
#[derive(Clone, Debug, Serialize)]
pub struct GateEffect {
    /// Name of the refusal in the ledger's verdicts, such as `stale_quote`.
    pub name: String,
    /// The reason in words, to follow "because"; empty for a code that this version does not know.
    pub meaning: &'static str,
    /// Number of evaluations that this gate refused.
    pub refusals: u64,
    /// Number of markets with a refused bet whose mid and net edge were known.
    pub markets: u64,
    /// First refusals, one per strategy and market, whose market has settled.
    pub settled: u64,
    /// What one contract at the first refusal in each market would have made by settlement, after fees, in
    /// dollars; with its 95 % interval by event.
    pub would_have_made: Option<IntervalEstimate>,
}

/// Orders to open, as asked for and as filled.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Sizes {
    /// Number of buy orders sent, also those still open; sales do not count.
    pub orders: u64,
    /// Orders that filled every contract they asked for.
    pub whole: u64,
    /// Of those, not filled at all.
    pub nothing: u64,
    /// Sum of the contracts that these orders asked for; contracts can be fractional.
    pub asked: f64,
    /// Sum of the contracts that these orders have filled so far.
    pub filled: f64,
}

/// A recorded stop of new positions, of one strategy or of all trading.
#[derive(Clone, Debug, Serialize)]
pub struct Halted {
    /// Moment of the halt, in nanoseconds since 1970.
    pub at: i64,
    /// Name of the strategy that was halted; `None` for all trading.
    pub strategy: Option<String>,
    /// Name of the rule: `win_rate`, `evidence`, `owner`, `discrepancy` or `exchange`.
    pub rule: String,
    /// Why, in words: the win rate or evidence that was reached, or the reason given for the halt.
    pub detail: String,
    /// When it was lifted, and why.
    pub resumed: Option<(i64, String)>,
}

/// What would have been had a rule been in force.
#[derive(Clone, Debug, Serialize)]
pub struct Stop {
    /// Rule and its limits in words, such as `evidence: 20 to 1 for the market's prices`.
    pub rule: &'static str,
    /// When it would have halted, in nanoseconds since 1970; `None` = never.
    pub at: Option<i64>,
    /// Win rate or evidence at which the rule fires, in words; empty if it never does.
    pub detail: String,
    /// Number of positions closed by then; all of them if the rule never fires.
    pub trades: u64,
    /// Positions closed by then that lost or broke even after fees.
    pub losses: u64,
    /// Profit after fees, in dollars, of all positions opened by then, also of those closed later.
    pub pnl: f64,
    /// Positions opened later, which it would have prevented.
    pub later_trades: u64,
    /// What those made, after fees, in dollars.
    pub later_pnl: f64,
}

/// What the risk layer did: refusals by gate, order sizes asked for and filled, and halts.
#[derive(Clone, Debug, Serialize)]
pub struct Prevented {
    /// Gates that said no, in gate order.
    pub gates: Vec<GateEffect>,
    /// Contracts asked for and filled by all buy orders of the run.
    pub sizes: Sizes,
    /// All recorded halts in the order they happened, lifted or not.
    pub halts: Vec<Halted>,
}

impl Prevented {
    /// Collects refusals, order sizes and halts of a run; intervals are drawn from `seed`.
    pub(super) fn from_run(run: &Gathered, seed: u64) -> Self {
        let name = |strategy: StrategyId| run.strategies[strategy.index()].clone();
        let halts = run.halts.iter().map(|halt| Halted {
            at: halt.at.nanos(),
            strategy: halt.strategy.map(name),
            rule: halt.rule.clone(),
            detail: halt.detail.clone(),
            resumed: halt.resumed.as_ref().map(|(at, reason)| (at.nanos(), reason.clone())),
        });
        Self { gates: gate_effects(run, seed), sizes: sum_order_sizes(run), halts: halts.collect() }
    }
}

fn sum_order_sizes(run: &Gathered) -> Sizes {
    run.orders.iter().filter(|order| order.action == Action::Buy).fold(Sizes::default(), |mut sum, order| {
        sum.orders += 1;
        sum.whole += u64::from(order.filled == order.contracts);
        sum.nothing += u64::from(order.filled.is_zero());
        sum.asked += order.contracts.hundredths() as f64 / 100.0;
        sum.filled += order.filled.hundredths() as f64 / 100.0;
        sum
    })
}

/// No strategy has so many trades or so much evidence against it.
const NEVER: u32 = u32::MAX;
const FIRM: Decimal6 = Decimal6::from_millionths(i64::MAX);

const fn kill_rules(min_trades: u32, evidence: Decimal6) -> KillRules {
    let min_win_rate = Fraction::from_ppm(250_000).expect("a quarter is a share");
    KillRules { window: 20, min_trades, min_win_rate, evidence }
}

/// The default rules, one by one and together.
const RULES: [(&str, KillRules); 4] = [
    ("win rate: under 25 % of the last 20, from 10 trades on", kill_rules(10, FIRM)),
    ("evidence: 20 to 1 for the market's prices", kill_rules(NEVER, Decimal6::from_millionths(20_000_000))),
    ("both, whichever is first", kill_rules(10, Decimal6::from_millionths(20_000_000))),
    ("no rule", kill_rules(NEVER, FIRM)),
];

/// What a kill switch hears, in the order in which it does.
enum Heard<'a> {
    Opened(&'a LedgerTradeRow),
    Settled(usize),
    Closed(&'a LedgerTradeRow),
}

/// How soon each rule stops a strategy's trades.
pub fn replay_all_kill_rules(run: &Gathered, strategy: StrategyId) -> Vec<Stop> {
    RULES.iter().filter_map(|(words, rules)| replay_kill_rule(run, strategy, words, *rules)).collect()
}

/// Lets the kill switch hear the run's positions again, under other rules.
fn replay_kill_rule(
    run: &Gathered,
    strategy: StrategyId,
    words: &'static str,
    rules: KillRules,
) -> Option<Stop> {
    let trades: Vec<_> = run.trades.iter().filter(|trade| trade.strategy == strategy).collect();
    if trades.is_empty() {
        return None;
    }
    let mut heard: Vec<(Timestamp, u8, Heard<'_>)> = Vec::new();
    let mut markets = BTreeSet::new();
    for trade in &trades {
        heard.push((trade.opened_at, 2, Heard::Opened(trade)));
        heard.push((trade.closed_at, 1, Heard::Closed(trade)));
        if let Some((at, _)) = run.markets[trade.market].settled
            && markets.insert(trade.market)
        {
            heard.push((at, 0, Heard::Settled(trade.market)));
        }
    }
    heard.sort_by_key(|(at, order, _)| (*at, *order));
    let mut switch = KillSwitch::new(rules);
    let fired = heard.iter().find_map(|(at, _, heard)| {
        let verdict = match heard {
            Heard::Opened(trade) => {
                let event = EventId(run.event_of[trade.market]);
                let market = market_id(trade.market);
                switch.record_entry(event, market, trade.side, trade.belief, trade.market_price);
                None
            }
            Heard::Settled(market) => {
                let (_, value) = run.markets[*market].settled?;
                switch.record_settlement(market_id(*market), value)
            }
            Heard::Closed(trade) => switch.record_closed_position(trade.pnl > Money::ZERO),
        };
        Some((*at, verdict?.detail))
    });
    let until = fired.as_ref().map_or(Timestamp::MAX, |(at, _)| *at);
    let (by_then, later): (Vec<&LedgerTradeRow>, Vec<&LedgerTradeRow>) =
        trades.iter().partition(|trade| trade.opened_at <= until);
    let closed: Vec<_> = by_then.iter().filter(|trade| trade.closed_at <= until).collect();
    Some(Stop {
        rule: words,
        at: fired.as_ref().map(|(at, _)| at.nanos()),
        detail: fired.map(|(_, detail)| detail).unwrap_or_default(),
        trades: closed.len() as u64,
        losses: closed.iter().filter(|trade| trade.pnl <= Money::ZERO).count() as u64,
        pnl: by_then.iter().map(|trade| money_to_dollars(trade.pnl)).sum(),
        later_trades: later.len() as u64,
        later_pnl: later.iter().map(|trade| money_to_dollars(trade.pnl)).sum(),
    })
}
