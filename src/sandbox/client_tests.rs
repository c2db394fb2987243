//! A minimal signed client for tests: HTTP/1.1 by hand, so that cut connections are seen as they are.

use std::net::SocketAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::{SinkExt, StreamExt};
use ring::signature::Ed25519KeyPair;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::accounts::auth::{Keys, wall_millis};
use super::exchange::sandbox_exchange::SandboxExchange;
use super::faults::Faults;
use super::{ServeSettings, Speed, serve_exchange};

pub(super) const QUIET: ServeSettings = ServeSettings {
    speed: Speed::Max,
    start: None,
    faults: Faults {
        seed: 1,
        drop_ack: crate::domain::Fraction::ZERO,
        http_500: crate::domain::Fraction::ZERO,
        reset: crate::domain::Fraction::ZERO,
        rate_limit: crate::domain::Fraction::ZERO,
        ws_gap: crate::domain::Fraction::ZERO,
        duplicate: crate::domain::Fraction::ZERO,
        ws_drop: crate::domain::Fraction::ZERO,
        latency: None,
        odd: crate::domain::Fraction::ZERO,
        foreign: 0,
    },
    tier: None,
};

pub(super) struct Client {
    pub(super) address: SocketAddr,
    pub(super) key: String,
    pair: Ed25519KeyPair,
}

/// Serves an exchange on a free port, with one key.
pub(super) async fn start(exchange: SandboxExchange, settings: ServeSettings) -> Client {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let mut keys = Keys::default();
    let key = keys.generate_key_file(&path).unwrap();
    let pem = std::fs::read_to_string(&path).unwrap();
    let der = BASE64_STANDARD.decode(pem.lines().nth(1).unwrap()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve_exchange(listener, exchange, keys, settings, std::future::pending()));
    Client { address, key, pair }
}

impl Client {
    pub(super) fn headers(&self, method: &str, path: &str) -> [(&'static str, String); 3] {
        let stamp = wall_millis().to_string();
        let path = path.split('?').next().unwrap();
        let signature = self.pair.sign(format!("{stamp}{method}{path}").as_bytes());
        [
            ("KALSHI-ACCESS-KEY", self.key.clone()),
            ("KALSHI-ACCESS-TIMESTAMP", stamp),
            ("KALSHI-ACCESS-SIGNATURE", BASE64_STANDARD.encode(signature)),
        ]
    }

    /// Status and body; `None` if the connection ended without an answer.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &str,
    ) -> Option<(u16, Value)> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let headers = headers.concat();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
    }

    /// Signed, below the prefix of the API.
    pub(super) async fn try_api(&self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        let path = format!("/trade-api/v2{path}");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, &path, &self.headers(method, &path), &body).await
    }

    pub(super) async fn api(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.try_api(method, path, body).await.unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.api("GET", path, &Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(super) async fn sandbox(&self, path: &str, body: &Value) -> Value {
        self.send("POST", path, &[], &body.to_string()).await.unwrap().1
    }

    /// Moves the clock until nothing happens up to then.
    pub(super) async fn advance(&self, until: i64) {
        while self.sandbox("/sandbox/clock", &json!({"until_ts_ms": until})).await["now_ts_ms"] != until {}
    }

    pub(super) async fn socket(&self) -> Socket {
        let path = "/trade-api/ws/v2";
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        for (name, value) in self.headers("GET", path) {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        Socket(connect_async(request).await.unwrap().0)
    }
}

pub(super) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(super) async fn say(&mut self, command: Value) {
        self.0.send(Message::Text(command.to_string().into())).await.unwrap();
    }

    /// The next message; `None` at the end.
    pub(super) async fn hear(&mut self) -> Option<Value> {
        self.hear_text().await.map(|text| serde_json::from_str(&text).unwrap())
    }

    /// The next message as it was sent; `None` at the end.
    pub(super) async fn hear_text(&mut self) -> Option<String> {
        loop {
            match self.0.next().await? {
                Ok(Message::Text(text)) => return Some(text.as_str().to_owned()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Everything up to the answer of an advance, without it, and the answer.
    pub(super) async fn advance(&mut self, until: Option<i64>) -> (Vec<Value>, Value) {
        let params = until.map_or(json!({}), |until| json!({"until_ts_ms": until}));
        self.say(json!({"id": 99, "cmd": "sandbox_advance", "params": params})).await;
        let mut heard = Vec::new();
        loop {
            let message = self.hear().await.unwrap();
            if message["type"] == "sandbox_clock" {
                return (heard, message["msg"].clone());
            }
            heard.push(message);
        }
    }
}
