//! Recording what the exchange says while it says it: a session as a desk has one, without orders.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tracing::warn;

use crate::dataset::DataError;
use crate::domain::{Span, Timestamp};
use crate::engine::gateway::SessionEvent;
use crate::event::{Control, Input, MarketEvent};
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
use crate::kalshi::venue::SessionCommand;

use super::recorder::{Recorder, Totals};

/// Most events of the session that wait for the recorder.
const MOST_EVENTS: usize = 16_384;
/// So many are taken between looks at the clock.
const AT_ONCE: usize = 4_096;
/// How long silence lasts before what was taken is made safe.
const QUIET: Duration = Duration::from_millis(50);
/// How often all markets are looked at, for new ones and for what the stream does not say.
const SWEEP: Span = Span::MINUTE.times(15);
/// A quiet market is confirmed this often, so that its quote does not count as old: half of what scenarios
/// usually allow.
const CONFIRM: Span = Span::MINUTE.times(30);
/// How long the end of a session is waited for.
const ENDING: Duration = Duration::from_secs(20);

/// Which exchange and markets a recording session connects to, and how.
#[derive(Clone, Debug)]
pub struct RecordingSource {
    /// Production, demo or a sandbox on this machine.
    pub environment: Environment,
    /// API key that signs the requests and the WebSocket; no order is sent with it.
    pub credentials: Credentials,
    /// Series and categories whose markets are recorded; an empty list does not restrict.
    pub scope: MarketScope,
    /// Levels of each book, the best counted.
    pub levels: usize,
    /// Whether time is the exchange's own, which goes on when asked.
    pub by_exchange: bool,
}

/// Why a recording could not begin or go on. What was recorded before is safe.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The spool or the data set could not be written or read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The REST client could not be set up, or its request limits not be read.
    #[error(transparent)]
    Exchange(#[from] ApiError),
    /// The session with the exchange failed or broke off, with the reason in words.
    #[error("{0}")]
    Session(String),
}

/// Progress of a recording that goes on, as its watcher is shown it.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Counts of lines taken and parts made so far.
    pub totals: Totals,
    /// Whether the session hears the exchange at present.
    pub heard: bool,
}

/// What became of a recording that ended as it was told to.
#[derive(Clone, Debug)]
pub struct RecordingReport {
    /// Counts of lines taken and parts made.
    pub totals: Totals,
    /// Markets that could not be understood, wholly or for a while, with the first problem of each; they are left
    /// out for so long.
    pub unreadable: BTreeMap<Arc<str>, String>,
}

/// Records until it is told to end by what `begun` is handed, or cannot go on. `observe` is called now and then.
///
/// # Errors
/// When it cannot begin or go on; it says why, and what was recorded is safe.
pub fn record_session(
    source: RecordingSource,
    mut recorder: Recorder,
    runtime: &Runtime,
    begun: impl FnOnce(&mpsc::Sender<SessionCommand>),
    observe: &mut dyn FnMut(Standing),
) -> Result<RecordingReport, RecordError> {
    let rest = {
        let _inside = runtime.enter();
        Rest::new(&source.environment, Some(source.credentials.clone()))?
    };
    runtime.block_on(rest.learn_limits())?;
    let confirm = Some(CONFIRM).filter(|_| !source.by_exchange);
    let mut known = MarketTracker::new(source.scope.clone(), confirm);
    for (market, status, close) in recorder.unsettled_markets() {
        known.restore_market(market, *status, *close);
    }
    let (events, heard) = sync_channel(MOST_EVENTS);
    let (commands, asked) = mpsc::channel(16);
    let (link, clock) = (Arc::new(Link::default()), SteadyClock::start_with_machine());
    let parts = SessionParts {
        market_reader: MarketReader::new(rest.clone(), source.scope),
        rest,
        credentials: source.credentials,
        market_tracker: known,
        // No order is ever sent.
        order_tracker: OrderTracker::new("recorder"),
        commands: asked,
        engine_events: events,
        link: Arc::clone(&link),
        clock: clock.clone(),
    };
    let settings = SessionSettings {
        stream: true,
        interval: SWEEP,
        by_exchange: source.by_exchange,
        entry_group: None,
        depth: BookDepth::FullDepth(source.levels),
    };
    let session = runtime.spawn(session::run_session(parts, settings));
    begun(&commands);
    let mut unreadable = BTreeMap::new();
    let mut listener = StreamListener {
        recorder: &mut recorder,
        unreadable: &mut unreadable,
        start: Instant::now(),
        clock,
        commands: &commands,
    };
    let ended = listener.receive_events(&heard, source.by_exchange, |totals| {
        observe(Standing { totals, heard: link.is_heard() });
    });
    drop(commands.blocking_send(SessionCommand::Abort));
    drop((commands, heard));
    let _ends_with_the_process = runtime.block_on(async { tokio::time::timeout(ENDING, session).await });
    // What was heard is kept, whatever ended the session; of two errors the first counts.
    if let Err(error @ RecordError::Data(_)) = ended {
        return Err(error);
    }
    let totals = recorder.finish_recording()?;
    ended.map(|()| RecordingReport { totals, unreadable })
}

/// The end of a session at which a recorder listens.
struct StreamListener<'a> {
    recorder: &'a mut Recorder,
    unreadable: &'a mut BTreeMap<Arc<str>, String>,
    start: Instant,
    clock: SteadyClock,
    commands: &'a mpsc::Sender<SessionCommand>,
}

impl StreamListener<'_> {
    fn receive_events(
        &mut self,
        heard: &Receiver<SessionEvent>,
        by_exchange: bool,
        mut observe: impl FnMut(Totals),
    ) -> Result<(), RecordError> {
        if by_exchange {
            drop(self.commands.blocking_send(SessionCommand::GoOn(None)));
        }
        loop {
            let mut next = heard.recv_timeout(QUIET);
            for _ in 0..AT_ONCE {
                let Ok(event) = next else { break };
                if !self.handle_session_event(event)? {
                    return Ok(());
                }
                next = heard.try_recv().map_err(|_| RecvTimeoutError::Timeout);
            }
            if let Err(RecvTimeoutError::Disconnected) = next {
                return Err(RecordError::Session(
                    "the session with the exchange broke off; start again".into(),
                ));
            }
            self.recorder.flush_and_rotate(self.start.elapsed())?;
            observe(self.recorder.totals());
        }
    }

    /// Returns whether there is more to come.
    fn handle_session_event(&mut self, event: SessionEvent) -> Result<bool, RecordError> {
        match event {
            SessionEvent::Input { input: Input::Control(Control::SessionHalt { reason }), .. } => {
                warn!(reason, "the exchange said what is not understood; it is not in the recording");
            }
            SessionEvent::Input {
                input: Input::Control(Control::SetAside { ticker, reason, .. }), ..
            } => {
                warn!(
                    ticker = &*ticker,
                    reason, "a market cannot be understood; it is left out until it can"
                );
                self.unreadable.entry(ticker).or_insert(reason);
            }
            SessionEvent::Input { at, input } => {
                let at = self.monotonic_stamp(at);
                self.recorder.take_input(at, &input, None);
            }
            SessionEvent::Book { at, market, quote, beside } => {
                let at = self.monotonic_stamp(at);
                let quote = Input::Market(MarketEvent::Quote { market, quote });
                self.recorder.take_input(at, &quote, Some(&beside));
            }
            SessionEvent::Trade { at, trade } => {
                let at = self.monotonic_stamp(at);
                self.recorder.take_trade(at, &trade);
            }
            SessionEvent::Clock { end: false, .. } => {
                drop(self.commands.blocking_send(SessionCommand::GoOn(None)));
            }
            SessionEvent::Clock { end: true, .. } => drop(self.commands.blocking_send(SessionCommand::Drain)),
            SessionEvent::Failed(error) => return Err(RecordError::Session(error.message)),
            SessionEvent::End => return Ok(false),
            SessionEvent::Later(_) => {}
        }
        Ok(true)
    }

    /// The exchange's stamp, or that of arrival: whole microseconds, each later than the one before, so that
    /// time alone tells the order.
    fn monotonic_stamp(&self, at: Option<Timestamp>) -> Timestamp {
        let after = self.recorder.after_last();
        match at {
            Some(at) => at.max(self.recorder.last_time().unwrap_or(at)),
            None => self.clock.current_time().floor_micros().max(after),
        }
    }
}
