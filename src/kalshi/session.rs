//! A live session's end at the network: one task that hears the stream, asks REST, follows our orders, and
//! tells the engine's [`LiveFeed`](crate::feed::LiveFeed).
//!
//! The engine is never waited for: while it is behind, market news is held as "this market changed" and
//! told once, with the latest prices; answers about orders are held in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use crate::domain::{MarketStatus, Order, Span, Timestamp};
use crate::engine::gateway::{GatewayError, News};
use crate::event::{Command, Control, Input, MarketEvent, RejectReason, VenueEvent};

use super::auth::Credentials;
use super::clock;
use super::frame::{Frame, SandboxClock};
use super::orders::{OrderTracker, Task};
use super::perform::{Addressed, Done, MarketReader, Report, perform, pushed_fill, pushed_order};
use super::rest::{ApiError, Rest};
use super::stream::{self, StreamEvent, StreamSettings, Want};
use super::venue::Ask;
use super::watch::MarketWatch;

/// Stream events held while the session is busy; more would mean that it has stalled.
const HELD_EVENTS: usize = 65_536;
/// Our orders are looked up this often even if nothing seems lost.
const LOOK_UP: Duration = Duration::from_mins(1);
/// The same where no stream tells of them.
const LOOK_UP_WITHOUT_STREAM: Duration = Duration::from_secs(5);
/// Pause before the engine's full channel is tried again.
const ENGINE_BUSY: Duration = Duration::from_millis(1);
/// With so much news not taken, the engine is behind.
const BEHIND: usize = 256;
/// How long shutting down waits for the exchange to confirm what was cancelled.
const DRAIN: Duration = Duration::from_secs(15);
/// A sweep begins this long before the scan that wants its quotes, and longer if the last one took longer.
const SWEEP_LEAD: Duration = Duration::from_secs(3);

/// How a session runs.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// Whether market news comes over the WebSocket, or by sweeps alone.
    pub stream: bool,
    /// Time between sweeps.
    pub interval: Span,
    /// Whether time is the exchange's own, which goes on when asked.
    pub by_exchange: bool,
    /// The order group that stops our orders at the exchange.
    pub group: Option<Arc<str>>,
}

/// What finished in the background.
enum Finished {
    Task(Done, Option<ApiError>),
    Swept(Result<Vec<Report>, ApiError>, Duration),
    Asked(Result<Vec<Report>, ApiError>),
    WentOn(Result<SandboxClock, ApiError>),
}

/// Where the exchange's clock is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Going {
    /// Nobody waits.
    Standing,
    /// The engine asked.
    Asked(Option<Timestamp>),
    /// The exchange was asked.
    Under,
    /// It answered; what it told is being completed.
    Arrived(SandboxClock),
}

/// The session.
#[expect(clippy::struct_excessive_bools, reason = "they say independent things")]
pub struct Session {
    rest: Rest,
    settings: SessionSettings,
    reader: MarketReader,
    watch: MarketWatch,
    tracker: OrderTracker,
    asks: mpsc::Receiver<Ask>,
    news: SyncSender<News>,
    heard: Arc<AtomicBool>,
    outbox: VecDeque<News>,
    wants: Option<mpsc::Sender<Want>>,
    events: mpsc::Receiver<StreamEvent>,
    jobs: JoinSet<Finished>,
    started: Instant,
    exchange_now: Timestamp,
    going: Going,
    /// Something was told about orders since the exchange's clock was last told.
    answered: bool,
    reading: usize,
    sweep_at: Option<Instant>,
    sweeping: bool,
    look_up_at: Instant,
    draining: Option<Instant>,
    engine_gone: bool,
    aborted: bool,
    halted_for: Option<String>,
}

/// What a session is made of.
pub struct Parts {
    /// The REST client.
    pub rest: Rest,
    /// The key, for the stream.
    pub credentials: Credentials,
    /// What is known of markets.
    pub watch: MarketWatch,
    /// Reads markets.
    pub reader: MarketReader,
    /// What is known of our orders.
    pub tracker: OrderTracker,
    /// What the engine asks.
    pub asks: mpsc::Receiver<Ask>,
    /// What the engine is told.
    pub news: SyncSender<News>,
    /// Whether the exchange is heard, for whoever looks.
    pub heard: Arc<AtomicBool>,
}

/// Runs a session to its end. To be awaited within a tokio runtime.
pub async fn run(parts: Parts, settings: SessionSettings) {
    let Parts { rest, credentials, watch, reader, tracker, asks, news, heard } = parts;
    let (told, events) = mpsc::channel(HELD_EVENTS);
    let wants = settings.stream.then(|| {
        let (wants, wanted) = mpsc::channel(1_024);
        let environment = rest.environment();
        let seed = clock::now().nanos().unsigned_abs();
        tokio::spawn(async move {
            let out = move |event| {
                if told.try_send(event).is_err() {
                    debug!("a stream event came after the session's end, or the session has stalled");
                }
            };
            stream::run(&environment, &credentials, StreamSettings::new(seed), wanted, out).await;
        });
        wants
    });
    let now = Instant::now();
    let mut session = Session {
        rest,
        settings,
        reader,
        watch,
        tracker,
        asks,
        news,
        heard,
        outbox: VecDeque::new(),
        wants,
        events,
        jobs: JoinSet::new(),
        started: now,
        exchange_now: Timestamp::MIN,
        going: Going::Standing,
        answered: false,
        reading: 0,
        sweep_at: Some(now),
        sweeping: false,
        look_up_at: now + LOOK_UP,
        draining: None,
        engine_gone: false,
        aborted: false,
        halted_for: None,
    };
    session.serve().await;
}

impl Session {
    async fn serve(&mut self) {
        let known = self.watch.unsettled().map(|market| market.ticker.as_ref().into()).collect();
        self.want(Want::Markets(known)).await;
        loop {
            self.step().await;
            if self.is_over() {
                self.push(News::End);
                while !self.outbox.is_empty() {
                    self.flush();
                    tokio::time::sleep(ENGINE_BUSY).await;
                }
                return;
            }
            let until = self.next_moment();
            tokio::select! {
                biased;
                ask = self.asks.recv(), if !self.engine_gone => match ask {
                    Some(ask) => self.asked(ask),
                    None => self.engine_gone = true,
                },
                Some(event) = self.events.recv() => self.streamed(event),
                Some(finished) = self.jobs.join_next() => match finished {
                    Ok(finished) => self.finished(finished),
                    Err(error) => self.fail(format!("a request of the session broke off: {error}")),
                },
                () = sleep_until(until) => {}
            }
            while let Ok(event) = self.events.try_recv() {
                self.streamed(event);
            }
        }
    }

    /// Everything that follows from what is known by now.
    async fn step(&mut self) {
        if self.engine_gone && self.draining.is_none() {
            debug!("the engine has ended; what rests is taken back");
            self.drain();
        }
        let now = self.monotonic();
        while let Some(task) = self.tracker.task(now) {
            self.begin(task);
        }
        self.read_unknown();
        // Until the exchange's clock has said which moment this is, nothing can be stamped.
        if self.going != Going::Under {
            self.tell_of_orders();
            self.tell_of_markets().await;
        }
        self.sweep_if_due();
        if Instant::now() >= self.look_up_at {
            let often = if self.wants.is_some() { LOOK_UP } else { LOOK_UP_WITHOUT_STREAM };
            self.look_up_at = Instant::now() + often;
            self.tracker.doubt_all();
        }
        self.go_on().await;
        self.flush();
    }

    fn is_over(&self) -> bool {
        self.aborted || self.draining.is_some_and(|since| self.tracker.is_empty() || since.elapsed() >= DRAIN)
    }

    fn next_moment(&self) -> Instant {
        let mut next = self.look_up_at;
        if let Some(due) = self.tracker.due() {
            let wait = due.since(self.monotonic()).nanos();
            next = next.min(Instant::now() + Duration::from_nanos(u64::try_from(wait).unwrap_or(0)));
        }
        if let Some(sweep_at) = self.sweep_at.filter(|_| !self.sweeping && !self.settings.by_exchange) {
            next = next.min(sweep_at);
        }
        if !self.outbox.is_empty() {
            next = next.min(Instant::now() + ENGINE_BUSY);
        }
        self.draining.map_or(next, |since| next.min(since + DRAIN))
    }

    /// Time for the order tracker: it must not jump when the wall's clock is set.
    fn monotonic(&self) -> Timestamp {
        Timestamp::from_nanos(i64::try_from(self.started.elapsed().as_nanos()).unwrap_or(i64::MAX))
    }

    /// The stamp of what happens now: the exchange's, or left to the engine.
    fn stamp(&self) -> Option<Timestamp> {
        self.settings.by_exchange.then_some(self.exchange_now)
    }

    /// Now, as markets see it.
    fn market_time(&self) -> Timestamp {
        if self.settings.by_exchange { self.exchange_now } else { clock::now() }
    }

    fn asked(&mut self, ask: Ask) {
        match ask {
            Ask::Command(Command::Submit(order)) if self.draining.is_some() => {
                let event = VenueEvent::Rejected { order: order.id, reason: RejectReason::NeverSent };
                self.tell_venue(event);
            }
            Ask::Command(command) => self.tracker.command(&command),
            Ask::GoOn(until) => self.going = Going::Asked(until),
            Ask::Control(control) => {
                let at = self.stamp();
                self.push(News::Input { at, input: Input::Control(control) });
                self.answered = true;
            }
            Ask::Drain => self.drain(),
            Ask::Abort => self.aborted = true,
        }
    }

    fn drain(&mut self) {
        if self.draining.is_none() {
            self.draining = Some(Instant::now());
            self.tracker.cancel_all();
        }
    }

    fn begin(&mut self, task: Task) {
        let order: Order = *task.order();
        let Some(market) = self.watch.market(order.market) else {
            return self.fail(format!("order {} is for a market that is not known", order.id.0));
        };
        let to = Addressed {
            ticker: market.ticker.as_ref().into(),
            client_id: self.tracker.client_id(order.id),
            group: self.settings.group.clone(),
        };
        let rest = self.rest.clone();
        self.jobs.spawn(async move {
            let (done, error) = perform(rest, task, to).await;
            Finished::Task(done, error)
        });
    }

    fn finished(&mut self, finished: Finished) {
        match finished {
            Finished::Task(done, error) => {
                if let Some(error) = error {
                    self.complain(&error);
                }
                let now = self.monotonic();
                done.hand_to(&mut self.tracker, now);
            }
            Finished::Swept(reports, took) => {
                self.sweeping = false;
                // One that was asked for meanwhile comes at once.
                if !self.settings.by_exchange && self.sweep_at.is_none() {
                    self.plan_sweep(took);
                }
                if self.wants.is_none() {
                    self.heard.store(reports.is_ok(), Ordering::Relaxed);
                }
                self.reported(reports, "a sweep of the markets");
            }
            Finished::Asked(reports) => {
                self.reading -= 1;
                self.reported(reports, "reading new markets");
            }
            Finished::WentOn(Ok(clock)) => self.arrived(clock),
            Finished::WentOn(Err(error)) => self.fail(format!("the exchange's clock: {error}")),
        }
    }

    fn reported(&mut self, reports: Result<Vec<Report>, ApiError>, what: &str) {
        let now = self.market_time();
        let reported = match reports {
            Ok(reports) => self.watch.reported(&reports, now).map_err(|error| error.to_string()),
            Err(error) => {
                self.complain(&error);
                return;
            }
        };
        if let Err(problem) = reported {
            self.halt(format!("{what}: {problem}"));
        }
    }

    /// What a failed request means beyond the order it was about.
    fn complain(&mut self, error: &ApiError) {
        match error {
            ApiError::Schema { .. } | ApiError::Refused { status: 401 | 403 | 410, .. } => {
                self.halt(error.to_string());
            }
            _ => warn!(%error, "a request failed"),
        }
    }

    /// The exchange is not as we know it: nothing new is opened until a person has looked.
    fn halt(&mut self, reason: String) {
        if self.halted_for.as_ref() == Some(&reason) {
            return;
        }
        warn!(reason, "new orders stop");
        self.halted_for = Some(reason.clone());
        let at = self.stamp();
        self.push(News::Input { at, input: Input::Control(Control::Halt { reason }) });
    }

    fn fail(&mut self, message: String) {
        self.push(News::Failed(GatewayError::venue(message)));
    }

    fn streamed(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Up => {
                info!("the stream is up");
                self.heard.store(true, Ordering::Relaxed);
                self.tracker.doubt_all();
                self.sweep_soon();
            }
            StreamEvent::Down { reason } => {
                warn!(reason, "the stream is down");
                self.heard.store(false, Ordering::Relaxed);
                self.watch.all_stale();
                self.tracker.doubt_all();
            }
            StreamEvent::Book { ticker, top, .. } => self.watch.book(&ticker, top),
            StreamEvent::Stale { ticker } => self.watch.stale(&ticker),
            StreamEvent::Missed { channel } => {
                warn!(channel = channel.name(), "messages were lost; the state is read again");
                self.tracker.doubt_all();
                self.sweep_soon();
            }
            StreamEvent::Schema(problem) => self.halt(problem),
            StreamEvent::Frame(frame) => self.frame(frame),
        }
    }

    fn frame(&mut self, frame: Frame) {
        if let Some(at) = frame.at() {
            self.exchange_now = self.exchange_now.max(at);
        }
        match frame {
            Frame::Ticker(ticker) => self.watch.ticker(&ticker),
            Frame::Lifecycle(message) => self.watch.lifecycle(&message),
            Frame::Fill(fill) => {
                let now = self.monotonic();
                self.tracker.pushed_fill(fill.client_order_id.as_deref(), now, pushed_fill(&fill));
            }
            Frame::UserOrder(message) => {
                let now = self.monotonic();
                let order = self.tracker.order_of(&message.client_order_id);
                let order = order.and_then(|id| self.tracker.order(id));
                if let Some(report) = order.and_then(|order| pushed_order(&order, &message)) {
                    self.tracker.pushed_order(&message.client_order_id, now, report);
                }
            }
            Frame::SandboxClock(clock) => self.arrived(clock),
            Frame::EventFeeUpdate(_) => self.sweep_soon(),
            Frame::Error(refusal) => {
                warn!(code = refusal.code, message = refusal.message, "the stream refused");
            }
            _ => {}
        }
    }

    fn arrived(&mut self, clock: SandboxClock) {
        self.exchange_now = self.exchange_now.max(clock.now);
        if self.going == Going::Under {
            self.going = Going::Arrived(clock);
        }
    }

    /// Moves the exchange's clock, or tells where it is, as soon as nothing is open before it.
    async fn go_on(&mut self) {
        match self.going {
            Going::Asked(until) if self.tracker.is_quiet() && self.reading == 0 && !self.sweeping => {
                if std::mem::take(&mut self.answered) {
                    // What was answered now comes before anything later.
                    self.going = Going::Standing;
                    self.push(News::Clock { now: self.exchange_now, end: false });
                    return;
                }
                self.going = Going::Under;
                if self.wants.is_some() {
                    self.want(Want::Advance { until_ts_ms: until.map(Timestamp::millis) }).await;
                } else {
                    // Nothing else would tell what the next moment brings.
                    self.sweep_soon();
                    let rest = self.rest.clone();
                    self.jobs.spawn(async move {
                        let until = until.unwrap_or(Timestamp::MAX);
                        let clock = rest.sandbox_advance(until).await;
                        Finished::WentOn(clock.map(|clock| SandboxClock { now: clock.now, end: clock.end }))
                    });
                }
            }
            Going::Arrived(clock) if self.reading == 0 && !self.sweeping => {
                if self.sweep_at.is_some_and(|at| at <= Instant::now()) {
                    return self.sweep();
                }
                if !self.tracker.is_quiet() {
                    return;
                }
                self.going = Going::Standing;
                self.answered = false;
                self.push(News::Clock { now: clock.now, end: clock.end });
            }
            _ => {}
        }
    }

    fn tell_of_orders(&mut self) {
        while let Some(event) = self.tracker.event() {
            self.tell_venue(event);
        }
    }

    fn tell_venue(&mut self, event: VenueEvent) {
        self.answered = true;
        let at = self.stamp();
        self.push(News::Input { at, input: Input::Venue(event) });
    }

    fn read_unknown(&mut self) {
        let unknown = self.watch.unknown();
        if !unknown.is_empty() {
            self.reading += 1;
            let reader = self.reader.clone();
            let tickers = unknown.into_iter().collect();
            self.jobs.spawn(async move { Finished::Asked(reader.markets(tickers).await) });
        }
    }

    async fn tell_of_markets(&mut self) {
        // While the engine is behind, changes wait where they are and the latest counts.
        if !self.settings.by_exchange && self.outbox.len() > BEHIND {
            return;
        }
        let (now, stamp) = (self.market_time(), self.stamp());
        let mut listed = Vec::new();
        for event in self.watch.take(now) {
            match &event {
                MarketEvent::Listed(market) => listed.push(market.ticker.as_ref().into()),
                MarketEvent::Settled { market, .. }
                | MarketEvent::Status { market, status: MarketStatus::Closed | MarketStatus::Settled } => {
                    self.tracker.doubt(*market);
                }
                _ => {}
            }
            self.push(News::Input { at: stamp, input: Input::Market(event) });
        }
        if !listed.is_empty() {
            self.want(Want::Markets(listed)).await;
        }
    }

    async fn want(&mut self, want: Want) {
        let empty = matches!(&want, Want::Markets(tickers) if tickers.is_empty());
        if let Some(wants) = self.wants.as_ref().filter(|_| !empty)
            && wants.send(want).await.is_err()
        {
            self.fail("the stream's task has ended".into());
        }
    }

    fn sweep_if_due(&mut self) {
        let due = !self.sweeping && self.sweep_at.is_some_and(|at| at <= Instant::now());
        // By the exchange's clock a sweep belongs to a moment, so `go_on` begins it.
        if due && !self.settings.by_exchange && self.draining.is_none() {
            self.sweep();
        }
    }

    fn sweep_soon(&mut self) {
        self.sweep_at = Some(Instant::now());
    }

    fn sweep(&mut self) {
        self.sweeping = true;
        self.sweep_at = None;
        let others = self.watch.unsettled().map(|market| market.ticker.as_ref().into()).collect();
        let reader = self.reader.clone();
        self.jobs.spawn(async move {
            let began = Instant::now();
            let reports = reader.sweep(others).await;
            Finished::Swept(reports, began.elapsed())
        });
    }

    /// The next sweep ends just before the next scan, so that the scan sees fresh quotes.
    fn plan_sweep(&mut self, took: Duration) {
        let now = clock::now();
        let lead = SWEEP_LEAD.max(took * 2);
        let lead_span = Span::MILLISECOND.times(i64::try_from(lead.as_millis()).unwrap_or(i64::MAX));
        let next = (now + lead_span).just_after().rounded_up_to(self.settings.interval.max(Span::MINUTE));
        let wait = next.since(now).nanos();
        let wait = Duration::from_nanos(u64::try_from(wait).unwrap_or(0)).saturating_sub(lead);
        self.sweep_at = Some(Instant::now() + wait);
    }

    fn push(&mut self, news: News) {
        self.outbox.push_back(news);
    }

    fn flush(&mut self) {
        while let Some(news) = self.outbox.pop_front() {
            match self.news.try_send(news) {
                Ok(()) => {}
                Err(TrySendError::Full(news)) => {
                    self.outbox.push_front(news);
                    return;
                }
                // The engine is gone; `step` notices by its other end.
                Err(TrySendError::Disconnected(_)) => self.outbox.clear(),
            }
        }
    }
}
