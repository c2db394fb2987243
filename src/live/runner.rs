//! The runner of a live desk: opens the ledger, recovers, runs the engine, and ends in order.
//!
//! ```text
//!   main thread                     runtime
//!   Engine::run ◀── News ─────────  Session ◀──▶ exchange
//!     desk, ledger ── Ask ───────▶     ▲
//!                                      └── signals, STOP file, inbox
//! ```

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::desk::Desk;
use crate::desk::decision::Output;
use crate::desk::market_state::MarketState;
use crate::domain::{Fact, Money, Span, Timestamp};
use crate::engine::gateway::{EventSource, Feed, GatewayError, Next, SessionEvent, Venue};
use crate::engine::{Engine, EngineError, Journal, JournalError};
use crate::event::{Command, Control, Input, MarketEvent, Stamped};
use crate::feed::LiveFeed;
use crate::feed::live::{Pace, RecorderSink};
use crate::journal::TradeLogger;
use crate::journal::sqlite::LedgerError;
use crate::kalshi::auth::Credentials;
use crate::kalshi::clock::SteadyClock;
use crate::kalshi::environment::Environment;
use crate::kalshi::link::Link;
use crate::kalshi::market_reader::MarketReader;
use crate::kalshi::market_reports::MarketScope;
use crate::kalshi::market_tracker::MarketTracker;
use crate::kalshi::order_tracker::OrderTracker;
use crate::kalshi::rest::{ApiError, Rest};
use crate::kalshi::session::{self, BookDepth, SessionParts, SessionSettings};
use crate::kalshi::venue::{KalshiVenue, SessionCommand};
use crate::scenario::Scenario;
use crate::sim::{FillModel, SimExchange};

mod startup;

use super::entry_group::EntryGroup;
use super::ledger_open::{
    IN_FORCE, LedgerOpening, ORDER_GROUP, OpenError, parse_resolved_scenario, unseen_facts,
};
use super::operator::TakenControls;
use super::reconciliation::{BufferedCommands, RecoveryFeed, resume_market_tracker};

/// News held for the engine before the session conflates.
const MOST_EVENTS: usize = 4_096;
/// Asks held for the session.
const MOST_COMMANDS: usize = 4_096;
/// How long the end of a session is waited for.
const ENDING: Duration = Duration::from_secs(20);
/// Levels of each book that simulated fills walk: as many as a data set may hold.
const WALKED: usize = 10;

/// What a live run is made of.
#[expect(clippy::struct_excessive_bools, reason = "they say independent things")]
pub struct LiveSettings {
    /// The scenario to trade, checked, with overrides applied.
    pub scenario: Scenario,
    /// Facts with the moments at which they became public.
    pub facts: Vec<(Timestamp, Fact)>,
    /// The exchange to trade at: production, demo, or a sandbox on this machine.
    pub environment: Environment,
    /// Key id and private key that sign every request; never written anywhere.
    pub credentials: Credentials,
    /// Path of the ledger; an existing one is gone on with, after its inputs have been stepped again.
    pub ledger: PathBuf,
    /// Name of the run if the ledger is new.
    pub run_id: String,
    /// Whether fills are simulated.
    pub paper: bool,
    /// Whether positions that are not ours are accepted as unmanaged.
    pub adopt: bool,
    /// Whether market news comes over the WebSocket.
    pub stream: bool,
    /// Whether time is the exchange's own, as it is where recorded data is played back.
    pub by_exchange: bool,
    /// Who listens beside the desk.
    pub listener: Option<SessionListener>,
}

/// Who hears what the desk has no use for: a recorder.
pub struct SessionListener {
    /// Levels of each book that are followed for it.
    pub levels: usize,
    /// Where market data goes that the desk itself has no use for.
    pub asides: RecorderSink,
}

/// How a live run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Id of the run, which is that of its ledger.
    pub run_id: String,
    /// Equity at the end.
    pub equity: Money,
    /// Hash of all decisions so far.
    pub digest: String,
    /// Inputs of this process.
    pub inputs: u64,
    /// Whether every strategy is halted.
    pub all_halted: bool,
    /// Why all trading is halted, if it was not the owner who halted it.
    pub halted_itself: Option<String>,
}

/// A session that has begun: what steers it, and what can be seen of it.
pub struct BegunSession<'a> {
    /// Channel on which commands reach the running session.
    pub commands: &'a mpsc::Sender<SessionCommand>,
    /// How the link to the exchange stands.
    pub link: &'a Arc<Link>,
    /// The run's name, which is the ledger's.
    pub run_id: &'a str,
    /// The desk as it begins.
    pub desk: &'a Desk,
    /// The order group of entries; `None` on paper.
    pub entry_group: Option<Arc<EntryGroup>>,
    /// What the desk was steered by and has taken.
    pub taken: Arc<TakenControls>,
}

/// Why a live run could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The ledger cannot be opened, or does not fit the scenario, exchange or mode.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The exchange, or what it holds.
    #[error("{0}")]
    Exchange(String),
    /// The run ended with an error of its feed, venue or ledger.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<LedgerError> for LiveError {
    fn from(error: LedgerError) -> Self {
        Self::Open(error.into())
    }
}

impl From<ApiError> for LiveError {
    fn from(error: ApiError) -> Self {
        Self::Exchange(error.to_string())
    }
}

/// What goes on beside the engine, on its thread.
pub trait Hooks {
    /// After every step, before it is acted upon.
    fn observe_step(&mut self, input: &Stamped<Input>, out: &Output);
    /// Something to be noted in the ledger, under a name. Asked after every step and in silence.
    fn next_ledger_note(&mut self) -> Option<(&'static str, String)>;
}

/// The ledger and the hooks as one journal.
struct HookedJournal<'a> {
    ledger: TradeLogger,
    hooks: &'a mut dyn Hooks,
    inputs: u64,
    taken: Arc<TakenControls>,
    entry_group: Option<Arc<EntryGroup>>,
    /// The order group as the ledger knows it.
    noted_group: Option<Arc<str>>,
}

impl HookedJournal<'_> {
    /// Notes the order group of entries if it is another than before.
    fn note_group(&mut self) -> Result<bool, LedgerError> {
        let group = self.entry_group.as_ref().and_then(|group| group.id());
        match group.filter(|group| self.noted_group.as_ref() != Some(group)) {
            Some(group) => {
                self.ledger.write_note(ORDER_GROUP, &group)?;
                self.noted_group = Some(group);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn write_pending_note(&mut self) -> Result<bool, LedgerError> {
        if self.note_group()? {
            return Ok(true);
        }
        match self.hooks.next_ledger_note() {
            Some((name, text)) => self.ledger.write_note(name, &text).map(|()| true),
            None => Ok(false),
        }
    }
}

fn journal_write_error(error: &LedgerError) -> JournalError {
    JournalError::Write(error.to_string())
}

impl Journal for HookedJournal<'_> {
    fn record(&mut self, seq: u64, input: &Stamped<Input>, out: &Output) -> Result<(), JournalError> {
        self.inputs += 1;
        if let Input::Control(Control::Refit { scenario }) = &input.value {
            self.ledger.write_note(IN_FORCE, scenario).map_err(|error| journal_write_error(&error))?;
        }
        self.ledger.record(seq, input, out)?;
        if let Input::Control(control) = &input.value {
            self.taken.report_taken(control);
        }
        self.hooks.observe_step(input, out);
        self.write_pending_note().map(drop).map_err(|error| journal_write_error(&error))
    }

    fn idle(&mut self) -> Result<(), JournalError> {
        if self.write_pending_note().map_err(|error| journal_write_error(&error))? {
            return self.ledger.commit_records().map_err(|error| journal_write_error(&error));
        }
        self.ledger.idle()
    }
}

/// First what happened while nobody watched, then what happens.
enum StartupThenLiveFeed {
    Given(RecoveryFeed),
    Live(Box<LiveFeed>),
}

impl Feed for StartupThenLiveFeed {
    fn next(&mut self, until: Option<Timestamp>) -> Result<Next<Stamped<Input>>, GatewayError> {
        match self {
            Self::Given(feed) => feed.next(until),
            Self::Live(feed) => feed.next(until),
        }
    }
}

/// Commands are kept until there is somebody to send them to.
enum LiveVenue {
    Kept(BufferedCommands),
    Exchange(KalshiVenue),
    Paper(Box<SimExchange>),
}

impl Venue for LiveVenue {
    fn submit(&mut self, at: Timestamp, command: &Command) -> Result<(), GatewayError> {
        match self {
            Self::Kept(venue) => venue.submit(at, command),
            Self::Exchange(venue) => venue.submit(at, command),
            Self::Paper(venue) => venue.submit(at, command),
        }
    }

    fn observe(&mut self, seen: &Stamped<Input>) {
        if let Self::Paper(venue) = self {
            venue.observe(seen);
        }
    }

    fn next_answer_time(&self) -> Option<Timestamp> {
        if let Self::Paper(venue) = self { venue.next_answer_time() } else { None }
    }

    fn take_due_answer(&mut self) -> Option<Stamped<Input>> {
        if let Self::Paper(venue) = self { venue.take_due_answer() } else { None }
    }
}

/// Runs a live desk until it is told to end, or cannot go on. `observe` is called after every input and now
/// and then in silence; `begun` when the session has begun.
///
/// # Errors
/// When it cannot begin, because the ledger or the exchange does not allow it, or cannot go on.
pub fn run_live_desk(
    settings: LiveSettings,
    runtime: &Runtime,
    hooks: &mut dyn Hooks,
    observe: &mut dyn FnMut(Timestamp, &Desk),
    begun: impl FnOnce(BegunSession<'_>),
) -> Result<Ended, LiveError> {
    let rest = {
        let _inside = runtime.enter();
        Rest::new(&settings.environment, Some(settings.credentials.clone()))?
    };
    runtime.block_on(rest.learn_limits())?;
    let mut runner = LiveRunner::from_settings(settings, runtime, rest, hooks)?;
    let mut kept = if runner.paper { runner.recover_paper()? } else { runner.recover_live()? };
    kept.0.extend(runner.obey_stop_file()?.0);
    if !runner.paper {
        runner.ready_entry_group()?;
    }
    let (events, heard) = sync_channel(MOST_EVENTS);
    let (commands, asked) = mpsc::channel(MOST_COMMANDS);
    let session = runner.begin_session(events, asked);
    runner.go_live(heard, &commands);
    for command in kept.0 {
        // The session has just begun, so there is room; if it has ended already, that is heard next.
        drop(commands.blocking_send(SessionCommand::Command(command)));
    }
    begun(BegunSession {
        commands: &commands,
        link: &runner.link,
        run_id: &runner.run_id,
        desk: &runner.engine.desk,
        entry_group: runner.entry_group.clone(),
        taken: Arc::clone(&runner.engine.journal.taken),
    });
    let ended = runner.run_engine(&commands, observe);
    drop(runner.engine);
    // Whatever became of the engine, resting orders are taken back before the process ends. If the session
    // has ended already, they have been.
    drop(commands.blocking_send(SessionCommand::Drain));
    match runtime.block_on(async { tokio::time::timeout(ENDING, session).await }) {
        Ok(Ok(())) => {}
        // The engine would take a session that broke off for one that has ended.
        Ok(Err(broken)) => {
            if let Ok(panic) = broken.try_into_panic() {
                resume_unwind(panic);
            }
        }
        Err(_) => warn!("the session did not end in time; see the exchange for orders that may still rest"),
    }
    ended.unwrap_or_else(|panic| resume_unwind(panic))
}

struct LiveRunner<'a> {
    runtime: &'a Runtime,
    engine: Engine<StartupThenLiveFeed, LiveVenue, HookedJournal<'a>>,
    rest: Rest,
    link: Arc<Link>,
    clock: SteadyClock,
    credentials: Credentials,
    reader: MarketReader,
    market_tracker: Option<MarketTracker>,
    tracker: Option<OrderTracker>,
    run_id: String,
    trades: Vec<u64>,
    ledger_file: PathBuf,
    entry_group: Option<Arc<EntryGroup>>,
    foreign_cash: Option<Money>,
    reconfigure: Option<Arc<str>>,
    facts: Vec<(Timestamp, Fact)>,
    session: SessionSettings,
    sim: Option<SimExchange>,
    asides: Option<RecorderSink>,
    paper: bool,
    adopt: bool,
}

impl<'a> LiveRunner<'a> {
    fn from_settings(
        settings: LiveSettings,
        runtime: &'a Runtime,
        rest: Rest,
        hooks: &'a mut dyn Hooks,
    ) -> Result<Self, LiveError> {
        let LiveSettings { scenario, facts, environment, credentials, ledger, run_id, .. } = settings;
        let by_exchange = settings.by_exchange;
        let name = match environment {
            // It has another port every time.
            Environment::Sandbox { .. } => "sandbox".to_owned(),
            Environment::Demo | Environment::Prod => environment.to_string(),
        };
        let depth = settings_depth(settings.paper, scenario.sim.fill, settings.listener.as_ref());
        let desk = &scenario.desk;
        let (interval, bankroll, sim) =
            (desk.scanner.interval, desk.bankroll, SimExchange::new(scenario.sim));
        let scope =
            MarketScope { series: desk.scanner.series.clone(), categories: desk.scanner.categories.clone() };
        // In data that is played back a quote is as old as its snapshot, so nothing confirms it.
        let half_age = Span::from_nanos(desk.risk.max_quote_age.nanos() / 2).filter(|_| !by_exchange);
        let mode = if settings.paper { "paper" } else { "live" };
        let opening = LedgerOpening { file: &ledger, mode, environment: &name, run_id: &run_id };
        let opened = opening.open_ledger(scenario)?;
        info!(run = opened.run_id, ledger = %ledger.display(), "the ledger is open");
        let last_trade = opened.trades.iter().copied().max().unwrap_or(0);
        let market_tracker = resume_market_tracker(MarketTracker::new(scope.clone(), half_age), &opened.desk);
        let facts = unseen_facts(facts, opened.desk.published_facts().iter().map(|(_, fact)| *fact));
        let entry_group = (!settings.paper)
            .then(|| Arc::new(EntryGroup::new(rest.clone(), bankroll, opened.group.clone())));
        let recorder = HookedJournal {
            ledger: opened.logger,
            hooks,
            inputs: 0,
            taken: Arc::default(),
            entry_group: entry_group.clone(),
            noted_group: opened.group,
        };
        let nothing = EventSource {
            feed: StartupThenLiveFeed::Given(RecoveryFeed(VecDeque::new())),
            venue: LiveVenue::Kept(BufferedCommands::default()),
        };
        let mut engine =
            Engine::new(opened.desk, nothing, recorder).with_reconfigure(parse_resolved_scenario);
        engine.seq = opened.seq;
        Ok(Self {
            runtime,
            engine,
            reader: MarketReader::new(rest.clone(), scope),
            rest,
            link: Arc::default(),
            clock: SteadyClock::start_with_machine(),
            credentials,
            market_tracker: Some(market_tracker),
            tracker: Some(OrderTracker::new(&opened.run_id)),
            run_id: opened.run_id,
            trades: opened.trades,
            ledger_file: ledger,
            entry_group,
            foreign_cash: opened.foreign_cash.map(Money::from_micros),
            reconfigure: opened.reconfigure,
            facts,
            session: SessionSettings {
                stream: settings.stream,
                interval,
                by_exchange,
                entry_group: None,
                depth,
            },
            sim: settings.paper.then(|| sim.with_trades_after(last_trade)),
            asides: settings.listener.map(|listener| listener.asides),
            paper: settings.paper,
            adopt: settings.adopt,
        })
    }

    /// Begins the session with the exchange.
    fn begin_session(
        &mut self,
        events: SyncSender<SessionEvent>,
        commands: mpsc::Receiver<SessionCommand>,
    ) -> JoinHandle<()> {
        if !self.paper {
            let _inside = self.runtime.enter();
            self.rest.arm_signatures();
        }
        let parts = SessionParts {
            rest: self.rest.clone(),
            credentials: self.credentials.clone(),
            market_tracker: self.market_tracker.take().expect("a session begins once"),
            market_reader: self.reader.clone(),
            order_tracker: self.tracker.take().expect("a session begins once"),
            commands,
            engine_events: events,
            link: Arc::clone(&self.link),
            clock: self.clock.clone(),
        };
        let entry_group = self.entry_group.as_ref().and_then(|group| group.id());
        let settings = SessionSettings { entry_group, ..self.session.clone() };
        self.runtime.spawn(session::run_session(parts, settings))
    }

    /// Turns the engine from what was to what is.
    fn go_live(&mut self, heard: Receiver<SessionEvent>, commands: &mpsc::Sender<SessionCommand>) {
        let desk = &self.engine.desk;
        let pace = if self.session.by_exchange {
            let commands = commands.clone();
            // If the session has ended, that is heard next.
            Pace::Exchange(Box::new(move |until| drop(commands.blocking_send(SessionCommand::GoOn(until)))))
        } else {
            let clock = self.clock.clone();
            Pace::Wall(Box::new(move || clock.current_time()))
        };
        let from = if self.engine.seq == 0 { Timestamp::MIN } else { desk.now().just_after() };
        let mut feed = LiveFeed::new(heard, pace, from, std::mem::take(&mut self.facts));
        if matches!(self.session.depth, BookDepth::FullDepth(_)) {
            feed = feed.with_depth();
        }
        if let Some(asides) = self.asides.take() {
            feed = feed.with_recorder(asides);
        }
        let open = |book: &&MarketState| book.settled.is_none() && book.close_time > desk.now();
        for book in desk.market_states().iter().filter(open) {
            feed.plan_market_close(book.market.id, book.close_time);
        }
        let venue = if let Some(mut sim) = self.sim.take() {
            for book in desk.market_states().iter() {
                let listed = Input::Market(MarketEvent::Listed(Arc::clone(&book.market)));
                sim.observe(&Stamped { at: desk.now(), value: listed });
            }
            LiveVenue::Paper(Box::new(sim))
        } else {
            LiveVenue::Exchange(KalshiVenue::new(commands.clone()))
        };
        self.engine.session = EventSource { feed: StartupThenLiveFeed::Live(Box::new(feed)), venue };
    }

    /// Runs the engine to its end. A panic is caught, so that orders can be taken back first.
    fn run_engine(
        &mut self,
        commands: &mpsc::Sender<SessionCommand>,
        observe: &mut dyn FnMut(Timestamp, &Desk),
    ) -> Result<Result<Ended, LiveError>, Box<dyn Any + Send>> {
        let engine = &mut self.engine;
        let (mut first, mut finished) = (None, false);
        let run = AssertUnwindSafe(|| {
            engine.run(|now, desk| {
                first = first.or(Some(now));
                if !finished && is_finished(desk) {
                    finished = true;
                    warn!("every strategy is halted and nothing is open: the session ends");
                    drop(commands.try_send(SessionCommand::Drain));
                }
                observe(now, desk);
            })
        });
        let ran = catch_unwind(run)?;
        let (equity, now) = (engine.desk.equity_point().equity, engine.desk.now());
        let inputs = engine.journal.inputs;
        let all_halted = are_all_halted(&engine.desk);
        let risk = engine.desk.risk();
        let halted_itself = risk.trading_halted().filter(|_| risk.halted_itself()).map(ToOwned::to_owned);
        let digest = engine.journal.ledger.write_run_summary(first.map(|first| (first, now)), equity);
        Ok(ran.map_err(LiveError::from).and_then(|()| {
            let (run_id, digest) = (self.run_id.clone(), digest?);
            Ok(Ended { run_id, equity, digest, inputs, all_halted, halted_itself })
        }))
    }
}

/// How much of each book the session tells: all that simulated fills walk, or what a recorder wants.
fn settings_depth(paper: bool, fill: FillModel, listener: Option<&SessionListener>) -> BookDepth {
    match listener {
        _ if paper && fill == FillModel::Book => BookDepth::FullDepth(WALKED),
        Some(listener) => BookDepth::TopWithRecorder(listener.levels),
        None => BookDepth::TopOfBook,
    }
}

/// Whether every strategy of a desk is halted.
fn are_all_halted(desk: &Desk) -> bool {
    let mut active = desk.active_strategies().peekable();
    active.peek().is_some() && active.all(|(number, _)| desk.risk().kill_switches()[number].is_halted())
}

/// Whether a desk has nothing more to do: every strategy halted, nothing held, nothing ordered.
fn is_finished(desk: &Desk) -> bool {
    are_all_halted(desk)
        && desk.positions().iter().next().is_none()
        && desk.execution().iter().next().is_none()
}
