//! What a test may ask for ahead of time: results that are disputed, and series that go to another shard.

use serde_json::{Value, json};

use crate::domain::{MarketId, MarketStatus, SettlementValue, Span};

use super::sandbox_exchange::{Alarm, SandboxExchange};
use super::state::{ResultDispute, ShownBook, SocketChannel};
use crate::sandbox::wire;

/// How long after its determination a disputed result is replaced by the one that holds.
pub(in crate::sandbox) const DISPUTED_FOR: Span = Span::MINUTE.times(10);

impl SandboxExchange {
    /// Determines a market with the other result if a dispute was asked for. Returns whether it did.
    pub(super) fn open_dispute(&mut self, market: MarketId, holds: SettlementValue) -> bool {
        if self.market_state(market).and_then(|state| state.dispute) != Some(ResultDispute::Asked) {
            return false;
        }
        let (now, first) = (self.now, holds.complement());
        if let Some(state) = self.market_state_mut(market) {
            (state.status, state.updated) = (MarketStatus::Closed, now);
            state.book = ShownBook::default();
            state.dispute = Some(ResultDispute::Open { first, holds });
        }
        self.publish_determination(market, first);
        self.alarms.insert((now + DISPUTED_FOR, Alarm::Amend(market)));
        true
    }

    /// Ends a dispute: returns the result that holds, after which the market is as any other.
    pub(super) fn take_disputed_result(&mut self, market: MarketId) -> Option<SettlementValue> {
        match self.market_state_mut(market)?.dispute.take()? {
            ResultDispute::Open { holds, .. } => Some(holds),
            ResultDispute::Asked => None,
        }
    }

    pub(super) fn publish_determination(&mut self, market: MarketId, value: SettlementValue) {
        let determined = json!({
            "event_type": "determined", "market_ticker": self.market_ticker(market),
            "determination_ts": wire::unix_seconds(self.now), "result": wire::result_of(value),
            "settlement_value": wire::format_settlement(value),
        });
        self.publish_to_all(SocketChannel::Lifecycle, "market_lifecycle_v2", Some(market), determined);
    }

    /// The shard of a market, as its series had it when it was listed.
    pub(in crate::sandbox) fn shard_of(&self, market: MarketId) -> Value {
        self.market_state(market).map_or(0, |state| state.shard).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::core_tests;
    use crate::sandbox::exchange::control::SandboxControl;

    #[test]
    fn a_disputed_result_is_shown_and_pays_nothing_until_the_other_replaces_it() {
        let mut exchange = core_tests::exchange("100", &[]);
        let to = |exchange: &mut SandboxExchange, minute| {
            let mut told = Vec::new();
            while exchange.next_moment().is_some_and(|next| next <= core_tests::at(minute)) {
                exchange.advance_clock(None).unwrap();
                told.extend(exchange.take_messages());
            }
            told.retain(|message| message.channel == SocketChannel::Lifecycle);
            told.into_iter().map(|message| message.body).collect::<Vec<_>>()
        };
        to(&mut exchange, 1);
        let ticker = exchange.market_ticker(MarketId(0)).to_owned();
        exchange.apply_control(&SandboxControl::Dispute(ticker.clone())).unwrap();
        let told = to(&mut exchange, 160);
        let results: Vec<_> = told.iter().map(|body| (&body["event_type"], &body["result"])).collect();
        assert_eq!(results, [(&json!("determined"), &json!("no"))]);
        let state = exchange.market_state(MarketId(0)).unwrap();
        assert_eq!((state.status_name(), state.result_name(), state.settled), ("disputed", "no", None));
        let told = to(&mut exchange, 170);
        let results: Vec<_> = told.iter().map(|body| (&body["event_type"], &body["result"])).collect();
        assert_eq!(results, [(&json!("determined"), &json!("yes")), (&json!("settled"), &Value::Null)]);
        let state = exchange.market_state(MarketId(0)).unwrap();
        assert_eq!((state.status_name(), state.result_name()), ("finalized", "yes"));
        assert!(exchange.apply_control(&SandboxControl::Dispute(ticker)).is_err(), "it is over");
    }

    #[test]
    fn another_shard_is_for_markets_that_are_listed_later() {
        let mut exchange = core_tests::exchange("100", &[]);
        exchange.advance_clock(None).unwrap();
        exchange.apply_control(&SandboxControl::Shard("KXHIGHNY".into(), 2)).unwrap();
        assert_eq!(exchange.shard_of(MarketId(0)), 0);
        let later = crate::domain::Market {
            event_ticker: "KXHIGHNY-26NOV21".into(),
            ticker: "KXHIGHNY-26NOV21-T55".into(),
            ..core_tests::market(2)
        };
        exchange.apply_market_event(crate::event::MarketEvent::Listed(later.into()));
        assert_eq!(exchange.shard_of(MarketId(2)), 2);
        assert!(exchange.apply_control(&SandboxControl::Shard("OTHER".into(), 2)).is_err());
    }
}
