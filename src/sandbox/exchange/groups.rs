//! Order groups: when more than a limit matches within 15 seconds, the group's orders are cancelled and new
//! ones refused until it is reset.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::domain::Contracts;

use super::sandbox_exchange::SandboxExchange;
use crate::sandbox::accounts::member_account::MemberAccount;
use crate::sandbox::accounts::order_group::OrderGroupState;
use crate::sandbox::refused::ApiRefusal;
use crate::sandbox::wire;

/// What can be asked of a group.
#[derive(Clone, Copy, Debug)]
pub enum GroupAction {
    /// What it has matched so far is forgotten, and it takes orders again.
    Reset,
    /// Its orders are cancelled, and it takes no more.
    Trigger,
    /// From now on this many contracts may match within 15 seconds.
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

    pub(in crate::sandbox) fn group_bodies(&self, account: usize) -> Vec<Value> {
        let account = &self.accounts[account];
        account.groups.iter().map(|(&id, group)| group_object(group, account, id)).collect()
    }

    pub(in crate::sandbox) fn group_body(&self, account: usize, id: u64) -> Result<Value, ApiRefusal> {
        let account = &self.accounts[account];
        account.groups.get(&id).map(|group| group_object(group, account, id)).ok_or(ApiRefusal::NOT_FOUND)
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

fn group_object(group: &OrderGroupState, account: &MemberAccount, id: u64) -> Value {
    let orders = account.open_orders().filter(|order| order.group == Some(id));
    json!({
        "id": wire::format_uuid(wire::GROUP, id),
        "contracts_limit_fp": wire::format_contracts(group.limit),
        "is_auto_cancel_enabled": true,
        "orders": orders.map(|order| wire::format_uuid(wire::ORDER, order.id.0)).collect::<Vec<_>>(),
    })
}
