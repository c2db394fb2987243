//! The recorder: takes what is told, keeps it in a spool, and lets a thread make parts of full ones.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::dataset::DataError;
use crate::dataset::io::lock;
use crate::domain::{Depth, Market, MarketId, MarketStatus, Span, Timestamp};
use crate::engine::gateway::{BookExtras, PublicTrade};
use crate::event::{Input, MarketEvent};

use super::part::{Layout, Published, publish_part};
use super::spool::Spool;
use super::spool_record;
use super::state::{RecorderState, STATE};

/// What is the recorder's own in the folder of a data set.
const FOLDER: &str = ".recording";
const SPOOL: &str = "spool";
/// Lines are handed to the operating system so often, and to the disk.
const WRITE_EVERY: Duration = Duration::from_millis(100);
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Options of a recording: levels of books, size of parts, layout of files.
#[derive(Clone, Copy, Debug)]
pub struct RecordSettings {
    /// Levels of each book, the best counted.
    pub levels: usize,
    /// A part is made after so long,
    pub rotate_after: Duration,
    /// or when its spool has so many bytes.
    pub rotate_bytes: u64,
    /// How rows are laid into files.
    pub layout: Layout,
}

impl RecordSettings {
    /// Levels that are kept if nothing else is said.
    pub const LEVELS: u8 = 5;

    /// As is usual: parts of an hour, or of 64 MB of spool.
    #[must_use]
    pub const fn default_for_layout(layout: Layout) -> Self {
        let (rotate_after, rotate_bytes) = (Duration::from_hours(1), 64_000_000);
        Self { levels: Self::LEVELS as usize, rotate_after, rotate_bytes, layout }
    }
}

/// Counts of what a recorder took and wrote in this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Inputs and trades written to the spool by this process, gaps included.
    pub lines: u64,
    /// Spools turned into Parquet files, those left by an earlier recorder included.
    pub parts: u64,
    /// Sum over these parts: files, bytes, rows, gaps, trades and losses.
    pub published: Published,
}

impl Totals {
    fn add_part(&mut self, part: Published) {
        let all = &mut self.published;
        self.parts += 1;
        all.files += part.files;
        all.bytes += part.bytes;
        all.rows += part.rows;
        all.gaps += part.gaps;
        all.trades += part.trades;
        all.crossed += part.crossed;
        all.torn += part.torn;
    }
}

/// Records into a data set until it is finished. Dropped before that, the rest is completed by the next one.
pub struct Recorder {
    folder: PathBuf,
    settings: RecordSettings,
    spool: Spool,
    number: u64,
    began: Duration,
    wrote: Duration,
    synced: Duration,
    /// The session's markets, and whether this spool has named them.
    markets: Vec<Option<(Arc<Market>, bool)>>,
    unpaid: Vec<(Arc<Market>, MarketStatus, Timestamp)>,
    /// What stands behind the quote that comes next.
    behind: Option<(MarketId, Arc<Depth>)>,
    last: Option<Timestamp>,
    converter: Converter,
    totals: Totals,
    _lock: fs::File,
}

impl Recorder {
    /// Begins a data set in a folder, or goes on with the one there. What an earlier recorder has left unfinished
    /// is completed first, and from its last moment on no book counts as known.
    ///
    /// # Errors
    /// When another process records there, the folder holds something else, or it cannot be written.
    pub fn open(folder: &Path, settings: RecordSettings) -> Result<Self, DataError> {
        let own = folder.join(FOLDER);
        if folder.join("markets.parquet").exists() && !own.exists() {
            let problem = "holds a data set that was not recorded; give another --out";
            return Err(DataError::of_file(folder, problem));
        }
        let lock = lock::acquire_lock(&own, folder)?;
        let mut state = read_state(folder)?;
        state.levels = settings.levels;
        let mut totals = Totals::default();
        for (number, spool) in leftover_spools(&own)? {
            if number < state.next_part {
                // Its part was made; only its removal was not.
                fs::remove_file(&spool).map_err(|error| DataError::of_file(&spool, error))?;
            } else {
                totals.add_part(publish_part(folder, &spool, number, settings.layout, &mut state)?);
            }
        }
        let (number, last, unpaid) = (state.next_part, state.last, state.unsettled_markets());
        let spool = Spool::create(&own.join(format!("{number:06}.{SPOOL}")))?;
        let converter = Converter::start_thread(folder.to_owned(), settings.layout, state)?;
        let zero = Duration::ZERO;
        let markets = unpaid.iter().map(|(market, ..)| Some((Arc::clone(market), false))).collect();
        let (began, wrote, synced) = (zero, zero, zero);
        let mut recorder = Self {
            folder: folder.to_owned(),
            settings,
            spool,
            number,
            began,
            wrote,
            synced,
            markets,
            unpaid,
            behind: None,
            last,
            converter,
            totals,
            _lock: lock,
        };
        // Nobody listened from the last moment on.
        recorder.lose_books(recorder.after_last());
        Ok(recorder)
    }

    /// Markets that are known and were not paid out, numbered as the session has to number them.
    #[must_use]
    pub fn unsettled_markets(&self) -> &[(Arc<Market>, MarketStatus, Timestamp)] {
        &self.unpaid
    }

    /// What was recorded by this process, and completed of what was found.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// The moment of the last line.
    #[must_use]
    pub const fn last_time(&self) -> Option<Timestamp> {
        self.last
    }

    /// The first moment after all lines that a data set can tell from theirs.
    #[must_use]
    pub fn after_last(&self) -> Timestamp {
        self.last.map_or(Timestamp::MIN, |last| last.floor_micros() + Span::MICROSECOND)
    }

    /// From `at` on no book is known.
    pub fn lose_books(&mut self, at: Timestamp) {
        let known = self.markets.iter().flatten().map(|(market, _)| market.id);
        for market in known.collect::<Vec<_>>() {
            self.take_input(at, &Input::Market(MarketEvent::Gap { market }), None);
        }
    }

    /// From here on markets have other numbers; they are listed anew, those that are known too.
    pub fn reset_market_numbers(&mut self) {
        self.markets.clear();
        self.behind = None;
    }

    /// Takes what was told, if it is of the market; `beside` is more of the book of a quote. Stamps do not go
    /// back and are kept in whole microseconds.
    pub fn take_input(&mut self, at: Timestamp, input: &Input, beside: Option<&BookExtras>) {
        let Input::Market(event) = input else { return };
        match event {
            MarketEvent::Listed(market) => self.remember_market(market),
            MarketEvent::Depth { market, depth } => {
                self.behind = Some((*market, Arc::clone(depth)));
                return;
            }
            MarketEvent::Fees { series, .. } => {
                let of_it = |slot: &&Option<(Arc<Market>, bool)>| {
                    slot.as_ref().is_some_and(|(market, _)| market.series == *series)
                };
                let found = self.markets.iter().find(of_it);
                let Some(id) = found.and_then(Option::as_ref).map(|(market, _)| market.id) else { return };
                self.ensure_market_listed(at, id);
            }
            MarketEvent::Quote { market, .. }
            | MarketEvent::Gap { market }
            | MarketEvent::Status { market, .. }
            | MarketEvent::CloseTime { market, .. }
            | MarketEvent::Settled { market, .. } => {
                if !self.ensure_market_listed(at, *market) {
                    return;
                }
            }
        }
        let behind = self.behind.take_if(|(market, _)| is_quote_of(event, *market));
        // To a desk that looks at depth it was told as an input of its own.
        let told = behind.map(|(_, deeper)| BookExtras { open_interest: None, deeper });
        spool_record::put_input(self.spool.line_buffer(), at, input, beside.or(told.as_ref()));
        self.count_line(at);
    }

    /// Writes a public trade to the spool; one of a market that was never listed is left out.
    pub fn take_trade(&mut self, at: Timestamp, trade: &PublicTrade) {
        if self.ensure_market_listed(at, trade.market) {
            spool_record::put_trade(self.spool.line_buffer(), at, trade);
            self.count_line(at);
        }
    }

    fn count_line(&mut self, at: Timestamp) {
        self.last = Some(at);
        self.totals.lines += 1;
    }

    fn remember_market(&mut self, market: &Arc<Market>) {
        let index = market.id.index();
        if self.markets.len() <= index {
            self.markets.resize(index + 1, None);
        }
        self.markets[index] = Some((Arc::clone(market), true));
    }

    /// Makes sure that this spool has named a market; whether it is known at all.
    fn ensure_market_listed(&mut self, at: Timestamp, market: MarketId) -> bool {
        let Some((market, named)) = self.markets.get_mut(market.index()).and_then(Option::as_mut) else {
            return false;
        };
        if !std::mem::replace(named, true) {
            let listed = Input::Market(MarketEvent::Listed(Arc::clone(market)));
            spool_record::put_input(self.spool.line_buffer(), at, &listed, None);
        }
        true
    }

    /// Makes safe what was taken, and begins another part if it is time; `now` is the time since any start.
    ///
    /// # Errors
    /// When something cannot be written. What was made safe before is completed by the next recorder.
    pub fn flush_and_rotate(&mut self, now: Duration) -> Result<(), DataError> {
        self.spool.write_if_much()?;
        if now.saturating_sub(self.wrote) >= WRITE_EVERY {
            self.wrote = now;
            self.spool.write_frame()?;
        }
        if now.saturating_sub(self.synced) >= SYNC_EVERY {
            self.synced = now;
            self.spool.sync_to_disk()?;
        }
        let old = now.saturating_sub(self.began) >= self.settings.rotate_after && !self.spool.is_empty();
        if old || self.spool.len() >= self.settings.rotate_bytes {
            self.began = now;
            self.rotate_spool()?;
        }
        while let Some(part) = self.converter.try_next_part()? {
            self.totals.add_part(part);
        }
        Ok(())
    }

    /// Begins another spool and lets a part be made of the present one.
    fn rotate_spool(&mut self) -> Result<(), DataError> {
        self.spool.sync_to_disk()?;
        let full = self.number;
        self.number += 1;
        self.spool = Spool::create(&spool_file(&self.folder, self.number))?;
        self.markets.iter_mut().flatten().for_each(|(_, named)| *named = false);
        self.converter.queue_spool(full);
        Ok(())
    }

    /// Completes the data set.
    ///
    /// # Errors
    /// When something cannot be written. What was made safe before is completed by the next recorder.
    pub fn finish_recording(mut self) -> Result<Totals, DataError> {
        self.spool.sync_to_disk()?;
        self.converter.queue_spool(self.number);
        for part in self.converter.finish_parts()? {
            self.totals.add_part(part);
        }
        Ok(self.totals)
    }
}

fn is_quote_of(event: &MarketEvent, market: MarketId) -> bool {
    matches!(event, MarketEvent::Quote { market: of, .. } if *of == market)
}

fn spool_file(folder: &Path, number: u64) -> PathBuf {
    folder.join(FOLDER).join(format!("{number:06}.{SPOOL}"))
}

fn read_state(folder: &Path) -> Result<RecorderState, DataError> {
    let file = folder.join(STATE);
    match fs::read_to_string(&file) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| {
            DataError::of_file(
                &file,
                format!("is not what a recorder has written: {error}; give another --out"),
            )
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(RecorderState::default()),
        Err(error) => Err(DataError::of_file(&file, format!("cannot be read: {error}"))),
    }
}

/// Spools that were left, in order.
fn leftover_spools(own: &Path) -> Result<Vec<(u64, PathBuf)>, DataError> {
    let unread = |error: io::Error| DataError::of_file(own, format!("cannot be listed: {error}"));
    let mut found = Vec::new();
    for entry in fs::read_dir(own).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        if let Some(number) = number.filter(|_| path.extension().is_some_and(|end| end == SPOOL)) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

/// A thread that makes parts of spools, one after another.
struct Converter {
    folder: PathBuf,
    todo: Option<Sender<u64>>,
    parts: Receiver<Result<Published, DataError>>,
    thread: Option<JoinHandle<()>>,
}

impl Converter {
    fn start_thread(folder: PathBuf, layout: Layout, mut state: RecorderState) -> Result<Self, DataError> {
        let (todo, numbers) = channel::<u64>();
        let (done, parts) = channel();
        let own = folder.clone();
        let work = move || {
            for number in numbers {
                let part = publish_part(&own, &spool_file(&own, number), number, layout, &mut state);
                let failed = part.is_err();
                if done.send(part).is_err() || failed {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("record".into()).spawn(work);
        let thread = thread.map_err(|error| DataError::of_file(&folder, format!("no thread: {error}")))?;
        Ok(Self { folder, todo: Some(todo), parts, thread: Some(thread) })
    }

    fn queue_spool(&self, number: u64) {
        // A thread that has ended has said why, which is heard next.
        let _ended = self.todo.as_ref().map(|todo| todo.send(number));
    }

    /// A part that was made meanwhile.
    fn try_next_part(&self) -> Result<Option<Published>, DataError> {
        match self.parts.try_recv() {
            Ok(part) => part.map(Some),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(DataError::of_file(
                &self.folder,
                "the thread that makes Parquet files has ended; start again",
            )),
        }
    }

    /// Waits until the thread has made all parts; returns those not yet counted.
    fn finish_parts(&mut self) -> Result<Vec<Published>, DataError> {
        self.todo = None;
        let parts = self.parts.iter().collect::<Result<_, _>>()?;
        if self.join_thread().is_err() {
            let problem = "the thread that makes Parquet files broke off; start again to complete them";
            return Err(DataError::of_file(&self.folder, problem));
        }
        Ok(parts)
    }

    fn join_thread(&mut self) -> thread::Result<()> {
        self.todo = None;
        self.thread.take().map_or(Ok(()), JoinHandle::join)
    }
}

impl Drop for Converter {
    fn drop(&mut self) {
        // What it is about to publish must not meet what the next recorder publishes.
        let _makes_way = self.join_thread();
    }
}
