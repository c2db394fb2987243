//! Changing orders that rest: smaller without losing their place, or to another price.

use crate::domain::{Contracts, Money, OrderId, Price};

use super::sandbox_exchange::SandboxExchange;
use crate::sandbox::accounts::member_account::{BookSide, OrderRecord};
use crate::sandbox::refused::ApiRefusal;

/// An amend of a resting order, as read from the JSON body of the request.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Amend {
    pub(in crate::sandbox) ticker: String,
    pub(in crate::sandbox) side: BookSide,
    pub(in crate::sandbox) price: Price,
    /// Filled so far plus what should be left.
    pub(in crate::sandbox) count: Contracts,
    pub(in crate::sandbox) client_order_id: Option<String>,
    pub(in crate::sandbox) updated_client_order_id: Option<String>,
    /// New expiration in Unix seconds; `Some(0)` clears it, `None` leaves it as it is.
    pub(in crate::sandbox) expiration: Option<i64>,
}

impl SandboxExchange {
    /// Amends a resting order, which may trade at its new price; returns it as it was before.
    pub(in crate::sandbox) fn amend_order(
        &mut self,
        account: usize,
        id: OrderId,
        amend: &Amend,
    ) -> Result<OrderRecord, ApiRefusal> {
        let market = self.tradable_market(&amend.ticker)?;
        let before = self.resting_order(account, id)?.clone();
        let left = amend.count - before.filled;
        self.check_amend(account, &before, amend)?;
        if before.market != market {
            return Err(ApiRefusal::without_details(400, "order_ticker_mismatch"));
        }
        self.check_price(market, amend.price)?;
        let moves = amend.price != before.price || left > before.remaining;
        let expiration = amend.expiration.map_or(before.expiration, |at| (at > 0).then_some(at));
        let order = self.accounts[account].orders.get_mut(&id).expect("it was found above");
        (order.price, order.initial, order.remaining) = (amend.price, amend.count, left);
        (order.updated, order.expiration) = (self.now, expiration);
        if let Some(client) = &amend.updated_client_order_id {
            order.client_order_id = Some(client.clone());
        }
        if self.available_cash(account) < Money::ZERO {
            self.accounts[account].orders.insert(id, before);
            return Err(ApiRefusal::without_details(400, "insufficient_balance"));
        }
        self.accounts[account].spent.extend(amend.updated_client_order_id.clone());
        self.expire_at(id, expiration);
        self.tell_order(id, Some("Amend"));
        if moves {
            let order = before.side.to_matching_order(id, market, left, amend.price);
            self.sim.amend_order(self.now, &order);
            self.process_matching_events();
        } else {
            self.sim.reduce_remaining(id, left);
        }
        Ok(before)
    }

    fn check_amend(&self, account: usize, before: &OrderRecord, amend: &Amend) -> Result<(), ApiRefusal> {
        if before.side != amend.side {
            return Err(ApiRefusal::without_details(400, "order_side_mismatch"));
        }
        if amend.client_order_id.is_some() && amend.client_order_id != before.client_order_id {
            return Err(ApiRefusal::without_details(400, "order_id_and_client_order_id_mismatch"));
        }
        let fresh = amend.updated_client_order_id.as_ref();
        if fresh.is_some_and(|client| self.accounts[account].spent.contains(client)) {
            return Err(ApiRefusal::without_details(409, "order_already_exists"));
        }
        if !(amend.count - before.filled).is_positive() {
            let details = "count must be more than what is filled already; cancel instead";
            return Err(ApiRefusal::with_details(400, "invalid_order_size", details));
        }
        amend.expiration.filter(|&at| at > 0).map_or(Ok(()), |at| self.check_expiration(at))
    }

    /// Shortens a resting order to what `to` makes of what is left; to nothing is a cancel.
    pub(in crate::sandbox) fn decrease_order(
        &mut self,
        account: usize,
        id: OrderId,
        to: impl Fn(Contracts) -> Contracts,
    ) -> Result<(), ApiRefusal> {
        let order = self.resting_order(account, id)?;
        let (ticker, remaining) = (self.market_ticker(order.market).to_owned(), order.remaining);
        self.tradable_market(&ticker)?;
        let left = to(remaining);
        if left > remaining || left < Contracts::ZERO {
            let details = format!("an order of which {remaining} are left cannot be decreased to {left}");
            return Err(ApiRefusal::with_details(400, "invalid_order_size", details));
        }
        if left.is_zero() {
            self.withdraw_from_book(account, id, Some("Decrease"));
            return Ok(());
        }
        self.sim.reduce_remaining(id, left);
        let now = self.now;
        if let Some(order) = self.accounts[account].orders.get_mut(&id) {
            order.initial -= remaining - left;
            (order.remaining, order.updated) = (left, now);
        }
        self.tell_order(id, Some("Decrease"));
        Ok(())
    }
}
