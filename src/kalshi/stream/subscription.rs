//! The channels, how far each one's subscription is, and the commands for it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::kalshi::book::{BookId, SequenceGuard};

/// A channel of the exchange's WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamChannel {
    /// `market_lifecycle_v2`: turns in the lives of markets and events.
    Lifecycle,
    /// `fill`: trades of the account's own orders.
    Fills,
    /// `user_orders`: how the account's own orders stand, whenever that changes.
    Orders,
    /// `market_positions`: the account's positions, whenever one changes.
    Positions,
    /// `trade`: public trades of the markets subscribed.
    Trades,
    /// `ticker`: best prices, last price, volume and open interest of the markets subscribed.
    Tickers,
    /// `orderbook_delta`: a snapshot of the book of each market subscribed, then its changes.
    Books,
}

impl StreamChannel {
    /// All of them, in the order in which they are subscribed: what concerns our money first.
    pub const ALL: [Self; 7] = [
        Self::Fills,
        Self::Orders,
        Self::Positions,
        Self::Lifecycle,
        Self::Trades,
        Self::Tickers,
        Self::Books,
    ];

    /// Returns the exchange's name of the channel, which commands and answers carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lifecycle => "market_lifecycle_v2",
            Self::Fills => "fill",
            Self::Orders => "user_orders",
            Self::Positions => "market_positions",
            Self::Trades => "trade",
            Self::Tickers => "ticker",
            Self::Books => "orderbook_delta",
        }
    }

    /// Whether it is subscribed market by market.
    #[must_use]
    pub const fn by_market(self) -> bool {
        matches!(self, Self::Trades | Self::Tickers | Self::Books)
    }

    /// Whether nothing may be traded without it.
    #[must_use]
    pub const fn is_vital(self) -> bool {
        matches!(self, Self::Fills | Self::Orders | Self::Books)
    }
}

impl fmt::Display for StreamChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// State of one channel's subscription on the present connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SubscriptionPhase {
    /// Not subscribed, and no command for it is on its way.
    Off,
    /// The `subscribe_command` command was sent, and awaits its answer.
    Asked,
    /// Subscribed: `sid` is the exchange's id of the subscription, `since` when it was confirmed.
    On { sid: u64, since: Duration },
    /// The `unsubscribe_command` command was sent, and awaits its answer.
    Leaving,
}

/// A request to the clock of our own stand-in, until it is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct PendingAdvance {
    pub until_ts_ms: Option<i64>,
    pub sent: bool,
}

/// Snapshots that are on their way, or still to be asked for, after books lost messages.
#[derive(Debug)]
pub(super) struct Recovery {
    /// Books that were whole before, and have to be again.
    pub lost: BTreeSet<BookId>,
    /// When they were asked for; `None` while that is still to be done.
    pub asked: Option<Duration>,
    /// Not to be asked for before.
    pub not_before: Duration,
}

/// The subscription of one channel on the present connection.
#[derive(Debug)]
pub(super) struct ChannelSubscription {
    pub channel: StreamChannel,
    pub phase: SubscriptionPhase,
    pub guard: SequenceGuard,
    /// Markets that were not asked for on this subscription yet.
    pub todo: Vec<Arc<str>>,
    /// Nothing is subscribed on this channel, and no market added, before this time.
    pub not_before: Duration,
    /// Failures since it was last healthy.
    pub failures: u32,
    /// Whether it broke off, so that messages are missing once it is there again.
    pub broken: bool,
}

impl ChannelSubscription {
    pub fn new(channel: StreamChannel) -> Self {
        Self {
            channel,
            phase: SubscriptionPhase::Off,
            guard: SequenceGuard::default(),
            todo: Vec::new(),
            not_before: Duration::ZERO,
            failures: 0,
            broken: false,
        }
    }

    /// Its name on this connection, if it is there.
    pub fn active_sid(&self) -> Option<u64> {
        match self.phase {
            SubscriptionPhase::On { sid, .. } => Some(sid),
            _ => None,
        }
    }

    /// Whether something is to be asked for, be it later.
    pub fn has_to_ask(&self) -> bool {
        match self.phase {
            SubscriptionPhase::Off => !self.channel.by_market() || !self.todo.is_empty(),
            SubscriptionPhase::On { .. } => !self.todo.is_empty(),
            SubscriptionPhase::Asked | SubscriptionPhase::Leaving => false,
        }
    }
}

/// What a command that awaits its answer was for.
#[derive(Debug)]
pub(super) enum CommandPurpose {
    Subscribe,
    Add,
    Leave,
}

/// A command that awaits its answer.
#[derive(Debug)]
pub(super) struct StreamCommand {
    pub channel: StreamChannel,
    pub purpose: CommandPurpose,
    pub tickers: Vec<Arc<str>>,
    pub sent: Duration,
}

pub(super) fn subscribe_command(id: u64, channel: StreamChannel, tickers: &[Arc<str>]) -> String {
    let mut params = json!({"channels": [channel.name()]});
    if channel.by_market() {
        params["market_tickers"] = json!(tickers);
    }
    if channel == StreamChannel::Books {
        // Said because the exchange has announced to change what it means not to say it, and then to drop the flag:
        // with it both sides are at prices of YES, before and after that.
        params["use_yes_price"] = Value::Bool(true);
    }
    json!({"id": id, "cmd": "subscribe", "params": params}).to_string()
}

pub(super) fn update_command(id: u64, sid: u64, action: &str, tickers: &[Arc<str>]) -> String {
    let params = json!({"sid": sid, "action": action, "market_tickers": tickers});
    json!({"id": id, "cmd": "update_subscription", "params": params}).to_string()
}

pub(super) fn unsubscribe_command(id: u64, sid: u64) -> String {
    json!({"id": id, "cmd": "unsubscribe", "params": {"sids": [sid]}}).to_string()
}

pub(super) fn advance_command(id: u64, until_ts_ms: Option<i64>) -> String {
    let mut params = json!({});
    if let Some(until) = until_ts_ms {
        params["until_ts_ms"] = json!(until);
    }
    json!({"id": id, "cmd": "sandbox_advance", "params": params}).to_string()
}
