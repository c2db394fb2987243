//! Order groups: when more than a limit matches within 15 seconds, the group's orders are cancelled and new
//! ones refused until it is reset.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::domain::{Contracts, Span, Timestamp};

use super::accounts::MemberAccount;
use super::exchange::SandboxExchange;
use super::refused::ApiRefusal;
use super::wire;

const WINDOW: Span = Span::SECOND.times(15);

/// One group.
#[derive(Debug)]
pub(super) struct OrderGroupState {
    limit: Contracts,
    matched: VecDeque<(Timestamp, Contracts)>,
    tripped: bool,
}

impl OrderGroupState {
    pub(super) const fn takes_orders(&self) -> bool {
        !self.tripped
    }

    /// Counts a match; whether the group has just tripped.
    pub(super) fn count(&mut self, at: Timestamp, contracts: Contracts) -> bool {
        self.matched.push_back((at, contracts));
        while self.matched.front().is_some_and(|(then, _)| at.since(*then) >= WINDOW) {
            self.matched.pop_front();
        }
        let trips = !self.tripped
            && self.matched.iter().map(|(_, matched)| *matched).sum::<Contracts>() >= self.limit;
        self.tripped |= trips;
        trips
    }

    fn body(&self, account: &MemberAccount, id: u64) -> Value {
        let orders = account.open_orders().filter(|order| order.group == Some(id));
        json!({
            "id": wire::uuid(wire::GROUP, id),
            "contracts_limit_fp": wire::count(self.limit),
            "is_auto_cancel_enabled": true,
            "orders": orders.map(|order| wire::uuid(wire::ORDER, order.id.0)).collect::<Vec<_>>(),
        })
    }
}

/// What can be asked of a group.
#[derive(Clone, Copy, Debug)]
pub enum GroupAction {
    /// It takes orders again.
    Reset,
    /// Its orders are cancelled, and it takes no more.
    Trigger,
    /// Another limit.
    Limit(Contracts),
    /// Its orders are cancelled, and it is gone.
    Delete,
}

impl SandboxExchange {
    /// Opens a group of an account's orders; its number.
    pub fn create_group(&mut self, account: usize, limit: Contracts) -> u64 {
        self.groups += 1;
        let group = OrderGroupState { limit, matched: VecDeque::new(), tripped: false };
        self.accounts[account].groups.insert(self.groups, group);
        self.groups
    }

    pub(super) fn group_bodies(&self, account: usize) -> Vec<Value> {
        let account = &self.accounts[account];
        account.groups.iter().map(|(&id, group)| group.body(account, id)).collect()
    }

    pub(super) fn group_body(&self, account: usize, id: u64) -> Result<Value, ApiRefusal> {
        let account = &self.accounts[account];
        account.groups.get(&id).map(|group| group.body(account, id)).ok_or(ApiRefusal::NOT_FOUND)
    }

    /// Does something with a group.
    ///
    /// # Errors
    /// When there is no such group.
    pub fn steer_group(&mut self, account: usize, id: u64, action: GroupAction) -> Result<(), ApiRefusal> {
        let group = self.accounts[account].groups.get_mut(&id).ok_or(ApiRefusal::NOT_FOUND)?;
        match action {
            GroupAction::Reset => {
                group.matched.clear();
                group.tripped = false;
                return Ok(());
            }
            GroupAction::Limit(limit) => {
                group.limit = limit;
                return Ok(());
            }
            GroupAction::Trigger => group.tripped = true,
            GroupAction::Delete => {
                self.accounts[account].groups.remove(&id);
            }
        }
        self.cancel_where(account, None, |order| order.group == Some(id));
        Ok(())
    }
}
