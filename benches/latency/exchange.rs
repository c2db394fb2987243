//! An exchange that knows one market, notes when it says and hears something, and fills nothing.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use axum::serve::ListenerExt;
use protogen::kalshi::environment::Environment;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub const TICKER: &str = "KXFED-26DEC-T4.00";
/// An order as it goes over the wire.
pub const ORDER: &str = r#"{"ticker":"KXFED-26DEC-T4.00","client_order_id":"latency-1","side":"bid","count":"1769.00","price":"0.5000","time_in_force":"immediate_or_cancel","self_trade_prevention_type":"taker_at_cross","cancel_order_on_pause":true}"#;

/// Its state.
struct Shared {
    /// What to say on the sockets of the desk and of the floor.
    say: Mutex<[Option<UnboundedSender<String>>; 2]>,
    watched: (Mutex<bool>, Condvar),
    said: Sender<Instant>,
    arrived: Sender<Instant>,
}

pub struct Exchange {
    _runtime: Runtime,
    port: u16,
    shared: Arc<Shared>,
    said: Receiver<Instant>,
    arrived: Receiver<Instant>,
    deltas: Mutex<u64>,
}

const DESK: usize = 0;
const FLOOR: usize = 1;

impl Exchange {
    /// Starts it on a free port, with a thread of its own.
    pub fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (say_when, said) = channel();
        let (arrive, arrived) = channel();
        let watched = (Mutex::new(false), Condvar::new());
        let shared = Arc::new(Shared { say: Mutex::default(), watched, said: say_when, arrived: arrive });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        let router = Router::new()
            .route("/trade-api/ws/v2", any(desk_socket))
            .route("/floor/ws", any(floor_socket))
            .route("/floor", post(order))
            .route("/trade-api/v2/portfolio/events/orders", post(order))
            .fallback(read)
            .with_state(Arc::clone(&shared));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { _runtime: runtime, port, shared, said, arrived, deltas: Mutex::new(1) }
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    pub const fn environment(&self) -> Environment {
        Environment::Sandbox { port: self.port }
    }

    /// Waits until the desk has asked for the market's book.
    pub fn wait_until_watched(&self) {
        let (watched, changed) = &self.shared.watched;
        drop(changed.wait_while(watched.lock().unwrap(), |watched| !*watched).unwrap());
    }

    /// Says something to the floor. Returns when.
    pub fn push_to_floor(&self) -> Instant {
        self.say(FLOOR, delta("100.00", 1))
    }

    /// Offers YES below what the desk believes. Returns how long until its order is there.
    pub fn tick_to_order(&self) -> Duration {
        let said = self.change("100.00");
        self.arrived() - said
    }

    /// Takes the offer back.
    pub fn take_back(&self) {
        self.change("-100.00");
    }

    /// When the last order was heard.
    pub fn arrived(&self) -> Instant {
        self.arrived.recv().unwrap()
    }

    fn change(&self, by: &str) -> Instant {
        let mut deltas = self.deltas.lock().unwrap();
        *deltas += 1;
        self.say(DESK, delta(by, *deltas))
    }

    fn say(&self, whom: usize, text: String) -> Instant {
        self.shared.say.lock().unwrap()[whom].as_ref().unwrap().send(text).unwrap();
        self.said.recv().unwrap()
    }
}

fn delta(by: &str, seq: u64) -> String {
    json!({"type": "orderbook_delta", "sid": 7, "seq": seq, "msg": {
        "market_ticker": TICKER, "market_id": "9b0f6b43-5b68-4f9f-9f02-9a2d1b8ac1a1", "clock": seq,
        "price_dollars": "0.5000", "delta_fp": by, "side": "no", "ts": "2026-11-19T15:53:20.164Z",
        "ts_ms": 1_795_103_600_164_i64,
    }})
    .to_string()
}

async fn desk_socket(upgrade: WebSocketUpgrade, State(shared): State<Arc<Shared>>) -> Response {
    upgrade.on_upgrade(|socket| talk(socket, shared, DESK))
}

async fn floor_socket(upgrade: WebSocketUpgrade, State(shared): State<Arc<Shared>>) -> Response {
    upgrade.on_upgrade(|socket| talk(socket, shared, FLOOR))
}

async fn talk(mut socket: WebSocket, shared: Arc<Shared>, whom: usize) {
    let (say, mut to_say): (_, UnboundedReceiver<String>) = unbounded_channel();
    shared.say.lock().unwrap()[whom] = Some(say);
    loop {
        tokio::select! {
            Some(text) = to_say.recv() => {
                let now = Instant::now();
                socket.send(Message::Text(text.into())).await.unwrap();
                shared.said.send(now).unwrap();
            }
            heard = socket.recv() => match heard {
                Some(Ok(Message::Text(text))) => {
                    for answer in answers(&serde_json::from_str(&text).unwrap(), &shared) {
                        socket.send(Message::Text(answer.to_string().into())).await.unwrap();
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}

/// Answers to a subscription; that to the books brings the market's.
fn answers(command: &Value, shared: &Shared) -> Vec<Value> {
    let (id, channel) = (&command["id"], &command["params"]["channels"][0]);
    let is_books = channel == "orderbook_delta";
    let sid = if is_books { json!(7) } else { json!(100 + id.as_i64().unwrap()) };
    let mut answers = vec![json!({"id": id, "type": "subscribed", "msg": {"channel": channel, "sid": sid}})];
    if is_books {
        let msg = json!({"market_ticker": TICKER, "clock": 1, "yes_dollars_fp": [["0.4000", "100.00"]]});
        answers.push(json!({"type": "orderbook_snapshot", "sid": sid, "seq": 1, "msg": msg}));
        *shared.watched.0.lock().unwrap() = true;
        shared.watched.1.notify_all();
    }
    answers
}

/// Notes when an order came, and fills nothing of it.
async fn order(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    shared.arrived.send(Instant::now()).unwrap();
    drop(request);
    let answer = json!({"order_id": format!("{:?}", Instant::now()), "fill_count": "0.00",
        "remaining_count": "0.00", "ts_ms": 1_795_103_600_123_i64});
    (StatusCode::CREATED, answer.to_string()).into_response()
}

async fn read(request: Request) -> Response {
    let plenty = json!({"refill_rate": 1_000_000, "bucket_capacity": 1_000_000});
    let answer = match request.uri().path().trim_start_matches("/trade-api/v2") {
        "/markets" => json!({"markets": [], "cursor": ""}),
        "/account/limits" => {
            json!({"usage_tier": "prime", "read": plenty, "write": plenty, "grants": []})
        }
        "/account/endpoint_costs" => json!({"default_cost": 10, "endpoint_costs": []}),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    answer.to_string().into_response()
}
