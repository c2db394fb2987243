//! A WebSocket: signed upgrade, commands in, messages out, a ping every ten seconds.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::SinkExt;
use serde_json::{Value, json};

use super::app::App;
use super::request::{refusal, signature, until};
use super::subscriptions::Frame;
use crate::sandbox::accounts::auth::wall_millis;
use crate::sandbox::wire;

/// Frames written between two looks at what the client sent.
const BATCH: usize = 512;

pub(in crate::sandbox) async fn upgrade(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let account = {
        let mut core = app.core();
        let core = &mut *core;
        let verified = core.keys.verify(signature(&headers), "GET", "/trade-api/ws/v2", wall_millis());
        match verified {
            Ok(key) => core.exchange.open_account(key),
            Err(refused) => return refusal(&refused),
        }
    };
    match upgrade {
        Ok(upgrade) => upgrade.on_upgrade(move |socket| run(app, socket, account)),
        Err(rejection) => (StatusCode::BAD_REQUEST, rejection.to_string()).into_response(),
    }
}

async fn run(app: Arc<App>, mut socket: WebSocket, account: usize) {
    let (id, mut frames) = app.core().hub.open(account);
    let mut heartbeat = tokio::time::interval(Duration::from_secs(10));
    heartbeat.tick().await;
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let goes_on = tokio::select! {
            received = socket.recv() => match received {
                Some(Ok(Message::Text(text))) => {
                    command(&app, id, &text).await;
                    true
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => false,
                Some(Ok(_)) => true,
            },
            count = frames.recv_many(&mut batch, BATCH) => count > 0 && write(&mut socket, &mut batch).await,
            _ = heartbeat.tick() => socket.send(Message::Ping("heartbeat".into())).await.is_ok(),
        };
        if !goes_on {
            break;
        }
    }
    app.core().hub.close(id);
}

/// Writes what waits; whether the socket is still open.
async fn write(socket: &mut WebSocket, batch: &mut Vec<Frame>) -> bool {
    for frame in batch.drain(..) {
        match frame {
            Frame::Text(text) => {
                if socket.feed(Message::Text(text.into())).await.is_err() {
                    return false;
                }
            }
            Frame::Close => {
                // The client may be gone already.
                let _ = socket.close().await;
                return false;
            }
        }
    }
    socket.flush().await.is_ok()
}

async fn command(app: &App, id: u64, text: &str) {
    let Ok(command) = serde_json::from_str::<Value>(text) else {
        let mut core = app.core();
        let now = core.exchange.now();
        core.hub.refuse(id, &Value::Null, now);
        return;
    };
    if command["cmd"] == "sandbox_advance" {
        let until = command["params"]["until_ts_ms"].as_i64().map(until);
        let advanced = app.advance(until, |core, clock| {
            let now = wire::millis(clock.now);
            let msg = json!({"now_ts_ms": now, "end": clock.end});
            core.hub.send(
                id,
                &json!({"id": command["id"], "type": "sandbox_clock", "msg": msg, "sending_ts_ms": now}),
            );
        });
        if let Err(error) = advanced.await {
            tracing::error!(%error, "the exchange's data");
            let mut core = app.core();
            let now = core.exchange.now();
            core.hub.refuse(id, &command, now);
        }
        return;
    }
    let mut core = app.core();
    let core = &mut *core;
    core.hub.command(id, &core.exchange, &command);
}
