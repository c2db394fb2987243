//! What matching answers becomes orders, positions and money, and is told to their owner.

use std::collections::BTreeMap;

use crate::domain::{Contracts, FeeSchedule, MarketId, Money, OrderId};
use crate::engine::gateway::Venue;
use crate::event::{CloseReason, Fill, Input, Stamped, VenueEvent};

use super::account_objects;
use super::sandbox_exchange::SandboxExchange;
use super::state::SocketChannel;
use crate::sandbox::accounts::member_account::{BookSide, FillRecord, OrderRecord, OrderStatus};

impl SandboxExchange {
    /// Books everything matching has answered up to now.
    pub(in crate::sandbox) fn process_matching_events(&mut self) {
        while self.sim.next_answer_time().is_some_and(|due| due <= self.now) {
            if let Some(Stamped { value: Input::Venue(event), .. }) = self.sim.take_due_answer() {
                self.apply_venue_event(&event);
            }
        }
    }

    fn apply_venue_event(&mut self, event: &VenueEvent) {
        match *event {
            VenueEvent::Accepted { order, .. } => self.tell_order(order, None),
            VenueEvent::Filled(fill) => self.apply_fill(&fill),
            VenueEvent::Closed { order, reason } => {
                let reason = match reason {
                    CloseReason::MarketClosed => Some("CloseCancel"),
                    CloseReason::MarketHalted => Some("HaltCancel"),
                    CloseReason::NothingOnOffer | CloseReason::Cancelled | CloseReason::ByExchange => {
                        self.cancel_reason
                    }
                };
                self.apply_cancellation(order, reason);
            }
            VenueEvent::Rejected { reason, .. } => self.rejected = Some(reason),
            VenueEvent::Unexplained { .. } => unreachable!("matching explains itself"),
        }
    }

    fn apply_fill(&mut self, fill: &Fill) {
        let Some(account) = self.order_owner(fill.order) else {
            return;
        };
        let Some(order) = self.accounts[account].orders.get(&fill.order) else {
            return;
        };
        let (group, market) = (order.group, order.market);
        let record = FillRecord {
            trade: fill.trade,
            order: fill.order,
            market,
            side: order.side,
            contracts: fill.contracts,
            price: fill.price,
            taker: fill.taker,
            fee: fill.fee,
            at: self.now,
        };
        self.accounts[account].apply_fill(record);
        self.trades.push(record);
        let trade = account_objects::trade_object(self, &record, true);
        self.publish_to_all(SocketChannel::Trade, "trade", Some(market), trade);
        let state = &self.accounts[account];
        let order = state.orders.get(&fill.order);
        let body = account_objects::fill_message(self, &record, order, &state.position(market));
        self.publish_to(account, SocketChannel::Fill, "fill", market, body);
        self.tell_order(fill.order, Some("Trade"));
        self.tell_position(account, market);
        let now = self.now;
        let group = group.filter(|id| {
            let group = self.accounts[account].groups.get_mut(id);
            group.is_some_and(|group| group.count_match(now, fill.contracts))
        });
        if group.is_some() {
            self.cancel_where(account, None, |order| order.group == group);
        }
    }

    pub(in crate::sandbox) fn apply_cancellation(&mut self, id: OrderId, reason: Option<&str>) {
        let now = self.now;
        let Some(account) = self.order_owner(id) else {
            return;
        };
        self.accounts[account].open.remove(&id);
        if let Some(order) = self.accounts[account].orders.get_mut(&id) {
            order.remaining = Contracts::ZERO;
            (order.status, order.updated) = (OrderStatus::Canceled, now);
        }
        self.tell_order(id, reason);
    }

    pub(in crate::sandbox) fn tell_order(&mut self, id: OrderId, reason: Option<&str>) {
        let Some(account) = self.order_owner(id) else {
            return;
        };
        if let Some(order) = self.accounts[account].orders.get(&id) {
            let (market, body) = (order.market, account_objects::user_order(self, account, order, reason));
            self.publish_to(account, SocketChannel::Orders, "user_order", market, body);
        }
    }

    pub(in crate::sandbox) fn tell_position(&mut self, account: usize, market: MarketId) {
        let position = self.accounts[account].position(market);
        let body = account_objects::position_message(self.market_ticker(market), account, &position);
        self.publish_to(account, SocketChannel::Positions, "market_position", market, body);
    }

    /// What open orders of an account may still cost: price and worst fee of all that does not close.
    #[must_use]
    pub fn locked_cash(&self, account: usize) -> Money {
        let account = &self.accounts[account];
        let mut cover: BTreeMap<(MarketId, bool), i64> = BTreeMap::new();
        let lock = |order: &OrderRecord| {
            let bid = order.side == BookSide::Bid;
            let held = account.position(order.market).signed;
            let left = cover.entry((order.market, bid)).or_insert(if bid { -held } else { held }.max(0));
            let closing = order.remaining.hundredths().min(*left);
            *left -= closing;
            self.order_collateral(order, order.remaining - Contracts::from_hundredths(closing))
        };
        account.open_orders().map(lock).sum()
    }

    fn order_collateral(&self, order: &OrderRecord, opening: Contracts) -> Money {
        if !opening.is_positive() {
            return Money::ZERO;
        }
        let fees = self.market_state(order.market).map_or(FeeSchedule::STANDARD, |state| state.fees);
        let fee = fees.worst_fee(self.settings.sim.fee_rounding, order.price, opening);
        order.side.outcome_side().price_from_yes(order.price) * opening + fee
    }
}
