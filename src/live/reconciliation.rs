//! Reconciliation after a restart: compares the exchange's account with our books before the desk trades.
//!
//! `live::runner` calls it before the session begins (`LiveRunner::recover_live` in `live/runner/startup.rs`). In: the
//! [`Desk`] rebuilt from the ledger, and the exchange by [`Rest`]. [`events_since`] settles open orders and returns
//! what happened in between as inputs; [`OwnBooks`] applies them to a copy of cash, positions and open orders;
//! [`compare_account`] checks that against [`ExchangeAccount`]. Out: [`AccountFindings`], and the inputs for the desk.
//!
//! Invariants:
//!
//! 1. The start is refused if anything is unexplained, or foreign without `--adopt`. The desk steps the inputs only
//!    after the comparison, so a refusal adds no input and no order to the ledger
//!    (`missing_money_is_found_before_the_desk_decides_anything` in `tests/it/safety.rs`).
//! 2. No order is placed: the desk's commands wait in [`BufferedCommands`], and recovered orders are not sent again
//!    (`after_a_crash_an_intent_is_looked_for_and_never_sent` in `kalshi/order_tracker_tests.rs`).
//! 3. Positions must be equal in every market that is not marked unmanaged; NO counts as negative. A position where
//!    our books hold nothing is foreign; any other difference is unexplained (`compare_positions`). One that the exchange
//!    no longer has, in a market that is over and set aside, is a remark: it was paid, and nobody could read how much.
//! 4. A resting order of ours that is over in our books is unexplained; one of others is a remark (`compare_orders`).
//! 5. The available balance must be at least our cash less what our resting orders reserve, and less a cent for each
//!    market that paid a part of the dollar (`OwnBooks::settlement_slack`). What it has beyond our cash is foreign cash;
//!    a change of that is only a remark (`compare_cash`).
//! 6. Inputs are in order of time and later than the desk's last one: a gap for every quoted book that has not paid
//!    out ([`gap_inputs`]), then answers about orders, then market events ([`events_since`]).
//! 7. No payout is booked while a sale in its market is open, as the sale was made before it (`OwnBooks::pay_out`).
//!
//! Known limits:
//!
//! - The comparison runs once, at the start, and not on paper. Settling orders may take `PATIENCE`, else it fails.
//! - Balance, positions and orders are read one after the other: a trade in between can cause a false refusal.
//! - Whether the balance counts what resting orders lock is not documented: a shortage up to that may pass.
//! - A foreign position in a market that we hold cannot be adopted; one outside the scope is not marked unmanaged.
//! - No test calls [`compare_account`] directly, and none uses `--adopt`.
//!
//! Where to look next: `live/runner/startup.rs`, `live/ledger_open.rs`, [`settle_orders`], `desk/settle.rs`;
//! `killed_at_any_moment_it_goes_on_with_the_exchanges_books` in `tests/it/live.rs`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::desk::Desk;
use crate::domain::{
    Action, Contracts, MarketId, MarketStatus, Money, Order, OrderId, SettlementValue, Side, Timestamp,
};
use crate::engine::gateway::{Feed, GatewayError, Next, Venue};
use crate::event::{Command, Control, Fill, Input, MarketEvent, Stamped, VenueEvent};
use crate::kalshi::market_reader::MarketReader;
use crate::kalshi::market_tracker::MarketTracker;
use crate::kalshi::order_requests::settle_orders;
use crate::kalshi::order_tracker::OrderTracker;
use crate::kalshi::rest::{ApiError, OrderFilter, Rest};
use crate::kalshi::wire::ApiOrderStatus;

/// How long what became of old orders may take to find out.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a settlement may cost at most: the part of a cent that is not paid.
const CENT: Money = Money::from_micros(10_000);

/// What the exchange says the account holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExchangeAccount {
    /// Cash that is free.
    pub available: Money,
    /// Positions by ticker; NO is negative.
    pub positions: BTreeMap<String, Contracts>,
    /// Resting orders: client order id and ticker.
    pub resting: Vec<(String, String)>,
}

impl ExchangeAccount {
    /// Asks the exchange.
    ///
    /// # Errors
    /// What it answers.
    pub async fn read_from_exchange(rest: &Rest) -> Result<Self, ApiError> {
        let balance = rest.balance().await?;
        let positions = rest.positions().await?;
        let resting = OrderFilter { status: Some(ApiOrderStatus::Resting), ..OrderFilter::default() };
        let resting = rest.orders(&resting).await?;
        let held = positions.into_iter().filter(|position| position.position != Contracts::ZERO);
        Ok(Self {
            available: balance.available,
            positions: held.map(|position| (position.ticker, position.position)).collect(),
            resting: resting.into_iter().map(|order| (order.client_order_id, order.ticker)).collect(),
        })
    }
}

/// Our books as far as the exchange can confirm them: those of a desk, and what has happened since that the
/// desk was not told yet. Kept apart from the desk, so that nothing is decided on the way.
#[derive(Clone, Debug)]
pub struct OwnBooks {
    /// Free and reserved cash.
    cash: Money,
    /// Side and contracts of what is held.
    positions: BTreeMap<MarketId, (Side, Contracts)>,
    open: BTreeMap<OrderId, OwnOrder>,
    /// What YES paid in the markets that have paid out.
    settled: BTreeMap<MarketId, SettlementValue>,
    /// Markets that cannot be understood at present.
    set_aside: BTreeSet<MarketId>,
}

#[derive(Clone, Copy, Debug)]
struct OwnOrder {
    order: Order,
    left: Contracts,
    reserved: Money,
}

impl OwnBooks {
    /// The books of a desk as it is.
    #[must_use]
    pub fn from_desk(desk: &Desk) -> Self {
        let open = desk.execution().iter().map(|open| {
            let left = open.order.contracts - open.filled;
            (open.order.id, OwnOrder { order: open.order, left, reserved: open.reserved })
        });
        let held = desk.positions().iter().map(|(market, held)| (market, (held.side, held.contracts)));
        let settled = desk.market_states().iter().filter_map(|book| Some((book.market.id, book.settled?)));
        let aside = desk.set_aside_markets();
        let set_aside = desk.market_states().iter().filter(|book| aside.contains_key(&*book.market.ticker));
        Self {
            cash: desk.cash_ledger().total_cash(),
            positions: held.collect(),
            open: open.collect(),
            settled: settled.collect(),
            set_aside: set_aside.map(|book| book.market.id).collect(),
        }
    }

    /// What an input changes in them: fills, ends of orders, payouts, and which markets are set aside.
    pub fn apply_input(&mut self, input: &Input) {
        match input {
            Input::Venue(VenueEvent::Filled(fill)) => self.apply_fill(fill),
            Input::Venue(VenueEvent::Closed { order, .. } | VenueEvent::Rejected { order, .. }) => {
                // A payout waits for the end of a sale, as the desk's own booking does.
                if let Some(ended) = self.open.remove(order) {
                    self.pay_out(ended.order.market);
                }
            }
            Input::Market(MarketEvent::Settled { market, value }) => {
                self.settled.insert(*market, *value);
                self.pay_out(*market);
            }
            Input::Control(Control::SetAside { market: Some(market), .. }) => {
                self.set_aside.insert(*market);
            }
            Input::Control(Control::SetAsideCleared { market: Some(market), .. }) => {
                self.set_aside.remove(market);
            }
            _ => {}
        }
    }

    fn apply_fill(&mut self, fill: &Fill) {
        let Some(open) = self.open.get_mut(&fill.order) else { return };
        let (order, traded) = (open.order, fill.price * fill.contracts);
        let (_, held) = self.positions.entry(order.market).or_insert((order.side, Contracts::ZERO));
        match order.action {
            Action::Buy => {
                self.cash -= traded + fill.fee;
                *held += fill.contracts;
                open.reserved -= (traded + fill.fee).min(open.reserved);
            }
            Action::Sell => {
                self.cash += traded - fill.fee;
                *held -= fill.contracts;
            }
        }
        open.left -= fill.contracts;
        if !open.left.is_positive() {
            self.open.remove(&fill.order);
        }
        if self.positions.get(&order.market).is_some_and(|(_, held)| held.is_zero()) {
            self.positions.remove(&order.market);
        }
        self.pay_out(order.market);
    }

    /// The most that our cash may be above the account's for payouts: the exchange pays whole cents where YES got a
    /// part of the dollar, and keeps the rest as a fee (`crate::domain::settlement`), which our books do not have.
    fn settlement_slack(&self) -> Money {
        let in_parts =
            |value: &&SettlementValue| ![SettlementValue::ZERO, SettlementValue::ONE].contains(value);
        self.settled.values().filter(in_parts).map(|_| CENT).sum()
    }

    /// A sale that is told after the payout was made before it, so it is subtracted from what was paid.
    fn pay_out(&mut self, market: MarketId) {
        let selling = |open: &OwnOrder| open.order.market == market && open.order.action == Action::Sell;
        if let Some(value) = self.settled.get(&market)
            && !self.open.values().any(selling)
            && let Some((side, held)) = self.positions.remove(&market)
        {
            self.cash += side.payout_from_yes(*value) * held;
        }
    }
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountFindings {
    /// Differences that nothing explains.
    pub unexplained: Vec<String>,
    /// Markets in which the account holds something that is not ours.
    pub foreign: Vec<(String, String)>,
    /// What the account has beyond our cash.
    pub foreign_cash: Money,
    /// What is explained but worth telling the owner, one sentence each.
    pub remarks: Vec<String>,
}

/// Compares the account with our books as of `now`; `desk` knows the markets. `foreign_cash` is what the account had
/// beyond our cash when it was last compared; `None` on the first start.
#[must_use]
pub fn compare_account(
    desk: &Desk,
    books: &OwnBooks,
    account: &ExchangeAccount,
    run_id: &str,
    foreign_cash: Option<Money>,
    now: Timestamp,
) -> AccountFindings {
    let mut findings = AccountFindings::default();
    compare_positions(desk, books, account, now, &mut findings);
    let resting = compare_orders(books, account, run_id, &mut findings);
    compare_cash(books, resting, account, foreign_cash, &mut findings);
    findings
}

fn compare_positions(
    desk: &Desk,
    books: &OwnBooks,
    account: &ExchangeAccount,
    now: Timestamp,
    findings: &mut AccountFindings,
) {
    let mut ours: BTreeMap<&str, Contracts> = BTreeMap::new();
    for (&market, &(side, contracts)) in &books.positions {
        let book = desk.market_states().get(market).expect("a held market is listed");
        let signed = match side {
            Side::Yes => contracts,
            Side::No => Contracts::ZERO - contracts,
        };
        ours.insert(&book.market.ticker, signed);
    }
    let adopted = |ticker: &str| {
        desk.market_states().iter().any(|book| book.unmanaged && *book.market.ticker == *ticker)
    };
    for (ticker, &there) in account.positions.iter().filter(|(ticker, _)| !adopted(ticker)) {
        match ours.remove(&**ticker) {
            Some(here) if here == there => {}
            Some(here) => findings.unexplained.push(format!(
                "{ticker}: the exchange has a position of {there} contracts, our books have {here} (NO is negative)"
            )),
            None => findings.foreign.push((
                ticker.clone(),
                format!("the account holds {there} contracts (NO is negative) that our orders did not buy"),
            )),
        }
    }
    // The payout is in the account's cash, and a market that pays an amount we cannot read stays in our books.
    let was_paid = |ticker: &str| {
        let mut over = desk.market_states().iter().filter(|book| book.close_time <= now);
        over.any(|book| *book.market.ticker == *ticker && books.set_aside.contains(&book.market.id))
    };
    for (ticker, here) in ours.into_iter().filter(|(ticker, _)| !adopted(ticker)) {
        if was_paid(ticker) {
            findings.remarks.push(format!(
                "{ticker}: our books have a position of {here} contracts (NO is negative), the exchange has none: it is \
                 over and set aside, and stays in our books until what it paid can be read"
            ));
            continue;
        }
        findings.unexplained.push(format!(
            "{ticker}: our books have a position of {here} contracts (NO is negative), the exchange has none"
        ));
    }
}

/// Returns what our orders that rest at the exchange may lock there.
fn compare_orders(
    books: &OwnBooks,
    account: &ExchangeAccount,
    run_id: &str,
    findings: &mut AccountFindings,
) -> Money {
    let names = OrderTracker::new(run_id);
    let mut locked = Money::ZERO;
    for (client_id, ticker) in &account.resting {
        match names.order_of(client_id).map(|order| books.open.get(&order)) {
            None => findings
                .remarks
                .push(format!("{ticker}: a resting order `{client_id}` is not ours; it is left alone")),
            Some(Some(open)) => locked += open.reserved,
            Some(None) => findings.unexplained.push(format!(
                "{ticker}: our order `{client_id}` rests at the exchange, but is over in our books"
            )),
        }
    }
    locked
}

/// Our cash has to be there, but for what our resting orders lock. What is there beyond it belongs to the owner,
/// who may add and take.
fn compare_cash(
    books: &OwnBooks,
    locked: Money,
    account: &ExchangeAccount,
    before: Option<Money>,
    findings: &mut AccountFindings,
) {
    let (free, all) = (books.cash - locked, books.cash);
    let available = account.available;
    // Whether what resting orders lock is still counted as available is not documented.
    findings.foreign_cash = if available >= all { available - all } else { Money::ZERO };
    if available < free - books.settlement_slack() {
        findings.unexplained.push(match before {
            None => format!(
                "the account has ${available} available, the scenario's bankroll is ${free}; lower scenario.bankroll \
                 or pay in"
            ),
            Some(_) => format!("the account has ${available} available, but our books have ${free} free"),
        });
        return;
    }
    if let Some(before) = before.filter(|before| *before != findings.foreign_cash) {
        findings.remarks.push(format!(
            "cash beyond ours went from ${before} to ${}: paid in or out, or orders of somebody else",
            findings.foreign_cash
        ));
    }
}

/// What happened while nobody watched, as inputs: books cannot be relied on; orders and markets went on.
///
/// # Errors
/// When it cannot be found out.
pub async fn events_since(
    rest: &Rest,
    reader: &MarketReader,
    market_tracker: &mut MarketTracker,
    tracker: &mut OrderTracker,
    desk: &Desk,
    now: Timestamp,
) -> Result<VecDeque<Stamped<Input>>, String> {
    let gap_at = desk.now().just_after();
    let mut inputs: VecDeque<Stamped<Input>> = gap_inputs(desk, gap_at);
    let now = now.max(gap_at);
    let venue = settle_orders(rest, market_tracker, tracker, PATIENCE).await?;
    inputs.extend(venue.into_iter().map(|event| Stamped { at: now, value: Input::Venue(event) }));
    let held = desk.positions().iter().map(|(market, _)| market);
    let ordered = desk.execution().iter().map(|open| open.order.market);
    let mut tickers: Vec<Arc<str>> = held
        .chain(ordered)
        .filter_map(|market| market_tracker.market(market).map(|market| market.ticker.as_ref().into()))
        .collect();
    // What a market paid is read twice before it is booked.
    for _ in 0..2 {
        let reports = reader.read_markets(tickers).await.map_err(|error| error.to_string())?;
        market_tracker.apply_market_reports(&reports, now);
        // What was not read is read by the session's first sweep.
        if let Some(error) = reports.error {
            tracing::warn!(%error, "not all markets could be read");
        }
        tickers = market_tracker.take_unknown_tickers().into_iter().collect();
    }
    market_tracker.ask_for(tickers);
    inputs.extend(market_tracker.take_inputs(now).into_iter().map(|value| Stamped { at: now, value }));
    Ok(inputs)
}

/// A gap in every book that has a quote: it is as old as the silence.
#[must_use]
pub fn gap_inputs(desk: &Desk, at: Timestamp) -> VecDeque<Stamped<Input>> {
    let quoted =
        desk.market_states().iter().filter(|book| book.quoted_at.is_some() && book.settled.is_none());
    let gap = |book: &crate::desk::market_state::MarketState| {
        Input::Market(MarketEvent::Gap { market: book.market.id })
    };
    quoted.map(|book| Stamped { at, value: gap(book) }).collect()
}

/// Foreign holdings as inputs: nothing is opened in those markets.
#[must_use]
pub fn unmanaged_inputs(
    findings: &AccountFindings,
    market_tracker: &MarketTracker,
    at: Timestamp,
) -> VecDeque<Stamped<Input>> {
    let marked = findings.foreign.iter().filter_map(|(ticker, what)| {
        let (market, reason) = (market_tracker.find_market_id(ticker)?, what.clone());
        Some(Stamped { at, value: Input::Control(Control::Unmanaged { market, reason }) })
    });
    marked.collect()
}

/// A market tracker that knows what a desk knows.
#[must_use]
pub fn resume_market_tracker(mut market_tracker: MarketTracker, desk: &Desk) -> MarketTracker {
    for book in desk.market_states().iter() {
        let status = if book.settled.is_some() { MarketStatus::Settled } else { book.status };
        market_tracker.restore_market(&book.market, status, book.close_time);
    }
    desk.set_aside_markets().keys().for_each(|ticker| market_tracker.restore_set_aside(ticker));
    market_tracker
}

/// Inputs that are there already, as a feed.
#[derive(Debug)]
pub struct RecoveryFeed(pub VecDeque<Stamped<Input>>);

impl Feed for RecoveryFeed {
    fn next(&mut self, until: Option<Timestamp>) -> Result<Next<Stamped<Input>>, GatewayError> {
        match self.0.front() {
            None => Ok(Next::End),
            Some(input) if until.is_some_and(|until| input.at > until) => Ok(Next::Due),
            Some(_) => Ok(self.0.pop_front().map_or(Next::End, Next::Item)),
        }
    }
}

/// Keeps commands until there is somebody to send them to.
#[derive(Debug, Default)]
pub struct BufferedCommands(pub Vec<Command>);

impl Venue for BufferedCommands {
    fn submit(&mut self, _at: Timestamp, command: &Command) -> Result<(), GatewayError> {
        self.0.push(*command);
        Ok(())
    }
}

#[cfg(test)]
#[path = "reconciliation_tests.rs"]
mod tests;
