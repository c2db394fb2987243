//! Placing and cancelling orders: what the exchange checks, in its order, before an order meets the book.

use crate::domain::{
    Action, Contracts, MarketId, MarketStatus, Money, Order, OrderId, Price, Side, TimeInForce, Timestamp,
};
use crate::engine::gateway::Venue;
use crate::event::{Command, RejectReason};

use super::sandbox_exchange::{Alarm, SandboxExchange};
use crate::sandbox::accounts::member_account::{BookSide, OrderRecord, OrderStatus};
use crate::sandbox::refused::ApiRefusal;

/// How long an order lives: `time_in_force` and `expiration_time` in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderLifetime {
    /// Rests until it is cancelled or expires (Unix seconds).
    GoodTill(Option<i64>),
    /// `immediate_or_cancel`: takes what is on offer within its limit, and the rest is cancelled.
    Immediate,
    /// `fill_or_kill`: trades in full at once, or is refused without trading.
    FillOrKill,
}

/// An order as it is asked for.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// Ticker of the market the order is for.
    pub ticker: String,
    /// Side of the YES book: a bid buys YES or sells NO, an ask the reverse.
    pub side: BookSide,
    /// Contracts to trade, more than zero; `reduce_only` caps them at the position.
    pub count: Contracts,
    /// Limit price of YES, also for an ask; it must be on the market's price grid.
    pub price: Price,
    /// Whether what does not trade at once rests in the order book, and until when.
    pub life: OrderLifetime,
    /// Self-trade prevention among own orders: `taker_at_cross` ends this one, `maker` the resting ones.
    pub self_trade: &'static str,
    /// The client's own id of the order, which an account can use once; `None` if it gave none.
    pub client_order_id: Option<String>,
    /// Refused if it would trade at once, so that it is never the taker.
    pub post_only: bool,
    /// May only reduce the position: `count` is capped at what closes it. Needs `immediate_or_cancel`.
    pub reduce_only: bool,
    /// Whether the beginning of a trading or exchange pause cancels it.
    pub cancel_on_pause: bool,
    /// Number of the order group it joins; `None` = no group.
    pub group: Option<u64>,
}

impl BookSide {
    /// An order of this side as matching knows it: always on the YES book.
    pub(in crate::sandbox) fn to_matching_order(
        self,
        id: OrderId,
        market: MarketId,
        contracts: Contracts,
        limit: Price,
    ) -> Order {
        let action = if self == Self::Bid { Action::Buy } else { Action::Sell };
        Order { id, market, side: Side::Yes, action, contracts, limit, time_in_force: TimeInForce::Gtc }
    }
}

impl SandboxExchange {
    /// Places an order at the moment the exchange stands at.
    ///
    /// # Errors
    /// What the exchange has against it.
    pub fn place_order(&mut self, account: usize, new: &NewOrder) -> Result<OrderId, ApiRefusal> {
        let market = self.tradable_market(&new.ticker)?;
        self.check_new_order(account, market, new)?;
        let closable = self.accounts[account].position(market).signed;
        let closable = if new.side == BookSide::Bid { -closable } else { closable }.max(0);
        let count =
            if new.reduce_only { new.count.min(Contracts::from_hundredths(closable)) } else { new.count };
        let probe = new.side.to_matching_order(OrderId(0), market, count, new.price);
        let offer = self.sim.on_offer(&probe);
        if new.post_only && offer.is_some() {
            return Err(ApiRefusal::with_details(400, "invalid_order", "post only cross"));
        }
        if let Some(client) = &new.client_order_id {
            self.accounts[account].spent.insert(client.clone());
        }
        if new.life == OrderLifetime::FillOrKill && offer.is_none_or(|(_, size)| size < count) {
            return Err(ApiRefusal::without_details(409, "fill_or_kill_insufficient_resting_volume"));
        }
        let before = self.available_cash(account);
        let record = self.create_order_record(account, market, new, count);
        let id = record.id;
        self.accounts[account].open.insert(id);
        self.accounts[account].orders.insert(id, record);
        let after = self.available_cash(account);
        // What locks nothing more is never refused for want of cash.
        if after < Money::ZERO && after < before {
            self.accounts[account].open.remove(&id);
            self.accounts[account].orders.remove(&id);
            if let Some(client) = &new.client_order_id {
                self.accounts[account].spent.remove(client);
            }
            return Err(ApiRefusal::without_details(400, "insufficient_balance"));
        }
        if !count.is_positive() {
            self.cancel_before_matching(id, Some("ReduceOnlyCancel"));
            return Ok(id);
        }
        self.submit_without_self_trade(account, new, id, offer)?;
        Ok(id)
    }

    /// Lets an accepted order meet the book, but never its owner's other orders.
    fn submit_without_self_trade(
        &mut self,
        account: usize,
        new: &NewOrder,
        id: OrderId,
        offer: Option<(Price, Contracts)>,
    ) -> Result<(), ApiRefusal> {
        let record = &self.accounts[account].orders[&id];
        let (market, count) = (record.market, record.initial);
        let own = self.own_across(account, market, new);
        let enough = offer.is_some_and(|(_, size)| size >= count);
        let behind = |price: Price| {
            offer.is_some_and(|(at, _)| if new.side == BookSide::Bid { at <= price } else { at >= price })
        };
        let own_first = own.iter().any(|&(_, price)| !behind(price));
        let mut immediate = !matches!(new.life, OrderLifetime::GoodTill(_));
        if own_first || !own.is_empty() && !enough {
            if new.self_trade == "maker" {
                own.iter()
                    .for_each(|&(order, _)| self.withdraw_from_book(account, order, Some("SelfTradeCancel")));
            } else if own_first {
                self.cancel_before_matching(id, Some("SelfTradeCancel"));
                return Ok(());
            } else {
                immediate = true;
                self.cancel_reason = Some("SelfTradeCancel");
            }
        }
        let time_in_force = if immediate {
            TimeInForce::Ioc
        } else if new.post_only {
            TimeInForce::PostOnly
        } else {
            TimeInForce::Gtc
        };
        let order = Order { time_in_force, ..new.side.to_matching_order(id, market, count, new.price) };
        self.submit_command(&Command::Submit(order));
        self.cancel_reason = None;
        self.rejected.take().map_or(Ok(()), |reason| {
            self.accounts[account].open.remove(&id);
            self.accounts[account].orders.remove(&id);
            Err(match reason {
                RejectReason::MarketNotTrading => ApiRefusal::without_details(409, "market_closed"),
                RejectReason::WouldTake => ApiRefusal::with_details(400, "invalid_order", "post only cross"),
                RejectReason::InvalidPrice => ApiRefusal::without_details(400, "invalid_price"),
                RejectReason::InsufficientFunds => ApiRefusal::without_details(400, "insufficient_balance"),
                RejectReason::Refused => ApiRefusal::without_details(400, "invalid_order"),
                RejectReason::Busy | RejectReason::NeverSent => {
                    ApiRefusal::without_details(503, "exchange_unavailable")
                }
            })
        })
    }

    fn create_order_record(
        &mut self,
        account: usize,
        market: MarketId,
        new: &NewOrder,
        count: Contracts,
    ) -> OrderRecord {
        let id = self.number_order(account);
        let expiration = if let OrderLifetime::GoodTill(expiration) = new.life { expiration } else { None };
        self.expire_at(id, expiration);
        OrderRecord {
            id,
            client_order_id: new.client_order_id.clone(),
            market,
            side: new.side,
            price: new.price,
            initial: count,
            filled: Contracts::ZERO,
            remaining: count,
            status: OrderStatus::Resting,
            traded_value: Money::ZERO,
            cost: [Money::ZERO; 2],
            fees: [Money::ZERO; 2],
            created: self.now,
            updated: self.now,
            expiration,
            self_trade: new.self_trade,
            group: new.group,
            cancel_on_pause: new.cancel_on_pause,
        }
    }

    pub(in crate::sandbox) fn expire_at(&mut self, id: OrderId, expiration: Option<i64>) {
        self.alarms.retain(|(_, alarm)| *alarm != Alarm::Expire(id));
        if let Some(seconds) = expiration {
            let at = Timestamp::from_nanos(seconds.saturating_mul(1_000_000_000));
            self.alarms.insert((at, Alarm::Expire(id)));
        }
    }

    fn check_new_order(&self, account: usize, market: MarketId, new: &NewOrder) -> Result<(), ApiRefusal> {
        let state = &self.accounts[account];
        if new.client_order_id.as_ref().is_some_and(|client| state.spent.contains(client)) {
            return Err(ApiRefusal::without_details(409, "order_already_exists"));
        }
        if !new.count.is_positive() {
            return Err(ApiRefusal::without_details(400, "invalid_order_size"));
        }
        self.check_price(market, new.price)?;
        if let OrderLifetime::GoodTill(Some(at)) = new.life {
            self.check_expiration(at)?;
        }
        if new.post_only && !matches!(new.life, OrderLifetime::GoodTill(_)) {
            return Err(ApiRefusal::with_details(
                400,
                "invalid_order",
                "post only orders rest: use good_till_canceled",
            ));
        }
        if new.reduce_only && new.life != OrderLifetime::Immediate {
            return Err(ApiRefusal::with_details(
                400,
                "invalid_order",
                "reduce only needs immediate_or_cancel",
            ));
        }
        match new.group.map(|group| state.groups.get(&group)) {
            None => Ok(()),
            Some(None) => Err(ApiRefusal::without_details(404, "order_group_not_found")),
            Some(Some(group)) if group.takes_orders() => Ok(()),
            Some(Some(_)) => Err(ApiRefusal::without_details(409, "exceeded_order_group_risk_limit")),
        }
    }

    pub(in crate::sandbox) fn check_price(&self, market: MarketId, price: Price) -> Result<(), ApiRefusal> {
        let fits = self.market_state(market).is_some_and(|state| state.market.grid.contains(price));
        if fits { Ok(()) } else { Err(ApiRefusal::without_details(400, "invalid_price")) }
    }

    pub(in crate::sandbox) fn check_expiration(&self, at: i64) -> Result<(), ApiRefusal> {
        if at.saturating_mul(1_000_000_000) > self.now.nanos() {
            return Ok(());
        }
        Err(ApiRefusal::with_details(400, "invalid_parameters", "expiration_time must be in the future"))
    }

    /// The market of a ticker, if orders may be placed in it now.
    pub(in crate::sandbox) fn tradable_market(&self, ticker: &str) -> Result<MarketId, ApiRefusal> {
        if self.all_paused {
            return Err(ApiRefusal::without_details(409, "exchange_is_paused"));
        }
        let market = self.market_of(ticker).ok_or(ApiRefusal::without_details(404, "market_not_found"))?;
        let state = self.market_state(market).ok_or(ApiRefusal::without_details(404, "market_not_found"))?;
        match state.status {
            MarketStatus::Closed | MarketStatus::Settled => {
                Err(ApiRefusal::without_details(409, "market_closed"))
            }
            _ if self.now >= state.close => Err(ApiRefusal::without_details(409, "market_closed")),
            MarketStatus::Halted => Err(ApiRefusal::without_details(409, "trading_is_paused")),
            MarketStatus::Active if self.trading_paused => {
                Err(ApiRefusal::without_details(409, "trading_is_paused"))
            }
            MarketStatus::Active => Ok(market),
        }
    }

    /// Cash that is not locked behind open orders.
    #[must_use]
    pub fn available_cash(&self, account: usize) -> Money {
        self.accounts[account].cash - self.locked_cash(account)
    }

    /// The owner's orders on the other side that this one would meet, with their prices.
    fn own_across(&self, account: usize, market: MarketId, new: &NewOrder) -> Vec<(OrderId, Price)> {
        let across = |order: &&OrderRecord| {
            order.market == market
                && order.side != new.side
                && if new.side == BookSide::Bid { order.price <= new.price } else { order.price >= new.price }
        };
        let orders = self.accounts[account].open_orders().filter(across);
        orders.map(|order| (order.id, order.price)).collect()
    }

    pub(in crate::sandbox) fn submit_command(&mut self, command: &Command) {
        self.sim.submit(self.now, command).expect("a simulated exchange takes every command");
        self.process_matching_events();
    }

    /// Cancels an order that never reached matching.
    fn cancel_before_matching(&mut self, id: OrderId, reason: Option<&'static str>) {
        self.tell_order(id, None);
        self.apply_cancellation(id, reason);
    }

    /// Takes an order out of the book.
    pub(in crate::sandbox) fn withdraw_from_book(
        &mut self,
        account: usize,
        id: OrderId,
        reason: Option<&'static str>,
    ) {
        if let Some(order) = self.accounts[account].orders.get(&id) {
            let market = order.market;
            let before = std::mem::replace(&mut self.cancel_reason, reason);
            self.submit_command(&Command::Cancel { order: id, market });
            self.cancel_reason = before;
        }
    }

    /// An order of this account that is in the book.
    pub(in crate::sandbox) fn resting_order(
        &self,
        account: usize,
        id: OrderId,
    ) -> Result<&OrderRecord, ApiRefusal> {
        let order = self.accounts[account].orders.get(&id).ok_or(ApiRefusal::NOT_FOUND)?;
        if order.status == OrderStatus::Resting { Ok(order) } else { Err(ApiRefusal::NOT_FOUND) }
    }

    /// Cancels an order; how much of it was left.
    ///
    /// # Errors
    /// Not found, also when it is gone already, or the exchange is paused.
    pub fn cancel_order(&mut self, account: usize, id: OrderId) -> Result<Contracts, ApiRefusal> {
        if self.all_paused {
            return Err(ApiRefusal::without_details(409, "exchange_is_paused"));
        }
        let order = self.resting_order(account, id)?;
        let (left, market) = (order.remaining, order.market);
        if self.market_state(market).is_some_and(|state| self.now >= state.close) {
            return Err(ApiRefusal::without_details(409, "market_closed"));
        }
        self.withdraw_from_book(account, id, None);
        Ok(left)
    }

    /// Cancels all orders of an account that fit.
    pub(in crate::sandbox) fn cancel_where(
        &mut self,
        account: usize,
        reason: Option<&'static str>,
        fits: impl Fn(&OrderRecord) -> bool,
    ) {
        let orders: Vec<OrderId> =
            self.accounts[account].open_orders().filter(|order| fits(order)).map(|order| order.id).collect();
        orders.into_iter().for_each(|id| self.withdraw_from_book(account, id, reason));
    }
}
