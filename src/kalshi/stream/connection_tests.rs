//! The socket against a small exchange on 127.0.0.1, which resets, falls silent and talks garbage.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use super::*;
use crate::kalshi::auth::Credentials;
use crate::kalshi::environment::Environment;
use crate::kalshi::ws_messages::SandboxClockMessage;

/// The secret key of the first example of RFC 8032, which is no secret.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";

const PATIENCE: Duration = Duration::from_secs(20);

/// The exchange's end of one connection.
struct Exchange {
    socket: WebSocketStream<TcpStream>,
}

impl Exchange {
    #[expect(clippy::result_large_err, reason = "the shape of the library's callback")]
    async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().await.unwrap();
        let signed = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            let has = |name: &str| request.headers().get(name).is_some_and(|value| !value.is_empty());
            let names = ["kalshi-access-key", "kalshi-access-timestamp", "kalshi-access-signature"];
            assert!(names.iter().all(|name| has(name)), "unsigned: {request:?}");
            assert_eq!(request.uri().path(), "/trade-api/ws/v2");
            Ok(response)
        };
        Self { socket: accept_hdr_async(stream, signed).await.unwrap() }
    }

    async fn say(&mut self, message: Value) {
        // As the exchange does: a newline at the end.
        self.socket.send(Message::text(format!("{message}\n"))).await.unwrap();
    }

    async fn next(&mut self) -> Message {
        timeout(PATIENCE, self.socket.next()).await.expect("the client says nothing").unwrap().unwrap()
    }

    async fn command(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.next().await {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// Answers the seven subscriptions, and sends A's book.
    async fn open(&mut self) {
        for _ in 0..7 {
            let command = self.command().await;
            let (id, channel) = (&command["id"], &command["params"]["channels"][0]);
            self.say(json!({"id": id, "type": "subscribed", "msg": {"channel": channel, "sid": id}})).await;
            if channel == "orderbook_delta" {
                assert_eq!(command["params"]["market_tickers"], json!(["A"]));
                let msg = json!({"market_ticker": "A", "clock": 1, "yes_dollars_fp": [["0.4200", "5.00"]]});
                self.say(json!({"type": "orderbook_snapshot", "sid": id, "seq": 1, "msg": msg})).await;
            }
        }
    }
}

/// The client, running, and what it is told and tells.
struct Client {
    listener: TcpListener,
    wants: mpsc::Sender<Want>,
    told: mpsc::UnboundedReceiver<StreamEvent>,
    task: tokio::task::JoinHandle<()>,
}

impl Client {
    async fn start(silence: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let environment = Environment::Sandbox { port: listener.local_addr().unwrap().port() };
        let (wants, receiver) = mpsc::channel(8);
        let (tell, told) = mpsc::unbounded_channel();
        let first_pause = Duration::from_millis(20);
        let settings = StreamSettings { silence, first_pause, ..StreamSettings::new(3) };
        let task = tokio::spawn(async move {
            let credentials = Credentials::from_pem("key-1", PEM).unwrap();
            let out = |event| drop(tell.send(event));
            run_stream(&environment, &credentials, settings, receiver, out).await;
        });
        wants.send(Want::Markets(vec![Arc::from("A")])).await.unwrap();
        Self { listener, wants, told, task }
    }

    /// The next event that is as wanted.
    async fn until(&mut self, wanted: impl Fn(&StreamEvent) -> bool) -> StreamEvent {
        loop {
            let next = timeout(PATIENCE, self.told.recv()).await.expect("nothing is told");
            let event = next.expect("the client ended");
            if wanted(&event) {
                return event;
            }
        }
    }

    async fn until_book(&mut self) {
        let event = self.until(|event| matches!(event, StreamEvent::Book { .. })).await;
        let StreamEvent::Book { top, .. } = event else { panic!("{event:?}") };
        assert_eq!(top.bid.map(crate::domain::Price::get), Some(4_200));
    }

    async fn until_down(&mut self) -> String {
        let event = self.until(|event| matches!(event, StreamEvent::Down { .. })).await;
        let StreamEvent::Down { reason } = event else { panic!("{event:?}") };
        reason
    }
}

#[tokio::test]
async fn after_a_reset_everything_is_subscribed_again() {
    let mut client = Client::start(PATIENCE).await;
    for _ in 0..3 {
        let mut exchange = Exchange::accept(&client.listener).await;
        exchange.open().await;
        client.until(|event| *event == StreamEvent::Up).await;
        client.until_book().await;
        // A reset, not a farewell.
        exchange.socket.get_ref().set_zero_linger().unwrap();
        drop(exchange);
        client.until(|event| matches!(event, StreamEvent::Stale { .. })).await;
        client.until_down().await;
    }
}

#[tokio::test]
async fn silence_ends_the_connection_and_pings_are_answered() {
    let mut client = Client::start(Duration::from_millis(1_500)).await;
    let mut exchange = Exchange::accept(&client.listener).await;
    exchange.open().await;
    client.until_book().await;
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        exchange.socket.send(Message::Ping("heartbeat".into())).await.unwrap();
        assert_eq!(exchange.next().await, Message::Pong("heartbeat".into()));
    }
    while let Ok(event) = client.told.try_recv() {
        assert!(!matches!(event, StreamEvent::Down { .. }), "{event:?}");
    }
    let reason = client.until_down().await;
    assert!(reason.contains("nothing was heard"), "{reason}");
    let mut exchange = Exchange::accept(&client.listener).await;
    exchange.open().await;
    client.until_book().await;
}

#[tokio::test]
async fn garbage_is_told_and_survived() {
    let mut client = Client::start(PATIENCE).await;
    let mut exchange = Exchange::accept(&client.listener).await;
    exchange.open().await;
    client.until_book().await;
    exchange.socket.send(Message::binary(vec![0xff, 0x00])).await.unwrap();
    client.until(|event| matches!(event, StreamEvent::Unreadable(_))).await;
    client.until(|event| matches!(event, StreamEvent::Stale { .. })).await;
    let command = exchange.command().await;
    assert_eq!(command["params"]["action"], json!("get_snapshot"));
    let msg = json!({"market_ticker": "A", "clock": 2, "yes_dollars_fp": [["0.4200", "5.00"]]});
    let sid = &command["params"]["sid"];
    exchange
        .say(json!({"id": command["id"], "type": "orderbook_snapshot", "sid": sid, "seq": 2, "msg": msg}))
        .await;
    client.until_book().await;
}

#[tokio::test]
async fn many_messages_at_once_are_one_change_and_the_clock_ends_it() {
    let mut client = Client::start(PATIENCE).await;
    let mut exchange = Exchange::accept(&client.listener).await;
    exchange.open().await;
    client.until_book().await;
    client.wants.send(Want::Advance { until_ts_ms: None }).await.unwrap();
    assert_eq!(exchange.command().await["cmd"], json!("sandbox_advance"));
    // More than is taken at once; the last of them moves the best bid.
    for count in 1..=1_000_u64 {
        let price = if count < 1_000 { "0.4300" } else { "0.4200" };
        let by = if count % 2 == 1 { "1.00" } else { "-1.00" };
        let by = if count == 1_000 {
            "3.00"
        } else if count == 999 {
            "0.00"
        } else {
            by
        };
        let msg = json!({"market_ticker": "A", "clock": 2, "price_dollars": price, "delta_fp": by,
            "side": "yes", "ts_ms": 5});
        let delta = json!({"type": "orderbook_delta", "sid": 7, "seq": count + 1, "msg": msg});
        exchange.socket.feed(Message::text(delta.to_string())).await.unwrap();
    }
    exchange.say(json!({"type": "sandbox_clock", "msg": {"now_ts_ms": 5, "end": true}})).await;
    let mut told = Vec::new();
    while !matches!(told.last(), Some(StreamEvent::Frame(Frame::SandboxClock(_)))) {
        told.push(client.until(|event| *event != StreamEvent::Up).await);
    }
    let at = Some(Timestamp::from_nanos(5_000_000));
    let [StreamEvent::Book { top, at: told_at, .. }, StreamEvent::Frame(clock)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((top.bid_size.map(crate::domain::Contracts::hundredths), *told_at), (Some(800), at));
    assert_eq!(
        *clock,
        Frame::SandboxClock(SandboxClockMessage { now: Timestamp::from_nanos(5_000_000), end: true })
    );
}

#[tokio::test]
async fn a_refused_connection_is_told_without_the_key_and_tried_again() {
    let mut client = Client::start(PATIENCE).await;
    let (stream, _) = client.listener.accept().await.unwrap();
    #[expect(clippy::result_large_err, reason = "the shape of the library's callback")]
    let refuse = |_: &Request, _: Response| -> Result<Response, ErrorResponse> {
        let mut response = ErrorResponse::new(None);
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        Err(response)
    };
    assert!(accept_hdr_async(stream, refuse).await.is_err());
    let reason = client.until_down().await;
    assert!(reason.contains("401") && !reason.contains("key-1"), "{reason}");
    let mut exchange = Exchange::accept(&client.listener).await;
    exchange.open().await;
    client.until_book().await;
}

#[tokio::test]
async fn it_ends_when_nobody_can_want_anything_any_more() {
    let client = Client::start(PATIENCE).await;
    let mut exchange = Exchange::accept(&client.listener).await;
    exchange.open().await;
    let Client { wants, task, .. } = client;
    drop(wants);
    timeout(PATIENCE, task).await.unwrap().unwrap();
    let farewell = loop {
        match exchange.next().await {
            Message::Text(_) => {}
            other => break other,
        }
    };
    assert!(farewell.is_close(), "{farewell:?}");
}
