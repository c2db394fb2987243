//! The exchange session: one tokio task that connects the engine to the exchange's WebSocket and REST API.
//!
//! `live::runner` and `record::session` start it with [`run_session`]. In: [`SessionCommand`]s, stream events and REST
//! answers. Out: [`SessionEvent`]s for the engine's [`LiveFeed`](crate::feed::LiveFeed) or a recorder, and the state
//! of the connection in [`Link`]. It does the I/O and the timing; [`MarketTracker`] turns reports into market events,
//! and [`OrderTracker`] follows our orders to their end.
//!
//! Invariants:
//!
//! 1. While it runs, the session does not wait for the engine: `flush_outbox` uses `try_send`, and what does not fit stays
//!    in `outbox`, first in, first out.
//! 2. Quotes are conflated; answers about orders are not. By the wall's clock, while more than `BEHIND` events wait,
//!    `tell_of_markets` takes nothing; then each changed market gives one quote with its latest prices.
//! 3. No stream event is lost silently: if more than `HELD_EVENTS` wait, the session fails and says why
//!    (`a_session_that_loses_stream_events_fails_and_says_why` in `tests.rs`).
//! 4. Open orders are looked up after the stream goes up or down or misses messages of another channel than the books', at
//!    both ends of a pause, and at least once every `LOOK_UP`; those of one market when it closes or pays out (`mark_uncertain`).
//! 5. An order submitted while the session drains or the exchange pauses is rejected as [`RejectReason::NeverSent`]
//!    (`handle_session_command`; tested in `tests/it/wall.rs`). `run_until_end` asks for the trading hours before it takes any command.
//! 6. Draining begins with [`SessionCommand::Drain`] or when all senders are dropped. All orders are cancelled; it
//!    ends when none is open, after `DRAIN` at the latest (`is_over`). [`SessionEvent::End`] is the last event.
//! 7. Only what concerns the account becomes a [`Control::SessionHalt`] (`send_halt`): a message about orders, fills or
//!    positions that cannot be read, a list of markets that is mostly unreadable, a REST answer 401, 403 or 410. A
//!    reason that comes again after a resume halts again. A market that cannot be understood is set aside by
//!    [`MarketTracker`] (`tests/it/odd.rs`).
//! 8. By the exchange's clock (sandbox), `go_on` reports a new moment only when no order is in doubt and no market
//!    read, sweep or new subscription is open (`a_new_market_is_read_and_subscribed_within_its_moment`).
//!
//! Known limits:
//!
//! - The desk enforces a halt, not the session. [`SessionEvent::Failed`] does not end the session: drain it.
//! - `outbox` has no upper bound: order events, controls and public trades are added however late the engine is.
//! - After `DRAIN` or [`SessionCommand::Abort`] orders may still rest at the exchange; the next start looks them up.
//! - While the trading hours are unknown the exchange counts as open. A pause does not hold back orders taken before.
//! - By the wall's clock, regular sweeps come at most once a minute. `tests.rs` covers neither halts nor conflation.
//!
//! Where to look next: the other files of this folder; `kalshi/stream`; `live/runner.rs`. Whole sessions are tested
//! in `tests/it/live.rs`, `wall.rs`, `parity.rs` and `safety.rs`.

mod clock_sync;
mod inbound;
mod outbound;
mod pause;
mod sweep;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use crate::domain::{Span, Timestamp};
use crate::engine::gateway::{GatewayError, SessionEvent};
use crate::event::{Command, Control, Input, RejectReason, Stamped, VenueEvent};

use super::auth::Credentials;
use super::clock::{self, SteadyClock};
use super::hours::TradingHours;
use super::link::Link;
use super::market_reader::MarketReader;
use super::market_reports::MarketReports;
use super::market_tracker::MarketTracker;
use super::order_requests::TaskOutcome;
use super::order_tracker::OrderTracker;
use super::rest::{ApiError, Rest};
use super::stream::{self, StreamEvent, StreamSettings, Want};
use super::venue::SessionCommand;
use super::wire::{ExchangeStatus, Schedule};
use super::ws_messages::SandboxClockMessage;

/// Stream events held while the session is busy; more would mean that it has stalled.
const HELD_EVENTS: usize = 65_536;
/// Our orders are looked up this often even if nothing seems lost.
const LOOK_UP: Duration = Duration::from_mins(1);
/// The same where no stream tells of them.
const LOOK_UP_WITHOUT_STREAM: Duration = Duration::from_secs(5);
/// Pause before the engine's full channel is tried again.
const ENGINE_BUSY: Duration = Duration::from_millis(1);
/// With so many events not taken, the engine is behind.
const BEHIND: usize = 256;
/// How long shutting down waits for the exchange to confirm what was cancelled.
const DRAIN: Duration = Duration::from_secs(15);
/// A sweep begins this long before the scan that wants its quotes, and longer if the last one took longer.
const SWEEP_LEAD: Duration = Duration::from_secs(3);

/// How long the first sweep waits for the stream to come up.
const STREAM_FIRST: Duration = Duration::from_secs(2);

/// Where a session's news comes from, whose clock counts, and how much of each book it tells.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// Whether market news comes over the WebSocket, or by sweeps alone.
    pub stream: bool,
    /// Time between regular sweeps, which end just before multiples of it; less than a minute counts as one.
    pub interval: Span,
    /// Whether time is the exchange's own, which goes on when asked.
    pub by_exchange: bool,
    /// The order group of entries, which the exchange can stop. Exits are in none.
    pub entry_group: Option<Arc<str>>,
    /// How much of each book, and whether public trades, are told.
    pub depth: BookDepth,
}

/// How much of each book the session tells, and whether public trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookDepth {
    /// The best prices, for a desk.
    TopOfBook,
    /// The best prices for a desk, and so many levels of each book and all public trades for a recorder beside
    /// it. The desk is told what it would be told without.
    TopWithRecorder(usize),
    /// An update whenever any of the top so many levels changes, and every public trade.
    FullDepth(usize),
}

impl BookDepth {
    /// Levels of each book that are followed.
    const fn level_count(self) -> usize {
        match self {
            Self::TopOfBook => 1,
            Self::TopWithRecorder(levels) | Self::FullDepth(levels) => levels,
        }
    }
}

/// The result of a request that ran beside the session's own loop.
enum FinishedRequest {
    Task(TaskOutcome, Option<ApiError>),
    Swept(Result<MarketReports, ApiError>, Duration),
    Asked(Vec<Arc<str>>, Result<MarketReports, ApiError>),
    WentOn(Result<SandboxClockMessage, ApiError>),
    Hours(Result<(ExchangeStatus, Schedule), ApiError>),
}

impl FinishedRequest {
    /// Whether everything that was asked for was answered.
    fn is_success(&self) -> bool {
        match self {
            Self::Task(_, error) => error.is_none(),
            Self::Swept(read, _) | Self::Asked(_, read) => {
                read.as_ref().is_ok_and(|read| read.error.is_none())
            }
            Self::WentOn(answer) => answer.is_ok(),
            Self::Hours(answer) => answer.is_ok(),
        }
    }
}

/// Where the exchange's clock is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClockState {
    /// The engine has not asked for the next moment since it was last told the time.
    Standing,
    /// The engine asked for the next moment, at most this one if given; open orders and reads come first.
    Asked(Option<Timestamp>),
    /// The exchange was asked to move its clock on, and has not said yet where it is.
    Under,
    /// It answered; what it told is being completed.
    Arrived(SandboxClockMessage),
}

/// How far the session has told the engine of the exchange's clock.
#[derive(Debug)]
struct ClockProgress {
    /// The latest moment of the exchange's clock that any message named.
    exchange_now: Timestamp,
    /// Up to which moment of the exchange's clock the engine was told everything.
    told_to: Timestamp,
    clock: ClockState,
    /// Something was told about orders since the exchange's clock was last told.
    is_answered: bool,
    /// Markets were asked for over the stream, and the exchange's clock was not heard since.
    is_subscribing: bool,
    /// Something was said that the desk has to hear now, whatever is still in doubt.
    is_urgent: bool,
}

/// Which readings of markets by REST are on their way or due.
#[derive(Debug)]
struct ReadProgress {
    /// Readings of single markets on their way.
    open_reads: usize,
    /// Readings in a row that failed, wholly or for some markets.
    failed_in_a_row: u32,
    /// When the next sweep begins; `None` while it is not planned.
    sweep_at: Option<Instant>,
    is_sweeping: bool,
}

/// Whether the exchange trades, and when that is asked next.
#[derive(Debug)]
struct TradingProgress {
    hours: TradingHours,
    /// When the exchange's status and schedule are asked for next.
    ask_at: Instant,
    is_asking: bool,
    /// Why nothing is traded at the exchange; `None` while it trades.
    pause_reason: Option<Arc<str>>,
}

/// Where a session is on its way to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SessionPhase {
    /// Orders are taken.
    Running,
    /// No order is taken any more; what rests is cancelled, and its end is waited for.
    Draining {
        /// When draining began, which bounds how long it may take.
        since: Instant,
    },
    /// It ends at once, whatever still rests.
    Aborted,
}

/// The one task of a live session: takes the engine's commands, and tells it what the exchange says.
pub struct ExchangeSession {
    settings: SessionSettings,
    rest: Rest,
    market_reader: MarketReader,
    market_tracker: MarketTracker,
    order_tracker: OrderTracker,
    /// From the engine and the operator.
    commands: mpsc::Receiver<SessionCommand>,
    /// To the engine; `outbox` holds what does not fit.
    engine_events: SyncSender<SessionEvent>,
    outbox: VecDeque<SessionEvent>,
    link: Arc<Link>,
    clock: SteadyClock,
    /// To the stream's task; `None` without a stream.
    stream_wants: Option<mpsc::Sender<Want>>,
    stream_events: mpsc::Receiver<StreamEvent>,
    /// Whether stream events were lost, as there were more than are held.
    stalled: Arc<AtomicBool>,
    /// Requests to the exchange that are on their way.
    requests: JoinSet<FinishedRequest>,
    started: Instant,
    /// When all open orders are looked up next.
    look_up_at: Instant,
    time: ClockProgress,
    reads: ReadProgress,
    trading: TradingProgress,
    phase: SessionPhase,
    /// The reason of the last halt; `None` if there was none since trading was last resumed.
    halted_for: Option<String>,
    entry_group: Option<Arc<str>>,
}

/// What a session is made of.
pub struct SessionParts {
    /// REST client for orders, order look-ups and the exchange's status.
    pub rest: Rest,
    /// The account's key, with which the WebSocket is opened; not used without a stream.
    pub credentials: Credentials,
    /// The markets known so far; the session subscribes those that are not paid out as it starts.
    pub market_tracker: MarketTracker,
    /// Reads markets and their series by REST: in sweeps, and one by one when the stream names them.
    pub market_reader: MarketReader,
    /// What is known of our orders.
    pub order_tracker: OrderTracker,
    /// Commands from the engine's side; when all senders are dropped, the session drains and ends.
    pub commands: mpsc::Receiver<SessionCommand>,
    /// Where the engine hears of everything; while it is full, news is held in the session.
    pub engine_events: SyncSender<SessionEvent>,
    /// How the session stands, for whoever looks.
    pub link: Arc<Link>,
    /// The clock that markets go by, unless the exchange's own counts.
    pub clock: SteadyClock,
}

/// Runs a session to its end. To be awaited within a tokio runtime.
pub async fn run_session(parts: SessionParts, settings: SessionSettings) {
    let (told, events) = mpsc::channel(HELD_EVENTS);
    let stalled = Arc::new(AtomicBool::new(false));
    let wants = settings.stream.then(|| {
        let (wants, wanted) = mpsc::channel(1_024);
        let (environment, credentials) = (parts.rest.environment(), parts.credentials.clone());
        let seed = clock::now().nanos().unsigned_abs();
        let levels = settings.depth.level_count();
        let out = stream_event_sender(told, Arc::clone(&stalled));
        tokio::spawn(async move {
            let stream = StreamSettings { levels, ..StreamSettings::new(seed) };
            stream::run_stream(&environment, &credentials, stream, wanted, out).await;
        });
        wants
    });
    ExchangeSession::new(parts, settings, wants, events, stalled).run_until_end().await;
}

/// Hands stream events to the session without waiting. If the session does not keep up, `stalled` says that
/// something is lost.
fn stream_event_sender(told: mpsc::Sender<StreamEvent>, stalled: Arc<AtomicBool>) -> impl FnMut(StreamEvent) {
    use mpsc::error::TrySendError::{Closed, Full};
    move |event| match told.try_send(event) {
        // After its end nobody listens.
        Ok(()) | Err(Closed(_)) => {}
        Err(Full(_)) => stalled.store(true, Ordering::Relaxed),
    }
}

impl ExchangeSession {
    fn new(
        parts: SessionParts,
        settings: SessionSettings,
        wants: Option<mpsc::Sender<Want>>,
        events: mpsc::Receiver<StreamEvent>,
        stalled: Arc<AtomicBool>,
    ) -> Self {
        let SessionParts {
            rest,
            credentials: _,
            market_tracker,
            market_reader,
            order_tracker,
            commands,
            engine_events,
            link,
            clock,
        } = parts;
        let now = Instant::now();
        // The stream asks for a sweep as soon as it is up.
        let first_sweep = if settings.stream { now + STREAM_FIRST } else { now };
        let entry_group = settings.entry_group.clone();
        Self {
            settings,
            rest,
            market_reader,
            market_tracker,
            order_tracker,
            commands,
            engine_events,
            outbox: VecDeque::new(),
            link,
            clock,
            stream_wants: wants,
            stream_events: events,
            stalled,
            requests: JoinSet::new(),
            started: now,
            look_up_at: now + LOOK_UP,
            time: ClockProgress {
                exchange_now: Timestamp::MIN,
                told_to: Timestamp::MIN,
                clock: ClockState::Standing,
                is_answered: false,
                is_subscribing: false,
                is_urgent: false,
            },
            reads: ReadProgress {
                open_reads: 0,
                failed_in_a_row: 0,
                sweep_at: Some(first_sweep),
                is_sweeping: false,
            },
            trading: TradingProgress {
                hours: TradingHours::default(),
                ask_at: now,
                is_asking: false,
                pause_reason: None,
            },
            phase: SessionPhase::Running,
            halted_for: None,
            entry_group,
        }
    }

    async fn run_until_end(&mut self) {
        let known =
            self.market_tracker.unsettled_markets().map(|market| market.ticker.as_ref().into()).collect();
        self.send_stream_want(Want::Markets(known)).await;
        // Before anything is sent.
        self.learn_hours().await;
        loop {
            self.run_pending_work().await;
            if self.is_over() {
                self.queue_event(SessionEvent::End);
                while !self.outbox.is_empty() {
                    self.flush_outbox();
                    tokio::time::sleep(ENGINE_BUSY).await;
                }
                return;
            }
            let until = self.next_moment();
            tokio::select! {
                biased;
                command = self.commands.recv(), if !self.is_engine_gone() => {
                    // When all senders are gone, the next step begins to drain.
                    command.into_iter().for_each(|command| self.handle_session_command(command));
                }
                Some(event) = self.stream_events.recv() => self.handle_stream_event(event),
                Some(finished) = self.requests.join_next() => match finished {
                    Ok(finished) => self.handle_finished_request(finished),
                    Err(error) => self.send_failure(format!("a request of the session broke off: {error}")),
                },
                () = sleep_until(until) => {}
            }
            // A cancel behind its order keeps that from being sent.
            while let Ok(command) = self.commands.try_recv() {
                self.handle_session_command(command);
            }
            while let Ok(event) = self.stream_events.try_recv() {
                self.handle_stream_event(event);
            }
        }
    }

    /// Everything that follows from what is known by now.
    async fn run_pending_work(&mut self) {
        if self.phase == SessionPhase::Running && self.is_engine_gone() {
            debug!("the engine has ended; what rests is taken back");
            self.start_drain();
        }
        if self.stalled.swap(false, Ordering::Relaxed) {
            self.order_tracker.mark_all_uncertain();
            self.send_failure(format!(
                "the session fell more than {HELD_EVENTS} messages behind the exchange's stream, and some are lost; \
                 start it again, on a faster machine or with fewer series in scanner.series"
            ));
        }
        let now = self.monotonic_now();
        while let Some(task) = self.order_tracker.start_next_task(now) {
            self.start_request(task);
        }
        self.notice_clock_step();
        self.ask_hours_if_due();
        // Until the exchange's clock has said which moment this is, nothing can be stamped, and a market that
        // opens at this moment would be taken for one that is not open yet.
        if self.time.clock != ClockState::Under {
            self.market_tracker.ask_for_set_aside(self.market_time());
            self.read_unknown();
            self.tell_of_orders();
            self.tell_of_markets().await;
        }
        self.sweep_if_due();
        if Instant::now() >= self.look_up_at {
            let often = if self.stream_wants.is_some() { LOOK_UP } else { LOOK_UP_WITHOUT_STREAM };
            self.look_up_at = Instant::now() + often;
            self.order_tracker.mark_all_uncertain();
        }
        self.go_on().await;
        self.flush_outbox();
    }

    fn is_over(&self) -> bool {
        match self.phase {
            SessionPhase::Running => false,
            SessionPhase::Draining { since } => self.order_tracker.is_empty() || since.elapsed() >= DRAIN,
            SessionPhase::Aborted => true,
        }
    }

    /// Whether all senders of commands are gone, and what they sent was taken.
    fn is_engine_gone(&self) -> bool {
        self.commands.is_closed() && self.commands.is_empty()
    }

    fn next_moment(&self) -> Instant {
        let mut next = self.look_up_at;
        if !self.trading.is_asking {
            next = next.min(self.trading.ask_at);
        }
        if let Some(due) = self.order_tracker.next_due_time() {
            next = next.min(Instant::now() + due.since(self.monotonic_now()).into());
        }
        if let Some(sweep_at) =
            self.reads.sweep_at.filter(|_| !self.reads.is_sweeping && !self.settings.by_exchange)
        {
            next = next.min(sweep_at);
        }
        if !self.outbox.is_empty() {
            next = next.min(Instant::now() + ENGINE_BUSY);
        }
        match self.phase {
            SessionPhase::Draining { since } => next.min(since + DRAIN),
            SessionPhase::Running | SessionPhase::Aborted => next,
        }
    }

    /// Time for the order tracker: it must not jump when the wall's clock is set.
    fn monotonic_now(&self) -> Timestamp {
        clock::monotonic_since(self.started.into_std())
    }

    /// The stamp of what happens now: the exchange's, or left to the engine.
    fn exchange_stamp(&self) -> Option<Timestamp> {
        self.settings.by_exchange.then_some(self.time.exchange_now)
    }

    /// Returns the time that markets go by: the exchange's clock if that counts, else the session's.
    fn market_time(&self) -> Timestamp {
        if self.settings.by_exchange { self.time.exchange_now } else { self.clock.current_time() }
    }

    fn handle_session_command(&mut self, command: SessionCommand) {
        match command {
            SessionCommand::Command(Command::Submit(order))
                if self.phase != SessionPhase::Running || self.trading.pause_reason.is_some() =>
            {
                let event = VenueEvent::Rejected { order: order.id, reason: RejectReason::NeverSent };
                self.tell_venue(event);
            }
            SessionCommand::Command(command) => self.order_tracker.apply_command(&command),
            SessionCommand::GoOn(until) if self.time.clock == ClockState::Standing => {
                self.time.clock = ClockState::Asked(until);
            }
            // The engine was interrupted while it waited; the next moment is on its way already.
            SessionCommand::GoOn(_) => {}
            SessionCommand::Control(control) => {
                if matches!(control, Control::Resume { strategy: None, .. }) {
                    // The same reason halts again, should it come again.
                    self.halted_for = None;
                }
                self.send_control(control);
            }
            SessionCommand::EntryGroup(group) => self.entry_group = Some(group),
            SessionCommand::Fact { published, fact } => {
                self.queue_event(SessionEvent::Later(Stamped { at: published, value: Input::Fact(fact) }));
                self.time.is_answered = true;
            }
            SessionCommand::Drain => self.start_drain(),
            SessionCommand::Abort => self.phase = SessionPhase::Aborted,
        }
    }

    fn start_drain(&mut self) {
        if self.phase == SessionPhase::Running {
            self.phase = SessionPhase::Draining { since: Instant::now() };
            self.order_tracker.cancel_all();
        }
    }

    /// The exchange is not as we know it: nothing new is opened until a person has looked.
    fn send_halt(&mut self, reason: String) {
        if self.halted_for.as_ref() == Some(&reason) {
            return;
        }
        warn!(reason, "new orders stop");
        self.halted_for = Some(reason.clone());
        self.send_control(Control::SessionHalt { reason });
    }

    /// Steers the desk. By the exchange's clock it would hear of it only when nothing is in doubt any more.
    fn send_control(&mut self, control: Control) {
        // Before the first moment was told, it comes with that.
        let told = Some(self.time.told_to).filter(|&told| told > Timestamp::MIN);
        let at = self.exchange_stamp().map(|now| told.unwrap_or(now));
        self.queue_event(SessionEvent::Input { at, input: Input::Control(control) });
        self.time.is_answered = true;
        self.time.is_urgent |= told.is_some();
    }

    fn send_failure(&mut self, message: String) {
        self.queue_event(SessionEvent::Failed(GatewayError::venue_error(message)));
    }

    fn queue_event(&mut self, event: SessionEvent) {
        self.outbox.push_back(event);
    }

    fn flush_outbox(&mut self) {
        while let Some(event) = self.outbox.pop_front() {
            match self.engine_events.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    self.outbox.push_front(event);
                    return;
                }
                // The engine is gone; `run_pending_work` notices by its other end.
                Err(TrySendError::Disconnected(_)) => self.outbox.clear(),
            }
        }
    }
}
