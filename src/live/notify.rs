//! Tells the owner what happened, by webhook: `[live] notify = ["webhook:https://…"]`. Each event is posted
//! as one JSON object; whoever wants it elsewhere puts something between.
//!
//! The desk never waits for it: events stand in a bounded queue of which the oldest go first. An address may
//! hold a secret in its path, so only hosts are ever named.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::domain::Timestamp;
use crate::kalshi::clock;
use crate::kalshi::limits::Backoff;

use super::moment::Moment;

/// Events that wait for one target.
const WAITING: usize = 256;

/// What a notification is about; its name in snake case is the field `event` of the JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationKind {
    /// The session began: the account was compared and trading starts.
    Start,
    /// The session ended, by request or because it could not go on.
    Stop,
    /// An order traded, in part or whole.
    Fill,
    /// A position was closed.
    Exit,
    /// A strategy or all trading was halted.
    Halt,
    /// A halt was lifted.
    Resume,
    /// The stream of the market is down.
    Disconnect,
    /// The stream of the market is up again.
    Reconnect,
    /// The exchange has paused trading.
    Pause,
    /// The exchange trades again after a pause.
    Unpause,
    /// The account is not what our books say.
    Discrepancy,
    /// A market cannot be understood: nothing is opened there until it can.
    SetAside,
    /// A market that was set aside is traded again.
    SetAsideCleared,
    /// The exchange refuses every order.
    OrdersRefused,
    /// It takes orders again.
    OrdersTaken,
    /// The recording inside the session has ended before it.
    Recording,
    /// How the day went.
    DailySummary,
}

/// A notification as it is posted to a webhook: kind, moment, text, and fields for programs.
#[derive(Clone, Debug, Serialize)]
pub struct Notification {
    #[serde(rename = "event")]
    kind: NotificationKind,
    at: Moment,
    text: String,
    #[serde(flatten)]
    more: serde_json::Map<String, serde_json::Value>,
}

impl Notification {
    /// An event with what it says to people.
    #[must_use]
    pub fn new(kind: NotificationKind, at: Timestamp, text: impl Into<String>) -> Self {
        Self { kind, at: Moment(at), text: text.into(), more: serde_json::Map::new() }
    }

    /// Adds a field for programs.
    #[must_use]
    pub fn with_field(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// Returns what the notification is about.
    #[must_use]
    pub const fn kind(&self) -> NotificationKind {
        self.kind
    }

    /// The same for people.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// How long things may take, and how often they are tried.
#[derive(Clone, Copy, Debug)]
struct DeliveryPace {
    answer: Duration,
    first_retry: Duration,
    longest_retry: Duration,
    retries: u32,
}

const PACE: DeliveryPace = DeliveryPace {
    answer: Duration::from_secs(10),
    first_retry: Duration::from_secs(1),
    longest_retry: Duration::from_secs(30),
    retries: 5,
};

/// Posts events to webhooks. Dropped, it still tries what waits; [`finish`](Self::finish_delivery) waits for that.
pub struct Notifier {
    targets: Vec<(Arc<WebhookTarget>, JoinHandle<()>)>,
}

/// One webhook and what waits for it.
struct WebhookTarget {
    url: Url,
    waiting: Mutex<VecDeque<Arc<str>>>,
    changed: Notify,
    closed: AtomicBool,
    lost: AtomicU64,
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.targets.iter().map(|(target, _)| target.host())).finish()
    }
}

impl Notifier {
    /// A notifier of these targets. Must be called within the runtime.
    ///
    /// # Errors
    /// Names the target by its place in the list, never by its address, and what is wrong with it.
    pub fn new(targets: &[String]) -> Result<Self, String> {
        Self::with_pace(targets, PACE)
    }

    fn with_pace(targets: &[String], pace: DeliveryPace) -> Result<Self, String> {
        let urls: Vec<Url> =
            (1..).zip(targets).map(|(number, text)| parse_target(number, text)).collect::<Result<_, _>>()?;
        // The first caller in the process installs it; whoever comes later finds it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("protogen/", env!("CARGO_PKG_VERSION")))
            .timeout(pace.answer)
            .redirect(Policy::none())
            .build()
            .map_err(|error| format!("live.notify: the HTTPS client cannot be set up: {error}"))?;
        let start = |url: Url| {
            let target = Arc::new(WebhookTarget {
                url,
                waiting: Mutex::default(),
                changed: Notify::new(),
                closed: AtomicBool::new(false),
                lost: AtomicU64::new(0),
            });
            let task = tokio::spawn(Arc::clone(&target).deliver_until_closed(client.clone(), pace));
            (target, task)
        };
        Ok(Self { targets: urls.into_iter().map(start).collect() })
    }

    /// Puts an event in line for every target; never waits.
    pub fn queue_notification(&self, event: &Notification) {
        let body: Arc<str> = serde_json::to_string(event).expect("an event is plain data").into();
        for (target, _) in &self.targets {
            {
                let mut waiting = target.lock_queue();
                if waiting.len() == WAITING {
                    waiting.pop_front();
                    target.lost.fetch_add(1, Ordering::Relaxed);
                }
                waiting.push_back(Arc::clone(&body));
            }
            target.changed.notify_one();
        }
    }

    /// Events that did not arrive: dropped from a full queue, or given up after several tries.
    #[must_use]
    pub fn lost_count(&self) -> u64 {
        self.targets.iter().map(|(target, _)| target.lost.load(Ordering::Relaxed)).sum()
    }

    /// Waits for what is in line, but not longer than `patience`.
    pub async fn finish_delivery(self, patience: Duration) {
        for (target, _) in &self.targets {
            target.close_queue();
        }
        let all = async {
            for (_, task) in self.targets {
                // A task that panicked has said so.
                let _over = task.await;
            }
        };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("not all notifications were sent before the end");
        }
    }
}

impl WebhookTarget {
    fn lock_queue(&self) -> MutexGuard<'_, VecDeque<Arc<str>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn host(&self) -> &str {
        self.url.host_str().unwrap_or("-")
    }

    fn close_queue(&self) {
        self.closed.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    async fn deliver_until_closed(self: Arc<Self>, client: Client, pace: DeliveryPace) {
        // Those who fail together must not come back together, so the seed is the time.
        let seed = clock::now().nanos().unsigned_abs();
        let mut backoff = Backoff::new(pace.first_retry, pace.longest_retry, seed);
        loop {
            let next = self.lock_queue().pop_front();
            match next {
                Some(body) => self.deliver_with_retries(&client, &body, pace, &mut backoff).await,
                None if self.closed.load(Ordering::Acquire) => return,
                None => self.changed.notified().await,
            }
        }
    }

    async fn deliver_with_retries(
        &self,
        client: &Client,
        body: &str,
        pace: DeliveryPace,
        backoff: &mut Backoff,
    ) {
        for failures in 0..=pace.retries {
            let problem = match self.post_once(client, body).await {
                Ok(()) => return,
                Err(problem) => problem,
            };
            if !problem.passing || failures == pace.retries {
                self.lost.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(host = self.host(), problem = problem.text, "a notification was not taken");
                return;
            }
            tokio::time::sleep(backoff.retry_delay(failures)).await;
        }
    }

    async fn post_once(&self, client: &Client, body: &str) -> Result<(), DeliveryProblem> {
        let request =
            client.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(body.to_owned());
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => {
                let status = answer.status();
                let passing = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
                Err(DeliveryProblem { text: format!("answered {status}"), passing })
            }
            Err(error) => Err(DeliveryProblem { text: error.without_url().to_string(), passing: true }),
        }
    }
}

/// Why an event was not taken, and whether another try may fare better.
struct DeliveryProblem {
    text: String,
    passing: bool,
}

/// The address of a target: TLS, or this machine.
fn parse_target(number: u32, text: &str) -> Result<Url, String> {
    let wrong = |problem: &str| Err(format!("live.notify: target {number} {problem}"));
    let Some(address) = text.strip_prefix("webhook:") else {
        return wrong("is no webhook; write it as webhook:https://…");
    };
    let Ok(url) = Url::parse(address) else {
        return wrong("has no valid address after webhook:");
    };
    let loopback = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    match url.scheme() {
        "https" if url.host_str().is_some() => Ok(url),
        "http" if loopback => Ok(url),
        "http" => wrong("is not encrypted; http is for this machine only, use https"),
        _ => wrong("must begin with webhook:https://"),
    }
}

#[cfg(test)]
#[path = "notify_tests.rs"]
mod tests;
