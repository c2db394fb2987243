//! The session without an exchange: when it reads and subscribes, and what it does when it cannot go on.

use std::sync::mpsc::sync_channel;

use super::*;
use crate::domain::FeeSchedule;
use crate::kalshi::environment::Environment;
use crate::kalshi::market_reports::{MarketScope, SeriesFacts};
use crate::kalshi::schema::decode_json;
use crate::kalshi::wire::OneMarket;
use crate::kalshi::ws_messages::{Frame, Lifecycle, Turn};

/// The secret key of the first example of RFC 8032, which is no secret.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";

/// Nobody listens where they go: requests fail, which a session survives.
fn parts(asks: mpsc::Receiver<SessionCommand>, news: SyncSender<SessionEvent>) -> SessionParts {
    let environment = Environment::Sandbox { port: 1 };
    let credentials = Credentials::from_pem("key-1", PEM).unwrap();
    let rest = Rest::new(&environment, Some(credentials.clone())).unwrap();
    SessionParts {
        market_reader: MarketReader::new(rest.clone(), MarketScope::default()),
        rest,
        credentials,
        market_tracker: MarketTracker::new(MarketScope::default(), None),
        order_tracker: OrderTracker::new("run"),
        commands: asks,
        engine_events: news,
        link: Arc::default(),
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
    let (news, heard) = sync_channel(64);
    let (_ask, asks) = mpsc::channel(8);
    let (wants, mut wanted) = mpsc::channel(8);
    let (_told, events) = mpsc::channel(8);
    let mut session =
        ExchangeSession::new(parts(asks, news), settings(true), Some(wants), events, Arc::default());
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
    let is_clock = |news: &SessionEvent| matches!(news, SessionEvent::Clock { .. });
    assert!(!heard.try_iter().any(|news| is_clock(&news)), "the moment is not over");
    session.handle_frame(Frame::SandboxClock(clock));
    session.run_pending_work().await;
    assert!(heard.try_iter().any(|news| is_clock(&news)));
}

#[tokio::test]
async fn a_session_that_loses_stream_events_fails_and_says_why() {
    let (news, heard) = sync_channel(64);
    let (ask, asks) = mpsc::channel(8);
    let (parts, settings) = (parts(asks, news), settings(false));
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
        ask.blocking_send(SessionCommand::Drain).unwrap();
        (first, heard.recv().unwrap(), heard.recv().is_err())
    });
    let (first, second, over) = told.await.unwrap();
    let SessionEvent::Failed(error) = first else { panic!("{first:?}") };
    assert!(error.message.contains("behind the exchange's stream"), "{error}");
    assert!(matches!(second, SessionEvent::End) && over, "{second:?}");
    session.await.unwrap();
}
