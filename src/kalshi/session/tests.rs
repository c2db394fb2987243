//! The session without an exchange: when it reads and subscribes, and what it does when it cannot go on.

use std::sync::mpsc::sync_channel;

use super::pause::fetch_status_and_schedule;
use super::*;
use crate::domain::FeeSchedule;
use crate::kalshi::environment::Environment;
use crate::kalshi::link::LinkReport;
use crate::kalshi::market_reports::{MarketScope, SeriesFacts};
use crate::kalshi::schema::decode_json;
use crate::kalshi::wire::OneMarket;
use crate::kalshi::ws_messages::{Frame, Lifecycle, Turn};

/// The secret key of the first example of RFC 8032, which is no secret.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";

/// Nobody listens where they go: requests fail, which a session survives.
fn parts(commands: mpsc::Receiver<SessionCommand>, engine_events: SyncSender<SessionEvent>) -> SessionParts {
    let environment = Environment::Sandbox { port: 1 };
    let credentials = Credentials::from_pem("key-1", PEM).unwrap();
    let rest = Rest::new(&environment, Some(credentials.clone())).unwrap();
    SessionParts {
        market_reader: MarketReader::new(rest.clone(), MarketScope::default()),
        rest,
        credentials,
        market_tracker: MarketTracker::new(MarketScope::default(), None),
        order_tracker: OrderTracker::new("run"),
        commands,
        engine_events,
        link: Arc::default(),
        clock: SteadyClock::start_with_machine(),
    }
}

fn settings(by_exchange: bool) -> SessionSettings {
    SessionSettings {
        stream: true,
        interval: Span::MINUTE,
        by_exchange,
        entry_group: None,
        depth: BookDepth::TopOfBook,
    }
}

/// The exchange tells of a market and, maybe much later, which moment that was.
#[tokio::test]
async fn a_new_market_is_read_and_subscribed_within_its_moment() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kalshi/market_get.json");
    let OneMarket { market } = decode_json("market", &std::fs::read(file).unwrap()).unwrap();
    let (opens, ticker): (_, Arc<str>) = (market.open_time, market.ticker.as_str().into());
    let (engine_events, heard) = sync_channel(64);
    let (_sender, commands) = mpsc::channel(8);
    let (wants, mut wanted) = mpsc::channel(8);
    let (_told, events) = mpsc::channel(8);
    let mut session = ExchangeSession::new(
        parts(commands, engine_events),
        settings(true),
        Some(wants),
        events,
        Arc::default(),
    );
    session.reads.sweep_at = None;
    session.handle_session_command(SessionCommand::GoOn(None));
    session.run_pending_work().await;
    assert_eq!(wanted.try_recv().unwrap(), Want::Advance { until_ts_ms: None });

    session.handle_frame(Frame::Lifecycle(Lifecycle { ticker: Arc::clone(&ticker), turn: Turn::Activated }));
    session.run_pending_work().await;
    assert_eq!(session.reads.open_reads, 0, "before its moment it would be taken for not open yet");
    let clock = SandboxClockMessage { now: opens, end: false };
    session.handle_frame(Frame::SandboxClock(clock));
    session.run_pending_work().await;
    assert_eq!(session.reads.open_reads, 1);

    let series =
        SeriesFacts { ticker: "KXHIGHNY".into(), category: "Climate".into(), fees: FeeSchedule::STANDARD };
    session.handle_finished_request(FinishedRequest::Asked(
        vec![Arc::clone(&ticker)],
        Ok(MarketReports { reports: vec![(market, series)], ..MarketReports::default() }),
    ));
    session.run_pending_work().await;
    assert_eq!(wanted.try_recv().unwrap(), Want::Markets(vec![ticker]));
    let again = Want::Advance { until_ts_ms: Some(opens.millis()) };
    assert_eq!(wanted.try_recv().unwrap(), again, "its book belongs to this moment");
    let is_clock = |event: &SessionEvent| matches!(event, SessionEvent::Clock { .. });
    assert!(!heard.try_iter().any(|event| is_clock(&event)), "the moment is not over");
    session.handle_frame(Frame::SandboxClock(clock));
    session.run_pending_work().await;
    assert!(heard.try_iter().any(|event| is_clock(&event)));
}

#[tokio::test]
async fn a_session_that_loses_stream_events_fails_and_says_why() {
    let (engine_events, heard) = sync_channel(64);
    let (sender, commands) = mpsc::channel(8);
    let (parts, settings) = (parts(commands, engine_events), settings(false));
    let (told, events) = mpsc::channel(2);
    let stalled = Arc::new(AtomicBool::new(false));
    let mut tell = stream_event_sender(told, Arc::clone(&stalled));
    tell(StreamEvent::Up);
    tell(StreamEvent::Up);
    assert!(!stalled.load(Ordering::Relaxed), "there is room for two");
    tell(StreamEvent::Up);
    let session = tokio::spawn(async move {
        ExchangeSession::new(parts, settings, None, events, stalled).run_until_end().await;
    });
    let told = tokio::task::spawn_blocking(move || {
        let first = heard.recv().unwrap();
        sender.blocking_send(SessionCommand::Drain).unwrap();
        (first, heard.recv().unwrap(), heard.recv().is_err())
    });
    let (first, second, over) = told.await.unwrap();
    let SessionEvent::Failed(error) = first else { panic!("{first:?}") };
    assert!(error.message.contains("behind the exchange's stream"), "{error}");
    assert!(matches!(second, SessionEvent::End) && over, "{second:?}");
    session.await.unwrap();
}

/// An exchange that trades, and says when it answers by a clock that is hours from this machine's, or is not.
async fn exchange_with_clock(off: Arc<AtomicBool>) -> u16 {
    let status = include_str!("../../../tests/fixtures/kalshi/exchange_status.json");
    let answer = move |request: axum::extract::Request| {
        let off = off.load(Ordering::Relaxed);
        async move {
            let now = clock::now() - if off { Span::HOUR.times(3) } else { Span::ZERO };
            let date = jiff::Timestamp::from_nanosecond(now.nanos().into()).unwrap();
            let date =
                date.to_zoned(jiff::tz::TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            let (code, body) = match request.uri().path() {
                "/trade-api/v2/exchange/status" => (200, status),
                "/trade-api/v2/exchange/schedule" => {
                    (200, r#"{"schedule":{"standard_hours":[],"maintenance_windows":[]}}"#)
                }
                _ if off => (
                    401,
                    r#"{"error":{"code":"header_timestamp_expired","message":"header_timestamp_expired"}}"#,
                ),
                _ => (404, r#"{"error":{"code":"not_found","message":"not found"}}"#),
            };
            axum::http::Response::builder()
                .status(code)
                .header("date", date)
                .body(axum::body::Body::from(body))
                .unwrap()
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await.unwrap() });
    port
}

#[tokio::test]
async fn a_clock_that_is_off_pauses_and_halts_nothing_and_trading_goes_on_when_it_is_right() {
    let off = Arc::new(AtomicBool::new(true));
    let port = exchange_with_clock(Arc::clone(&off)).await;
    let (engine_events, heard) = sync_channel(64);
    let (_sender, commands) = mpsc::channel(8);
    let (_told, events) = mpsc::channel(8);
    let mut parts = parts(commands, engine_events);
    parts.rest = Rest::new(&Environment::Sandbox { port }, Some(parts.credentials.clone())).unwrap();
    let refused = parts.rest.balance().await.unwrap_err();
    let mut session = ExchangeSession::new(parts, settings(false), None, events, Arc::default());
    session.handle_api_error(&refused);
    assert_eq!(session.link.current_report().last_failure, Some(refused.to_string().into()));
    assert_eq!(
        refused.to_string(),
        "GET /portfolio/balance: refused with 401; this machine's clock is 179m ahead of the exchange's, \
         and requests are signed with the time: set it"
    );
    session.learn_hours().await;
    let reason = session.link.pause_reason().unwrap();
    assert!(reason.starts_with("this machine's clock is 179m ahead of the exchange's"), "{reason}");

    off.store(false, Ordering::Relaxed);
    let asked = fetch_status_and_schedule(&session.rest).await;
    session.handle_finished_request(FinishedRequest::Hours(asked));
    assert_eq!(session.link.current_report(), LinkReport::default());
    session.flush_outbox();
    let halts = |event: &SessionEvent| {
        matches!(event, SessionEvent::Input { input: Input::Control(Control::SessionHalt { .. }), .. })
    };
    assert!(!heard.try_iter().any(|event| halts(&event)), "it is no matter of the account");
}

#[tokio::test]
async fn a_clock_that_was_set_is_followed_once_the_exchange_agrees() {
    let port = exchange_with_clock(Arc::default()).await;
    let (engine_events, _heard) = sync_channel(64);
    let (_sender, commands) = mpsc::channel(8);
    let (_told, events) = mpsc::channel(8);
    let mut parts = parts(commands, engine_events);
    parts.rest = Rest::new(&Environment::Sandbox { port }, None).unwrap();
    // The machine slept, or its clock was wrong until now.
    parts.clock = SteadyClock::after_step(Span::HOUR.times(2));
    let mut session = ExchangeSession::new(parts, settings(false), None, events, Arc::default());
    session.notice_clock_step();
    let reason = session.link.pause_reason().unwrap();
    assert_eq!(&*reason, "this machine's clock was set; the exchange is asked whether it is right");
    let before = session.market_time();
    assert!(clock::now().since(before) > Span::HOUR, "markets still go by the even clock");
    // What was heard of the exchange's clock before the step says nothing of it.
    session.rest.exchange_status().await.unwrap();
    session.hours_told(Err(ApiError::NotSent("GET /exchange/status: no connection".into())));
    assert!(session.link.pause_reason().is_some() && session.clock.was_machine_set());
    session.learn_hours().await;
    assert_eq!(session.link.pause_reason(), None);
    assert!(clock::now().since(session.market_time()) < Span::MINUTE);
}

/// Whether the engine was told that a market is set aside.
fn heard_of_set_aside(heard: &std::sync::mpsc::Receiver<SessionEvent>) -> Vec<String> {
    let reasons = heard.try_iter().filter_map(|event| match event {
        SessionEvent::Input { input: Input::Control(Control::SetAside { reason, .. }), .. } => Some(reason),
        _ => None,
    });
    reasons.collect()
}

/// Its event is answered by 500 for ever, say.
#[tokio::test]
async fn a_market_that_cannot_be_read_again_and_again_is_set_aside() {
    let (engine_events, heard) = sync_channel(64);
    let (_sender, commands) = mpsc::channel(8);
    let (_told, events) = mpsc::channel(8);
    let mut session =
        ExchangeSession::new(parts(commands, engine_events), settings(false), None, events, Arc::default());
    let ticker: Arc<str> = "A".into();
    for reading in 1..=9 {
        let error = ApiError::Unknown("GET /events/E: answered 500".into());
        let reports = MarketReports {
            missing: vec![Arc::clone(&ticker)],
            error: Some(error),
            ..MarketReports::default()
        };
        session.reads.open_reads += 1;
        session.handle_finished_request(FinishedRequest::Asked(vec![Arc::clone(&ticker)], Ok(reports)));
        session.tell_of_markets().await;
        session.flush_outbox();
        let told = heard_of_set_aside(&heard);
        let is_asked = session.market_tracker.take_unknown_tickers().contains(&ticker);
        assert_eq!((told.len(), is_asked), (usize::from(reading == 7), reading < 7), "reading {reading}");
    }
}
