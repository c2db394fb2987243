//! An import from files to files: rows are read, put away by month and series, and each part of the data set made from its
//! own, sorted by time.
//!
//! Files are read at the same time, and so are the parts of a month made; the months follow one another, because
//! what is known of a market goes on from one to the next.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use super::super::DataError;
use super::chunk::{Chunk, Wanted};
use super::layout::{self, LayoutPart, Months, PartFile, Place};
use super::listing::{ListingMeaning, Lookup, Markets};
use super::rejects::{Expected, RefusalTally, RowRefusal};
use super::row::timestamp_from_micros;
use super::spill::{SpillBuffer, SpillRun, SpilledRow};
use super::split::{Piece, split_file};
use super::staging::StagedTarget;
use super::{Report, Settings, Stage};
use crate::dataset::io::parallel::work_through;
use crate::dataset::io::sorter::{SortRecord, Sorter};
use crate::dataset::write::writer::{PackedRow, Volumes};

/// The column of any kind that holds the ticker.
const TICKER: usize = 1;

/// What rows are, and what becomes of them.
pub trait ImportKind: Sync {
    /// One row as it is spilled and sorted, such as a trade or a candle.
    type Row: SpilledRow;
    /// The columns that `read_row` reads, looked up once for each chunk.
    type Columns<'c>;
    /// What is known of a market from the rows before.
    type Known: Default + Clone + Send;
    /// Singular name of a row for messages, such as `trade` or `candle`.
    const NAME: &'static str;
    /// What the volumes of snapshots are like.
    const VOLUMES: Volumes;

    /// Finds the columns in a chunk.
    fn find_columns<'c>(&self, chunk: &'c Chunk<'_>) -> Self::Columns<'c>;

    /// Reads a row of a market.
    ///
    /// # Errors
    /// Why it cannot be used.
    fn read_row(
        &self,
        columns: &Self::Columns<'_>,
        row: usize,
        market: usize,
        markets: &Markets,
    ) -> Result<Self::Row, RowRefusal>;

    /// Takes note of a row from before what is asked for.
    fn record_earlier_row(known: &mut Self::Known, row: &Self::Row);

    /// The snapshot after the rows of a market at one moment, and how many of them were there twice.
    fn make_snapshot(&self, rows: &[Self::Row], known: &mut Self::Known) -> (PackedRow, u64);
}

/// Files of rows of a kind, and the markets they are held against.
pub struct ImportJob<'a, K> {
    /// How rows are read and turned into snapshots: trades or candles, with their settings.
    pub kind: K,
    /// Paths of the Parquet or CSV files; their order does not change the data set.
    pub files: &'a [PathBuf],
    /// Columns to read, in the order of the kind's column list; `None` where one is not mapped.
    pub wanted: Vec<Option<Wanted>>,
    /// Kinds of refusal that are counted and reported; any other ends the import.
    pub expected: Expected,
    /// All markets that rows may belong to, and which of them were asked for.
    pub markets: &'a Markets,
}

impl<K: ImportKind> ImportJob<'_, K> {
    /// Imports the rows into the target and reports what became of them.
    ///
    /// # Errors
    /// The first row that cannot be used and is not expected, or a file that cannot be read or written.
    pub fn run_import(
        &self,
        target: &StagedTarget,
        settings: &mut Settings<'_>,
        report: &mut Report,
    ) -> Result<(), DataError> {
        let spill = target.create_folder("sort")?;
        let months = Months::default();
        let known = Memories::new(self.markets);
        let runs = self.read_files((&months, &spill), &known, settings, &mut report.rows)?;
        let mut counts: BTreeMap<Place, u64> = BTreeMap::new();
        runs.iter()
            .flat_map(SpillRun::rows_by_place)
            .for_each(|(place, rows)| *counts.entry(place).or_default() += rows);
        let limit = (settings.records_in_memory / settings.threads.max(1)).max(1);
        let maker = Maker {
            job: self,
            known: &known,
            runs: &runs,
            folder: &target.staged_path(""),
            spill: &spill,
            limit,
        };
        let total = counts.values().sum();
        for mut parts in layout::plan_parts(&counts, &months) {
            // The largest first: at the end no thread waits long for another.
            parts.sort_by_key(|part| std::cmp::Reverse(part.rows));
            maker.make_parts(&parts, total, settings, report)?;
        }
        report.seen = known.markets_with_snapshots(self.markets);
        target.remove_folder(&spill)
    }

    /// Reads the rows of all files.
    fn read_files(
        &self,
        (months, spill): (&Months, &Path),
        known: &Memories<K::Known>,
        settings: &mut Settings<'_>,
        tally: &mut RefusalTally,
    ) -> Result<Vec<SpillRun<K::Row>>, DataError> {
        let pieces = self.files.iter().flat_map(|file| match split_file(file, &self.wanted) {
            Ok(pieces) => pieces.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        });
        let since = self.markets.selection().since.map_or(i64::MIN, |since| since.nanos().div_euclid(1_000));
        let limit = settings.records_in_memory / settings.threads.max(1);
        let start = |number| Reader {
            job: self,
            known,
            since,
            lookup: Lookup::default(),
            spill: SpillBuffer::new(months, spill, number, limit),
            tally: RefusalTally::default(),
        };
        let total = super::bytes_of(self.files)?;
        let mut done = 0;
        let (readers, tallies) = work_through(
            settings.threads,
            pieces,
            start,
            |reader, piece: Result<Piece<'_>, DataError>| {
                let piece = piece?;
                piece.each_chunk(&self.wanted, &mut |chunk| reader.read_chunk(chunk))?;
                Ok((piece.bytes, std::mem::take(&mut reader.tally)))
            },
            |(bytes, _)| {
                done += bytes;
                (settings.progress)(Stage::Reading, done, total);
            },
        )?;
        tallies.into_iter().for_each(|(_, of_piece)| tally.add_tally(of_piece));
        Ok(readers.into_iter().flat_map(|reader| reader.spill.into_runs()).collect())
    }
}

/// What is known of each market, by series; whoever works on some series takes theirs.
struct Memories<T>(Vec<Mutex<Vec<Memory<T>>>>);

/// What is known of a market.
#[derive(Clone, Default)]
struct Memory<T> {
    known: T,
    /// Whether the import has written a snapshot of the market.
    seen: bool,
}

impl<T: Default + Clone> Memories<T> {
    fn new(markets: &Markets) -> Self {
        let mut sizes = Vec::new();
        for life in &markets.lives {
            sizes.resize(sizes.len().max(life.series + 1), 0);
            sizes[life.series] += 1;
        }
        Self(sizes.into_iter().map(|size| Mutex::new(vec![Memory::default(); size])).collect())
    }

    fn lock_series(&self, series: usize) -> MutexGuard<'_, Vec<Memory<T>>> {
        self.0[series].lock().expect("no thread panics while it has a series")
    }

    /// Whether each market has a snapshot.
    fn markets_with_snapshots(&self, markets: &Markets) -> Vec<bool> {
        markets.lives.iter().map(|life| self.lock_series(life.series)[life.place].seen).collect()
    }
}

/// Reads chunks, and spills their rows.
struct Reader<'a, K: ImportKind> {
    job: &'a ImportJob<'a, K>,
    known: &'a Memories<K::Known>,
    since: i64,
    lookup: Lookup,
    spill: SpillBuffer<'a, K::Row>,
    tally: RefusalTally,
}

impl<K: ImportKind> Reader<'_, K> {
    fn read_chunk(&mut self, chunk: &Chunk<'_>) -> Result<(), DataError> {
        let ImportJob { kind, markets, expected, .. } = self.job;
        let columns = kind.find_columns(chunk);
        let tickers = chunk.text_column(TICKER);
        let ticker = |row| tickers.text_at(row).unwrap_or_default().to_owned();
        let meanings = self.lookup.meanings_by_key(markets, &tickers.names);
        self.tally.read += chunk.rows as u64;
        for row in 0..chunk.rows {
            let market = match tickers.key_at(row).map(|key| meanings[key]) {
                Some(ListingMeaning::Market(market)) => Ok(market),
                Some(ListingMeaning::NotAskedFor) => {
                    self.tally.not_asked_for += 1;
                    continue;
                }
                Some(ListingMeaning::Refused) => Err(RowRefusal::MarketRefused(ticker(row))),
                Some(ListingMeaning::Unknown) => Err(RowRefusal::UnknownTicker(ticker(row))),
                None => Err(RowRefusal::Missing("ticker")),
            };
            let read = market.and_then(|market| Ok((market, kind.read_row(&columns, row, market, markets)?)));
            match read {
                Ok((market, found)) if found.timestamp_micros() < self.since => {
                    self.tally.not_asked_for += 1;
                    let life = &markets.lives[market];
                    K::record_earlier_row(&mut self.known.lock_series(life.series)[life.place].known, &found);
                }
                Ok((market, found)) => self.spill.push(found, markets.lives[market].series)?,
                Err(refusal) => self.tally.refuse_row(chunk.row_location(row), &refusal, *expected)?,
            }
        }
        Ok(())
    }
}

/// Makes the files of the data set.
struct Maker<'a, K: ImportKind> {
    job: &'a ImportJob<'a, K>,
    known: &'a Memories<K::Known>,
    runs: &'a [SpillRun<K::Row>],
    folder: &'a Path,
    spill: &'a Path,
    /// Rows of a part in memory.
    limit: usize,
}

/// What became of the rows of a part.
#[derive(Default)]
struct Made {
    snapshots: u64,
    taken: u64,
    twice: u64,
    /// Time and market of the first row that was there twice.
    first_twice: Option<(i64, u32)>,
    /// Times of the first and last snapshot, in microseconds since 1970; `None` without rows.
    times: Option<(i64, i64)>,
}

impl<K: ImportKind> Maker<'_, K> {
    /// Makes the parts of a stretch of time.
    fn make_parts(
        &self,
        parts: &[LayoutPart],
        total: u64,
        settings: &mut Settings<'_>,
        report: &mut Report,
    ) -> Result<(), DataError> {
        let mut done = report.rows.taken;
        let (_, made) = work_through(
            settings.threads.min(parts.len()),
            parts.iter(),
            |_| (),
            |(), part| self.make_part(part),
            |made| {
                done += made.taken;
                (settings.progress)(Stage::Writing, done, total);
            },
        )?;
        report.files += made.len() as u64;
        for part in &made {
            report.rows.taken += part.taken;
            report.snapshots += part.snapshots;
        }
        let twice = made.iter().filter_map(|part| part.first_twice).min();
        if let Some((at, market)) = twice {
            let ticker = self.job.markets.ticker(market as usize);
            let place = format!("a {} of {ticker} at {}", K::NAME, timestamp_from_micros(at));
            let rows = made.iter().map(|part| part.twice).sum();
            report.rows.refuse_rows(
                (Path::new(&place), None),
                &RowRefusal::Duplicate,
                self.job.expected,
                rows,
            )?;
        }
        let times = || made.iter().filter_map(|part| part.times);
        report.first = report.first.or(times().map(|(first, _)| timestamp_from_micros(first)).min());
        report.last = times().map(|(_, last)| timestamp_from_micros(last)).max().or(report.last);
        Ok(())
    }

    fn make_part(&self, part: &LayoutPart) -> Result<Made, DataError> {
        let ImportJob { kind, markets, .. } = self.job;
        let mut sorter = Sorter::new(&self.spill.join(&part.file), self.limit).with_room(part.rows);
        self.runs.iter().try_for_each(|run| run.for_each_row(&part.places, |row| sorter.push(row)))?;
        let mut rows = sorter.into_sorted()?;
        let mut memories: Vec<_> = part.series.clone().map(|series| self.known.lock_series(series)).collect();
        let mut file = PartFile::create(&self.folder.join(&part.file), part.rows, markets, K::VOLUMES)?;
        let mut made = Made::default();
        let mut moment = Vec::new();
        let mut next = rows.next_record()?;
        while let Some(first) = next {
            let (at, market) = (first.timestamp_micros(), first.market_index());
            moment.clear();
            while let Some(row) =
                next.filter(|row| (row.timestamp_micros(), row.market_index()) == (at, market))
            {
                moment.push(row);
                next = rows.next_record()?;
            }
            let life = &markets.lives[market as usize];
            let memory = &mut memories[life.series - part.series.start][life.place];
            let (snapshot, twice) = kind.make_snapshot(&moment, &mut memory.known);
            memory.seen = true;
            file.write_row(snapshot)?;
            made.snapshots += 1;
            made.taken += moment.len() as u64 - twice;
            if twice > 0 {
                made.twice += twice;
                made.first_twice.get_or_insert((at, market));
            }
            made.times = Some((made.times.map_or(at, |(first, _)| first), at));
        }
        file.finish()?;
        Ok(made)
    }
}
