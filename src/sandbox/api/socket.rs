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
use super::request::{end_of_millisecond, refusal_response, signature_headers};
use super::subscriptions::Frame;
use crate::sandbox::accounts::auth::wall_millis;
use crate::sandbox::wire;

/// Frames written between two looks at what the client sent.
const BATCH: usize = 512;

pub(in crate::sandbox) async fn upgrade_to_websocket(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let account = {
        let mut core = app.lock_core();
        let core = &mut *core;
        let verified =
            core.keys.verify_signature(signature_headers(&headers), "GET", "/trade-api/ws/v2", wall_millis());
        match verified {
            Ok(key) => core.exchange.open_account(key),
            Err(refused) => return refusal_response(&refused),
        }
    };
    match upgrade {
        Ok(upgrade) => upgrade.on_upgrade(move |socket| serve_socket(app, socket, account)),
        Err(rejection) => (StatusCode::BAD_REQUEST, rejection.to_string()).into_response(),
    }
}

async fn serve_socket(app: Arc<App>, mut socket: WebSocket, account: usize) {
    let (id, mut frames) = app.lock_core().hub.open_socket(account);
    let mut heartbeat = tokio::time::interval(Duration::from_secs(10));
    heartbeat.tick().await;
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let goes_on = tokio::select! {
            received = socket.recv() => match received {
                Some(Ok(Message::Text(text))) => {
                    handle_command_text(&app, id, &text).await;
                    true
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => false,
                Some(Ok(_)) => true,
            },
            count = frames.recv_many(&mut batch, BATCH) => count > 0 && write_frames(&mut socket, &mut batch).await,
            _ = heartbeat.tick() => socket.send(Message::Ping("heartbeat".into())).await.is_ok(),
        };
        if !goes_on {
            break;
        }
    }
    app.lock_core().hub.close_socket(id);
}

/// Writes what waits; whether the socket is still open.
async fn write_frames(socket: &mut WebSocket, batch: &mut Vec<Frame>) -> bool {
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

async fn handle_command_text(app: &App, id: u64, text: &str) {
    let Ok(command) = serde_json::from_str::<Value>(text) else {
        let mut core = app.lock_core();
        let now = core.exchange.now();
        core.hub.refuse_command(id, &Value::Null, now);
        return;
    };
    if command["cmd"] == "sandbox_advance" {
        let until = command["params"]["until_ts_ms"].as_i64().map(end_of_millisecond);
        let advanced = app.advance_or_wait(until, |core, clock| {
            let now = wire::unix_millis(clock.now);
            let msg = json!({"now_ts_ms": now, "end": clock.end});
            core.hub.send_frame(
                id,
                &json!({"id": command["id"], "type": "sandbox_clock", "msg": msg, "sending_ts_ms": now}),
            );
        });
        if let Err(error) = advanced.await {
            tracing::error!(%error, "the exchange's data");
            let mut core = app.lock_core();
            let now = core.exchange.now();
            core.hub.refuse_command(id, &command, now);
        }
        return;
    }
    let mut core = app.lock_core();
    let core = &mut *core;
    core.hub.handle_command(id, &core.exchange, &command);
}
