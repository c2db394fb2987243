//! Recording inside a live session: what its desk is told, and what is told beside it, goes to a recorder on a
//! thread of its own. Trading neither waits for it nor ends with it.
//!
//! ```text
//!   engine's thread: Tap ──(bounded, never waited for)──▶ thread of the recorder ─▶ spool ─▶ Parquet
//! ```
//!
//! While the recorder is behind, quotes and trades are left out, and from there on every book counts as unknown;
//! turns in a market's life wait until there is room, since nothing would tell them again.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, TrySendError, channel, sync_channel,
};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::dataset::DataError;
use crate::domain::{Span, Timestamp};
use crate::engine::gateway::{BookExtras, RecorderEvent};
use crate::event::{Input, MarketEvent, Stamped};

use super::recorder::{RecordSettings, Recorder, Totals};

/// Held for the recorder: seconds of a busy market, while a disk is slow.
const HELD: usize = 65_536;
/// So many turns in the lives of markets wait for a recorder that is behind; with more it is given up.
const MOST_WAITING: usize = 65_536;
/// The recorder looks again after so long. It is not woken: that would cost whoever has something to tell.
const PAUSE: Duration = Duration::from_millis(10);
/// So much is taken between looks at the clock.
const AT_ONCE: usize = 4_096;
/// A session that goes on may begin at the moment at which the recording before it ended.
const OVERLAP: Span = Span::MILLISECOND;

/// A message from the engine's thread to the thread of the recorder.
#[derive(Debug)]
enum RecorderMessage {
    /// The recording begins; this is what is known of markets.
    Known(Timestamp, Vec<Input>),
    Input(Stamped<Input>),
    Aside(Timestamp, RecorderEvent),
    /// Something was left out: no book is known from here on.
    Missed(Timestamp),
}

impl RecorderMessage {
    const fn message_time(&self) -> Timestamp {
        match self {
            Self::Input(input) => input.at,
            Self::Known(at, _) | Self::Aside(at, _) | Self::Missed(at) => *at,
        }
    }

    /// Whether something later makes up for it.
    const fn is_made_up_for(&self) -> bool {
        match self {
            Self::Aside(..) => true,
            Self::Input(Stamped { value: Input::Market(event), .. }) => matches!(
                event,
                MarketEvent::Quote { .. } | MarketEvent::Depth { .. } | MarketEvent::Gap { .. }
            ),
            Self::Input(_) | Self::Known(..) | Self::Missed(_) => false,
        }
    }
}

/// Why a recording ended before its session did.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RecordingStop {
    /// The recorder ended without a word: its end of the channel is gone.
    #[error("its thread broke off")]
    BrokeOff,
    /// More turns in the lives of markets waited than are held for the recorder.
    #[error("the disk is too slow for what is to be written")]
    DiskTooSlow,
    /// A file of the data set could not be written, or holds something else.
    #[error("{0}")]
    Data(Arc<DataError>),
    /// The recorder ended without a word, and nothing was to be told to it any more.
    #[error("{}: the recorder's thread broke off", folder.display())]
    Unfinished {
        /// Folder of the data set, which the next recorder completes.
        folder: PathBuf,
    },
}

/// The engine's end: it only ever tries to hand something on.
#[derive(Debug)]
pub struct RecorderTap {
    /// `None` when nobody listens any more.
    told: Option<SyncSender<RecorderMessage>>,
    /// While this is there, the recorder looks again.
    looks_again: Option<Sender<()>>,
    begun: bool,
    waiting: VecDeque<RecorderMessage>,
    missed: u64,
    problem: Arc<OnceLock<RecordingStop>>,
}

impl RecorderTap {
    /// The recording begins with what is known of markets. What was told before is not in it.
    pub fn begin_recording(&mut self, at: Timestamp, known: Vec<Input>) {
        self.begun = true;
        self.send_message(RecorderMessage::Known(at, known));
    }

    /// Takes what the desk was told, if it is of the market.
    pub fn record_input(&mut self, input: &Stamped<Input>) {
        if matches!(input.value, Input::Market(_)) && self.begun {
            self.send_message(RecorderMessage::Input(input.clone()));
        }
    }

    /// Hands a public trade or more of a book to the recorder, once the recording has begun.
    pub fn record_event(&mut self, at: Timestamp, aside: RecorderEvent) {
        if self.begun {
            self.send_message(RecorderMessage::Aside(at, aside));
        }
    }

    fn send_message(&mut self, told: RecorderMessage) {
        if self.told.is_none() {
            return;
        }
        // What waits comes first.
        while let Some(first) = self.waiting.pop_front() {
            if let Some(first) = self.try_tell(first) {
                self.waiting.push_front(first);
                return self.defer_or_drop(told);
            }
        }
        if let Some(told) = self.try_tell(told) {
            self.waiting.push_back(RecorderMessage::Missed(told.message_time()));
            self.defer_or_drop(told);
        }
    }

    /// Returns what there was no room for.
    fn try_tell(&mut self, told: RecorderMessage) -> Option<RecorderMessage> {
        match self.told.as_ref()?.try_send(told) {
            Ok(()) => None,
            Err(TrySendError::Full(told)) => Some(told),
            Err(TrySendError::Disconnected(_)) => {
                self.give_up(RecordingStop::BrokeOff);
                None
            }
        }
    }

    fn defer_or_drop(&mut self, told: RecorderMessage) {
        if told.is_made_up_for() {
            self.missed += 1;
        } else if self.waiting.len() < MOST_WAITING {
            self.waiting.push_back(told);
        } else {
            self.give_up(RecordingStop::DiskTooSlow);
        }
    }

    fn give_up(&mut self, problem: RecordingStop) {
        // If the recorder has said why it ended, that counts.
        let _said_before = self.problem.set(problem);
        (self.told, self.looks_again) = (None, None);
        self.waiting.clear();
    }

    /// Nothing is told any more. What waits is waited for, as nothing is traded any more either.
    fn flush_and_close(&mut self) -> u64 {
        if let Some(told) = self.told.take() {
            let _recorder_has_ended = self.waiting.drain(..).try_for_each(|waiting| told.send(waiting));
        }
        self.looks_again = None;
        self.missed
    }
}

/// A recording that goes on beside a session.
#[derive(Debug)]
pub struct InSessionRecording {
    folder: PathBuf,
    tap: Arc<Mutex<RecorderTap>>,
    problem: Arc<OnceLock<RecordingStop>>,
    thread: JoinHandle<Option<Totals>>,
}

/// Counts of a recording that was completed at the end of its session.
#[derive(Clone, Copy, Debug)]
pub struct Recorded {
    /// Counts of lines taken and of parts, files and rows written.
    pub totals: Totals,
    /// Quotes and trades that were left out because the recorder was behind.
    pub missed: u64,
}

impl InSessionRecording {
    /// Begins a data set in a folder, or makes ready to go on with the one there.
    ///
    /// # Errors
    /// When another process records there, the folder holds something else, or it cannot be written.
    pub fn open(folder: &Path, settings: RecordSettings) -> Result<Self, DataError> {
        let recorder = Recorder::open(folder, settings)?;
        let (told, heard) = sync_channel(HELD);
        let (looks_again, pause) = channel();
        let problem = Arc::new(OnceLock::new());
        let own = (folder.to_owned(), Arc::clone(&problem));
        let work = move || {
            let (folder, problem) = own;
            let mut listener = SessionTap { folder, recorder, beside: None };
            let ended =
                listener.receive_messages(&heard, &pause).and_then(|()| listener.recorder.finish_recording());
            // Said before `heard` is gone, by which the other end notices.
            ended.map_err(|error| problem.set(RecordingStop::Data(Arc::new(error)))).ok()
        };
        let thread = thread::Builder::new().name("recorder".into()).spawn(work);
        let thread = thread.map_err(|error| DataError::of_file(folder, format!("no thread: {error}")))?;
        let (waiting, told, looks_again) = (VecDeque::new(), Some(told), Some(looks_again));
        let tap = RecorderTap {
            told,
            looks_again,
            begun: false,
            waiting,
            missed: 0,
            problem: Arc::clone(&problem),
        };
        Ok(Self { folder: folder.to_owned(), tap: Arc::new(Mutex::new(tap)), problem, thread })
    }

    /// Returns the folder of the data set that is recorded into.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The end at which it is told.
    #[must_use]
    pub fn shared_tap(&self) -> SharedTap {
        SharedTap(Arc::clone(&self.tap))
    }

    /// Why it has ended before the session, if it has.
    #[must_use]
    pub fn problem(&self) -> Option<&RecordingStop> {
        self.problem.get()
    }

    /// Completes the data set, when nothing is traded any more.
    ///
    /// # Errors
    /// Why it could not be completed. What was made safe before is completed by the next recorder.
    pub fn finish_recording(self) -> Result<Recorded, RecordingStop> {
        let missed = lock_tap(&self.tap).flush_and_close();
        let totals = self.thread.join().unwrap_or_default();
        match (totals, self.problem.get()) {
            (Some(totals), None) => Ok(Recorded { totals, missed }),
            (_, Some(problem)) => Err(problem.clone()),
            (None, None) => Err(RecordingStop::Unfinished { folder: self.folder }),
        }
    }
}

/// A [`RecorderTap`] of which several have a hold; all of them are on the engine's thread, so nobody waits.
#[derive(Clone, Debug)]
pub struct SharedTap(Arc<Mutex<RecorderTap>>);

impl SharedTap {
    /// Locks the tap, even if a thread panicked while it had the lock.
    pub fn lock(&self) -> MutexGuard<'_, RecorderTap> {
        lock_tap(&self.0)
    }
}

fn lock_tap(tap: &Mutex<RecorderTap>) -> MutexGuard<'_, RecorderTap> {
    tap.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Receives messages on the thread of the recorder, and stamps and records them.
struct SessionTap {
    folder: PathBuf,
    recorder: Recorder,
    /// What belongs to the quote that comes next.
    beside: Option<BookExtras>,
}

impl SessionTap {
    /// Listens until nothing is told any more.
    fn receive_messages(
        &mut self,
        heard: &Receiver<RecorderMessage>,
        pause: &Receiver<()>,
    ) -> Result<(), DataError> {
        let start = Instant::now();
        loop {
            let mut next = heard.try_recv();
            for _ in 0..AT_ONCE {
                let Ok(told) = next else { break };
                self.record_message(told)?;
                next = heard.try_recv();
            }
            if let Ok(told) = next {
                self.record_message(told)?;
            } else if let Err(TryRecvError::Disconnected) = next {
                return Ok(());
            } else {
                let _or_nobody_is_there: Result<(), RecvTimeoutError> = pause.recv_timeout(PAUSE);
            }
            self.recorder.flush_and_rotate(start.elapsed())?;
        }
    }

    fn record_message(&mut self, told: RecorderMessage) -> Result<(), DataError> {
        let at = self.monotonic_stamp(told.message_time())?;
        match told {
            RecorderMessage::Known(_, known) => {
                self.recorder.reset_market_numbers();
                known.iter().for_each(|input| self.recorder.take_input(at, input, None));
            }
            RecorderMessage::Input(Stamped { value, .. }) => {
                let is_quote = matches!(value, Input::Market(MarketEvent::Quote { .. }));
                let beside = self.beside.take_if(|_| is_quote);
                self.recorder.take_input(at, &value, beside.as_ref());
            }
            RecorderMessage::Aside(_, RecorderEvent::Book(beside)) => self.beside = Some(beside),
            RecorderMessage::Aside(_, RecorderEvent::Trade(trade)) => self.recorder.take_trade(at, &trade),
            RecorderMessage::Missed(_) => {
                self.beside = None;
                self.recorder.lose_books(at);
            }
        }
        Ok(())
    }

    /// The moment of what is told, no earlier than what is recorded.
    fn monotonic_stamp(&self, at: Timestamp) -> Result<Timestamp, DataError> {
        let Some(last) = self.recorder.last_time() else { return Ok(at) };
        if last.since(at) > OVERLAP {
            let problem = format!("goes on to {last}, and this session is at {at}; give another folder");
            return Err(DataError::of_file(&self.folder, problem));
        }
        Ok(at.max(last))
    }
}

#[cfg(test)]
#[path = "in_session_tests.rs"]
mod tests;
