//! The far side of the wire: the sandbox's exchange, what it may answer, and what its readers see of it,
//! which is a little old.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use protogen::domain::{
    Action, Contracts, FeeRounding, Fraction, MarketId, Money, Order, OrderId, Side, Span, TimeInForce,
    Timestamp,
};
use protogen::event::CloseReason;
use protogen::kalshi::fill_report::FillReport;
use protogen::kalshi::order_requests::{TaskOutcome, failure_of};
use protogen::kalshi::order_tasks::{OrderReport, OrderTask, TaskFailure, end_of};
use protogen::kalshi::rest::ApiError;
use protogen::kalshi::ws_messages::{Frame, Message as Framed};
use protogen::sandbox::accounts::member_account::{BookSide, FillRecord, MemberAccount, OrderRecord};
use protogen::sandbox::exchange::control::SandboxControl;
use protogen::sandbox::exchange::groups::GroupAction;
use protogen::sandbox::exchange::orders::{NewOrder, OrderLifetime};
use protogen::sandbox::{ApiRefusal, SandboxExchange, SandboxSettings};
use protogen::sim::{FillModel, LatencyModel, SimSettings};

use crate::dice::Dice;
use crate::story::{Story, Told};

const KEY: &str = "soak";
/// How old what a read shows can be.
const LAG: Span = Span::MILLISECOND.times(400);

/// What an account showed at some moment.
struct Shown {
    at: Timestamp,
    orders: Arc<BTreeMap<OrderId, OrderRecord>>,
    fills: usize,
}

/// The exchange with one account.
pub struct Far {
    exchange: SandboxExchange,
    account: usize,
    group: u64,
    tickers: BTreeMap<MarketId, String>,
    history: VecDeque<Shown>,
    dice: Dice,
    /// What must not happen: an order refused for want of money, though the desk sets aside the worst case,
    /// and two orders at once in a market.
    pub odd: Vec<String>,
}

impl Far {
    pub fn new(story: &mut Story, bankroll: Money, mut dice: Dice) -> Self {
        let sim = SimSettings {
            fill: FillModel::TopOfBook,
            latency: LatencyModel::Fixed(Span::ZERO),
            participation: Fraction::from_ppm(250_000).unwrap(),
            fee_rounding: FeeRounding::Centicent,
            seed: 7,
        };
        let told = Told(std::mem::take(&mut story.told));
        let mut exchange = SandboxExchange::new(Box::new(told), SandboxSettings { sim, bankroll }).unwrap();
        let account = exchange.open_account(KEY);
        let limit = *dice.pick(&[200, 1_000_000, 1_000_000, 1_000_000]);
        let group = exchange.create_group(account, Contracts::whole(limit));
        let tickers = crate::story::tickers(&story.markets);
        let history = VecDeque::new();
        Self { exchange, account, group, tickers, history, dice, odd: Vec::new() }
    }

    pub fn account(&self) -> &MemberAccount {
        self.exchange.account_for_key(KEY).expect("it was opened")
    }

    /// Cash that nothing open can still claim.
    pub fn available(&self) -> Money {
        self.exchange.available_cash(self.account)
    }

    pub fn next_moment(&self) -> Option<Timestamp> {
        self.exchange.next_moment()
    }

    /// Lets the market go on up to `now`; what the account is told on the way.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Frame> {
        let mut frames = Vec::new();
        while self.exchange.next_moment().is_some_and(|next| next <= now) {
            self.exchange.advance_clock(Some(now)).unwrap();
            frames.extend(self.told(now));
        }
        self.exchange.advance_clock(Some(now)).unwrap();
        frames
    }

    pub fn control(&mut self, now: Timestamp, control: &SandboxControl) -> Vec<Frame> {
        self.exchange.apply_control(control).unwrap();
        self.told(now)
    }

    /// The group's orders are cancelled and new ones refused, until it is reset.
    pub fn trip_group(&mut self, now: Timestamp, tripped: bool) -> Vec<Frame> {
        let action = if tripped { GroupAction::Trigger } else { GroupAction::Reset };
        self.exchange.steer_group(self.account, self.group, action).unwrap();
        self.told(now)
    }

    /// The private messages since the last call, through the real decoder.
    fn told(&mut self, now: Timestamp) -> Vec<Frame> {
        let private = self.exchange.take_messages().into_iter().filter(|message| message.account.is_some());
        let frames: Vec<Frame> = private
            .filter(|message| matches!(message.kind, "fill" | "user_order"))
            .map(|message| format!(r#"{{"type":"{}","sid":1,"msg":{}}}"#, message.kind, message.body))
            .map(|text| Framed::parse(&text).expect("the sandbox speaks the exchange's language").frame)
            .collect();
        if !frames.is_empty() || self.history.is_empty() {
            self.note(now);
        }
        frames
    }

    fn note(&mut self, at: Timestamp) {
        let account = self.account();
        let (orders, fills) = (Arc::new(account.orders.clone()), account.fills.len());
        assert!(at >= self.history.back().map_or(at, |last| last.at), "time does not go back");
        self.history.push_back(Shown { at, orders, fills });
        while self.history.get(1).is_some_and(|second| second.at + LAG < at) {
            self.history.pop_front();
        }
    }

    /// What a read shows now: the account as it was a moment ago.
    fn read(&mut self, now: Timestamp, lagging: bool) -> (Arc<BTreeMap<OrderId, OrderRecord>>, usize) {
        let then = now - if lagging { self.dice.millis(0, LAG.nanos() / 1_000_000) } else { Span::ZERO };
        let shown = self.history.iter().rev().find(|shown| shown.at <= then);
        // Before anything happened there was nothing.
        shown.map_or_else(Default::default, |shown| (Arc::clone(&shown.orders), shown.fills))
    }

    /// Carries a task out.
    pub fn carry_out(
        &mut self,
        now: Timestamp,
        task: &OrderTask,
        client_id: &str,
        lagging: bool,
    ) -> (TaskOutcome, Vec<Frame>) {
        let id = task.order().id;
        let done = match task {
            OrderTask::Create(order) => TaskOutcome::Created(id, self.create(order, client_id)),
            OrderTask::Query(order) => {
                let (orders, _) = self.read(now, lagging);
                let found = orders.values().find(|found| found.client_order_id.as_deref() == Some(client_id));
                TaskOutcome::Queried(id, Ok(found.map(|found| report(order, found))))
            }
            OrderTask::Cancel { venue_id, .. } => {
                let number = order_number(venue_id);
                let result = self.exchange.cancel_order(self.account, number);
                TaskOutcome::Cancelled(id, result.map_err(|refused| failure(&refused)))
            }
            OrderTask::Fills { venue_id, .. } => {
                let (number, (_, seen)) = (order_number(venue_id), self.read(now, lagging));
                let fills = self.account().fills[..seen].iter().filter(|fill| fill.order == number);
                TaskOutcome::Fetched(id, Ok(fills.map(fill_report).collect()))
            }
        };
        (done, self.told(now))
    }

    fn create(&mut self, order: &Order, client_id: &str) -> Result<OrderReport, TaskFailure> {
        let new = self.new_order(order, client_id);
        let placed = self.exchange.place_order(self.account, &new).map_err(|refused| {
            if refused.response_body().to_string().contains("insufficient_balance") {
                self.odd.push(format!("too little money for {client_id} at {}", self.exchange.now()));
            }
            failure(&refused)
        })?;
        let there = self.account().open_orders().filter(|open| open.market == order.market).count();
        if there > 1 {
            self.odd.push(format!("{client_id} is the second order in its market"));
        }
        let record = &self.account().orders[&placed];
        let rests = record.remaining.is_positive();
        Ok(OrderReport { ended: (!rests).then(|| end_of(order, None)), ..report(order, record) })
    }

    /// The market with a ticker.
    pub fn market_of(&self, ticker: &str) -> Option<MarketId> {
        self.tickers.iter().find(|(_, known)| *known == ticker).map(|(market, _)| *market)
    }

    /// An order as the wire has it: one YES book, in which NO is the mirror.
    pub fn new_order(&self, order: &Order, client_id: &str) -> NewOrder {
        let bid = (order.side == Side::Yes) == (order.action == Action::Buy);
        NewOrder {
            ticker: self.tickers[&order.market].clone(),
            side: if bid { BookSide::Bid } else { BookSide::Ask },
            count: order.contracts,
            price: order.side.price_from_yes(order.limit),
            life: match order.time_in_force {
                TimeInForce::Ioc => OrderLifetime::Immediate,
                TimeInForce::Gtc | TimeInForce::PostOnly => OrderLifetime::GoodTill(None),
            },
            self_trade: "taker_at_cross",
            client_order_id: Some(client_id.to_owned()),
            post_only: order.time_in_force == TimeInForce::PostOnly,
            reduce_only: false,
            cancel_on_pause: true,
            group: Some(self.group),
        }
    }
}

fn failure(refused: &ApiRefusal) -> TaskFailure {
    let body = refused.response_body();
    let text = |name: &str| body["error"][name].as_str().map(str::to_owned);
    failure_of(&ApiError::Refused {
        endpoint: "POST /portfolio/events/orders".to_owned(),
        status: refused.status(),
        code: text("code").unwrap_or_default(),
        message: text("message").unwrap_or_default(),
        details: text("details"),
    })
}

/// The exchange's names of its orders and trades.
fn uuid(kind: u32, number: u64) -> Arc<str> {
    format!("{kind:08x}-0000-4000-8000-{number:012x}").into()
}

fn order_number(venue_id: &str) -> OrderId {
    OrderId(u64::from_str_radix(&venue_id[24..], 16).unwrap())
}

fn report(order: &Order, record: &OrderRecord) -> OrderReport {
    use protogen::sandbox::accounts::member_account::OrderStatus;
    let ended: Option<CloseReason> = match record.status {
        OrderStatus::Resting => None,
        OrderStatus::Canceled | OrderStatus::Executed => Some(end_of(order, None)),
    };
    OrderReport { venue_id: uuid(0x0a00_0001, record.id.0), filled: record.filled, ended }
}

fn fill_report(fill: &FillRecord) -> FillReport {
    FillReport {
        trade_id: uuid(0x0a00_0002, fill.trade),
        venue_id: uuid(0x0a00_0001, fill.order.0),
        market: Some(fill.market),
        gained: if fill.side == BookSide::Bid { Side::Yes } else { Side::No },
        yes_price: fill.price,
        contracts: fill.contracts,
        fee: fill.fee,
        taker: fill.taker,
    }
}
