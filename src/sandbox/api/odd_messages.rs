//! How the messages of odd markets, events and series differ on the lifecycle channel.

use serde_json::{Value, json};

use super::odd_answers::odd_fee_type;
use crate::sandbox::exchange::sandbox_exchange::SandboxExchange;
use crate::sandbox::exchange::state::{Message, ServedMarket, SocketChannel};
use crate::sandbox::odd::market_edits::edit_market;
use crate::sandbox::odd::market_oddity::MarketOddity;
use crate::sandbox::wire;

/// What the exchange has to tell since the last call, with what is odd about it.
pub(in crate::sandbox) fn take_odd_messages(exchange: &mut SandboxExchange) -> Vec<Message> {
    let messages = exchange.take_messages();
    if !exchange.odd.has_oddities() {
        return messages;
    }
    messages.into_iter().flat_map(|message| vary_message(exchange, message)).collect()
}

/// The messages that are sent instead of one.
fn vary_message(exchange: &SandboxExchange, message: Message) -> Vec<Message> {
    if message.channel != SocketChannel::Lifecycle {
        return vec![message];
    }
    if message.kind == "event_lifecycle" {
        let event = message.body["event_ticker"].as_str();
        let Some(fee_type) = event.and_then(|event| odd_fee_type(exchange, event)) else {
            return vec![message];
        };
        let body = json!({
            "event_ticker": message.body["event_ticker"], "fee_type_override": fee_type,
            "fee_multiplier_override": 1,
        });
        let fees = Message { kind: "event_fee_update", body, ..message.clone() };
        return vec![message, fees];
    }
    let state = message.market.and_then(|market| exchange.market_state(market));
    let odd = state.and_then(|state| Some((state, exchange.odd.market_oddity(&state.market)?)));
    let Some((state, oddity)) = odd else {
        return vec![message];
    };
    match message.body["event_type"].as_str() {
        Some("created") => vary_listing(oddity, message),
        Some("determined") => vary_determination(oddity, state, message),
        _ => vec![message],
    }
}

fn vary_listing(oddity: MarketOddity, mut message: Message) -> Vec<Message> {
    let ticker = message.body["market_ticker"].clone();
    if let Some(metadata) = message.body.get_mut("additional_metadata").and_then(Value::as_object_mut) {
        edit_market(oddity, metadata);
    }
    let Some(body) = message.body.as_object_mut() else {
        return vec![message];
    };
    edit_market(oddity, body);
    let after = match oddity {
        MarketOddity::CreatedWithoutRanges => {
            body.remove("price_ranges");
            None
        }
        MarketOddity::CreatedStructureEmpty => {
            body.insert("price_level_structure".to_owned(), "".into());
            None
        }
        MarketOddity::StructureUpdatedWithoutRanges => Some(json!({
            "event_type": "price_level_structure_updated", "market_ticker": ticker,
            "price_level_structure": body["price_level_structure"],
        })),
        MarketOddity::UnknownEventType => {
            Some(json!({"event_type": "auction_started", "market_ticker": ticker, "auction": {"round": 1}}))
        }
        _ => None,
    };
    let after = after.map(|body| Message { body, ..message.clone() });
    [message].into_iter().chain(after).collect()
}

fn vary_determination(oddity: MarketOddity, state: &ServedMarket, mut message: Message) -> Vec<Message> {
    match oddity {
        MarketOddity::DeterminedWithoutValue => {
            message.body.as_object_mut().map(|body| body.remove("settlement_value"));
        }
        MarketOddity::DeterminedVoid | MarketOddity::ResultVoid => {
            message.body["result"] = "void".into();
            message.body.as_object_mut().map(|body| body.remove("settlement_value"));
        }
        MarketOddity::Disputed => {
            let mut before = message.clone();
            if let Some((value, _)) = state.settled {
                before.body["result"] = wire::result_of(value.complement()).into();
                before.body["settlement_value"] = wire::format_settlement(value.complement()).into();
            }
            return vec![before, message];
        }
        _ => {}
    }
    vec![message]
}
