//! How a live desk is doing, as it says so itself every few seconds: kept in the ledger as the note
//! `health`, shown by `status` and by the live screen. Money in dollars, prices and shares as fractions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::desk::decision::{
    Evaluation, FillBooked, OrderDone, OrderEnd, OrderPlaced, Output, Record, Trade, Verdict,
};
use crate::desk::execution::OpenOrder;
use crate::desk::market_state::MarketState;
use crate::desk::positions::Position;
use crate::desk::risk::drawdown;
use crate::desk::{Counts, Desk};
use crate::domain::{
    Action, Contracts, MarketId, MarketStatus, Money, OrderId, Price, Side, StrategyId, Timestamp,
};
use crate::event::{Input, RejectReason, VenueEvent};
use crate::kalshi::link::LinkReport;
use crate::report::summary::{fraction_to_f64, money_to_dollars};

use super::moment::Moment;
use super::notify::{Notification, NotificationKind};

/// The name of the note in the ledger.
pub const NOTE: &str = "health";
/// Decisions, and refusals, that are remembered.
const REMEMBERED: usize = 20;
/// So many orders refused in a row, and none taken, is more than bad luck: the owner is told.
const REFUSED_IN_A_ROW: u64 = 3;

/// What the desk does not know of its own session.
#[derive(Clone, Debug)]
pub struct SessionFacts<'a> {
    /// Now, by the clock on the wall.
    pub at: Timestamp,
    /// When this process began.
    pub started_at: Timestamp,
    /// `live` where orders go to the exchange, `paper` where fills are simulated.
    pub mode: &'a str,
    /// `demo`, `prod` or `sandbox`.
    pub environment: &'a str,
    /// Name of the scenario.
    pub scenario: &'a str,
    /// Id of the run, which is that of its ledger.
    pub run_id: &'a str,
    /// Whether the stream of the market is up.
    pub feed_up: bool,
    /// Since when it is, or is not.
    pub feed_since: Timestamp,
    /// What is wrong between us and the exchange.
    pub link: &'a LinkReport,
    /// When anything last came.
    pub last_message_at: Option<Timestamp>,
}

/// How a desk is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the JSON; units in the module head")]
pub struct Health {
    /// By the clock on the wall.
    pub at: Moment,
    pub started_at: Moment,
    /// The desk's own time: that of its latest input.
    pub desk_at: Option<Moment>,
    pub pid: u32,
    pub version: String,
    pub mode: String,
    pub environment: String,
    pub scenario: String,
    pub run_id: String,
    pub equity: f64,
    pub cash: f64,
    pub exposure: f64,
    pub peak: f64,
    pub drawdown: f64,
    pub scale: f64,
    pub daily_loss_reached: bool,
    pub positions: Vec<PositionLine>,
    pub orders: Vec<OrderLine>,
    pub feed: FeedHealth,
    pub counts: BTreeMap<String, u64>,
    pub halts: HaltSummary,
    /// Orders refused since one was last taken; `None` if the latest was taken.
    #[serde(default)]
    pub refused_orders: Option<RefusedOrders>,
    /// Markets that the session cannot understand, so that nothing is opened there; by ticker.
    #[serde(default)]
    pub set_aside: Vec<SetAsideLine>,
    /// The last decisions, latest first, at most 20.
    pub decisions: Vec<DecisionLine>,
    /// The last refusals of the risk layer, latest first, at most 20.
    pub refusals: Vec<DecisionLine>,
}

/// A position that the desk holds now, valued at the latest two-sided quote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the JSON; units in the module head")]
pub struct PositionLine {
    pub ticker: String,
    pub strategy: String,
    pub side: Side,
    pub contracts: f64,
    pub entry_price: f64,
    /// Midpoint of the latest two-sided quote, for the side held; `None` = it is valued at cost.
    pub mark: Option<f64>,
    pub unrealized: f64,
    /// In the side held, when it was entered.
    pub belief: f64,
    pub opened_at: Moment,
    /// When it is sold for having been held too long.
    pub time_stop_at: Moment,
    pub close_time: Moment,
}

/// An order that may still trade: resting at the exchange, or on its way there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the JSON; units in the module head")]
pub struct OrderLine {
    pub order_id: u64,
    pub ticker: String,
    pub strategy: String,
    pub side: Side,
    pub action: Action,
    pub price: f64,
    pub contracts: f64,
    pub filled: f64,
}

/// The stream of the market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedHealth {
    /// Whether it is up.
    pub up: bool,
    /// Since when it is, or is not.
    pub since: Moment,
    /// Why nothing is traded at the exchange, if it is so.
    pub paused: Option<String>,
    /// The last request, if it failed in a way that may pass.
    pub failed_request: Option<String>,
    /// When anything last came.
    pub last_message_at: Option<Moment>,
    /// Markets that are open for trading at the exchange, among those the desk watches.
    pub markets: u64,
    /// Those of them whose quote is missing or too old to trade on.
    pub stale_books: u64,
}

/// Which halts are in force, of all trading and of single strategies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaltSummary {
    /// Why all trading is, if it is.
    pub trading: Option<String>,
    /// Strategies whose kill switch has fired.
    pub strategies: Vec<String>,
}

/// Orders that the exchange has refused, and none that it has taken since the first of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedOrders {
    /// Refusals in a row, exits included; an order that is taken ends the row.
    pub in_a_row: u64,
    /// How many of them were to close a position.
    pub exits: u64,
    /// When the first was refused, by the desk's time.
    pub since: Moment,
    /// Why the latest was, as the desk names it.
    pub reason: String,
    /// The exchange's own words at its latest refusal; `None` if there are none, as on paper.
    pub words: Option<String>,
}

impl RefusedOrders {
    /// Whether there are so many that the owner has to know.
    #[must_use]
    pub const fn is_alarming(&self) -> bool {
        self.in_a_row >= REFUSED_IN_A_ROW
    }
}

impl fmt::Display for RefusedOrders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { in_a_row, exits, since, reason, words } = self;
        write!(f, "the exchange has refused the last {in_a_row} orders")?;
        if *exits > 0 {
            write!(f, ", {exits} of them to close a position")?;
        }
        write!(f, ", since {since}: {}", words.as_deref().unwrap_or(reason))
    }
}

/// A market that the session cannot understand at present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAsideLine {
    /// Ticker of the market, which may never have been listed.
    pub ticker: String,
    /// Since when nothing is opened there, by the desk's time.
    pub since: Moment,
    /// What cannot be understood, in words for people.
    pub reason: String,
}

/// Something that was decided, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionLine {
    /// When, by the desk's time.
    pub at: Moment,
    /// What was decided, and why, as one line for people.
    pub text: String,
}

/// The last decisions and refusals. A desk refuses far more often than it does anything, so each has its
/// own room.
#[derive(Debug, Default)]
pub struct Recent {
    decisions: VecDeque<Record>,
    refusals: VecDeque<Evaluation>,
    /// Not yet told to the owner.
    untold: Vec<Record>,
    /// Open orders that close a position.
    exits: BTreeSet<OrderId>,
    refused: Option<RefusedOrders>,
}

impl Recent {
    /// Remembers what one may want to read of an input and of what followed from it.
    pub fn observe_step(&mut self, input: &Input, out: &Output) {
        if let Input::Venue(VenueEvent::Accepted { .. } | VenueEvent::Filled(_)) = input {
            self.refused = None;
        }
        for record in &out.records {
            self.count_refused(record);
            match record {
                Record::Evaluation(evaluation) => {
                    if matches!(evaluation.verdict, Verdict::Refused(_)) {
                        push_bounded(&mut self.refusals, evaluation.clone());
                    }
                }
                Record::Equity(_) => {}
                decision => {
                    push_bounded(&mut self.decisions, decision.clone());
                    if notification_kind(decision).is_some() {
                        self.untold.push(decision.clone());
                    }
                }
            }
        }
    }

    fn count_refused(&mut self, record: &Record) {
        match record {
            Record::Order(placed) if placed.order.action == Action::Sell => {
                self.exits.insert(placed.order.id);
            }
            Record::OrderDone(done) => {
                let exit = self.exits.remove(&done.order);
                match done.end {
                    // It was taken back before it was sent, or nothing is sent for now.
                    OrderEnd::Rejected(RejectReason::NeverSent) => {}
                    OrderEnd::Rejected(why) => {
                        let refused = self.refused.get_or_insert_with(|| RefusedOrders {
                            in_a_row: 0,
                            exits: 0,
                            since: Moment(done.at),
                            reason: String::new(),
                            words: None,
                        });
                        refused.in_a_row += 1;
                        refused.exits += u64::from(exit);
                        spelled_out(&why).trim().clone_into(&mut refused.reason);
                    }
                    OrderEnd::Filled | OrderEnd::Closed(_) => self.refused = None,
                }
            }
            _ => {}
        }
    }

    /// Orders refused since one was last taken, with the exchange's words for the latest; `None` if the latest
    /// order was taken.
    #[must_use]
    pub fn refused_orders(&self, words: Option<&str>) -> Option<RefusedOrders> {
        let refused = self.refused.clone()?;
        Some(RefusedOrders { words: words.map(ToOwned::to_owned), ..refused })
    }

    /// What the owner should be told of since the last call. Called often, or it grows.
    pub fn take_events(&mut self, desk: &Desk) -> Vec<Notification> {
        let names = DisplayNames { desk, strategies: desk.strategy_names().collect() };
        let event = |record: Record| {
            let DecisionLine { at, text } = names.decision_line(&record)?;
            Some(Notification::new(notification_kind(&record)?, at.0, text))
        };
        std::mem::take(&mut self.untold).into_iter().filter_map(event).collect()
    }
}

/// What an owner is told of.
const fn notification_kind(record: &Record) -> Option<NotificationKind> {
    match record {
        Record::Fill(_) => Some(NotificationKind::Fill),
        Record::Trade(_) => Some(NotificationKind::Exit),
        Record::Halt(_) => Some(NotificationKind::Halt),
        Record::Resume(_) => Some(NotificationKind::Resume),
        Record::Discrepancy(_) => Some(NotificationKind::Discrepancy),
        Record::SetAside(_) => Some(NotificationKind::SetAside),
        Record::SetAsideCleared(_) => Some(NotificationKind::SetAsideCleared),
        _ => None,
    }
}

fn push_bounded<T>(ring: &mut VecDeque<T>, item: T) {
    if ring.len() == REMEMBERED {
        ring.pop_front();
    }
    ring.push_back(item);
}

impl Health {
    /// How `desk` is doing.
    #[must_use]
    pub fn from_desk(desk: &Desk, recent: &Recent, facts: &SessionFacts<'_>) -> Self {
        let names = DisplayNames { desk, strategies: desk.strategy_names().collect() };
        let point = desk.equity_point();
        let risk = desk.risk();
        let limits = risk.limits();
        Self {
            at: Moment(facts.at),
            started_at: Moment(facts.started_at),
            desk_at: Some(desk.now()).filter(|&now| now > Timestamp::MIN).map(Moment),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            mode: facts.mode.into(),
            environment: facts.environment.into(),
            scenario: facts.scenario.into(),
            run_id: facts.run_id.into(),
            equity: money_to_dollars(point.equity),
            cash: money_to_dollars(point.cash),
            exposure: money_to_dollars(point.exposure),
            peak: money_to_dollars(point.peak),
            drawdown: fraction_to_f64(drawdown::drawdown_from_peak(point.equity, point.peak)),
            scale: fraction_to_f64(point.scale),
            daily_loss_reached: risk.equity.daily_loss_reached(limits.daily_loss),
            positions: desk
                .positions()
                .iter()
                .map(|(market, held)| names.position_line(market, held))
                .collect(),
            orders: desk.execution().iter().map(|open| names.order_line(open)).collect(),
            feed: feed_health(desk, facts),
            counts: counts_by_name(desk.counts()),
            halts: HaltSummary {
                trading: risk.trading_halted().map(ToOwned::to_owned),
                strategies: names.halted_strategies(),
            },
            refused_orders: recent.refused_orders(facts.link.last_refusal.as_deref()),
            set_aside: set_aside_lines(desk),
            decisions: recent
                .decisions
                .iter()
                .rev()
                .filter_map(|record| names.decision_line(record))
                .collect(),
            refusals: recent.refusals.iter().rev().map(|evaluation| names.refusal_line(evaluation)).collect(),
        }
    }

    /// As the note that is kept in the ledger.
    #[must_use]
    pub fn to_note(&self) -> String {
        serde_json::to_string(self).expect("health is plain data")
    }

    /// Reads the note.
    ///
    /// # Errors
    /// When it is of another version of this program.
    pub fn from_note(note: &str) -> Result<Self, String> {
        serde_json::from_str(note).map_err(|error| {
            format!(
                "the ledger's note `{NOTE}` cannot be read ({error}); it is of another version of protogen"
            )
        })
    }
}

fn set_aside_lines(desk: &Desk) -> Vec<SetAsideLine> {
    let markets = desk.set_aside_markets().iter();
    markets
        .map(|(ticker, known)| SetAsideLine {
            ticker: ticker.to_string(),
            since: Moment(known.since),
            reason: known.reason.to_string(),
        })
        .collect()
}

fn feed_health(desk: &Desk, facts: &SessionFacts<'_>) -> FeedHealth {
    let now = desk.now();
    let oldest = desk.risk().limits().max_quote_age;
    let trading = |book: &&MarketState| book.status == MarketStatus::Active && now < book.close_time;
    let stale = |book: &&MarketState| book.quoted_at.is_none_or(|at| now.since(at) > oldest);
    let count = |books: usize| u64::try_from(books).unwrap_or(u64::MAX);
    FeedHealth {
        up: facts.feed_up,
        since: Moment(facts.feed_since),
        paused: facts.link.pause_reason.as_deref().map(ToOwned::to_owned),
        failed_request: facts.link.last_failure.as_deref().map(ToOwned::to_owned),
        last_message_at: facts.last_message_at.map(Moment),
        markets: count(desk.market_states().iter().filter(trading).count()),
        stale_books: count(desk.market_states().iter().filter(trading).filter(stale).count()),
    }
}

fn counts_by_name(counts: &Counts) -> BTreeMap<String, u64> {
    let Counts { inputs, evaluations, abstentions, opportunities, unlisted } = *counts;
    [
        ("inputs", inputs),
        ("evaluations", evaluations),
        ("abstentions", abstentions),
        ("opportunities", opportunities),
        ("unlisted", unlisted),
    ]
    .map(|(name, count)| (name.to_owned(), count))
    .into()
}

fn contracts_as_float(contracts: Contracts) -> f64 {
    contracts.hundredths() as f64 / 1e2
}

fn price_in_dollars(price: Price) -> f64 {
    f64::from(price.get()) / 1e4
}

/// The desk's numbers as names.
struct DisplayNames<'a> {
    desk: &'a Desk,
    strategies: Vec<&'a str>,
}

impl DisplayNames<'_> {
    fn market_ticker(&self, market: MarketId) -> String {
        let book = self.desk.market_states().get(market);
        book.map_or_else(|| format!("market {}", market.0), |book| book.market.ticker.to_string())
    }

    fn strategy_name(&self, strategy: StrategyId) -> String {
        let name = self.strategies.get(strategy.index()).copied();
        name.map_or_else(|| format!("strategy {}", strategy.0), ToOwned::to_owned)
    }

    fn halted_strategies(&self) -> Vec<String> {
        let switches = self.strategies.iter().zip(self.desk.risk().kill_switches());
        switches.filter(|(_, switch)| switch.is_halted()).map(|(name, _)| (*name).to_owned()).collect()
    }

    fn position_line(&self, market: MarketId, held: &Position) -> PositionLine {
        let book = self.desk.market_states().get(market).expect("a held market is listed");
        let twice = book.twice_mid.map(|twice| match held.side {
            Side::Yes => i64::from(twice),
            Side::No => 2 * i64::from(Price::ONE.get()) - i64::from(twice),
        });
        let value =
            twice.map_or(held.cost, |twice| Money::half_of_micros(held.contracts.hundredths() * twice));
        PositionLine {
            ticker: book.market.ticker.to_string(),
            strategy: self.strategy_name(held.strategy),
            side: held.side,
            contracts: contracts_as_float(held.contracts),
            entry_price: money_to_dollars(held.cost) / contracts_as_float(held.contracts),
            mark: twice.map(|twice| twice as f64 / 2e4),
            unrealized: money_to_dollars(value - held.cost),
            belief: f64::from(held.conviction.belief.ppm()) / 1e6,
            opened_at: Moment(held.opened_at),
            time_stop_at: Moment(held.opened_at + self.desk.positions().settings().max_holding),
            close_time: Moment(book.close_time),
        }
    }

    fn order_line(&self, open: &OpenOrder) -> OrderLine {
        let order = &open.order;
        OrderLine {
            order_id: order.id.0,
            ticker: self.market_ticker(order.market),
            strategy: self.strategy_name(open.strategy),
            side: order.side,
            action: order.action,
            price: price_in_dollars(order.limit),
            contracts: contracts_as_float(order.contracts),
            filled: contracts_as_float(open.filled),
        }
    }

    fn refusal_line(&self, evaluation: &Evaluation) -> DecisionLine {
        let Evaluation { at, strategy, market, probability, verdict, .. } = evaluation;
        let why = match verdict {
            Verdict::Refused(refusal) => refusal.name().replace('_', " "),
            Verdict::NoOpportunity | Verdict::Ordered(_) | Verdict::Exited(_) => String::new(),
        };
        let (ticker, strategy) = (self.market_ticker(*market), self.strategy_name(*strategy));
        let quote = |price: Option<Price>| price.map_or_else(|| "-".into(), |price| price.to_string());
        let (bid, ask) = (quote(evaluation.bid), quote(evaluation.ask));
        let text = format!("{ticker}: {why}; {strategy} believes {probability}, book {bid} / {ask}");
        DecisionLine { at: Moment(*at), text }
    }

    fn decision_line(&self, record: &Record) -> Option<DecisionLine> {
        let (at, text) = match record {
            Record::Evaluation(_) | Record::Equity(_) => return None,
            Record::Order(placed) => (placed.at, self.placed_order_text(placed)),
            Record::OrderDone(done) => (done.at, order_end_text(done)),
            Record::Fill(booked) => (booked.at, self.fill_text(booked)),
            Record::Trade(trade) => (trade.closed_at, self.closed_trade_text(trade)),
            Record::Settled(settled) => {
                (settled.at, format!("{} settled at {}", self.market_ticker(settled.market), settled.value))
            }
            Record::Halt(halt) => {
                let who = halt.strategy.map_or_else(|| "all trading".into(), |of| self.strategy_name(of));
                (halt.at, format!("{who} halted ({}): {}", halt.rule.name(), halt.detail))
            }
            Record::Resume(resume) => {
                let who = resume.strategy.map_or_else(|| "all trading".into(), |of| self.strategy_name(of));
                (resume.at, format!("{who} resumed: {}", resume.reason))
            }
            Record::Refit(refitted) => (refitted.at, "other settings hold from here on".into()),
            Record::Discrepancy(found) => (found.at, format!("discrepancy: {}", found.detail)),
            Record::SetAside(market) => {
                (market.at, format!("{} set aside: {}", market.ticker, market.reason))
            }
            Record::SetAsideCleared(market) => (market.at, format!("{} is traded again", market.ticker)),
        };
        Some(DecisionLine { at: Moment(at), text })
    }

    fn placed_order_text(&self, placed: &OrderPlaced) -> String {
        let order = &placed.order;
        let (ticker, strategy) = (self.market_ticker(order.market), self.strategy_name(placed.strategy));
        format!(
            "order {}: {} {} {} of {ticker} at {} for {strategy}: {}",
            order.id.0, order.action, order.contracts, order.side, order.limit, placed.reason
        )
    }

    fn fill_text(&self, booked: &FillBooked) -> String {
        let (order, fill) = (&booked.order, &booked.fill);
        let ticker = self.market_ticker(order.market);
        format!(
            "order {}: {} {} {} of {ticker} at {}, fee {}",
            order.id.0,
            match order.action {
                Action::Buy => "bought",
                Action::Sell => "sold",
            },
            fill.contracts,
            order.side,
            fill.price,
            fill.fee
        )
    }

    fn closed_trade_text(&self, trade: &Trade) -> String {
        let ticker = self.market_ticker(trade.market);
        let why = trade.exit_reason.name().replace('_', " ");
        format!("{ticker}: {} {} closed ({why}), result {}", trade.contracts, trade.side, trade.pnl)
    }
}

/// The name of a reason as words, with a space before each.
fn spelled_out(reason: &impl fmt::Debug) -> String {
    format!("{reason:?}").chars().flat_map(spaced_lowercase).collect()
}

fn order_end_text(done: &OrderDone) -> String {
    match done.end {
        OrderEnd::Filled => format!("order {}: filled", done.order.0),
        OrderEnd::Closed(why) => {
            format!("order {}: over after {} contracts:{}", done.order.0, done.filled, spelled_out(&why))
        }
        OrderEnd::Rejected(why) => {
            format!("order {}: not placed:{}", done.order.0, spelled_out(&why))
        }
    }
}

/// `MarketClosed` as ` market closed`.
fn spaced_lowercase(letter: char) -> impl Iterator<Item = char> {
    let space = letter.is_uppercase().then_some(' ');
    space.into_iter().chain(letter.to_lowercase())
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
