//! Rows of all markets, in any order, into files by month: sorted by time, each moment of a market once.

use std::path::Path;

use crate::dataset::DataError;
use crate::dataset::io::sorter::{SortRecord, Sorter, take_bytes};
use crate::dataset::write::trades::{TradeRow, TradeWriter};
use crate::dataset::write::writer::{PackedRow, SnapshotWriter};
use crate::domain::{Contracts, Price, Side, Timestamp};

/// Most rows of a Parquet row group.
const ROW_GROUP: usize = 32_768;
/// Bytes of a trade's id; the exchange's are UUIDs of 36.
const ID: usize = 48;

/// A trade. The order is that of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PulledTrade {
    /// When it was traded, in microseconds since 1970, UTC.
    pub at: i64,
    /// Number of the market, in order of tickers.
    pub market: u32,
    id: [u8; ID],
    yes_price: Price,
    count: i64,
    taker_yes: bool,
}

impl PulledTrade {
    /// A trade of the exchange; `None` if its id is too long to be one.
    pub fn new(market: u32, row: &super::exchange::TradeRow) -> Option<Self> {
        let (at, ref name, yes_price, count, taker_yes) = *row;
        let mut id = [0; ID];
        id.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(Self { at, market, id, yes_price, count, taker_yes })
    }
}

impl SortRecord for PulledTrade {
    const SIZE: usize = 23 + ID;

    fn timestamp_micros(&self) -> i64 {
        self.at
    }

    fn append_bytes(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.at.to_le_bytes());
        bytes.extend(self.market.to_le_bytes());
        bytes.extend(self.id);
        bytes.extend(self.yes_price.get().to_le_bytes());
        bytes.extend(self.count.to_le_bytes());
        bytes.push(self.taker_yes.into());
    }

    fn from_bytes(mut bytes: &[u8]) -> Self {
        let bytes = &mut bytes;
        Self {
            at: i64::from_le_bytes(take_bytes(bytes)),
            market: u32::from_le_bytes(take_bytes(bytes)),
            id: take_bytes(bytes),
            yes_price: Price::new(u16::from_le_bytes(take_bytes(bytes))).expect("a price was put"),
            count: i64::from_le_bytes(take_bytes(bytes)),
            taker_yes: take_bytes(bytes) == [1],
        }
    }
}

/// What can be laid into files by month.
pub trait Dated: SortRecord {
    /// Writer of a Parquet file of these records.
    type File;
    /// Whether it says the same moment, or the same trade, as another.
    fn is_again(&self, other: &Self) -> bool;
    /// Creates a file without rows at this path.
    fn create_file(path: &Path) -> Result<Self::File, DataError>;
    /// Adds records to a file as a row group; `tickers` has each market's ticker at its number.
    fn write_row_group(file: &mut Self::File, rows: &[Self], tickers: &[&str]) -> Result<(), DataError>;
    /// Writes what is still held and the end of the file, without which it cannot be read.
    fn finish_file(file: Self::File) -> Result<(), DataError>;
}

impl Dated for PackedRow {
    type File = SnapshotWriter;

    fn is_again(&self, other: &Self) -> bool {
        (self.at, self.market) == (other.at, other.market)
    }

    fn create_file(path: &Path) -> Result<SnapshotWriter, DataError> {
        SnapshotWriter::create(path)
    }

    fn write_row_group(file: &mut SnapshotWriter, rows: &[Self], tickers: &[&str]) -> Result<(), DataError> {
        file.write_block(rows, |market| tickers[market as usize], Vec::new())
    }

    fn finish_file(file: SnapshotWriter) -> Result<(), DataError> {
        file.finish()
    }
}

impl Dated for PulledTrade {
    type File = TradeWriter;

    fn is_again(&self, other: &Self) -> bool {
        (self.market, self.id) == (other.market, other.id)
    }

    fn create_file(path: &Path) -> Result<TradeWriter, DataError> {
        TradeWriter::create(path)
    }

    fn write_row_group(file: &mut TradeWriter, rows: &[Self], tickers: &[&str]) -> Result<(), DataError> {
        file.write_block(rows.iter().map(|row| TradeRow {
            at: row.at,
            ticker: tickers[row.market as usize],
            id: std::str::from_utf8(&row.id).unwrap_or_default().trim_end_matches('\0'),
            yes_price: row.yes_price,
            contracts: Contracts::from_hundredths(row.count),
            taker: if row.taker_yes { Side::Yes } else { Side::No },
        }))
    }

    fn finish_file(file: TradeWriter) -> Result<(), DataError> {
        file.finish()
    }
}

/// How many rows [`by_month`] wrote into how many files, and how many it left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows written, over the files of all months.
    pub rows: u64,
    /// Rows left out, as they say the same moment or trade as the row before.
    pub again: u64,
    /// Files written: one for each month that has rows.
    pub files: u64,
    /// First and last, in microseconds since 1970.
    pub times: Option<(i64, i64)>,
}

/// Writes all records into files of a month each, `FOLDER/2024-01.001.parquet`; the number is the generation.
pub fn by_month<R: Dated>(
    records: Sorter<R>,
    folder: &Path,
    generation: u32,
    tickers: &[&str],
) -> Result<Written, DataError> {
    let mut sorted = records.into_sorted()?;
    let mut written = Written::default();
    let mut open: Option<(String, R::File)> = None;
    let mut rows: Vec<R> = Vec::with_capacity(ROW_GROUP);
    let mut last: Option<R> = None;
    while let Some(record) = sorted.next_record()? {
        if last.is_some_and(|last| last.is_again(&record)) {
            written.again += 1;
            continue;
        }
        last = Some(record);
        let month = month_of(record.timestamp_micros());
        let same = open.as_ref().is_some_and(|(name, _)| *name == month);
        let full = rows.len() == ROW_GROUP || !same;
        if let Some((_, file)) = open.as_mut().filter(|_| full && !rows.is_empty()) {
            R::write_row_group(file, &rows, tickers)?;
            rows.clear();
        }
        if !same {
            open.take().map(|(_, file)| R::finish_file(file)).transpose()?;
            std::fs::create_dir_all(folder)
                .map_err(|error| DataError::of_file(folder, format!("cannot be created: {error}")))?;
            let file = R::create_file(&folder.join(format!("{month}.{generation:03}.parquet")))?;
            open = Some((month, file));
            written.files += 1;
        }
        rows.push(record);
        written.rows += 1;
        written.times = Some((
            written.times.map_or(record.timestamp_micros(), |(first, _)| first),
            record.timestamp_micros(),
        ));
    }
    if let Some((_, mut file)) = open {
        R::write_row_group(&mut file, &rows, tickers)?;
        R::finish_file(file)?;
    }
    Ok(written)
}

/// Returns the UTC month of a moment in microseconds since 1970, as file names have it: `2024-01`.
fn month_of(micros: i64) -> String {
    let (year, month) = Timestamp::from_micros(micros).unwrap_or(Timestamp::MIN).year_month();
    format!("{year:04}-{month:02}")
}
