//! `protogen live [SCENARIO]`

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::desk::Desk;
use crate::desk::decision::{Output, Record};
use crate::domain::{MarketId, Timestamp};
use crate::event::{Input, MarketEvent, Stamped};
use crate::kalshi::clock;
use crate::kalshi::link::Link;
use crate::kalshi::venue::SessionCommand;
use crate::live::health::{Health, NOTE, Recent, SessionFacts};
use crate::live::lock::LedgerLock;
use crate::live::notify::{Notification, NotificationKind, Notifier};
use crate::live::operator::{RequestListener, Strategies, end_on_signals, read_facts};
use crate::live::paths;
use crate::live::registry::{DeskRegistration, RunningDesk};
use crate::live::runner;
use crate::live::runner::{BegunSession, Ended, Hooks, LiveError, LiveSettings};
use crate::record::in_session::SharedTap;
use crate::scenario::Scenario;
use crate::scenario::raw::ScanWith;
use crate::telemetry::{self, Level, Style};

use crate::cli::access::{EnvArgs, EnvName};
use crate::cli::recording;
use crate::cli::recording::{Inside, RecordingOutcome as Recorded};
use crate::cli::screen::Screen;
use crate::cli::{Color, Common, Failure, ScenarioArgs, json_line, print_to_stdout};

/// How often health is written down.
const HEALTH_EVERY: Duration = Duration::from_secs(2);
/// How long the last notifications may take.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// How often the terminal is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(500);
/// How often the log says that all is well.
const HEARTBEAT: Duration = Duration::from_mins(1);

/// Trade: the same desk as in a backtest, on the exchange as it is.
///
/// Watches the scenario's markets, trades, follows its orders, exits, and writes everything into a ledger that
/// outlives the process: started again, it goes on where it was, after asking the exchange what happened
/// meanwhile. Ctrl-C takes resting orders back and ends in order; a second one does not wait.
#[derive(Debug, Args)]
pub struct LiveCommand {
    /// Scenario file
    #[arg(value_name = "SCENARIO", default_value = "scenarios/fomc.toml")]
    scenario: PathBuf,
    #[command(flatten)]
    overrides: ScenarioArgs,
    #[command(flatten)]
    access: EnvArgs,
    /// Real markets, simulated fills: no order is sent
    #[arg(long)]
    paper: bool,
    /// Ledger file [default: in the platform's data folder, named after the scenario]
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Record this session into DIR, as `data record` does, over the same connection. If DIR already holds a
    /// recording, append to it. Levels beneath the best prices are kept as they are at each quote
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Leave positions that are not ours alone, instead of refusing to trade beside them
    #[arg(long)]
    adopt: bool,
    /// Consent to trade with real money, which `--env prod` does
    #[arg(long)]
    i_understand_this_is_real_money: bool,
    /// How log lines look
    #[arg(long, value_enum, default_value_t = LogStyle::Human)]
    log: LogStyle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogStyle {
    /// For people
    Human,
    /// One JSON object a line
    Json,
}

impl From<LiveError> for Failure {
    fn from(error: LiveError) -> Self {
        let code = match &error {
            LiveError::Open(_) => Self::DATA,
            LiveError::Exchange(_) => Self::VENUE,
            LiveError::Engine(_) => {
                let LiveError::Engine(error) = error else { unreachable!("it was one a line above") };
                return error.into();
            }
        };
        Self::new(code, error.to_string())
    }
}

#[derive(serde::Serialize)]
struct LiveOutcome<'a> {
    run_id: &'a str,
    mode: &'a str,
    scenario: &'a str,
    final_equity: f64,
    inputs: u64,
    digest: &'a str,
    ledger: &'a Path,
    all_halted: bool,
    /// Why all trading is halted, if it was not the owner who halted it.
    halted_itself: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recording: Option<Recorded>,
}

impl LiveCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        let scenario = Scenario::load_file(&self.scenario, &self.overrides.overrides)?;
        common.say_notes(&scenario.notes);
        self.check_consent(&scenario)?;
        let access = self.access.exchange_access()?;
        let credentials = access.read_credentials()?;
        let ledger = match &self.ledger {
            Some(file) => file.clone(),
            None => paths::default_ledger(Some(&self.access.ledger_name(&scenario.name, self.paper)))
                .map_err(|error| no_place(&error))?,
        };
        if let Some(folder) = ledger.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            paths::make_private(folder).map_err(|error| no_place(&error))?;
        }
        let shows_screen = self.start_log(common, &ledger)?;
        let _lock =
            LedgerLock::acquire_lock(&ledger).map_err(|problem| Failure::new(Failure::USAGE, problem))?;
        let _registration = self.register_desk(&ledger, &scenario.name)?;
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(Failure::BUG, format!("no runtime: {error}")))?;
        let notifier = {
            let _inside = runtime.enter();
            Notifier::new(&scenario.resolved.live.notify)
                .map_err(|problem| Failure::new(Failure::USAGE, format!("live.notify: {problem}")))?
        };
        let by_exchange = access.name == EnvName::Sandbox;
        let mut inside = Inside::open_recording(self.record.as_deref(), by_exchange)?;
        let about = SessionAbout {
            started_at: clock::now(),
            mode: self.mode(),
            environment: access.name.name(),
            scenario: scenario.name.clone(),
        };
        let settings = LiveSettings {
            facts: read_facts(&scenario.facts)?,
            environment: access.environment,
            credentials,
            ledger: ledger.clone(),
            run_id: new_run_id(),
            paper: self.paper,
            adopt: self.adopt,
            by_exchange,
            listener: inside.session_listener(),
            stream: scenario.resolved.live.scan_with == ScanWith::Websocket,
            scenario,
        };
        let screen = shows_screen.then(Screen::take_over_terminal).transpose().map_err(|error| {
            Failure::new(
                Failure::USAGE,
                format!("the terminal: {error}; pipe the output away for plain logs"),
            )
        })?;
        let ended = self.run_session(settings, &about, &runtime, (&notifier, &mut inside), screen);
        let recording = inside.finish_recording(&notifier);
        runtime.block_on(notifier.finish_delivery(LAST_WORDS));
        let ended = ended?;
        Self::print_outcome(common, &ended, &about, &ledger, recording)?;
        if ended.all_halted {
            let problem = "every strategy is halted; see `protogen halts` and lift with `protogen resume`";
            return Err(Failure::new(Failure::DIVERGED, problem));
        }
        if let Some(reason) = &ended.halted_itself {
            let problem = format!(
                "the session ended while all trading is halted: {reason}; compare the exchange's account with \
                 `protogen positions`, and lift with `protogen resume --trading --reason …`"
            );
            return Err(Failure::new(Failure::VENUE, problem));
        }
        Ok(())
    }

    /// Makes the desk known to `protogen halt`, wherever its ledger lies.
    fn register_desk(&self, ledger: &Path, scenario: &str) -> Result<DeskRegistration, Failure> {
        let register = || {
            let desk = RunningDesk {
                ledger: paths::resolve_ledger_path(ledger)?,
                pid: Some(std::process::id()),
                environment: self.access.env_or_demo().name().to_owned(),
                mode: self.mode().to_owned(),
                scenario: scenario.to_owned(),
            };
            desk.register_on_machine()
        };
        register().map_err(|error| {
            let problem =
                format!("the desk cannot be registered, so `protogen halt` could not reach it: {error}");
            Failure::new(Failure::USAGE, problem)
        })
    }

    const fn mode(&self) -> &'static str {
        if self.paper { "paper" } else { "live" }
    }

    /// Where the terminal shows the desk, the log goes into a file beside the ledger. Returns whether it does.
    fn start_log(&self, common: &Common, ledger: &Path) -> Result<bool, Failure> {
        let quiet = common.json || common.quiet || self.log == LogStyle::Json;
        let shows_screen = !quiet && console::Term::stdout().is_term();
        let file = shows_screen.then(|| ledger.with_extension("log"));
        let opened = file.map(|file| OpenOptions::new().create(true).append(true).open(file)).transpose();
        let opened = opened.map_err(|error| no_place(&error))?;
        let style = if self.log == LogStyle::Json { Style::Json } else { Style::Human };
        let level = match (common.quiet, common.verbose) {
            (true, _) => Level::Quiet,
            (false, true) => Level::Verbose,
            (false, false) => Level::Normal,
        };
        let color = match common.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => console::Term::stderr().features().colors_supported(),
        };
        // A log that was set up before is a log.
        let _set_up_before = telemetry::start_logging(style, level, color && opened.is_none(), opened);
        Ok(shows_screen)
    }

    fn check_consent(&self, scenario: &Scenario) -> Result<(), Failure> {
        let consent = self.i_understand_this_is_real_money || scenario.resolved.live.confirm;
        if self.access.env_or_demo() == EnvName::Prod && !self.paper && !consent {
            let problem = "--env prod trades real money: add --i-understand-this-is-real-money, or set \
                           `confirm = true` under [live] in the scenario";
            return Err(Failure::new(Failure::USAGE, problem));
        }
        Ok(())
    }

    fn run_session(
        &self,
        settings: LiveSettings,
        about: &SessionAbout,
        runtime: &Runtime,
        (notifier, inside): (&Notifier, &mut Inside),
        mut screen: Option<Screen>,
    ) -> Result<Ended, Failure> {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let tap = inside.recorder_tap();
        let mut hooks = Watcher { shared: Arc::clone(&shared), notifier, tap: tap.clone(), inside };
        let (ledger, facts) = (settings.ledger.clone(), settings.facts.clone());
        let start = format!("{} began on {}: {}", about.mode, about.environment, about.scenario);
        notifier.queue_notification(&Notification::new(NotificationKind::Start, clock::now(), start));
        let every = if screen.is_some() { DRAW_EVERY } else { HEALTH_EVERY };
        let mut last_health = Instant::now().checked_sub(every);
        let mut last_beat = Instant::now();
        let mut day = None;
        let mut observe = |_: Timestamp, desk: &Desk| {
            if last_health.is_some_and(|last| last.elapsed() < every) {
                return;
            }
            last_health = Some(Instant::now());
            let now = clock::now();
            let health = {
                let mut shared = lock_ignoring_poison(&shared);
                let link_events = shared.look_at_link(now);
                let health = shared.current_health(desk, about);
                let events = link_events.into_iter().chain(shared.look_at_refused(&health, now));
                events.for_each(|event| notifier.queue_notification(&event));
                health
            };
            if day.is_some_and(|day| day < now.utc_day()) {
                notifier.queue_notification(&daily_summary(&health, now));
            }
            day = Some(now.utc_day());
            if last_beat.elapsed() >= HEARTBEAT {
                last_beat = Instant::now();
                say_alive(&health);
            }
            if let Some(Ok(true) | Err(_)) = screen.as_mut().map(|screen| {
                screen.draw_health(&health)?;
                screen.wants_to_quit()
            }) {
                // A terminal that is gone cannot be asked again.
                screen = None;
                lock_ignoring_poison(&shared).drain_session();
            }
            let mut shared = lock_ignoring_poison(&shared);
            shared.note = Some(health.to_note());
            *lock_ignoring_poison(&shared.strategies) = desk.active_strategies().collect();
        };
        let (scenario_file, overrides) = (self.scenario.clone(), self.overrides.overrides.clone());
        let ended = runner::run_live_desk(settings, runtime, &mut hooks, &mut observe, |begun| {
            let strategies = lock_ignoring_poison(&shared).attach_session(&begun);
            let BegunSession { commands, desk, entry_group, taken, .. } = begun;
            recording::record_known_markets(tap.as_ref(), desk);
            let listener = RequestListener {
                ledger,
                commands: commands.clone(),
                strategies,
                scenario_file,
                overrides,
                facts,
                halted_for: desk.risk().trading_halted().map(ToOwned::to_owned),
                entry_group,
                taken,
            };
            runtime.spawn(listener.listen_for_requests());
            runtime.spawn(end_on_signals(commands.clone(), "resting orders are taken back"));
        });
        let text = match &ended {
            Ok(ended) => format!("ended in order, equity {}", ended.equity),
            Err(error) => format!("ended: {error}"),
        };
        notifier.queue_notification(&Notification::new(NotificationKind::Stop, clock::now(), text));
        Ok(ended?)
    }

    fn print_outcome(
        common: &Common,
        ended: &Ended,
        about: &SessionAbout,
        ledger: &Path,
        recording: Option<Recorded>,
    ) -> Result<(), Failure> {
        let (mode, scenario) = (about.mode, &*about.scenario);
        let final_equity = crate::report::summary::money_to_dollars(ended.equity);
        if common.json {
            let Ended { run_id, digest, inputs, all_halted, halted_itself, .. } = ended;
            let (inputs, all_halted, halted_itself) = (*inputs, *all_halted, halted_itself.as_deref());
            let outcome = LiveOutcome {
                run_id,
                mode,
                scenario,
                final_equity,
                inputs,
                digest,
                ledger,
                all_halted,
                halted_itself,
                recording,
            };
            return print_to_stdout(&json_line(&outcome));
        }
        print_to_stdout(&format!(
            "{scenario} ({mode}) ended in order: equity ${final_equity:.2}, {} inputs, digest {}\nledger {}\n{}",
            ended.inputs,
            &ended.digest[..16],
            ledger.display(),
            recording.map(|recording| recording.outcome_text()).unwrap_or_default()
        ))
    }
}

fn no_place(error: &std::io::Error) -> Failure {
    Failure::new(Failure::USAGE, format!("no place for the ledger: {error}; name one with --ledger"))
}

/// A name no other run of the account has: client order ids begin with it, and are spent for ever.
fn new_run_id() -> String {
    let seed = format!("{} {}", clock::now().nanos(), std::process::id());
    blake3::hash(seed.as_bytes()).to_hex()[..12].to_owned()
}

fn say_alive(health: &Health) {
    info!(
        equity = health.equity,
        positions = health.positions.len(),
        orders = health.orders.len(),
        markets = health.feed.markets,
        "alive"
    );
}

/// How the desk stands when a UTC day has ended.
fn daily_summary(health: &Health, now: Timestamp) -> Notification {
    let open = health.positions.len();
    let text = format!("the day ended with equity ${:.2}, {open} positions open", health.equity);
    let event = Notification::new(NotificationKind::DailySummary, now, text);
    event
        .with_field("equity", health.equity)
        .with_field("exposure", health.exposure)
        .with_field("drawdown", health.drawdown)
}

/// What does not change while a desk runs.
struct SessionAbout {
    started_at: Timestamp,
    mode: &'static str,
    environment: &'static str,
    scenario: String,
}

/// What the engine's thread tells the others.
#[derive(Default)]
struct Shared {
    recent: Recent,
    last_message_at: Option<Timestamp>,
    note: Option<String>,
    strategies: Strategies,
    tickers: Vec<Box<str>>,
    commands: Option<mpsc::Sender<SessionCommand>>,
    link: Arc<Link>,
    run_id: String,
    /// Whether the exchange was heard when last looked at, and since when that has been so.
    heard: Option<(bool, Timestamp)>,
    /// Why nothing was traded there.
    paused: Option<Arc<str>>,
    /// The owner was told that every order is refused.
    told_refused: bool,
}

impl Shared {
    /// Takes over what is known when the session has begun. Returns where the strategies are kept.
    fn attach_session(&mut self, begun: &BegunSession<'_>) -> Strategies {
        *lock_ignoring_poison(&self.strategies) = begun.desk.active_strategies().collect();
        self.commands = Some(begun.commands.clone());
        begun.run_id.clone_into(&mut self.run_id);
        self.link = Arc::clone(begun.link);
        self.tickers = begun.desk.market_states().iter().map(|book| book.market.ticker.clone()).collect();
        Arc::clone(&self.strategies)
    }

    fn drain_session(&self) {
        drop(self.commands.as_ref().map(|commands| commands.try_send(SessionCommand::Drain)));
    }

    /// What to tell of the link to the exchange, if it has changed.
    fn look_at_link(&mut self, now: Timestamp) -> Vec<Notification> {
        let mut told = Vec::new();
        let heard = self.link.is_heard();
        // What was never heard cannot be heard again.
        if self.heard.map_or(heard, |(before, _)| before != heard) {
            let first = self.heard.replace((heard, now)).is_none();
            let (kind, text) = if heard {
                (NotificationKind::Reconnect, "the exchange is heard again")
            } else {
                (
                    NotificationKind::Disconnect,
                    "the exchange is not heard any more; nothing is traded on old quotes",
                )
            };
            told.extend((!first).then(|| Notification::new(kind, now, text)));
        }
        let paused = self.link.pause_reason();
        match (&self.paused, &paused) {
            (None, Some(reason)) => told.push(Notification::new(NotificationKind::Pause, now, &**reason)),
            (Some(_), None) => {
                told.push(Notification::new(NotificationKind::Unpause, now, "the exchange trades again"));
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        self.paused = paused;
        told
    }

    /// What to tell when every order has begun to be refused, or no longer is.
    fn look_at_refused(&mut self, health: &Health, now: Timestamp) -> Option<Notification> {
        let alarming = health.refused_orders.as_ref().filter(|refused| refused.is_alarming());
        let before = std::mem::replace(&mut self.told_refused, alarming.is_some());
        match alarming {
            Some(refused) if !before => {
                let text =
                    format!("{refused}; `protogen resume --trading --reason …` resets the order group");
                warn!("{text}");
                let event = Notification::new(NotificationKind::OrdersRefused, now, text);
                Some(event.with_field("in_a_row", refused.in_a_row).with_field("exits", refused.exits))
            }
            None if before => {
                info!("the exchange takes orders again");
                Some(Notification::new(NotificationKind::OrdersTaken, now, "the exchange takes orders again"))
            }
            _ => None,
        }
    }

    fn current_health(&self, desk: &Desk, about: &SessionAbout) -> Health {
        let (now, link) = (clock::now(), self.link.current_report());
        let (feed_up, feed_since) = self.heard.unwrap_or((false, about.started_at));
        let facts = SessionFacts {
            at: now,
            started_at: about.started_at,
            mode: about.mode,
            environment: about.environment,
            scenario: &about.scenario,
            run_id: &self.run_id,
            feed_up,
            feed_since,
            link: &link,
            last_message_at: self.last_message_at,
        };
        Health::from_desk(desk, &self.recent, &facts)
    }
}

fn lock_ignoring_poison<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks over the engine's shoulder: remembers, notifies, logs.
struct Watcher<'a> {
    shared: Arc<Mutex<Shared>>,
    notifier: &'a Notifier,
    tap: Option<SharedTap>,
    inside: &'a mut Inside,
}

impl Watcher<'_> {
    fn market_ticker(&self, market: MarketId) -> Box<str> {
        let known = lock_ignoring_poison(&self.shared).tickers.get(market.index()).cloned();
        known.unwrap_or_else(|| "a market of before".into())
    }

    fn log_and_notify(&self, record: &Record) {
        let (kind, at, text) = match record {
            Record::Fill(booked) => {
                let (fill, order) = (&booked.fill, &booked.order);
                let ticker = self.market_ticker(order.market);
                let what = format!("{} {} {}", order.action, fill.contracts, order.side);
                (
                    NotificationKind::Fill,
                    booked.at,
                    format!("{what} of {ticker} at {} for {}", fill.price, fill.fee),
                )
            }
            Record::Trade(trade) => {
                let ticker = self.market_ticker(trade.market);
                let why = trade.exit_reason.name();
                (
                    NotificationKind::Exit,
                    trade.closed_at,
                    format!("closed {ticker} ({why}): {} after fees", trade.pnl),
                )
            }
            Record::Halt(halt) => (
                NotificationKind::Halt,
                halt.at,
                format!("halted by the {} rule: {}", halt.rule.name(), halt.detail),
            ),
            Record::Resume(resume) => {
                (NotificationKind::Resume, resume.at, format!("resumed: {}", resume.reason))
            }
            Record::Discrepancy(found) => (NotificationKind::Discrepancy, found.at, found.detail.clone()),
            Record::SetAside(market) => (
                NotificationKind::SetAside,
                market.at,
                format!("{} is set aside, nothing is opened there: {}", market.ticker, market.reason),
            ),
            Record::SetAsideCleared(market) => {
                (NotificationKind::SetAsideCleared, market.at, format!("{} is traded again", market.ticker))
            }
            _ => return,
        };
        if matches!(kind, NotificationKind::Halt | NotificationKind::Discrepancy | NotificationKind::SetAside)
        {
            warn!("{text}");
        } else {
            info!("{text}");
        }
        self.notifier.queue_notification(&Notification::new(kind, at, text));
    }
}

impl Hooks for Watcher<'_> {
    fn observe_step(&mut self, input: &Stamped<Input>, out: &Output) {
        if let Input::Market(MarketEvent::Listed(market)) = &input.value {
            let (index, tickers) = (market.id.index(), &mut lock_ignoring_poison(&self.shared).tickers);
            tickers.resize(tickers.len().max(index + 1), "".into());
            tickers[index] = market.ticker.clone();
        }
        {
            let mut shared = lock_ignoring_poison(&self.shared);
            if matches!(input.value, Input::Market(_) | Input::Venue(_)) {
                shared.last_message_at = Some(clock::now());
            }
            shared.recent.observe_step(&input.value, out);
        }
        if let Some(tap) = &self.tap {
            tap.lock().record_input(input);
        }
        out.records.iter().for_each(|record| self.log_and_notify(record));
    }

    fn next_ledger_note(&mut self) -> Option<(&'static str, String)> {
        if let Some(note) = self.inside.report_stop_once(self.notifier) {
            return Some(note);
        }
        lock_ignoring_poison(&self.shared).note.take().map(|note| (NOTE, note))
    }
}
