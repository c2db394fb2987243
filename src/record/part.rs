//! A part of a recording: what one spool holds, as Parquet files that appear when they are whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::dataset::DataError;
use crate::dataset::facts::write_fee_changes;
use crate::dataset::import::layout::share_out;
use crate::dataset::io::durable;
use crate::dataset::write::recorded::{RecordedRow, RecordedWriter};
use crate::dataset::write::trades::{TradeRow, TradeWriter};
use crate::dataset::write::writer::write_recorded;
use crate::domain::Timestamp;

use super::spool::SpoolReader;
use super::spool_record;
use super::state::{KeptRows, Reading, RecordedTrade, RecorderState};

/// Rows of all row groups that are being filled together: what bounds the memory.
const ROWS_IN_FLIGHT: usize = 262_144;
const FEWEST_ROWS: usize = 4_096;
const MOST_ROWS: usize = 32_768;
/// A part of fewer rows is one file.
const ONE_FILE: u64 = 16_384;

/// How rows are laid into files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A file for some neighbouring series each: a run of one series reads little of the others.
    BySeries,
    /// One file in the order in which everything was told, also where two things have one moment.
    AsTold,
}

/// Counts of what was made of one spool, or of several together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Parquet files of snapshots and trades.
    pub files: u64,
    /// Size of these files together, in bytes.
    pub bytes: u64,
    /// Rows in the files of snapshots: quotes, gaps and other events.
    pub rows: u64,
    /// Rows among these from which on a book was not known until its next quote.
    pub gaps: u64,
    /// Public trades, a row each in the files of trades.
    pub trades: u64,
    /// Quotes whose bid was not below their ask, kept as gaps.
    pub crossed: u64,
    /// Bytes at the end of the spool that are no whole frame, and are lost.
    pub torn: u64,
}

/// Makes the part of a spool, and takes what is known of markets on to where it ends.
///
/// # Errors
/// When the spool cannot be read or the part cannot be written; then nothing of it is published but whole files
/// that the next attempt replaces.
pub fn publish_part(
    folder: &Path,
    spool: &Path,
    number: u64,
    layout: Layout,
    state: &mut RecorderState,
) -> Result<Published, DataError> {
    let plan = PartPlan::from_spool(spool, layout, state.clone())?;
    let mut after = plan.state;
    after.next_part = number + 1;
    let mut files = Files::default();
    let named = after.markets.iter().map(|known| known.definitions.len()).sum::<usize>();
    if named > 0 {
        files.write_file(folder.join("markets.parquet"), |file| {
            write_recorded(file, &after.market_listings())
        })?;
    }
    if !after.fees.is_empty() {
        files.write_file(folder.join("fee_changes.csv"), |file| write_fee_changes(file, &after.fees))?;
    }
    let mut published = plan.published;
    let first = files.todo.len();
    Writer::new(folder, number, (plan.first, plan.levels), &plan.file_of, state, &mut files)
        .write_spool_rows(spool, published.trades)?;
    published.files = (files.todo.len() - first) as u64;
    for (file, _) in &files.todo[first..] {
        let length = fs::metadata(file).map_err(|error| DataError::of_file(file, error))?;
        published.bytes += length.len();
    }
    let text = serde_json::to_string(&after).expect("what is known is plain data");
    files.write_file(folder.join(super::state::STATE), |file| write_text(file, &text))?;
    files.publish_files()?;
    *state = after;
    fs::remove_file(spool)
        .map_err(|error| DataError::of_file(spool, format!("cannot be removed: {error}")))?;
    Ok(published)
}

/// What a first reading of a spool shows.
struct PartPlan {
    state: RecorderState,
    published: Published,
    /// Levels that any book shows, as far as they are kept.
    levels: usize,
    first: Option<Timestamp>,
    /// Number of the snapshots file of each market, by its place in `RecorderState::markets`.
    file_of: Vec<u32>,
}

impl PartPlan {
    fn from_spool(spool: &Path, layout: Layout, before: RecorderState) -> Result<Self, DataError> {
        let (mut published, mut first, mut by_market) = (Published::default(), None, Vec::new());
        let (most, mut levels) = (before.levels.max(1), 1);
        let (reading, torn) = read_spool(spool, before, |at, _, kept| {
            match kept {
                KeptRows::Row(row) => {
                    first = first.or(Some(at));
                    published.rows += 1;
                    published.gaps +=
                        u64::from(row.event == Some(crate::dataset::read::row_event::RowEvent::Gap));
                    let deepest = row.deeper.bids.len().max(row.deeper.asks.len());
                    levels = levels.max(1 + deepest).min(most);
                    let market = row.packed.market as usize;
                    by_market.resize(by_market.len().max(market + 1), 0u64);
                    by_market[market] += 1;
                }
                KeptRows::Trade(_) => {
                    first = first.or(Some(at));
                    published.trades += 1;
                }
                KeptRows::Nothing => {}
            }
            Ok(())
        })?;
        (published.torn, published.crossed) = (torn, reading.crossed);
        let state = reading.state;
        by_market.resize(state.markets.len(), 0);
        let series = |place: usize| Arc::clone(&state.markets[place].latest_definition().series_ticker);
        let file_of = if layout == Layout::AsTold || published.rows < ONE_FILE {
            vec![0; by_market.len()]
        } else {
            let mut rows: BTreeMap<Arc<str>, u64> = BTreeMap::new();
            for (place, count) in by_market.iter().enumerate() {
                *rows.entry(series(place)).or_default() += count;
            }
            let counts: Vec<u64> = rows.values().copied().collect();
            let files: BTreeMap<_, _> = rows.into_keys().zip(share_out(&counts)).collect();
            (0..by_market.len()).map(|place| files[&series(place)]).collect()
        };
        Ok(Self { state, published, levels, first, file_of })
    }
}

/// Reads a spool to its last whole frame; returns what is known then, and the bytes that are left.
fn read_spool(
    spool: &Path,
    before: RecorderState,
    mut take: impl FnMut(Timestamp, &RecorderState, KeptRows) -> Result<(), DataError>,
) -> Result<(Reading, u64), DataError> {
    let mut reader = SpoolReader::open(spool)?;
    let mut reading = Reading::new(before);
    let mut number = 0;
    while let Some(frame) = reader.next_frame()? {
        for text in frame.lines() {
            number += 1;
            let (at, line) = spool_record::parse_line(text)
                .map_err(|problem| DataError::of_row(spool, number, problem))?;
            let kept = reading
                .apply_record(at, line)
                .map_err(|problem| DataError::of_row(spool, number, problem))?;
            take(at, &reading.state, kept)?;
        }
    }
    Ok((reading, reader.torn_bytes()))
}

/// Writes the rows of a part.
struct Writer<'a> {
    folder: &'a Path,
    name: String,
    levels: usize,
    file_of: &'a [u32],
    before: &'a RecorderState,
    rows_a_group: usize,
    parts: BTreeMap<u32, (RecordedWriter, Vec<RecordedRow>)>,
    trades: Option<(TradeWriter, Vec<RecordedTrade>)>,
    files: &'a mut Files,
}

impl<'a> Writer<'a> {
    fn new(
        folder: &'a Path,
        number: u64,
        (first, levels): (Option<Timestamp>, usize),
        file_of: &'a [u32],
        before: &'a RecorderState,
        files: &'a mut Files,
    ) -> Self {
        let date = first.map(Timestamp::utc_date).unwrap_or_default();
        let used = file_of.iter().collect::<BTreeSet<_>>().len();
        Self {
            folder,
            name: format!("{date}.{number:06}"),
            levels,
            file_of,
            before,
            rows_a_group: (ROWS_IN_FLIGHT / used.max(1)).clamp(FEWEST_ROWS, MOST_ROWS),
            parts: BTreeMap::new(),
            trades: None,
            files,
        }
    }

    fn write_spool_rows(mut self, spool: &Path, trades: u64) -> Result<(), DataError> {
        if trades > 0 {
            let file =
                self.files.begin_file(self.folder.join("trades").join(format!("{}.parquet", self.name)))?;
            self.trades = Some((TradeWriter::create(&file)?, Vec::new()));
        }
        let (reading, _) = read_spool(spool, self.before.clone(), |_, state, kept| match kept {
            KeptRows::Row(row) => self.add_row(row, state),
            KeptRows::Trade(trade) => self.add_trade(trade, state),
            KeptRows::Nothing => Ok(()),
        })?;
        for (mut writer, rows) in self.parts.into_values() {
            write_rows(&mut writer, &rows, &reading.state)?;
            writer.finish()?;
        }
        if let Some((mut writer, rows)) = self.trades {
            write_trades(&mut writer, &rows, &reading.state)?;
            writer.finish()?;
        }
        Ok(())
    }

    fn add_row(&mut self, row: RecordedRow, state: &RecorderState) -> Result<(), DataError> {
        let number = self.file_of[row.packed.market as usize];
        if !self.parts.contains_key(&number) {
            let name = format!("{}.{number:03}.parquet", self.name);
            let file = self.files.begin_file(self.folder.join("snapshots").join(name))?;
            self.parts.insert(number, (RecordedWriter::create(&file, self.levels)?, Vec::new()));
        }
        let (writer, rows) = self.parts.get_mut(&number).expect("it was just put there");
        rows.push(row);
        if rows.len() == self.rows_a_group {
            write_rows(writer, rows, state)?;
            rows.clear();
        }
        Ok(())
    }

    fn add_trade(&mut self, trade: RecordedTrade, state: &RecorderState) -> Result<(), DataError> {
        let (writer, rows) = self.trades.as_mut().expect("a first reading has counted them");
        rows.push(trade);
        if rows.len() == FEWEST_ROWS {
            write_trades(writer, rows, state)?;
            rows.clear();
        }
        Ok(())
    }
}

fn write_rows(
    writer: &mut RecordedWriter,
    rows: &[RecordedRow],
    state: &RecorderState,
) -> Result<(), DataError> {
    if rows.is_empty() {
        return Ok(());
    }
    writer.write_block(rows, |market| &state.markets[market as usize].latest_definition().ticker)
}

fn write_trades(
    writer: &mut TradeWriter,
    trades: &[RecordedTrade],
    state: &RecorderState,
) -> Result<(), DataError> {
    if trades.is_empty() {
        return Ok(());
    }
    writer.write_block(trades.iter().map(|trade| {
        let RecordedTrade { at, market, id, yes_price, contracts, taker } = trade;
        let ticker = &state.markets[*market].latest_definition().ticker;
        TradeRow { at: *at, ticker, id, yes_price: *yes_price, contracts: *contracts, taker: *taker }
    }))
}

fn write_text(file: &Path, text: &str) -> Result<(), DataError> {
    fs::write(file, text).map_err(|error| DataError::of_file(file, format!("cannot be written: {error}")))
}

/// Files under other names until all of them are on the disk. Dropped before that, nothing of them remains.
#[derive(Default)]
struct Files {
    /// Where each is now, and where it is to be.
    todo: Vec<(PathBuf, PathBuf)>,
}

impl Files {
    fn begin_file(&mut self, path: PathBuf) -> Result<PathBuf, DataError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .map_err(|error| DataError::of_file(folder, format!("cannot be created: {error}")))?;
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let partial = path.with_file_name(name);
        self.todo.push((partial.clone(), path));
        Ok(partial)
    }

    fn write_file(
        &mut self,
        path: PathBuf,
        write: impl FnOnce(&Path) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let partial = self.begin_file(path)?;
        write(&partial)
    }

    /// What is renamed first: the markets before what refers to them, and last what says that all is done.
    fn publish_files(mut self) -> Result<(), DataError> {
        let mut folders = BTreeSet::new();
        for (partial, _) in &self.todo {
            durable::sync_path(partial).map_err(|error| publish_error(partial, &error))?;
        }
        for (partial, path) in std::mem::take(&mut self.todo) {
            fs::rename(&partial, &path).map_err(|error| publish_error(&path, &error))?;
            folders.extend(path.parent().map(Path::to_owned));
        }
        for folder in folders {
            durable::sync_path(&folder).map_err(|error| publish_error(&folder, &error))?;
        }
        Ok(())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for (partial, _) in &self.todo {
            let _may_not_be_there = fs::remove_file(partial);
        }
    }
}

fn publish_error(path: &Path, error: &io::Error) -> DataError {
    DataError::of_file(path, format!("cannot be completed: {error}"))
}
