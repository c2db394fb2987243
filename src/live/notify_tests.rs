//! Webhooks against a server on 127.0.0.1 that answers as it is told.

use std::sync::mpsc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const FAST: DeliveryPace = DeliveryPace {
    answer: Duration::from_secs(5),
    first_retry: Duration::from_millis(1),
    longest_retry: Duration::from_millis(5),
    retries: 3,
};

/// Answers with these statuses in turn, the last for ever, and hands over the bodies.
async fn server(statuses: Vec<u16>) -> (String, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("webhook:http://{}/hook/secret", listener.local_addr().unwrap());
    let (sender, bodies) = mpsc::channel();
    tokio::spawn(async move {
        for number in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let body = loop {
                let mut part = [0; 4096];
                let length = stream.read(&mut part).await.unwrap();
                request.extend_from_slice(&part[..length]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                if body.len() >= length.parse().unwrap() {
                    break body.to_owned();
                }
            };
            let _nobody_reads = sender.send(serde_json::from_str(&body).unwrap());
            let status = statuses.get(number).or(statuses.last()).unwrap();
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (target, bodies)
}

fn event(text: &str) -> Notification {
    Notification::new(NotificationKind::DailySummary, Timestamp::from_nanos(0), text)
}

#[tokio::test]
async fn an_event_is_posted_and_tried_again_while_that_may_help() {
    let (target, bodies) = server(vec![500, 429, 200]).await;
    let notifier = Notifier::with_pace(&[target], FAST).unwrap();
    notifier.queue_notification(&event("all well").with_field("equity", 10_000.5));
    let shared = Arc::clone(&notifier.targets[0].0);
    notifier.finish_delivery(Duration::from_secs(20)).await;
    let expected = json!({
        "event": "daily_summary", "at": "1970-01-01T00:00:00Z", "text": "all well", "equity": 10_000.5,
    });
    assert_eq!(bodies.try_iter().collect::<Vec<_>>(), [expected.clone(), expected.clone(), expected]);
    assert_eq!(shared.lost.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn what_is_refused_is_given_up_at_once_and_what_fails_in_the_end() {
    let (refusing, refused) = server(vec![404]).await;
    let (failing, failed) = server(vec![503]).await;
    let notifier = Notifier::with_pace(&[refusing, failing], FAST).unwrap();
    let shared: Vec<_> = notifier.targets.iter().map(|(target, _)| Arc::clone(target)).collect();
    notifier.queue_notification(&event("x"));
    notifier.finish_delivery(Duration::from_secs(20)).await;
    assert_eq!((refused.try_iter().count(), failed.try_iter().count()), (1, 4));
    assert!(shared.iter().all(|target| target.lost.load(Ordering::Relaxed) == 1));
}

#[tokio::test]
async fn a_full_queue_loses_the_oldest_and_nobody_waits() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("webhook:http://{}/", silent.local_addr().unwrap());
    let notifier = Notifier::with_pace(&[target], FAST).unwrap();
    for number in 0..WAITING + 10 {
        notifier.queue_notification(&event(&number.to_string()));
    }
    assert_eq!(notifier.lost_count(), 10);
    assert!(notifier.targets[0].0.lock_queue()[0].contains(r#""text":"10""#));
    notifier.finish_delivery(Duration::from_millis(10)).await;
}

#[tokio::test]
async fn addresses_are_checked_and_never_shown() {
    let wrong = |text: &str| Notifier::new(&["webhook:https://a.example/".into(), text.into()]).unwrap_err();
    for text in [
        "https://hooks.example/secret",
        "webhook:http://hooks.example/secret",
        "webhook:ftp://127.0.0.1/secret",
        "webhook:secret",
        "webhook:http://127.0.0.1.hooks.example/secret",
    ] {
        let message = wrong(text);
        assert!(message.contains("target 2") && !message.contains("secret"), "{message}");
    }
    let shown = format!("{:?}", Notifier::new(&["webhook:https://a.example/secret".into()]).unwrap());
    assert_eq!(shown, r#"["a.example"]"#);
}
