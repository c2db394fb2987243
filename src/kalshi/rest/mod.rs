//! The REST client. Every request to the exchange goes one way, `Rest::try_once`: rate limit, breaker, signature, network,
//! sorting of the outcome. Reads are repeated when it may help (`Rest::send_with_retries`); writes never are, as only the
//! caller knows what a repeated write means. Only the clock of a sandbox (`sandbox.rs`) is asked past all that.

mod call;
mod error;
mod history;
mod market_data;
mod orders;
mod page_cursors;
mod portfolio;
mod sandbox;
mod signatures;
mod skew;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde::de::DeserializeOwned;

use self::call::Call;
use super::auth::Credentials;
use super::clock;
use super::environment::{Environment, check_url};
use super::limits::{Backoff, Breaker, Limits};
use super::schema::decode_json;
use super::wire::{ApiErrorBody, ExchangeStatus, ItemList, Page};
use crate::domain::Timestamp;

pub use self::error::ApiError;
pub use self::history::{CandleSpan, Half};
pub use self::market_data::{EventFilter, MarketFilter, StatusFilter};
pub use self::orders::Decrease;
pub use self::page_cursors::{EndlessListError, PageCursors};
pub use self::portfolio::{FillFilter, OrderFilter};
pub use self::sandbox::SandboxClock;
pub use self::skew::ClockSkew;

/// How long things may take, and how often they are tried.
#[derive(Clone, Copy, Debug)]
struct RetryPace {
    connect: Duration,
    /// From sending to the last byte of the answer.
    answer: Duration,
    /// How long a read waits for our own rate limit, and how long a write does: an order that waits
    /// longer is not the order that was decided on.
    read_patience: Duration,
    write_patience: Duration,
    first_retry: Duration,
    longest_retry: Duration,
    retries: u32,
    breaker_failures: u32,
    breaker_pause: Duration,
}

const PACE: RetryPace = RetryPace {
    connect: Duration::from_secs(3),
    answer: Duration::from_secs(10),
    read_patience: Duration::from_mins(1),
    write_patience: Duration::from_secs(1),
    first_retry: Duration::from_millis(250),
    longest_retry: Duration::from_secs(4),
    retries: 3,
    breaker_failures: 8,
    breaker_pause: Duration::from_secs(5),
};

/// Most pages of one list: the longest, all open markets of the exchange, has some hundreds.
const MOST_PAGES: usize = 2_000;

/// Longest body that is read, in bytes, unpacked: a full page of markets has some 3 MiB.
const LONGEST_BODY: usize = 64 << 20;

/// A page of a list, and the cursor of the next; `None` after the last.
pub type PagedList<T> = (ItemList<T>, Option<String>);

/// A difference of the clocks from which on one must worry: signatures are refused at some more. The exchange does not
/// document where; five seconds were taken, thirty were refused.
const WORRYING_SKEW_MS: i64 = 2_000;

/// The exchange's REST API. Clones share connections, limits and state.
#[derive(Clone, Debug)]
pub struct Rest {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    environment: Environment,
    credentials: Option<Credentials>,
    pace: RetryPace,
    /// The zero of the times that the limits are asked with.
    start: Instant,
    gate: Mutex<RequestGate>,
    skew: Mutex<Option<ClockSkew>>,
    warned_of_skew: AtomicBool,
    signatures: Arc<signatures::Store>,
}

/// What decides whether and when a request may go.
#[derive(Debug)]
struct RequestGate {
    limits: Limits,
    breaker: Breaker,
    backoff: Backoff,
}

/// A failed try, and whether the next may fare better.
struct RequestFailure {
    error: ApiError,
    passing: bool,
}

impl RequestFailure {
    const fn from_transient(error: ApiError) -> Self {
        Self { error, passing: true }
    }

    const fn from_permanent(error: ApiError) -> Self {
        Self { error, passing: false }
    }
}

impl Rest {
    /// A client for an exchange; without credentials only what is public can be asked.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(environment: &Environment, credentials: Option<Credentials>) -> Result<Self, ApiError> {
        Self::with_pace(*environment, credentials, PACE)
    }

    fn with_pace(
        environment: Environment,
        credentials: Option<Credentials>,
        pace: RetryPace,
    ) -> Result<Self, ApiError> {
        // The first caller in the process installs it; whoever comes later finds it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        check_url(&environment.rest_url()).map_err(ApiError::NotSent)?;
        let mut builder = Client::builder()
            .user_agent(concat!("protogen/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(pace.connect)
            .timeout(pace.answer)
            // A redirect would carry a signature to where it does not belong, and repeat a write.
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .http2_keep_alive_timeout(Duration::from_secs(5))
            .http2_keep_alive_while_idle(true);
        builder = match environment {
            Environment::Sandbox { .. } => builder.no_proxy(),
            Environment::Demo | Environment::Prod => builder.https_only(true),
        };
        let client = builder.build().map_err(|error| {
            ApiError::NotSent(format!("the HTTPS client cannot be set up: {}", describe_error_chain(&error)))
        })?;
        // Clients that fail together must not come back together, so the seed is the time.
        let seed = clock::now().nanos().unsigned_abs();
        let gate = RequestGate {
            limits: Limits::new(Duration::ZERO),
            breaker: Breaker::new(pace.breaker_failures, pace.breaker_pause),
            backoff: Backoff::new(pace.first_retry, pace.longest_retry, seed),
        };
        let inner = Inner {
            client,
            environment,
            credentials,
            pace,
            start: Instant::now(),
            gate: Mutex::new(gate),
            skew: Mutex::new(None),
            warned_of_skew: AtomicBool::new(false),
            signatures: Arc::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Returns which exchange this client talks to: demo, production or a sandbox.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.inner.environment
    }

    /// How far this machine's clock is from the exchange's, once there was an answer.
    #[must_use]
    pub fn clock_skew(&self) -> Option<ClockSkew> {
        *lock_ignoring_poison(&self.inner.skew)
    }

    /// Sends a request, a read again if that may help, and decodes the JSON of the answer.
    async fn send_and_decode<T: DeserializeOwned>(&self, call: Call) -> Result<T, ApiError> {
        let body = self.send_with_retries(&call).await?;
        decode_json(&call.endpoint(), &body).map_err(|error| call.unreadable_answer_error(error))
    }

    /// Asks for one page of a list. Returns the cursor of the next; `None` after the last.
    async fn fetch_page<P: Page + DeserializeOwned>(
        &self,
        call: Call,
    ) -> Result<PagedList<P::Item>, ApiError> {
        let endpoint = call.endpoint();
        let (list, next) = self.send_and_decode::<P>(call).await?.into_items_and_cursor();
        let unusable = match list.odd.first() {
            // Of what the account did or holds nothing may be left out.
            Some(first) if P::IS_ACCOUNT => Some(first.problem.clone()),
            _ => list.mostly_odd(),
        };
        match unusable {
            Some(problem) => Err(ApiError::Schema { endpoint, problem }),
            None => Ok((list, next)),
        }
    }

    /// Asks for a list, page by page to its end.
    async fn all_pages<P: Page + DeserializeOwned>(&self, call: Call) -> Result<ItemList<P::Item>, ApiError> {
        match self.pages_to_bound::<P>(&call).await? {
            (list, None) => Ok(list),
            (_, Some(error)) => {
                Err(ApiError::Schema { endpoint: call.endpoint(), problem: error.to_string() })
            }
        }
    }

    /// Asks for a list, page by page; what was read comes also where it has no end, which is said then.
    async fn pages_to_bound<P: Page + DeserializeOwned>(
        &self,
        call: &Call,
    ) -> Result<(ItemList<P::Item>, Option<EndlessListError>), ApiError> {
        let mut list = ItemList::default();
        let mut cursors = PageCursors::of_list(MOST_PAGES);
        loop {
            let page = call.clone().with_some("cursor", cursors.current_cursor());
            let (more, next) = self.fetch_page::<P>(page).await?;
            list.append_page(more);
            let Some(next) = next else { return Ok((list, None)) };
            if let Err(error) = cursors.advance_to(next) {
                return Ok((list, Some(error)));
            }
        }
    }

    /// The body of a good answer; reads are tried several times.
    async fn send_with_retries(&self, call: &Call) -> Result<Vec<u8>, ApiError> {
        let mut failures = 0;
        loop {
            match self.try_once(call).await {
                Ok(body) => return Ok(body),
                Err(failure) if failure.passing && call.is_read() && failures < self.inner.pace.retries => {
                    let wait = self.lock_gate().backoff.retry_delay(failures);
                    failures += 1;
                    tracing::debug!(error = %failure.error, ?wait, "trying again");
                    tokio::time::sleep(wait).await;
                }
                Err(failure) => return Err(failure.error),
            }
        }
    }

    async fn try_once(&self, call: &Call) -> Result<Vec<u8>, RequestFailure> {
        self.wait_for_turn(call).await?;
        if !self.lock_gate().breaker.permits_request(self.time_since_start()) {
            let text = format!("{}: the exchange has not answered for a while", call.endpoint());
            return Err(RequestFailure::from_transient(ApiError::NotSent(text)));
        }
        let headers = self.auth_headers(call).map_err(RequestFailure::from_permanent)?;
        let mut request = self
            .inner
            .client
            .request(call.method.clone(), self.inner.environment.rest_origin() + &call.path)
            .query(&call.query)
            .headers(headers);
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let sent = clock::now();
        let outcome = match request.send().await {
            Ok(response) => {
                self.compare_clocks(&response, sent);
                classify_response(call, response).await.map_err(|failure| self.blame_clock(call, failure))
            }
            Err(error) => Err(classify_send_error(call, &error)),
        };
        let mut gate = self.lock_gate();
        match &outcome {
            Err(RequestFailure { error: ApiError::NotSent(_) | ApiError::Unknown(_), .. }) => {
                gate.breaker.record_failure(self.time_since_start());
            }
            _ => gate.breaker.record_answer(),
        }
        outcome
    }

    /// Waits until the rate limit lets the request pass; fails as `NotSent` where that takes too long.
    async fn wait_for_turn(&self, call: &Call) -> Result<(), RequestFailure> {
        let patience =
            if call.is_read() { self.inner.pace.read_patience } else { self.inner.pace.write_patience };
        let wait = {
            let limits = &mut self.lock_gate().limits;
            let cost = limits.request_cost(call.method.as_str(), &call.path).saturating_mul(call.items);
            limits.reserve_tokens(call.budget, cost, self.time_since_start(), patience)
        };
        match wait {
            Some(Duration::ZERO) => Ok(()),
            Some(wait) => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            None => {
                let text = format!("{}: our own rate limit is used up", call.endpoint());
                Err(RequestFailure::from_permanent(ApiError::NotSent(text)))
            }
        }
    }

    /// The headers that show who asks; none without credentials.
    fn auth_headers(&self, call: &Call) -> Result<HeaderMap, ApiError> {
        let mut headers = HeaderMap::new();
        let Some(credentials) = &self.inner.credentials else {
            if call.is_private() {
                return Err(ApiError::NotSent(format!("{} needs an API key", call.endpoint())));
            }
            return Ok(headers);
        };
        let now_ms = clock::now().millis();
        let ready = if call.path == orders::CREATE_PATH && call.method == reqwest::Method::POST {
            self.inner.signatures.take_signature(now_ms)
        } else {
            None
        };
        let signed =
            ready.unwrap_or_else(|| credentials.signed_headers(now_ms, call.method.as_str(), &call.path));
        for (name, value) in signed {
            let mut value = HeaderValue::from_str(&value).expect("a checked key id, digits, or Base64");
            value.set_sensitive(true);
            headers
                .insert(reqwest::header::HeaderName::from_bytes(name.as_bytes()).expect("a constant"), value);
        }
        Ok(headers)
    }

    /// Tells a refusal that this machine's clock explains from one that concerns the key.
    fn blame_clock(&self, call: &Call, failure: RequestFailure) -> RequestFailure {
        let skew = self.clock_skew().filter(|skew| skew.certain_ms() > WORRYING_SKEW_MS);
        match (skew, failure.error.refusal_status()) {
            (Some(skew), Some(401)) => RequestFailure::from_permanent(ApiError::ClockOff {
                endpoint: call.endpoint(),
                problem: format!("{skew}, and requests are signed with the time: set it"),
            }),
            _ => failure,
        }
    }

    fn compare_clocks(&self, response: &Response, sent: Timestamp) {
        let date = response.headers().get(DATE).and_then(|date| skew::parse_date(date.to_str().ok()?));
        let Some(date) = date else { return };
        let newest = ClockSkew::of_answer(date, sent, clock::now());
        let skew = {
            let mut known = lock_ignoring_poison(&self.inner.skew);
            let skew = known.map_or(newest, |known| known.narrowed_by(newest));
            *known = Some(skew);
            skew
        };
        if skew.certain_ms() > WORRYING_SKEW_MS && !self.inner.warned_of_skew.swap(true, Ordering::Relaxed) {
            tracing::warn!("{skew}; beyond some seconds it refuses every request: set the clock");
        }
    }

    /// The time that the limits count.
    fn time_since_start(&self) -> Duration {
        self.inner.start.elapsed()
    }

    fn lock_gate(&self) -> MutexGuard<'_, RequestGate> {
        lock_ignoring_poison(&self.inner.gate)
    }
}

/// What is guarded is consistent after every statement, so a panic elsewhere does not spoil it.
fn lock_ignoring_poison<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a body to its end, unpacked where it came packed.
///
/// # Errors
/// In words that go on after `but`: it broke off, or is longer than [`LONGEST_BODY`].
async fn read_bounded_body(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > LONGEST_BODY => {
                return Err(format!("with more than {} MiB, which no answer has", LONGEST_BODY >> 20));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(format!("it broke off: {}", describe_error_chain(&error))),
        }
    }
}

/// Sorts an answer by what may be concluded from it.
async fn classify_response(call: &Call, response: Response) -> Result<Vec<u8>, RequestFailure> {
    let endpoint = call.endpoint();
    let status = response.status().as_u16();
    let body = read_bounded_body(response).await;
    match (status, body) {
        (200..300, Ok(body)) => Ok(body),
        (200..300, Err(problem)) => {
            let text = format!("{endpoint}: answered {status}, but {problem}");
            Err(RequestFailure::from_transient(ApiError::Unknown(text)))
        }
        (429, _) => Err(RequestFailure::from_transient(ApiError::RateLimited(endpoint))),
        (500.., Ok(body))
            if call.answered_by_5xx && decode_json::<ExchangeStatus>(&endpoint, &body).is_ok() =>
        {
            Ok(body)
        }
        // A gateway that ran out of time may have handed the request on.
        (408 | 500.., body) => {
            let text = format!("{endpoint}: answered {status}{}", reason_from_body(body.ok().as_deref()));
            Err(RequestFailure::from_transient(ApiError::Unknown(text)))
        }
        (400..500, body) => {
            let told = body.ok().as_deref().and_then(ApiErrorBody::parse).unwrap_or_else(|| ApiErrorBody {
                message: "without a reason that can be read".into(),
                ..ApiErrorBody::default()
            });
            Err(RequestFailure::from_permanent(ApiError::Refused {
                endpoint,
                status,
                code: told.code,
                message: told.message,
                details: told.details,
            }))
        }
        _ => {
            let text = format!("{endpoint}: answered {status}, which the exchange never does");
            Err(RequestFailure::from_permanent(ApiError::Unknown(text)))
        }
    }
}

/// The reason in a body, where it can be read; a gateway's page is not worth showing.
fn reason_from_body(body: Option<&[u8]>) -> String {
    match body.and_then(ApiErrorBody::parse) {
        Some(told) => format!(" `{}`: {}", told.code, told.message),
        None => String::new(),
    }
}

/// Sorts a request that got no answer.
fn classify_send_error(call: &Call, error: &reqwest::Error) -> RequestFailure {
    let text = format!("{}: {}", call.endpoint(), describe_error_chain(error));
    if error.is_connect() {
        RequestFailure::from_transient(ApiError::NotSent(text))
    } else if error.is_builder() {
        RequestFailure::from_permanent(ApiError::NotSent(text))
    } else {
        RequestFailure::from_transient(ApiError::Unknown(text))
    }
}

/// An error with what caused it, and without the address.
fn describe_error_chain(error: &reqwest::Error) -> String {
    let mut texts =
        vec![if error.is_timeout() { "no answer in time" } else { "no connection or answer" }.to_owned()];
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        texts.push(inner.to_string());
        source = inner.source();
    }
    texts.dedup();
    texts.join(": ")
}

#[cfg(test)]
mod tests;
