//! The session without an exchange: what it does when it cannot go on.

use std::sync::mpsc::sync_channel;

use super::*;
use crate::kalshi::environment::Environment;
use crate::kalshi::watch::Scope;

/// The secret key of the first example of RFC 8032, which is no secret.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";

#[tokio::test]
async fn a_session_that_loses_stream_events_fails_and_says_why() {
    // Nobody listens there: requests fail, which a session survives.
    let environment = Environment::Sandbox { port: 1 };
    let credentials = Credentials::from_pem("key-1", PEM).unwrap();
    let rest = Rest::new(&environment, Some(credentials.clone())).unwrap();
    let (news, heard) = sync_channel(64);
    let (ask, asks) = mpsc::channel(8);
    let parts = Parts {
        reader: MarketReader::new(rest.clone(), Scope::default()),
        rest,
        credentials,
        watch: MarketWatch::new(Scope::default(), None),
        tracker: OrderTracker::new("run"),
        asks,
        news,
        link: Arc::default(),
    };
    let settings = SessionSettings {
        stream: true,
        interval: Span::MINUTE,
        by_exchange: false,
        group: None,
        detail: Detail::Best,
    };
    let (told, events) = mpsc::channel(2);
    let stalled = Arc::new(AtomicBool::new(false));
    let mut tell = teller(told, Arc::clone(&stalled));
    tell(StreamEvent::Up);
    tell(StreamEvent::Up);
    assert!(!stalled.load(Ordering::Relaxed), "there is room for two");
    tell(StreamEvent::Up);
    let session = tokio::spawn(async move {
        Session::new(parts, settings, None, events, stalled).serve().await;
    });
    let told = tokio::task::spawn_blocking(move || {
        let first = heard.recv().unwrap();
        ask.blocking_send(Ask::Drain).unwrap();
        (first, heard.recv().unwrap(), heard.recv().is_err())
    });
    let (first, second, over) = told.await.unwrap();
    let News::Failed(error) = first else { panic!("{first:?}") };
    assert!(error.message.contains("behind the exchange's stream"), "{error}");
    assert!(matches!(second, News::End) && over, "{second:?}");
    session.await.unwrap();
}
