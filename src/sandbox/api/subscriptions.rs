//! Sockets, what they subscribed to, and the numbered messages they get.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::domain::{MarketId, Timestamp};

use crate::sandbox::exchange::market_objects;
use crate::sandbox::exchange::sandbox_exchange::SandboxExchange;
use crate::sandbox::exchange::state::{Message, SocketChannel};
use crate::sandbox::faults::{Delivery, Dice};
use crate::sandbox::key_order::write_json;
use crate::sandbox::wire;

/// What is queued for one socket: a message as JSON text, or the request to close it.
#[derive(Debug)]
pub(in crate::sandbox) enum Frame {
    Text(String),
    Close,
}

/// How many frames may wait for a slow reader before it is cut off.
pub(in crate::sandbox) const QUEUE: usize = 65_536;

/// Error codes of the socket's commands.
const UNPROCESSABLE: (u32, &str) = (1, "Unable to process message");
const PARAMS: (u32, &str) = (2, "Params required");
const CHANNELS: (u32, &str) = (3, "Channels required");
const SIDS: (u32, &str) = (4, "Subscription IDs required");
const COMMAND: (u32, &str) = (5, "Unknown command");
const UNKNOWN_SID: (u32, &str) = (7, "Unknown subscription ID");
const UNKNOWN_CHANNEL: (u32, &str) = (8, "Unknown channel name");
const PARAMETER: (u32, &str) = (11, "Invalid parameter");
const ONE_SID: (u32, &str) = (12, "Exactly one subscription ID is required");
const ACTION: (u32, &str) = (13, "Unsupported action");
const TICKER: (u32, &str) = (14, "Market ticker required");
const ACTION_REQUIRED: (u32, &str) = (15, "Action required");

impl SocketChannel {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "orderbook_delta" => Self::OrderBook,
            "ticker" => Self::Ticker,
            "trade" => Self::Trade,
            "fill" => Self::Fill,
            "user_orders" => Self::Orders,
            "market_positions" => Self::Positions,
            "market_lifecycle_v2" => Self::Lifecycle,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::OrderBook => "orderbook_delta",
            Self::Ticker => "ticker",
            Self::Trade => "trade",
            Self::Fill => "fill",
            Self::Orders => "user_orders",
            Self::Positions => "market_positions",
            Self::Lifecycle => "market_lifecycle_v2",
        }
    }

    const fn is_numbered(self) -> bool {
        matches!(self, Self::OrderBook | Self::Trade | Self::Lifecycle)
    }
}

#[derive(Debug)]
struct SocketSubscription {
    sid: u64,
    channel: SocketChannel,
    /// Markets whose messages it gets; `None` = all markets.
    markets: Option<BTreeSet<MarketId>>,
    use_yes_price: bool,
    seq: u64,
}

impl SocketSubscription {
    /// A message of this subscription; the next number is used up if its channel counts.
    fn build_frame(&mut self, kind: &str, body: &Value, now: Timestamp) -> Value {
        let mut frame = json!({"type": kind, "sid": self.sid});
        if self.channel.is_numbered() {
            self.seq += 1;
            frame["seq"] = self.seq.into();
        }
        if !body.is_null() {
            frame["msg"] = body.clone();
        }
        frame["sending_ts_ms"] = wire::unix_millis(now).into();
        frame
    }

    fn covers_message(&self, message: &Message) -> bool {
        let fits =
            |markets: &BTreeSet<MarketId>| message.market.is_some_and(|market| markets.contains(&market));
        self.channel == message.channel && self.markets.as_ref().is_none_or(fits)
    }
}

#[derive(Debug)]
struct Socket {
    id: u64,
    account: usize,
    frames: mpsc::Sender<Frame>,
    subscriptions: Vec<SocketSubscription>,
    sids: u64,
    dead: bool,
}

impl Socket {
    fn send_frame(&mut self, frame: &Value) {
        self.dead |= self.frames.try_send(Frame::Text(write_json(frame) + "\n")).is_err();
    }

    fn send_error(&mut self, id: &Value, (code, text): (u32, &str), now: Timestamp) {
        let frame = json!({
            "id": id, "type": "error", "msg": {"code": code, "msg": text},
            "sending_ts_ms": wire::unix_millis(now),
        });
        self.send_frame(&frame);
    }

    fn send_book_snapshots(
        &mut self,
        index: usize,
        id: Option<&Value>,
        exchange: &SandboxExchange,
        markets: &BTreeSet<MarketId>,
    ) {
        for state in markets.iter().filter_map(|&market| exchange.market_state(market)) {
            let subscription = &mut self.subscriptions[index];
            let body = market_objects::book_snapshot_message(state, subscription.use_yes_price);
            let mut frame = subscription.build_frame("orderbook_snapshot", &body, exchange.now());
            if let Some(id) = id {
                frame["id"] = id.clone();
            }
            self.send_frame(&frame);
        }
    }
}

/// All open sockets with their subscriptions, and the delivery of messages to them.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Hub {
    sockets: Vec<Socket>,
    opened: u64,
}

impl Hub {
    pub(in crate::sandbox) fn open_socket(&mut self, account: usize) -> (u64, mpsc::Receiver<Frame>) {
        let (frames, receiver) = mpsc::channel(QUEUE);
        self.opened += 1;
        let id = self.opened;
        self.sockets.push(Socket { id, account, frames, subscriptions: Vec::new(), sids: 0, dead: false });
        (id, receiver)
    }

    pub(in crate::sandbox) fn close_socket(&mut self, id: u64) {
        self.sockets.retain(|socket| socket.id != id);
    }

    pub(in crate::sandbox) fn close_all(&mut self) {
        for socket in self.sockets.drain(..) {
            // A full queue means that its reader is gone; dropping the sender ends it as well.
            let _ = socket.frames.try_send(Frame::Close);
        }
    }

    /// Tells everyone what happened; whether there was anything.
    pub(in crate::sandbox) fn publish_messages(
        &mut self,
        messages: &[Message],
        now: Timestamp,
        dice: &mut Dice,
    ) -> bool {
        for socket in &mut self.sockets {
            for message in messages {
                if message.account.is_none_or(|account| account == socket.account) {
                    deliver_message(socket, message, now, dice);
                }
            }
        }
        self.sockets.retain(|socket| !socket.dead);
        !messages.is_empty()
    }

    /// Sends one frame as it is to one socket.
    pub(in crate::sandbox) fn send_frame(&mut self, id: u64, frame: &Value) {
        if let Some(socket) = self.sockets.iter_mut().find(|socket| socket.id == id) {
            socket.send_frame(frame);
        }
    }

    pub(in crate::sandbox) fn refuse_command(&mut self, id: u64, command: &Value, now: Timestamp) {
        if let Some(socket) = self.sockets.iter_mut().find(|socket| socket.id == id) {
            socket.send_error(&command["id"], UNPROCESSABLE, now);
        }
    }

    /// Carries out a command of a socket.
    pub(in crate::sandbox) fn handle_command(
        &mut self,
        id: u64,
        exchange: &SandboxExchange,
        command: &Value,
    ) {
        let Some(socket) = self.sockets.iter_mut().find(|socket| socket.id == id) else {
            return;
        };
        let (name, params) = (command["cmd"].as_str(), &command["params"]);
        let outcome = match name {
            Some("subscribe") => add_subscriptions(socket, exchange, &command["id"], params),
            Some("unsubscribe") => remove_subscriptions(socket, exchange.now(), &command["id"], params),
            Some("update_subscription") => update_subscription(socket, exchange, &command["id"], params),
            Some("list_subscriptions") => {
                let list = socket.subscriptions.iter();
                let list: Value = list
                    .map(|subscription| json!({"channel": subscription.channel.name(), "sid": subscription.sid}))
                    .collect();
                let now = wire::unix_millis(exchange.now());
                socket.send_frame(
                    &json!({"id": command["id"], "type": "ok", "msg": list, "sending_ts_ms": now}),
                );
                Ok(())
            }
            Some(_) => Err(COMMAND),
            None => Err(UNPROCESSABLE),
        };
        if let Err(error) = outcome {
            socket.send_error(&command["id"], error, exchange.now());
        }
        self.sockets.retain(|socket| !socket.dead);
    }
}

fn deliver_message(socket: &mut Socket, message: &Message, now: Timestamp, dice: &mut Dice) {
    let mut frames = Vec::new();
    for subscription in
        socket.subscriptions.iter_mut().filter(|subscription| subscription.covers_message(message))
    {
        let body = message.yes_body.as_ref().filter(|_| subscription.use_yes_price).unwrap_or(&message.body);
        let frame = subscription.build_frame(message.kind, body, now);
        match dice.draw_message_delivery() {
            Delivery::Closed => socket.dead = true,
            Delivery::Never if subscription.channel.is_numbered() => {}
            Delivery::Twice => frames.extend([frame.clone(), frame]),
            Delivery::Once | Delivery::Never => frames.push(frame),
        }
    }
    if socket.dead {
        // Its reader hears nothing more; a full queue ends it as well.
        let _ = socket.frames.try_send(Frame::Close);
        return;
    }
    frames.iter().for_each(|frame| socket.send_frame(frame));
}

type Outcome = Result<(), (u32, &'static str)>;

/// The markets named by `market_ticker` or `market_tickers`; `None` if neither is there.
fn markets_from_params(
    exchange: &SandboxExchange,
    params: &Value,
) -> Result<Option<BTreeSet<MarketId>>, (u32, &'static str)> {
    let one = params.get("market_ticker").into_iter();
    let many = params.get("market_tickers").map(|many| many.as_array().ok_or(PARAMETER)).transpose()?;
    let named: Vec<&Value> =
        one.chain(many.into_iter().flatten()).filter(|ticker| !ticker.is_null()).collect();
    if named.is_empty() {
        return Ok(None);
    }
    let find = |ticker: &Value| exchange.market_of(ticker.as_str()?);
    named.into_iter().map(|ticker| find(ticker).ok_or(PARAMETER)).collect::<Result<_, _>>().map(Some)
}

fn add_subscriptions(socket: &mut Socket, exchange: &SandboxExchange, id: &Value, params: &Value) -> Outcome {
    let names = params.as_object().ok_or(PARAMS)?.get("channels").and_then(Value::as_array);
    let names = names.filter(|names| !names.is_empty()).ok_or(CHANNELS)?;
    let channel = |name: &Value| name.as_str().and_then(SocketChannel::from_name).ok_or(UNKNOWN_CHANNEL);
    let channels: Vec<SocketChannel> = names.iter().map(channel).collect::<Result<_, _>>()?;
    let asked = markets_from_params(exchange, params)?;
    if channels.contains(&SocketChannel::OrderBook) && asked.is_none() {
        return Err(TICKER);
    }
    let (flag, now) = (|name: &str| params[name] == true, exchange.now());
    for channel in channels {
        socket.sids += 1;
        let sid = socket.sids;
        let markets = asked.clone().filter(|_| channel != SocketChannel::Lifecycle);
        socket.subscriptions.push(SocketSubscription {
            sid,
            channel,
            markets,
            use_yes_price: flag("use_yes_price"),
            seq: 0,
        });
        let msg = json!({"channel": channel.name(), "sid": sid});
        socket.send_frame(
            &json!({"id": id, "type": "subscribed", "msg": msg, "sending_ts_ms": wire::unix_millis(now)}),
        );
        let index = socket.subscriptions.len() - 1;
        if channel == SocketChannel::OrderBook {
            socket.send_book_snapshots(index, None, exchange, asked.as_ref().unwrap_or(&BTreeSet::new()));
        }
        if channel == SocketChannel::Ticker && flag("send_initial_snapshot") {
            let asked = asked.as_ref();
            for state in exchange
                .market_states()
                .filter(|state| asked.is_none_or(|asked| asked.contains(&state.market.id)))
            {
                let frame = socket.subscriptions[index].build_frame(
                    "ticker",
                    &market_objects::ticker_message(state, now),
                    now,
                );
                socket.send_frame(&frame);
            }
        }
    }
    Ok(())
}

fn remove_subscriptions(socket: &mut Socket, now: Timestamp, id: &Value, params: &Value) -> Outcome {
    let sids = params.as_object().ok_or(PARAMS)?.get("sids").and_then(Value::as_array).ok_or(SIDS)?;
    for sid in sids {
        let place = socket.subscriptions.iter().position(|subscription| *sid == subscription.sid);
        let mut gone = socket.subscriptions.remove(place.ok_or(UNKNOWN_SID)?);
        gone.seq += 1;
        socket.send_frame(&json!({
            "id": id, "type": "unsubscribed", "sid": gone.sid, "seq": gone.seq,
            "sending_ts_ms": wire::unix_millis(now),
        }));
    }
    Ok(())
}

fn update_subscription(
    socket: &mut Socket,
    exchange: &SandboxExchange,
    id: &Value,
    params: &Value,
) -> Outcome {
    let params_are = params.as_object().ok_or(PARAMS)?;
    let sid = match (params_are.get("sid"), params_are.get("sids").and_then(Value::as_array)) {
        (Some(sid), _) => sid,
        (None, Some(sids)) if sids.len() == 1 => &sids[0],
        _ => return Err(ONE_SID),
    };
    let place = socket.subscriptions.iter().position(|subscription| *sid == subscription.sid);
    let index = place.ok_or(UNKNOWN_SID)?;
    let action = params["action"].as_str().ok_or(ACTION_REQUIRED)?;
    let asked = markets_from_params(exchange, params)?.ok_or(TICKER)?;
    let subscription = &mut socket.subscriptions[index];
    let is_book = subscription.channel == SocketChannel::OrderBook;
    match action {
        "get_snapshot" if is_book => {
            socket.send_book_snapshots(index, Some(id), exchange, &asked);
            return Ok(());
        }
        "add_markets" => subscription.markets.get_or_insert_default().extend(&asked),
        "delete_markets" => {
            subscription.markets.get_or_insert_default().retain(|market| !asked.contains(market));
        }
        _ => return Err(ACTION),
    }
    let all: Vec<&str> =
        subscription.markets.iter().flatten().map(|&market| exchange.market_ticker(market)).collect();
    subscription.seq += 1;
    let frame = json!({
        "id": id, "type": "ok", "sid": subscription.sid, "seq": subscription.seq,
        "msg": {"market_tickers": all}, "sending_ts_ms": wire::unix_millis(exchange.now()),
    });
    socket.send_frame(&frame);
    if action == "add_markets" && is_book {
        socket.send_book_snapshots(index, None, exchange, &asked);
    }
    Ok(())
}
