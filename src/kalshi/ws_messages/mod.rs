//! Messages of the exchange's WebSocket, typed.
//!
//! A message whose type is known must have every field that is read, with its type: otherwise it is an
//! error that names both, and [`UnreadableMessage`] says whom it concerns. Of a turn in a market's life only its
//! name and the market are needed; details that cannot be read are read by REST. A message whose type is unknown is [`Frame::Other`]. The type is found without
//! parsing where the message begins with it, which is how the exchange writes its data; then the message
//! is decoded once, straight into its struct.

pub mod body;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::domain::{SettlementValue, Timestamp};
use crate::kalshi::number;
use crate::kalshi::schema::{self, SchemaError};

pub use body::{
    BookDelta, BookFrame, BookSnapshot, EventFeeUpdate, EventLifecycle, FillMessage, Lifecycle,
    PositionMessage, SandboxClockMessage, Ticker, TradeMessage, Turn, UserOrder, UserOrderStatus,
};

/// A message with what stands around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Number of the subscription it belongs to, unique on the connection; `None` if it belongs to none.
    pub sid: Option<u64>,
    /// Its number among all messages of that subscription, where the channel counts.
    pub seq: Option<u64>,
    /// When the exchange sent it (JSON `sending_ts_ms`); `None` if it does not say.
    pub sent: Option<Timestamp>,
    /// Content of the message, by its type.
    pub frame: Frame,
}

/// Content of a message: a variant for each kind of message that this client knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A subscription began; later messages refer to it by `sid`.
    Subscribed {
        /// Number of the command that asked for it.
        id: u64,
        /// Channel that was subscribed to, in the exchange's words: `orderbook_delta`.
        channel: String,
        /// Number the exchange gave the subscription, unique on this connection.
        sid: u64,
    },
    /// A command was carried out that neither begins nor ends a subscription.
    Ok {
        /// Number of the command, as we sent it; `None` if the exchange leaves it out.
        id: Option<u64>,
    },
    /// A subscription ended, because we asked for it or because the exchange ended it.
    Unsubscribed {
        /// Number of the command that asked for it; `None` if the exchange ended it on its own.
        id: Option<u64>,
    },
    /// A command was refused, or a subscription failed.
    Error(Refusal),
    /// A book, or a change of one.
    Book(BookFrame),
    /// Best prices and volume of a market.
    Ticker(Ticker),
    /// A public trade between any two members.
    Trade(TradeMessage),
    /// A fill: a trade of one of our orders.
    Fill(FillMessage),
    /// An order of ours was placed, filled, amended or cancelled.
    UserOrder(UserOrder),
    /// Our position in one market, after it changed.
    Position(PositionMessage),
    /// A turn in the life of a market.
    Lifecycle(Lifecycle),
    /// The exchange listed an event (message type `event_lifecycle`).
    EventLifecycle(EventLifecycle),
    /// The fees of an event changed.
    EventFeeUpdate(EventFeeUpdate),
    /// The clock of our own stand-in for the exchange.
    SandboxClock(SandboxClockMessage),
    /// A type this client does not know; to be counted, not acted upon.
    Other {
        /// Its `type` as sent.
        kind: String,
    },
}

impl Frame {
    /// The market's or the account's moment this tells of, by the exchange's clock, if it was sent.
    #[must_use]
    pub fn exchange_time(&self) -> Option<Timestamp> {
        match self {
            Self::Book(book) => book.exchange_time(),
            Self::Ticker(ticker) => Some(ticker.at),
            Self::Trade(trade) => Some(trade.at),
            Self::Fill(fill) => Some(fill.at),
            Self::UserOrder(order) => order.at,
            _ => None,
        }
    }
}

/// What the exchange says when it refuses a command or gives up a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Number of the refused command; `None` if the message answers no command.
    pub id: Option<u64>,
    /// The exchange's number of the reason.
    pub code: i64,
    /// The reason in the exchange's words (JSON `msg`), for people to read in the log.
    pub message: String,
    /// Tickers of the markets it is about; empty if it names none.
    pub tickers: Vec<Arc<str>>,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

/// Fields around a message's content: which command or subscription it belongs to, and its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Head {
    /// Number of the command it answers.
    #[serde(default)]
    pub id: Option<u64>,
    /// Number of the subscription it belongs to; `None` if it belongs to none.
    #[serde(default)]
    pub sid: Option<u64>,
    /// Its number among all messages of that subscription.
    #[serde(default)]
    pub seq: Option<u64>,
    #[serde(rename = "sending_ts_ms", default, deserialize_with = "number::optional_millis")]
    sent: Option<Timestamp>,
}

impl Head {
    /// Reads only what stands around a message, for one whose content cannot be read.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

// Not `#[serde(flatten)]` of the head: that would copy every message into a tree first.
#[derive(Deserialize)]
struct Envelope<M> {
    #[serde(default)]
    id: Option<u64>,
    #[serde(default)]
    sid: Option<u64>,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(rename = "sending_ts_ms", default, deserialize_with = "number::optional_millis")]
    sent: Option<Timestamp>,
    msg: M,
}

impl Message {
    /// Reads one message of the stream, by the `type` it names.
    ///
    /// # Errors
    /// Names the message's type and the field that is missing, of another type or unreadable.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let kind = match leading_kind(text) {
            Some(kind) => Cow::Borrowed(kind),
            None => kind_of(text)?,
        };
        match &*kind {
            "orderbook_delta" => parse_sequenced(text, "WebSocket orderbook_delta", |delta| {
                Frame::Book(BookFrame::Delta(delta))
            }),
            "orderbook_snapshot" => parse_sequenced(text, "WebSocket orderbook_snapshot", |snapshot| {
                Frame::Book(BookFrame::Snapshot(snapshot))
            }),
            "ticker" => of_channel(text, "WebSocket ticker", Frame::Ticker),
            "trade" => of_channel(text, "WebSocket trade", Frame::Trade),
            "fill" => of_channel(text, "WebSocket fill", Frame::Fill),
            "user_order" => of_channel(text, "WebSocket user_order", Frame::UserOrder),
            "market_position" => of_channel(text, "WebSocket market_position", Frame::Position),
            "market_lifecycle_v2" => parse_lifecycle(text),
            "event_lifecycle" => of_channel(text, "WebSocket event_lifecycle", Frame::EventLifecycle),
            "event_fee_update" => of_channel(text, "WebSocket event_fee_update", Frame::EventFeeUpdate),
            "sandbox_clock" => parse_envelope(text, "WebSocket sandbox_clock", Frame::SandboxClock),
            "subscribed" => parse_subscribed(text),
            "error" => parse_refusal(text),
            "ok" => parse_head_only(text, "WebSocket ok", |head| Frame::Ok { id: head.id }),
            "unsubscribed" => {
                parse_head_only(text, "WebSocket unsubscribed", |head| Frame::Unsubscribed { id: head.id })
            }
            other => parse_head_only(text, "WebSocket message", |_| Frame::Other { kind: other.to_owned() }),
        }
    }
}

/// The type of a message that begins with it.
fn leading_kind(text: &str) -> Option<&str> {
    let rest = text.strip_prefix(r#"{"type":""#)?;
    rest.split_once('"').map(|(kind, _)| kind).filter(|kind| !kind.contains('\\'))
}

fn kind_of(text: &str) -> Result<Cow<'_, str>, SchemaError> {
    let kind = serde_json::from_str::<Kind<'_>>(text).map(|kind| kind.kind);
    kind.map_err(|error| schema_error("WebSocket message", error.to_string()))
}

fn schema_error(endpoint: &str, problem: impl Into<String>) -> SchemaError {
    SchemaError { endpoint: endpoint.to_owned(), problem: problem.into() }
}

/// Decodes a message from text, which spares the check for UTF-8. Only after a failure it is decoded again,
/// for an error that names the field.
fn decode_text<T: DeserializeOwned>(endpoint: &str, text: &str) -> Result<T, SchemaError> {
    serde_json::from_str(text).or_else(|_| schema::decode_json(endpoint, text.as_bytes()))
}

fn parse_envelope<M: DeserializeOwned>(
    text: &str,
    endpoint: &str,
    frame: impl FnOnce(M) -> Frame,
) -> Result<Message, SchemaError> {
    let envelope: Envelope<M> = decode_text(endpoint, text)?;
    let Envelope { sid, seq, sent, msg, id: _ } = envelope;
    Ok(Message { sid, seq, sent, frame: frame(msg) })
}

fn of_channel<M: DeserializeOwned>(
    text: &str,
    endpoint: &str,
    frame: impl FnOnce(M) -> Frame,
) -> Result<Message, SchemaError> {
    let message = parse_envelope(text, endpoint, frame)?;
    if message.sid.is_none() {
        return Err(schema_error(endpoint, "missing field `sid`"));
    }
    Ok(message)
}

fn parse_sequenced<M: DeserializeOwned>(
    text: &str,
    endpoint: &str,
    frame: impl FnOnce(M) -> Frame,
) -> Result<Message, SchemaError> {
    let message = of_channel(text, endpoint, frame)?;
    if message.seq.is_none() {
        return Err(schema_error(endpoint, "missing field `seq`"));
    }
    Ok(message)
}

fn parse_head_only(
    text: &str,
    endpoint: &str,
    frame: impl FnOnce(Head) -> Frame,
) -> Result<Message, SchemaError> {
    let head: Head = decode_text(endpoint, text)?;
    Ok(Message { sid: head.sid, seq: head.seq, sent: head.sent, frame: frame(head) })
}

fn parse_subscribed(text: &str) -> Result<Message, SchemaError> {
    #[derive(Deserialize)]
    struct Subscribed {
        channel: String,
        sid: u64,
    }
    const ENDPOINT: &str = "WebSocket subscribed";
    let envelope: Envelope<Subscribed> = decode_text(ENDPOINT, text)?;
    let Envelope { id, seq, sent, msg: Subscribed { channel, sid }, .. } = envelope;
    let id = id.ok_or_else(|| schema_error(ENDPOINT, "missing field `id`"))?;
    Ok(Message { sid: Some(sid), seq, sent, frame: Frame::Subscribed { id, channel, sid } })
}

fn parse_refusal(text: &str) -> Result<Message, SchemaError> {
    #[derive(Deserialize)]
    struct Said {
        code: i64,
        msg: String,
        #[serde(default)]
        market_ticker: Option<Arc<str>>,
        #[serde(default)]
        market_tickers: Option<Vec<Arc<str>>>,
    }
    let envelope: Envelope<Said> = decode_text("WebSocket error", text)?;
    let Envelope { id, sid, seq, sent, msg } = envelope;
    let mut tickers = msg.market_tickers.unwrap_or_default();
    tickers.extend(msg.market_ticker);
    let refusal = Refusal { id, code: msg.code, message: msg.msg, tickers };
    Ok(Message { sid, seq, sent, frame: Frame::Error(refusal) })
}

fn parse_lifecycle(text: &str) -> Result<Message, SchemaError> {
    #[derive(Deserialize)]
    struct LifecycleBody {
        event_type: String,
        #[serde(deserialize_with = "body::name")]
        market_ticker: Arc<str>,
    }
    of_channel(text, "WebSocket market_lifecycle_v2", |LifecycleBody { event_type, market_ticker }| {
        let turn = match &*event_type {
            "created" => Turn::Created { event: lifecycle_details(text).and_then(CreatedDetails::event) },
            "activated" => Turn::Activated,
            "deactivated" => Turn::Deactivated,
            "close_date_updated" => lifecycle_details(text)
                .map_or(Turn::Redefined, |MovedDetails { close_ts }| Turn::CloseDateUpdated {
                    close: close_ts,
                }),
            "determined" => {
                Turn::Determined { value: lifecycle_details(text).and_then(DeterminedDetails::payout_value) }
            }
            "settled" => Turn::Settled,
            _ => Turn::Redefined,
        };
        Frame::Lifecycle(Lifecycle { ticker: market_ticker, turn })
    })
}

/// What a turn says beyond its name; `None` where it cannot be read.
fn lifecycle_details<D: DeserializeOwned>(text: &str) -> Option<D> {
    serde_json::from_str::<Envelope<D>>(text).ok().map(|envelope| envelope.msg)
}

#[derive(Deserialize)]
struct CreatedDetails {
    #[serde(default)]
    additional_metadata: Option<CreatedMetadata>,
}

#[derive(Deserialize)]
struct CreatedMetadata {
    #[serde(default)]
    event_ticker: Option<Arc<str>>,
}

impl CreatedDetails {
    fn event(self) -> Option<Arc<str>> {
        self.additional_metadata?.event_ticker
    }
}

#[derive(Deserialize)]
struct MovedDetails {
    #[serde(deserialize_with = "number::seconds")]
    close_ts: Timestamp,
}

#[derive(Deserialize)]
struct DeterminedDetails {
    #[serde(default)]
    result: Option<String>,
    #[serde(default)]
    settlement_value: Option<String>,
}

impl DeterminedDetails {
    fn payout_value(self) -> Option<SettlementValue> {
        match (self.settlement_value, self.result.as_deref()) {
            (Some(value), _) => SettlementValue::parse_dollars(&value).ok(),
            (None, Some("yes")) => Some(SettlementValue::ONE),
            (None, Some("no")) => Some(SettlementValue::ZERO),
            (None, _) => None,
        }
    }
}

/// A message that could not be read: what can be said of it all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableMessage {
    /// Its `type`, such as `ticker`; `None` if not even that could be read.
    pub kind: Option<Arc<str>>,
    /// Ticker of the market it is about; `None` if it names none.
    pub ticker: Option<Arc<str>>,
    /// Which field of which message, and what is wrong with it.
    pub problem: String,
}

impl UnreadableMessage {
    /// Describes a message that [`Message::parse`] could not read.
    #[must_use]
    pub fn describe(text: &str, error: &SchemaError) -> Self {
        #[derive(Deserialize)]
        struct AnyMessage {
            #[serde(rename = "type", default)]
            kind: Option<Arc<str>>,
            #[serde(default)]
            msg: serde_json::Value,
        }
        let (kind, msg) = serde_json::from_str::<AnyMessage>(text)
            .map_or_else(|_| (None, serde_json::Value::Null), |message| (message.kind, message.msg));
        let ticker = ["market_ticker", "ticker"].into_iter().find_map(|name| msg[name].as_str());
        Self { kind, ticker: ticker.map(Into::into), problem: error.to_string() }
    }

    /// Whether it tells of our own orders, fills or positions, so that our books may be wrong without it.
    #[must_use]
    pub fn is_about_account(&self) -> bool {
        matches!(self.kind.as_deref(), Some("fill" | "user_order" | "market_position"))
    }

    /// Whether it is a change of a book.
    #[must_use]
    pub fn is_book(&self) -> bool {
        matches!(self.kind.as_deref(), Some("orderbook_delta" | "orderbook_snapshot"))
    }

    /// Whether it brings the prices that orders in a market are made from.
    #[must_use]
    pub fn is_about_prices(&self) -> bool {
        self.is_book() || self.kind.as_deref() == Some("ticker")
    }
}
