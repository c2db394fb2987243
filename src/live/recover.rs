//! Recovery: what the exchange holds against what our books say, before anything new is opened.
//!
//! What became of our own orders while nobody watched is told to the desk like any other news. What is left
//! is compared, position by position and to the cent; a difference that our orders do not explain is a
//! reason not to trade.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::desk::Desk;
use crate::domain::{Contracts, MarketStatus, Money, Side, Timestamp};
use crate::engine::gateway::{Feed, GatewayError, Next, Venue};
use crate::event::{Command, Control, Input, MarketEvent, Stamped};
use crate::kalshi::orders::OrderTracker;
use crate::kalshi::perform::{MarketReader, settle_orders};
use crate::kalshi::rest::{ApiError, OrderFilter, Rest};
use crate::kalshi::watch::MarketWatch;
use crate::kalshi::wire::OrderStatus;

/// How long what became of old orders may take to find out.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the exchange says the account holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Cash that is free.
    pub available: Money,
    /// Positions by ticker; NO is negative.
    pub positions: BTreeMap<String, Contracts>,
    /// Resting orders: client order id and ticker.
    pub resting: Vec<(String, String)>,
}

impl Account {
    /// Asks the exchange.
    ///
    /// # Errors
    /// What it answers.
    pub async fn read(rest: &Rest) -> Result<Self, ApiError> {
        let balance = rest.balance().await?;
        let positions = rest.positions().await?;
        let resting = OrderFilter { status: Some(OrderStatus::Resting), ..OrderFilter::default() };
        let resting = rest.orders(&resting).await?;
        let held = positions.into_iter().filter(|position| position.position != Contracts::ZERO);
        Ok(Self {
            available: balance.available,
            positions: held.map(|position| (position.ticker, position.position)).collect(),
            resting: resting.into_iter().map(|order| (order.client_order_id, order.ticker)).collect(),
        })
    }
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Differences that nothing explains.
    pub unexplained: Vec<String>,
    /// Markets in which the account holds something that is not ours.
    pub foreign: Vec<(String, String)>,
    /// What the account has beyond our cash.
    pub foreign_cash: Money,
    /// Worth mentioning.
    pub remarks: Vec<String>,
}

/// Compares the account with the desk's books. `foreign_cash` is what the account had beyond our cash when
/// it was last compared; `None` on the first start.
#[must_use]
pub fn compare(desk: &Desk, account: &Account, run_id: &str, foreign_cash: Option<Money>) -> Findings {
    let mut findings = Findings::default();
    compare_positions(desk, account, &mut findings);
    compare_orders(desk, account, run_id, &mut findings);
    compare_cash(desk, account, foreign_cash, &mut findings);
    findings
}

fn compare_positions(desk: &Desk, account: &Account, findings: &mut Findings) {
    let mut ours: BTreeMap<&str, Contracts> = BTreeMap::new();
    for (market, position) in desk.positions().iter() {
        let book = desk.books().get(market).expect("a held market is listed");
        let signed = match position.side {
            Side::Yes => position.contracts,
            Side::No => Contracts::ZERO - position.contracts,
        };
        ours.insert(&book.market.ticker, signed);
    }
    let adopted =
        |ticker: &str| desk.books().iter().any(|book| book.unmanaged && *book.market.ticker == *ticker);
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
    for (ticker, here) in ours.into_iter().filter(|(ticker, _)| !adopted(ticker)) {
        findings.unexplained.push(format!(
            "{ticker}: our books have a position of {here} contracts (NO is negative), the exchange has none"
        ));
    }
}

fn compare_orders(desk: &Desk, account: &Account, run_id: &str, findings: &mut Findings) {
    let names = OrderTracker::new(run_id);
    for (client_id, ticker) in &account.resting {
        match names.order_of(client_id) {
            None => findings
                .remarks
                .push(format!("{ticker}: a resting order `{client_id}` is not ours; it is left alone")),
            Some(order) if desk.execution().iter().any(|open| open.order.id == order) => {}
            Some(_) => findings.unexplained.push(format!(
                "{ticker}: our order `{client_id}` rests at the exchange, but is over in our books"
            )),
        }
    }
}

/// Our cash has to be there. What is there beyond it belongs to the owner, who may add and take.
fn compare_cash(desk: &Desk, account: &Account, before: Option<Money>, findings: &mut Findings) {
    let (free, all) = (desk.ledger().free_cash(), desk.ledger().cash());
    let available = account.available;
    // Whether what resting orders lock is still counted as available is not documented.
    findings.foreign_cash = if available >= all { available - all } else { Money::ZERO };
    if available < free {
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
pub async fn news_since(
    rest: &Rest,
    reader: &MarketReader,
    watch: &mut MarketWatch,
    tracker: &mut OrderTracker,
    desk: &Desk,
    now: Timestamp,
) -> Result<VecDeque<Stamped<Input>>, String> {
    let gap_at = desk.now().just_after();
    let mut inputs: VecDeque<Stamped<Input>> = gaps(desk, gap_at);
    let now = now.max(gap_at);
    let venue = settle_orders(rest, watch, tracker, PATIENCE).await?;
    inputs.extend(venue.into_iter().map(|event| Stamped { at: now, value: Input::Venue(event) }));
    let held = desk.positions().iter().map(|(market, _)| market);
    let ordered = desk.execution().iter().map(|open| open.order.market);
    let tickers: Vec<Arc<str>> = held
        .chain(ordered)
        .filter_map(|market| watch.market(market).map(|market| market.ticker.as_ref().into()))
        .collect();
    let reports = reader.markets(tickers).await.map_err(|error| error.to_string())?;
    watch.reported(&reports, now).map_err(|error| error.to_string())?;
    inputs.extend(watch.take(now).into_iter().map(|event| Stamped { at: now, value: Input::Market(event) }));
    Ok(inputs)
}

/// A gap in every book that has a quote: it is as old as the silence.
#[must_use]
pub fn gaps(desk: &Desk, at: Timestamp) -> VecDeque<Stamped<Input>> {
    let quoted = desk.books().iter().filter(|book| book.quoted_at.is_some() && book.settled.is_none());
    let gap = |book: &crate::desk::book::Book| Input::Market(MarketEvent::Gap { market: book.market.id });
    quoted.map(|book| Stamped { at, value: gap(book) }).collect()
}

/// Foreign holdings as inputs: nothing is opened in those markets.
#[must_use]
pub fn unmanaged(findings: &Findings, watch: &MarketWatch, at: Timestamp) -> VecDeque<Stamped<Input>> {
    let marked = findings.foreign.iter().filter_map(|(ticker, what)| {
        let (market, reason) = (watch.id(ticker)?, what.clone());
        Some(Stamped { at, value: Input::Control(Control::Unmanaged { market, reason }) })
    });
    marked.collect()
}

/// A watch that knows what a desk knows.
#[must_use]
pub fn resume_watch(mut watch: MarketWatch, desk: &Desk) -> MarketWatch {
    for book in desk.books().iter() {
        let status = if book.settled.is_some() { MarketStatus::Settled } else { book.status };
        watch.resume(&book.market, status, book.close_time);
    }
    watch
}

/// Inputs that are there already, as a feed.
#[derive(Debug)]
pub struct Given(pub VecDeque<Stamped<Input>>);

impl Feed for Given {
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
pub struct Kept(pub Vec<Command>);

impl Venue for Kept {
    fn submit(&mut self, _at: Timestamp, command: &Command) -> Result<(), GatewayError> {
        self.0.push(*command);
        Ok(())
    }
}
