//! The socket of the stream: carries out what [`StreamState`] decides, and nothing of its own.

use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use rustls::crypto::ring;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::kalshi::auth::Credentials;
use crate::kalshi::clock;
use crate::kalshi::environment::{Environment, WS_PATH, check_url};

use super::state::{Effect, StreamState};
use super::{StreamEvent, StreamSettings, Want};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// So many messages are taken before events are told and commands are sent.
const MOST_AT_ONCE: usize = 256;

/// Keeps a connection to the exchange's WebSocket until nobody can want anything any more: until the
/// sender of `wants` is dropped. What comes over it is told to `out`, which must not wait.
pub async fn run_stream(
    environment: &Environment,
    credentials: &Credentials,
    settings: StreamSettings,
    wants: mpsc::Receiver<Want>,
    out: impl FnMut(StreamEvent),
) {
    let state = StreamState::new(settings);
    let mut shell = StreamConnection { state, settings, wants, out, start: Instant::now() };
    loop {
        // On the heap: making a connection under TLS takes much room, and is rare.
        let connecting = Box::pin(open_websocket(environment, credentials, settings.answer));
        let Some(connected) = shell.await_handling_wants(connecting).await else { return };
        let pause = match connected {
            Ok(socket) => shell.serve_connection(socket).await,
            Err(reason) => {
                shell.state.handle_disconnected(shell.time_since_start(), &reason);
                shell.carry_out(None).await
            }
        };
        let Some(pause) = pause else { return };
        if shell.await_handling_wants(sleep(pause)).await.is_none() {
            return;
        }
    }
}

struct StreamConnection<F> {
    state: StreamState,
    settings: StreamSettings,
    wants: mpsc::Receiver<Want>,
    out: F,
    start: Instant,
}

impl<F: FnMut(StreamEvent)> StreamConnection<F> {
    fn time_since_start(&self) -> Duration {
        self.start.elapsed()
    }

    /// Waits for something, and takes what is wanted meanwhile; `None` = nobody wants anything any more.
    async fn await_handling_wants<T>(&mut self, awaited: impl Future<Output = T>) -> Option<T> {
        let mut awaited = std::pin::pin!(awaited);
        loop {
            tokio::select! {
                done = &mut awaited => return Some(done),
                want = self.wants.recv() => self.state.handle_want(self.time_since_start(), want?),
            }
        }
    }

    /// Serves one connection. Returns the pause before the next; `None` = there shall be none.
    async fn serve_connection(&mut self, mut socket: Socket) -> Option<Duration> {
        self.state.handle_connected(self.time_since_start());
        loop {
            let mut taken = 0;
            // Unconstrained, since tokio would at times say that nothing is there although it is.
            while taken < MOST_AT_ONCE
                && self.state.is_connected()
                && let Some(received) = unconstrained(socket.next()).now_or_never()
            {
                self.handle_socket_message(received);
                taken += 1;
            }
            let quiet = taken < MOST_AT_ONCE;
            if quiet {
                self.state.handle_socket_idle();
            }
            if self.state.next_deadline().is_some_and(|wake| wake <= self.time_since_start()) {
                self.state.check_timeouts(self.time_since_start());
            }
            if let Some(pause) = self.carry_out(Some(&mut socket)).await {
                return Some(pause);
            }
            if !quiet {
                while let Ok(want) = self.wants.try_recv() {
                    self.state.handle_want(self.time_since_start(), want);
                }
                tokio::task::yield_now().await;
                continue;
            }
            let wake = self
                .state
                .next_deadline()
                .map_or(self.settings.silence, |wake| wake.saturating_sub(self.time_since_start()));
            tokio::select! {
                received = socket.next() => self.handle_socket_message(received),
                want = self.wants.recv() => {
                    let Some(want) = want else {
                        // Whether the exchange hears of it or not, this is the end.
                        let _closed = timeout(Duration::from_secs(1), socket.close(None)).await;
                        return None;
                    };
                    self.state.handle_want(self.time_since_start(), want);
                }
                () = sleep_until(Instant::now() + wake) => {}
            }
        }
    }

    /// Hands over what came from the socket.
    fn handle_socket_message(&mut self, received: Option<Result<Message, Error>>) {
        let now = self.time_since_start();
        match received {
            Some(Ok(Message::Text(text))) => self.state.handle_text_message(now, &text),
            Some(Ok(Message::Binary(bytes))) => {
                self.state.handle_text_message(now, &String::from_utf8_lossy(&bytes));
            }
            // A ping is answered by the library with the next read.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                self.state.record_activity(now);
            }
            Some(Ok(Message::Close(close))) => {
                let said =
                    close.map(|close| format!(": {} {}", close.code, close.reason)).unwrap_or_default();
                self.state.handle_disconnected(now, &format!("the exchange closed the connection{said}"));
            }
            Some(Err(error)) => {
                self.state.handle_disconnected(now, &format!("the connection broke: {error}"));
            }
            None => self.state.handle_disconnected(now, "the exchange closed the connection"),
        }
    }

    /// Does what the state asks for. Returns the pause after which to connect again, if it asks for that.
    async fn carry_out(&mut self, mut socket: Option<&mut Socket>) -> Option<Duration> {
        while let Some(effect) = self.state.pop_effect() {
            match effect {
                Effect::Tell(event) => (self.out)(event),
                Effect::Reconnect { after } => return Some(after),
                Effect::Send(text) => {
                    let Some(open) = &mut socket else { continue };
                    let sending = timeout(self.settings.answer, open.send(Message::text(text)));
                    let failed = match sending.await {
                        Ok(Ok(())) => continue,
                        Ok(Err(error)) => format!("the connection broke: {error}"),
                        Err(_) => {
                            "the exchange does not read what is sent: the connection is dead".to_owned()
                        }
                    };
                    socket = None;
                    if self.state.is_connected() {
                        self.state.handle_disconnected(self.time_since_start(), &failed);
                    }
                }
            }
        }
        None
    }
}

/// Makes a connection, signed with the present time.
async fn open_websocket(
    environment: &Environment,
    credentials: &Credentials,
    patience: Duration,
) -> Result<Socket, String> {
    // Needed by TLS, once in a process; whoever was first has set the same.
    let _set = ring::default_provider().install_default();
    let url = environment.ws_url();
    check_url(&url)?;
    let cannot = |error: &dyn std::fmt::Display| format!("{url} cannot be connected to: {error}");
    let mut request = url.as_str().into_client_request().map_err(|error| cannot(&error))?;
    for (name, value) in credentials.signed_headers(clock::now().millis(), "GET", WS_PATH) {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| cannot(&error))?;
        let mut value = HeaderValue::from_str(&value).map_err(|error| cannot(&error))?;
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
    }
    match timeout(patience, connect_async_with_config(request, None, true)).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(Error::Http(refused))) => Err(format!("{url} refused the connection: {}", refused.status())),
        Ok(Err(error)) => Err(cannot(&error)),
        Err(_) => Err(cannot(&"no answer")),
    }
}
