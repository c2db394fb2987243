//! The exchange without sockets and clock: a data feed moves the market, one moment at a time.
//!
//! At one moment: orders that expire and markets whose moved close has come; then the feed's inputs in their
//! order, each followed by the fills it causes. Then time stands still until the next [`SandboxExchange::advance_clock`],
//! and orders act at the moment it stopped at. That is the order of a backtest whose orders travel no time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::domain::{
    Action, Contracts, FeeSchedule, Level, Market, MarketId, MarketStatus, Money, Order, OrderId, Price,
    Quote, SeriesId, SettlementValue, Side, Span, TimeInForce, Timestamp,
};
use crate::engine::gateway::{Feed, GatewayError, Next, Venue};
use crate::event::{Input, MarketEvent, RejectReason, Stamped};
use crate::sim::{SimExchange, SimSettings};

use super::market_objects;
use super::state::{
    Clock, ExchangeEvent, Message, SeriesState, ServedMarket, ShownBook, ShownCandle, SocketChannel,
};
use crate::sandbox::accounts::member_account::{FillRecord, MemberAccount};
use crate::sandbox::accounts::token_meter::TokenMeter;
use crate::sandbox::faults::Faults;
use crate::sandbox::foreign::foreign_requests::ForeignRequests;
use crate::sandbox::odd::market_oddity::MarketOddity;
use crate::sandbox::odd::odd_markets::OddMarkets;
use crate::sandbox::wire;

/// How the exchange matches, and what its users begin with.
#[derive(Clone, Copy, Debug)]
pub struct SandboxSettings {
    /// Matching; latency zero, since the way to a sandbox takes time of its own.
    pub sim: SimSettings,
    /// Cash every account is opened with, in dollars.
    pub bankroll: Money,
}

/// How long after its close a market is opened again, and for how long.
const REOPENED_AFTER: Span = Span::MINUTE;
const REOPENED_FOR: Span = Span::MINUTE.times(2);

/// Something the exchange does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sandbox) enum Alarm {
    Expire(OrderId),
    Close(MarketId),
    /// A closed market is opened once more, as its oddity says.
    Reopen(MarketId),
    /// A disputed result is replaced by the one that holds.
    Amend(MarketId),
}

/// The simulated exchange: a feed that moves its markets, matching, accounts, and messages for its sockets.
pub struct SandboxExchange {
    feed: Box<dyn Feed + Send>,
    held: Option<Stamped<Input>>,
    ended: bool,
    pub(in crate::sandbox) sim: SimExchange,
    pub(in crate::sandbox) settings: SandboxSettings,
    pub(in crate::sandbox) now: Timestamp,
    /// How long what is over stays with the live endpoints; `None` = for ever.
    live_window: Option<Span>,
    markets: Vec<Option<ServedMarket>>,
    tickers: BTreeMap<Box<str>, MarketId>,
    pub(in crate::sandbox) series: BTreeMap<Arc<str>, SeriesState>,
    pub(in crate::sandbox) events: BTreeMap<Arc<str>, ExchangeEvent>,
    pub(in crate::sandbox) fee_changes: Vec<(Arc<str>, FeeSchedule, Timestamp)>,
    pub(in crate::sandbox) accounts: Vec<MemberAccount>,
    /// Whose each order is; order numbers begin at 1.
    owners: Vec<usize>,
    pub(in crate::sandbox) groups: u64,
    pub(in crate::sandbox) alarms: BTreeSet<(Timestamp, Alarm)>,
    pub(in crate::sandbox) trading_paused: bool,
    pub(in crate::sandbox) all_paused: bool,
    /// Why the cancels of this moment happen, where it is not their owner's wish.
    pub(in crate::sandbox) cancel_reason: Option<&'static str>,
    pub(in crate::sandbox) rejected: Option<RejectReason>,
    pub(in crate::sandbox) trades: Vec<FillRecord>,
    outbox: Vec<Message>,
    /// Which markets are odd; none unless the faults say so.
    pub(in crate::sandbox) odd: OddMarkets,
    foreign_requests: Arc<ForeignRequests>,
    pub(in crate::sandbox) token_meter: Arc<TokenMeter>,
}

impl fmt::Debug for SandboxExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxExchange")
            .field("now", &self.now)
            .field("markets", &self.markets.len())
            .finish_non_exhaustive()
    }
}

impl SandboxExchange {
    /// An exchange that stands at the first moment of its data, before anything happened.
    ///
    /// # Errors
    /// What the feed reports.
    pub fn new(feed: Box<dyn Feed + Send>, settings: SandboxSettings) -> Result<Self, GatewayError> {
        let mut exchange = Self {
            feed,
            held: None,
            ended: false,
            sim: SimExchange::new(settings.sim),
            settings,
            now: Timestamp::from_nanos(0),
            live_window: None,
            markets: Vec::new(),
            tickers: BTreeMap::new(),
            series: BTreeMap::new(),
            events: BTreeMap::new(),
            fee_changes: Vec::new(),
            accounts: Vec::new(),
            owners: Vec::new(),
            groups: 0,
            alarms: BTreeSet::new(),
            trading_paused: false,
            all_paused: false,
            cancel_reason: None,
            rejected: None,
            trades: Vec::new(),
            outbox: Vec::new(),
            odd: OddMarkets::from_faults(&Faults::default()),
            foreign_requests: Arc::default(),
            token_meter: Arc::default(),
        };
        exchange.hold_next()?;
        exchange.now = exchange.held.as_ref().map_or(exchange.now, |input| input.at);
        Ok(exchange)
    }

    /// The same with an older half: markets paid out longer ago than `window`, and trades older than it, are
    /// served below `/historical` alone.
    #[must_use]
    pub fn with_live_window(mut self, window: Option<Span>) -> Self {
        self.live_window = window;
        self
    }

    /// Opens an account for a key, or finds it.
    pub fn open_account(&mut self, key_id: &str) -> usize {
        if let Some(account) = self.accounts.iter().position(|account| account.key_id == key_id) {
            return account;
        }
        self.accounts.push(MemberAccount::new(key_id.to_owned(), self.settings.bankroll));
        self.accounts.len() - 1
    }

    /// Returns the account that a key signs for; `None` if none was opened for it.
    #[must_use]
    pub fn account_for_key(&self, key_id: &str) -> Option<&MemberAccount> {
        self.accounts.iter().find(|account| account.key_id == key_id)
    }

    /// The moment the exchange stands at.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The next moment at which something happens by itself.
    #[must_use]
    pub fn next_moment(&self) -> Option<Timestamp> {
        let alarm = self.alarms.first().map(|&(at, _)| at);
        self.held.as_ref().map(|input| input.at).into_iter().chain(alarm).min()
    }

    /// Returns the counts of requests for markets that are not in the data, for whoever watches a served exchange.
    #[must_use]
    pub fn foreign_requests(&self) -> Arc<ForeignRequests> {
        Arc::clone(&self.foreign_requests)
    }

    /// Returns the counts of tokens that signed requests have cost, for whoever watches a served exchange.
    #[must_use]
    pub fn token_meter(&self) -> Arc<TokenMeter> {
        Arc::clone(&self.token_meter)
    }

    /// What has to be told since the last call.
    pub fn take_messages(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.outbox)
    }

    /// Goes to the next moment at which something happens, if it is not after `until`; otherwise to `until`.
    /// What there is to tell of it waits in [`take_messages`](Self::take_messages).
    ///
    /// # Errors
    /// What the feed reports.
    pub fn advance_clock(&mut self, until: Option<Timestamp>) -> Result<Clock, GatewayError> {
        match self.next_moment().filter(|&next| until.is_none_or(|until| next <= until)) {
            Some(moment) => {
                self.now = self.now.max(moment);
                while let Some(&(at, alarm)) = self.alarms.first().filter(|(at, _)| *at <= moment) {
                    self.alarms.remove(&(at, alarm));
                    self.handle_alarm(alarm);
                }
                while let Some(input) = self.held.take_if(|input| input.at <= moment) {
                    self.hold_next()?;
                    self.process_market_input(&input);
                }
            }
            // Between moments there are only whole milliseconds: that is how time is asked for and told.
            None => self.now = until.map_or(self.now, |until| self.now.max(until.floor_millis())),
        }
        Ok(Clock { now: self.now, end: self.next_moment().is_none() })
    }

    /// Holds the feed's next input that is about the market; facts are not the exchange's to tell.
    fn hold_next(&mut self) -> Result<(), GatewayError> {
        while self.held.is_none() && !self.ended {
            match self.feed.next(None)? {
                Next::Item(input) if matches!(input.value, Input::Market(_)) => self.held = Some(input),
                Next::Item(_) | Next::Quiet => {}
                Next::Due | Next::End => self.ended = true,
            }
        }
        Ok(())
    }

    fn handle_alarm(&mut self, alarm: Alarm) {
        match alarm {
            Alarm::Expire(order) => {
                if let Some(account) = self.order_owner(order) {
                    self.withdraw_from_book(account, order, Some("ExpiryCancel"));
                }
            }
            Alarm::Close(market) => {
                let status = MarketStatus::Closed;
                let due = self.market_state(market).is_some_and(|state| state.close <= self.now);
                if due {
                    self.apply_market_event(MarketEvent::Status { market, status });
                }
            }
            Alarm::Reopen(market) => {
                let state = self.market_state(market);
                if state.is_some_and(|state| state.status == MarketStatus::Closed) {
                    let close = self.now + REOPENED_FOR;
                    self.apply_market_event(MarketEvent::CloseTime { market, close });
                }
            }
            Alarm::Amend(market) => {
                if let Some(value) = self.take_disputed_result(market) {
                    self.settle_market(market, value);
                }
            }
        }
    }

    /// Lets the market do something now.
    pub(in crate::sandbox) fn apply_market_event(&mut self, event: MarketEvent) {
        self.process_market_input(&Stamped { at: self.now, value: Input::Market(event) });
    }

    /// One input of the market: matching sees it first, sockets hear of it, then of what it caused.
    fn process_market_input(&mut self, input: &Stamped<Input>) {
        let Input::Market(event) = &input.value else {
            return;
        };
        if let MarketEvent::Status { market, status: MarketStatus::Closed } = event
            && self.market_state(*market).is_none_or(|state| {
                state.close > self.now || matches!(state.status, MarketStatus::Closed | MarketStatus::Settled)
            })
        {
            // The close was moved to later, or came already.
            return;
        }
        self.sim.observe(input);
        match event {
            MarketEvent::Listed(market) => self.list_market(market),
            MarketEvent::Quote { market, quote } => self.apply_quote(*market, quote),
            MarketEvent::Status { market, status } => self.set_status(*market, *status),
            MarketEvent::CloseTime { market, close } => self.move_close(*market, *close),
            MarketEvent::Fees { series, fees } => self.set_fees(*series, *fees),
            MarketEvent::Settled { market, value } => return self.settle_market(*market, *value),
            MarketEvent::Depth { market, depth } => {
                if let Some(state) = self.markets.get_mut(market.index()).and_then(Option::as_mut) {
                    state.behind = Some(Arc::clone(depth));
                }
            }
            MarketEvent::Gap { .. } => {}
        }
        self.process_matching_events();
    }

    fn list_market(&mut self, market: &Arc<Market>) {
        let now = self.now;
        let index = market.id.index();
        if self.markets.len() <= index {
            self.markets.resize_with(index + 1, || None);
        }
        self.tickers.insert(market.ticker.clone(), market.id);
        self.series.entry(Arc::clone(&market.series_ticker)).or_insert_with(|| SeriesState {
            ticker: Arc::clone(&market.series_ticker),
            category: Arc::clone(&market.category),
            fees: market.fees,
            updated: now,
            shard: 0,
        });
        let shard = self.series.get(&market.series_ticker).map_or(0, |series| series.shard);
        let event = self.events.entry(Arc::clone(&market.event_ticker)).or_insert_with(|| ExchangeEvent {
            ticker: Arc::clone(&market.event_ticker),
            series: Arc::clone(&market.series_ticker),
            category: Arc::clone(&market.category),
            title: market.title.clone(),
            updated: now,
            shard,
            markets: Vec::new(),
        });
        let (is_new, shard) = (event.markets.is_empty(), event.shard);
        if !event.markets.contains(&market.id) {
            event.markets.push(market.id);
        }
        let lifecycle = is_new.then(|| market_objects::event_lifecycle(event));
        let state = ServedMarket {
            market: Arc::clone(market),
            status: MarketStatus::Active,
            close: market.close_time,
            quote: Quote::default(),
            book: ShownBook::default(),
            behind: None,
            history: Vec::new(),
            clock: 0,
            settled: None,
            updated: now,
            fees: market.fees,
            dispute: None,
            shard,
        };
        if self.odd.market_oddity(market) == Some(MarketOddity::Reopened) {
            self.alarms.insert((market.close_time + REOPENED_AFTER, Alarm::Reopen(market.id)));
        }
        let body = market_objects::market_created_message(&state);
        self.markets[index] = Some(state);
        if let Some(body) = lifecycle {
            self.publish_to_all(SocketChannel::Lifecycle, "event_lifecycle", None, body);
        }
        self.publish_to_all(SocketChannel::Lifecycle, "market_lifecycle_v2", Some(market.id), body);
    }

    /// One row of data is one change: its deltas share a clock, and a ticker follows.
    fn apply_quote(&mut self, market: MarketId, quote: &Quote) {
        let bid = quote.bid.map(|price| Level {
            price,
            size: self.size_to_display(market, Action::Sell, price, quote.bid_size),
        });
        let ask = quote.ask.map(|price| Level {
            price,
            size: self.size_to_display(market, Action::Buy, price, quote.ask_size),
        });
        let now = self.now;
        let Some(state) = self.markets.get_mut(market.index()).and_then(Option::as_mut) else {
            return;
        };
        let behind = state.behind.take().unwrap_or_default();
        let side = |best: Option<Level>, behind: &[Level]| {
            best.iter().chain(behind).filter(|level| level.size.is_positive()).copied().collect()
        };
        let after = ShownBook { bids: side(bid, &behind.bids), asks: side(ask, &behind.asks) };
        state.history.push(ShownCandle::new(now, quote, state.history.last()));
        state.quote = *quote;
        state.clock += 1;
        let mut changes: Vec<(Side, Price, i64)> = Vec::new();
        let sides = [(Side::Yes, &state.book.bids, &after.bids), (Side::No, &state.book.asks, &after.asks)];
        for (side, before, after) in sides {
            changes.extend(level_changes(before, after).into_iter().map(|(price, by)| (side, price, by)));
        }
        // What goes is told before what comes, so that no book is crossed on the way.
        changes.sort_by_key(|&(_, _, by)| by > 0);
        state.book = after;
        let deltas = changes.into_iter().map(|(side, at, by)| {
            let body = market_objects::book_delta_message(state, side, side.price_from_yes(at), by, now);
            let yes_body =
                (side == Side::No).then(|| market_objects::book_delta_message(state, side, at, by, now));
            let (channel, kind) = (SocketChannel::OrderBook, "orderbook_delta");
            Message { channel, kind, market: Some(market), account: None, body, yes_body }
        });
        self.outbox.extend(deltas);
        let ticker = market_objects::ticker_message(state, now);
        self.publish_to_all(SocketChannel::Ticker, "ticker", Some(market), ticker);
    }

    /// The size to show at a price: the data's, else what an order would get, else one contract.
    fn size_to_display(
        &mut self,
        market: MarketId,
        action: Action,
        limit: Price,
        known: Option<Contracts>,
    ) -> Contracts {
        let probe = Order {
            id: OrderId(0),
            market,
            side: Side::Yes,
            action,
            contracts: Contracts::whole(1_000_000),
            limit,
            time_in_force: TimeInForce::Ioc,
        };
        let size = known.or_else(|| self.sim.on_offer(&probe).map(|(_, size)| size));
        size.filter(|size| size.is_positive()).unwrap_or(Contracts::ONE)
    }

    fn set_status(&mut self, market: MarketId, status: MarketStatus) {
        let now = self.now;
        let Some(state) = self.market_state_mut(market) else {
            return;
        };
        let before = std::mem::replace(&mut state.status, status);
        state.updated = now;
        let event = match (before, status) {
            (MarketStatus::Active, MarketStatus::Halted) => "deactivated",
            (MarketStatus::Halted | MarketStatus::Closed, MarketStatus::Active) => "activated",
            // A close is a matter of time: no message tells it.
            _ => return,
        };
        let body = json!({
            "event_type": event, "market_ticker": state.market.ticker,
            "is_deactivated": status == MarketStatus::Halted,
        });
        self.publish_to_all(SocketChannel::Lifecycle, "market_lifecycle_v2", Some(market), body);
    }

    fn move_close(&mut self, market: MarketId, close: Timestamp) {
        let now = self.now;
        let Some(state) = self.market_state_mut(market) else {
            return;
        };
        (state.close, state.updated) = (close, now);
        let reopens = state.status == MarketStatus::Closed && close > now;
        let body = json!({
            "event_type": "close_date_updated", "market_ticker": state.market.ticker,
            "close_ts": wire::unix_seconds(close),
        });
        self.publish_to_all(SocketChannel::Lifecycle, "market_lifecycle_v2", Some(market), body);
        let alarm = Alarm::Close(market);
        if close <= now {
            self.handle_alarm(alarm);
        } else {
            self.alarms.insert((close, alarm));
        }
        if reopens {
            self.apply_market_event(MarketEvent::Status { market, status: MarketStatus::Active });
        }
    }

    fn set_fees(&mut self, series: SeriesId, fees: FeeSchedule) {
        let now = self.now;
        let changed = self.markets.iter_mut().flatten().filter(|state| state.market.series == series);
        let mut ticker = None;
        for state in changed {
            state.fees = fees;
            ticker = Some(Arc::clone(&state.market.series_ticker));
        }
        let Some(ticker) = ticker else {
            return;
        };
        if let Some(state) = self.series.get_mut(&ticker) {
            (state.fees, state.updated) = (fees, now);
        }
        let events = self.events.values().filter(|event| event.series == ticker);
        let bodies: Vec<Value> = events
            .map(|event| {
                json!({
                    "event_ticker": event.ticker, "fee_type_override": wire::fee_type(fees.fee_type),
                    "fee_multiplier_override": wire::json_number(i64::from(fees.multiplier_ppm)),
                })
            })
            .collect();
        self.fee_changes.push((ticker, fees, now));
        for body in bodies {
            self.publish_to_all(SocketChannel::Lifecycle, "event_fee_update", None, body);
        }
    }

    /// Determined, finalized and paid out in one moment, unless the result is disputed first.
    fn settle_market(&mut self, market: MarketId, value: SettlementValue) {
        // What rests in the book goes first.
        self.process_matching_events();
        if self.open_dispute(market, value) {
            return;
        }
        let now = self.now;
        let odd = self.market_state(market).and_then(|state| self.odd.odd_settlement(&state.market));
        let value = odd.unwrap_or(value);
        let Some(state) = self.market_state_mut(market) else {
            return;
        };
        state.status = MarketStatus::Settled;
        state.book = ShownBook::default();
        (state.settled, state.updated) = (Some((value, now)), now);
        let ticker = state.market.ticker.clone();
        self.publish_determination(market, value);
        let settled =
            json!({"event_type": "settled", "market_ticker": ticker, "settled_ts": wire::unix_seconds(now)});
        self.publish_to_all(SocketChannel::Lifecycle, "market_lifecycle_v2", Some(market), settled);
        for account in 0..self.accounts.len() {
            if self.accounts[account].settle_position(now, market, value) {
                self.tell_position(account, market);
            }
        }
    }

    pub(in crate::sandbox) fn publish_to_all(
        &mut self,
        channel: SocketChannel,
        kind: &'static str,
        market: Option<MarketId>,
        body: Value,
    ) {
        self.outbox.push(Message { channel, kind, market, account: None, body, yes_body: None });
    }

    pub(in crate::sandbox) fn publish_to(
        &mut self,
        account: usize,
        channel: SocketChannel,
        kind: &'static str,
        market: MarketId,
        body: Value,
    ) {
        let (market, account) = (Some(market), Some(account));
        self.outbox.push(Message { channel, kind, market, account, body, yes_body: None });
    }
}

/// Look-ups by market, ticker and order number, the cutoff of history, and the numbering of orders.
impl SandboxExchange {
    pub(in crate::sandbox) fn market_state(&self, market: MarketId) -> Option<&ServedMarket> {
        self.markets.get(market.index())?.as_ref()
    }

    pub(in crate::sandbox) fn market_state_mut(&mut self, market: MarketId) -> Option<&mut ServedMarket> {
        self.markets.get_mut(market.index())?.as_mut()
    }

    /// What was over before this moment is history.
    pub(in crate::sandbox) fn history_cutoff(&self) -> Timestamp {
        self.live_window.map_or(Timestamp::from_nanos(0), |window| self.now - window)
    }

    pub(in crate::sandbox) fn is_historical(&self, state: &ServedMarket) -> bool {
        state.settled.is_some_and(|(_, at)| at < self.history_cutoff())
    }

    pub(in crate::sandbox) fn market_states(&self) -> impl Iterator<Item = &ServedMarket> {
        self.markets.iter().flatten()
    }

    pub(in crate::sandbox) fn market_of(&self, ticker: &str) -> Option<MarketId> {
        self.tickers.get(ticker).copied()
    }

    pub(in crate::sandbox) fn market_ticker(&self, market: MarketId) -> &str {
        self.market_state(market).map_or("", |state| &state.market.ticker)
    }

    pub(in crate::sandbox) fn event_ticker(&self, market: MarketId) -> &str {
        self.market_state(market).map_or("", |state| &state.market.event_ticker)
    }

    pub(in crate::sandbox) fn order_owner(&self, order: OrderId) -> Option<usize> {
        let index = usize::try_from(order.0.checked_sub(1)?).ok()?;
        self.owners.get(index).copied()
    }

    pub(in crate::sandbox) fn number_order(&mut self, account: usize) -> OrderId {
        self.owners.push(account);
        OrderId(self.owners.len() as u64)
    }
}

/// How the contracts at each price of a side have changed, in hundredths.
fn level_changes(before: &[Level], after: &[Level]) -> Vec<(Price, i64)> {
    let at = |levels: &[Level], price: Price| {
        let level = levels.iter().find(|level| level.price == price);
        level.map_or(0, |level| level.size.hundredths())
    };
    let gone = before.iter().filter(|old| at(after, old.price) == 0);
    let all = gone.chain(after).map(|level| (level.price, at(after, level.price) - at(before, level.price)));
    all.filter(|&(_, by)| by != 0).collect()
}
