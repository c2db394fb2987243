//! The client against a small exchange on this machine that misbehaves on purpose.

use std::collections::VecDeque;
use std::path::PathBuf;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Response};
use base64::Engine;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::domain::{Action, Contracts, Price, Side, TimeInForce};
use crate::kalshi::wire::{AccountLimits, CreateOrder, EndpointCosts, RateLimit};

#[path = "endpoint_tests.rs"]
mod endpoints;

/// The secret key of the first example of RFC 8032, which is no secret.
const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const KEY_ID: &str = "7f3a-key-id";

/// What the mock answers: status, body, and a `Date` if it is not the true one.
#[derive(Clone, Default)]
struct Reply {
    status: u16,
    body: String,
    date: Option<&'static str>,
    delay: Duration,
}

/// What it was asked.
struct Asked {
    line: String,
    path: String,
    headers: HeaderMap,
    body: String,
}

/// An exchange that gives scripted answers and remembers what it was asked.
#[derive(Clone, Default)]
struct Mock {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Mock {
    async fn answer(&self, request: axum::extract::Request) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        lock_ignoring_poison(&self.asked).push(Asked {
            line: format!("{} {}", head.method, head.uri),
            path: head.uri.path().to_owned(),
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        });
        let missing = || Reply { status: 418, ..Reply::default() };
        let reply = lock_ignoring_poison(&self.replies).pop_front().unwrap_or_else(missing);
        tokio::time::sleep(reply.delay).await;
        let mut response = Response::builder().status(reply.status);
        if let Some(date) = reply.date {
            response = response.header("date", date);
        }
        response.body(Body::from(reply.body)).unwrap()
    }

    fn lines(&self) -> Vec<String> {
        lock_ignoring_poison(&self.asked).iter().map(|asked| asked.line.clone()).collect()
    }
}

fn reply(status: u16, body: impl Into<String>) -> Reply {
    Reply { status, body: body.into(), ..Reply::default() }
}

fn fixture(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kalshi");
    std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap()
}

fn credentials() -> Credentials {
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend(base64::engine::general_purpose::STANDARD.decode(SEED).unwrap());
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    Credentials::from_pem(KEY_ID, &pem).unwrap()
}

const FAST: RetryPace = RetryPace {
    connect: Duration::from_secs(3),
    answer: Duration::from_secs(10),
    read_patience: Duration::from_secs(3),
    write_patience: Duration::ZERO,
    first_retry: Duration::from_millis(2),
    longest_retry: Duration::from_millis(10),
    retries: 3,
    breaker_failures: 100,
    breaker_pause: Duration::from_secs(1),
};

fn client(port: u16, pace: RetryPace) -> Rest {
    Rest::with_pace(Environment::Sandbox { port }, Some(credentials()), pace).unwrap()
}

async fn mock_with(pace: RetryPace, replies: impl IntoIterator<Item = Reply>) -> (Rest, Mock) {
    let mock = Mock::default();
    lock_ignoring_poison(&mock.replies).extend(replies);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = mock.clone();
    let handler = move |request| {
        let mock = serving.clone();
        async move { mock.answer(request).await }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
    (client(port, pace), mock)
}

async fn mock(replies: impl IntoIterator<Item = Reply>) -> (Rest, Mock) {
    mock_with(FAST, replies).await
}

fn order(id: &str) -> CreateOrder {
    let price = Price::new(4_400).unwrap();
    CreateOrder::new(
        "KXFED-26DEC-T3.75",
        id,
        (Side::Yes, Action::Buy),
        Contracts::ONE,
        price,
        TimeInForce::Gtc,
    )
}

/// Nothing of the key or of a signature may be in what people and logs see.
fn assert_silent(error: &ApiError) {
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains(KEY_ID) && !text.contains(SEED) && !text.contains("=="), "{text}");
    }
}

#[tokio::test]
async fn reads_are_tried_again_and_writes_are_not() {
    let down = || reply(503, "<html>away</html>");
    let (rest, asked) =
        mock([reply(429, fixture("error_string_429")), down(), reply(200, fixture("historical_cutoff"))])
            .await;
    assert_eq!(rest.historical_cutoff().await.unwrap().orders_updated.utc_date(), "2026-08-20");
    assert_eq!(asked.lines(), ["GET /trade-api/v2/historical/cutoff"; 3]);

    let (rest, asked) = mock([down(), down(), down(), down(), down()]).await;
    let error = rest.market("KXFED-26DEC-T3.75").await.unwrap_err();
    assert!(matches!(&error, ApiError::Unknown(text) if text.contains("answered 503")), "{error}");
    assert_eq!(asked.lines().len(), 4);

    for (given, unknown) in [(down(), true), (reply(500, ""), true), (reply(429, "{}"), false)] {
        let (rest, asked) = mock([given, reply(201, fixture("order_create_response_resting"))]).await;
        let error = rest.create_order(&order("a")).await.unwrap_err();
        assert_eq!(matches!(error, ApiError::Unknown(_)), unknown, "{error}");
        assert_eq!(matches!(error, ApiError::RateLimited(_)), !unknown, "{error}");
        assert_eq!(error.certainly_not_done(), !unknown);
        assert!(error.to_string().contains("POST /portfolio/events/orders"), "{error}");
        assert_eq!(asked.lines().len(), 1);
    }
}

#[tokio::test]
async fn a_write_without_a_readable_answer_is_unknown() {
    let broken = fixture("order_create_response_resting").replace("remaining_count", "left");
    let impatient = RetryPace { answer: Duration::from_millis(700), ..FAST };
    let slow = Reply { delay: Duration::from_secs(2), ..reply(201, "") };
    for (given, says) in [
        (reply(502, "<html>Bad Gateway</html>"), "answered 502"),
        (reply(504, ""), "answered 504"),
        (reply(408, ""), "answered 408"),
        (reply(302, ""), "answered 302"),
        (reply(500, fixture("error_nested_404_not_found")), "`not_found`"),
        (reply(201, "<html>"), "cannot be read"),
        (reply(201, broken), "missing field `remaining_count`"),
        (slow, "no answer in time"),
    ] {
        let (rest, asked) = mock_with(impatient, [given]).await;
        let error = rest.create_order(&order("a")).await.unwrap_err();
        assert!(matches!(&error, ApiError::Unknown(text) if text.contains(says)), "{error}");
        assert_eq!(asked.lines().len(), 1);
        assert_silent(&error);
    }
}

/// Gives each request, on whatever connection, the next of these answers as raw bytes, and hangs up where
/// there is none left. Counts the requests.
async fn raw(answers: impl IntoIterator<Item = &'static str>) -> (u16, Arc<Mutex<u32>>) {
    let answers: Arc<Mutex<VecDeque<&str>>> = Arc::new(Mutex::new(answers.into_iter().collect()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(Mutex::new(0));
    let counting = count.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (counting, answers) = (counting.clone(), answers.clone());
            tokio::spawn(async move {
                while stream.read(&mut [0; 4_096]).await.is_ok_and(|length| length > 0) {
                    *lock_ignoring_poison(&counting) += 1;
                    let Some(answer) = lock_ignoring_poison(&answers).pop_front() else { return };
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    if answer.contains("99999") {
                        return;
                    }
                }
            });
        }
    });
    (port, count)
}

#[tokio::test]
async fn a_lost_connection_is_unknown_and_a_refused_one_is_not_sent() {
    let broken_off = "HTTP/1.1 201 Created\r\ncontent-length: 99999\r\n\r\n{\"order_id\":";
    for answers in [vec![], vec![broken_off]] {
        let (port, asked) = raw(answers).await;
        let error = client(port, FAST).create_order(&order("a")).await.unwrap_err();
        assert!(matches!(error, ApiError::Unknown(_)), "{error}");
        assert_silent(&error);
        assert_eq!(*lock_ignoring_poison(&asked), 1);
    }
    // A connection that worked before and breaks under the second request: that one is not repeated.
    let (port, asked) = raw(["HTTP/1.1 204 No Content\r\n\r\n"]).await;
    let rest = client(port, FAST);
    rest.cancel_all().await.unwrap();
    let error = rest.create_order(&order("a")).await.unwrap_err();
    assert!(matches!(error, ApiError::Unknown(_)), "{error}");
    assert_eq!(*lock_ignoring_poison(&asked), 2);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let rest = client(port, FAST);
    let error = rest.create_order(&order("a")).await.unwrap_err();
    assert!(matches!(&error, ApiError::NotSent(text) if text.contains("refused")), "{error}");
    assert!(matches!(rest.exchange_status().await, Err(ApiError::NotSent(_))));
    assert_silent(&error);
}

#[tokio::test]
async fn refusals_keep_the_exchanges_words() {
    let refused = |status, body: &str| {
        let body = body.to_owned();
        async move {
            let (rest, asked) = mock([reply(status, body)]).await;
            let error = rest.create_order(&order("a")).await.unwrap_err();
            assert_eq!(asked.lines().len(), 1);
            assert!(error.certainly_not_done() && error.refusal_status() == Some(status), "{error}");
            assert_silent(&error);
            error
        }
    };
    let twice = refused(409, &fixture("error_nested_409_duplicate_client_order_id")).await;
    assert!(twice.is_already_exists() && !twice.market_not_trading());
    let says = "POST /portfolio/events/orders: refused with 409 `order_already_exists`: order already exists";
    assert_eq!(twice.to_string(), says);
    let cross = refused(400, &fixture("error_nested_400_post_only_cross")).await;
    assert!(cross.would_take() && cross.to_string().ends_with("invalid order (post only cross)"));
    for code in
        ["market_closed", "market_inactive", "market_already_closed", "trading_is_paused", "MARKET_INACTIVE"]
    {
        let error = refused(409, &format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#)).await;
        assert!(error.market_not_trading() && !error.insufficient_balance(), "{error}");
    }
    let poor = refused(400, r#"{"code":"insufficient_balance","message":"m"}"#).await;
    assert!(poor.insufficient_balance() && !poor.market_not_trading());
    let grid = refused(400, r#"{"error":{"code":"invalid_price","message":"m"}}"#).await;
    assert!(grid.invalid_price());
    let bare = refused(400, &fixture("error_msg_400_param_validation")).await;
    assert_eq!(bare.refusal_code(), Some(""));
    let key = refused(401, &fixture("error_nested_401_bad_signature")).await;
    assert!(key.to_string().ends_with("(INCORRECT_API_KEY_SIGNATURE)"), "{key}");
    let page = refused(403, "<html>nothing here</html>").await;
    assert!(page.to_string().contains("without a reason that can be read"), "{page}");
    assert!(refused(404, &fixture("error_nested_404_not_found")).await.is_not_found());
}

#[tokio::test]
async fn lists_are_read_to_their_end_and_no_further() {
    let page = |cursor: &str| reply(200, format!(r#"{{"trades": [], "cursor": "{cursor}"}}"#));
    let (rest, asked) = mock([reply(200, fixture("trades_page")), page("b"), page("")]).await;
    assert_eq!(rest.trades("T", None, None).await.unwrap().items.len(), 2);
    let first = "GET /trade-api/v2/markets/trades?limit=1000&ticker=T".to_owned();
    let second = format!("{first}&cursor=EhIKEC4Yf1dC7Fly-I7MaD55Y-MaDAjavcDRBhDwop6bAg");
    assert_eq!(asked.lines(), [first.clone(), second, format!("{first}&cursor=b")]);

    let (rest, asked) = mock([page("a"), page("b"), page("a"), page("b")]).await;
    let error = rest.trades("T", None, None).await.unwrap_err();
    assert!(error.to_string().contains("GET /markets/trades: cursor: it repeats"), "{error}");
    assert_eq!(asked.lines().len(), 3);

    // Of markets, those that were read can be traded.
    let page = || reply(200, fixture("markets_last_page").replace(r#""cursor": """#, r#""cursor": "a""#));
    let (rest, asked) = mock([page(), page(), page()]).await;
    assert_eq!(rest.markets(&MarketFilter::default()).await.unwrap().items.len(), 2);
    assert_eq!(asked.lines().len(), 2);
}

#[tokio::test]
async fn a_changed_field_is_named_and_not_asked_for_again() {
    let body = fixture("market_get").replace("\"0.4200\"", "0.42");
    let (rest, asked) = mock([reply(200, body)]).await;
    let error = rest.market("KXHIGHNY-26NOV20-T55").await.unwrap_err().to_string();
    let says =
        "GET /markets/KXHIGHNY-26NOV20-T55: market.yes_bid_dollars: invalid type: floating point `0.42`";
    assert!(error.starts_with(says), "{error}");
    assert_eq!(asked.lines().len(), 1);
}

#[tokio::test]
async fn the_clocks_are_compared() {
    let (rest, _) = mock([reply(200, fixture("exchange_status"))]).await;
    assert_eq!(rest.clock_skew(), None);
    rest.exchange_status().await.unwrap();
    let skew = rest.clock_skew().unwrap();
    assert!(skew.certain_ms() == 0 && skew.least_ms <= 0 && skew.most_ms >= 0, "{skew:?}");

    let past =
        Reply { date: Some("Sun, 06 Nov 1994 08:49:37 GMT"), ..reply(200, fixture("exchange_status")) };
    let (rest, _) = mock([past]).await;
    rest.exchange_status().await.unwrap();
    assert!(rest.clock_skew().unwrap().most_ms < -1_000_000_000);
    assert!(rest.inner.warned_of_skew.load(Ordering::Relaxed));
}

/// Checks the signature of a request as the exchange would, and gives its time.
fn verified(asked: &Asked) -> i64 {
    let header = |name: &str| asked.headers[name].to_str().unwrap();
    assert_eq!(header("kalshi-access-key"), KEY_ID);
    let method = asked.line.split(' ').next().unwrap();
    let text = format!("{}{method}{}", header("kalshi-access-timestamp"), asked.path);
    let engine = base64::engine::general_purpose::STANDARD;
    let signature = engine.decode(header("kalshi-access-signature")).unwrap();
    let key = Ed25519KeyPair::from_seed_unchecked(&engine.decode(SEED).unwrap()).unwrap();
    UnparsedPublicKey::new(&ED25519, key.public_key()).verify(text.as_bytes(), &signature).unwrap();
    let timestamp: i64 = header("kalshi-access-timestamp").parse().unwrap();
    assert!((clock::now().millis() - timestamp).abs() < 5_000);
    timestamp
}

#[tokio::test]
async fn requests_are_signed_without_their_query() {
    let trades = r#"{"trades": [], "cursor": ""}"#;
    let (rest, asked) =
        mock([reply(200, trades), reply(201, fixture("order_create_response_resting"))]).await;
    rest.trades("T", None, None).await.unwrap();
    rest.create_order(&order("a")).await.unwrap();
    assert!(lock_ignoring_poison(&asked.asked).iter().all(|asked| verified(asked) > 0));

    let anonymous = Rest::with_pace(rest.environment(), None, FAST).unwrap();
    lock_ignoring_poison(&asked.replies).push_back(reply(200, trades));
    anonymous.trades("T", None, None).await.unwrap();
    assert!(!lock_ignoring_poison(&asked.asked)[2].headers.contains_key("kalshi-access-key"));
    let error = anonymous.create_order(&order("a")).await.unwrap_err();
    assert!(matches!(&error, ApiError::NotSent(text) if text.contains("needs an API key")), "{error}");
    assert_eq!(asked.lines().len(), 3);
    assert!(!format!("{rest:?}").contains(KEY_ID));
}

#[tokio::test]
async fn a_signature_made_ahead_is_used_once_while_fresh() {
    let created = || reply(201, fixture("order_create_response_resting"));
    let (rest, asked) = mock([created(), created()]).await;
    rest.arm_signatures();
    rest.arm_signatures(); // once is enough
    let ready = || lock_ignoring_poison(&rest.inner.signatures.ready).as_ref().map(|(made_ms, _)| *made_ms);
    while ready().is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let made_ms = ready().unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    rest.create_order(&order("a")).await.unwrap();
    assert_eq!(verified(&lock_ignoring_poison(&asked.asked)[0]), made_ms);
    rest.create_order(&order("b")).await.unwrap();
    assert!(verified(&lock_ignoring_poison(&asked.asked)[1]) > made_ms, "a signature was used twice");

    rest.disarm_signatures();
    assert_eq!(ready(), None);
    let store = &rest.inner.signatures;
    let now_ms = clock::now().millis();
    for (age, usable) in [(0, true), (1_500, true), (1_501, false), (-1, false)] {
        *lock_ignoring_poison(&store.ready) =
            Some((now_ms - age, credentials().signed_headers(now_ms, "POST", orders::CREATE_PATH)));
        assert_eq!(store.take_signature(now_ms).is_some(), usable, "{age} ms old");
    }
}

#[tokio::test]
async fn writes_beyond_the_rate_limit_are_not_sent() {
    let created = || reply(201, fixture("order_create_response_resting"));
    let (rest, asked) = mock((0..10).map(|_| created())).await;
    let costs = EndpointCosts { default_cost: 10, endpoint_costs: Vec::new() };
    let slow = RateLimit { refill_rate: 1, bucket_capacity: 100 };
    let limits = AccountLimits { usage_tier: "basic".into(), read: slow, write: slow };
    rest.lock_gate().limits.set_account_limits(&limits, costs, Duration::ZERO);
    for _ in 0..10 {
        rest.create_order(&order("a")).await.unwrap();
    }
    let error = rest.create_order(&order("a")).await.unwrap_err();
    assert!(matches!(&error, ApiError::NotSent(text) if text.contains("our own rate limit")), "{error}");
    assert_eq!(asked.lines().len(), 10);

    let error = rest.batch_create(&vec![order("a"); 11]).await.unwrap_err();
    assert!(error.to_string().contains("costs 110 of at most 100 tokens"), "{error}");
}

#[tokio::test]
async fn an_exchange_that_does_not_answer_is_left_alone_for_a_while() {
    let pace = RetryPace { breaker_failures: 2, retries: 0, ..FAST };
    let status = || reply(200, fixture("exchange_status"));
    let (rest, asked) = mock_with(pace, [reply(500, ""), reply(500, ""), status(), status()]).await;
    assert!(rest.exchange_schedule().await.is_err() && rest.exchange_schedule().await.is_err());
    let error = rest.create_order(&order("a")).await.unwrap_err();
    assert!(
        matches!(&error, ApiError::NotSent(text) if text.contains("not answered for a while")),
        "{error}"
    );
    assert_eq!(asked.lines().len(), 2);
    tokio::time::sleep(pace.breaker_pause).await;
    rest.exchange_status().await.unwrap();
    rest.exchange_status().await.unwrap();
}

#[tokio::test]
async fn a_pause_is_told_under_an_errors_status() {
    let (rest, asked) = mock([reply(503, fixture("exchange_status_trading_pause"))]).await;
    assert!(!rest.exchange_status().await.unwrap().trading_active);
    assert_eq!(asked.lines().len(), 1);
}
