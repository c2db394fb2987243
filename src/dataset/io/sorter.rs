//! Sorting more records than fit into memory: sorted runs in files, merged as they are read.
//!
//! Memory is bounded by the records it may hold and a buffer a run, whatever the size of the data. The order is that
//! of the records themselves, so it depends neither on the order of arrival nor on where a run ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::dataset::DataError;

const BUFFER: usize = 1 << 18;

/// Something that can be laid into a file.
pub trait SortRecord: Copy + Ord {
    /// Length of every record in a run file, in bytes.
    const SIZE: usize;
    /// When, in microseconds since 1970. What is earlier comes first, whatever else the order is by.
    fn timestamp_micros(&self) -> i64;
    /// Appends its bytes, exactly [`SIZE`](Self::SIZE).
    fn append_bytes(self, bytes: &mut Vec<u8>);
    /// Reads it from as many bytes.
    fn from_bytes(bytes: &[u8]) -> Self;
}

/// Takes the next bytes, for [`SortRecord::from_bytes`].
pub fn take_bytes<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (head, rest) = bytes.split_first_chunk().expect("a record has all its bytes");
    *bytes = rest;
    *head
}

/// Collects records to be sorted; whenever memory is full, it writes them to a file as a sorted run.
#[derive(Debug)]
pub struct Sorter<R> {
    folder: PathBuf,
    limit: usize,
    buffer: Vec<R>,
    runs: Vec<PathBuf>,
}

impl<R: SortRecord> Sorter<R> {
    /// A sorter that holds at most `limit` records in memory and lays the others into `folder`,
    /// which is made if need be.
    #[must_use]
    pub fn new(folder: &Path, limit: usize) -> Self {
        Self { folder: folder.to_owned(), limit, buffer: Vec::new(), runs: Vec::new() }
    }

    /// Has room for so many records, as far as memory may hold them.
    #[must_use]
    pub fn with_room(mut self, records: u64) -> Self {
        let records = usize::try_from(records).map_or(self.limit, |records| records.min(self.limit));
        self.buffer.reserve_exact(records);
        self
    }

    /// Takes a record.
    ///
    /// # Errors
    /// When a run cannot be written.
    #[inline]
    pub fn push(&mut self, record: R) -> Result<(), DataError> {
        if self.buffer.len() == self.limit {
            self.spill_to_disk()?;
        }
        self.buffer.push(record);
        Ok(())
    }

    fn spill_to_disk(&mut self) -> Result<(), DataError> {
        let order = SortOrder::from_records(&self.buffer);
        let path = self.folder.join(format!("run-{:06}.tmp", self.runs.len()));
        let cannot = |error| DataError::of_file(&path, format!("cannot be written: {error}"));
        std::fs::create_dir_all(&self.folder).map_err(cannot)?;
        let mut file = File::create(&path).map_err(cannot)?;
        let mut bytes = Vec::with_capacity(BUFFER);
        for keys in order.keys.chunks(BUFFER / R::SIZE) {
            bytes.clear();
            keys.iter().for_each(|&key| self.buffer[order.record_number(key)].append_bytes(&mut bytes));
            file.write_all(&bytes).map_err(cannot)?;
        }
        self.buffer.clear();
        self.runs.push(path);
        Ok(())
    }

    /// All records in order.
    ///
    /// # Errors
    /// When a run cannot be written or read.
    pub fn into_sorted(mut self) -> Result<Sorted<R>, DataError> {
        if self.runs.is_empty() {
            let order = SortOrder::from_records(&self.buffer);
            let (runs, heads) = Default::default();
            return Ok(Sorted { memory: self.buffer, order, next: 0, runs, heads });
        }
        if !self.buffer.is_empty() {
            self.spill_to_disk()?;
        }
        let mut runs = self.runs.iter().map(|path| SortedRun::open(path)).collect::<Result<Vec<_>, _>>()?;
        let mut heads = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            heads.extend(run.next_record()?.map(|record| Reverse((record, number))));
        }
        let (memory, order) = Default::default();
        Ok(Sorted { memory, order, next: 0, runs, heads })
    }
}

/// The order of records in memory, as sorted keys that end in the records' numbers.
#[derive(Debug, Default)]
struct SortOrder {
    /// In order, one a record: as much of its time as there is room for, above its number.
    keys: Vec<u64>,
    number_bits: u32,
}

impl SortOrder {
    /// Numbers are sorted, not records, which are several times as large and take longer to compare.
    #[expect(
        clippy::stable_sort_primitive,
        reason = "it finds what is in order already: most sources give one market after the other, each by time"
    )]
    fn from_records<R: SortRecord>(records: &[R]) -> Self {
        let times = || records.iter().map(SortRecord::timestamp_micros);
        let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
        let number_bits = usize::BITS - records.len().leading_zeros();
        let time_bits = u64::BITS - last.abs_diff(first).leading_zeros();
        let cut = (time_bits + number_bits).saturating_sub(u64::BITS);
        let key = |(at, number): (i64, u64)| (at.abs_diff(first) >> cut) << number_bits | number;
        let mut order = Self { keys: times().zip(0..).map(key).collect(), number_bits };
        order.keys.sort();
        let mut keys = std::mem::take(&mut order.keys);
        for equal in keys.chunk_by_mut(|a, b| a >> number_bits == b >> number_bits) {
            equal.sort_unstable_by_key(|&key| records[order.record_number(key)]);
        }
        Self { keys, ..order }
    }

    fn record_number(&self, key: u64) -> usize {
        usize::try_from(key & ((1 << self.number_bits) - 1)).expect("it was one")
    }
}

#[derive(Debug)]
struct SortedRun {
    path: PathBuf,
    file: File,
    /// Bytes that have not been read from the file.
    left: u64,
    /// Whole records, of which those before `next` have been given out.
    bytes: Vec<u8>,
    next: usize,
}

impl SortedRun {
    fn open(path: &Path) -> Result<Self, DataError> {
        let cannot = |error| DataError::of_file(path, format!("cannot be read: {error}"));
        let file = File::open(path).map_err(cannot)?;
        let left = file.metadata().map_err(cannot)?.len();
        Ok(Self { path: path.to_owned(), file, left, bytes: Vec::new(), next: 0 })
    }

    fn next_record<R: SortRecord>(&mut self) -> Result<Option<R>, DataError> {
        if self.next == self.bytes.len() {
            if self.left == 0 {
                return Ok(None);
            }
            self.refill_buffer(R::SIZE)?;
        }
        let end = self.next + R::SIZE;
        let record = R::from_bytes(&self.bytes[self.next..end]);
        self.next = end;
        Ok(Some(record))
    }

    fn refill_buffer(&mut self, size: usize) -> Result<(), DataError> {
        let most = BUFFER / size * size;
        let bytes = usize::try_from(self.left).map_or(most, |left| left.next_multiple_of(size).min(most));
        self.bytes.resize(bytes, 0);
        let read = self.file.read_exact(&mut self.bytes);
        read.map_err(|error| DataError::of_file(&self.path, format!("cannot be read: {error}")))?;
        self.left = self.left.saturating_sub(bytes as u64);
        self.next = 0;
        Ok(())
    }
}

/// Gives out sorted records one by one: from memory, or merged from the run files.
#[derive(Debug)]
pub struct Sorted<R> {
    memory: Vec<R>,
    /// The order of the records in `memory`; empty while runs are merged.
    order: SortOrder,
    /// How many of them have been given out.
    next: usize,
    runs: Vec<SortedRun>,
    heads: BinaryHeap<Reverse<(R, usize)>>,
}

impl<R: SortRecord> Sorted<R> {
    /// The next record.
    ///
    /// # Errors
    /// When a run cannot be read.
    #[inline]
    pub fn next_record(&mut self) -> Result<Option<R>, DataError> {
        if self.runs.is_empty() {
            let key = self.order.keys.get(self.next).copied();
            self.next += 1;
            return Ok(key.map(|key| self.memory[self.order.record_number(key)]));
        }
        self.next_of_runs()
    }

    fn next_of_runs(&mut self) -> Result<Option<R>, DataError> {
        let Some(mut head) = self.heads.peek_mut() else {
            return Ok(None);
        };
        let Reverse((record, number)) = *head;
        match self.runs[number].next_record()? {
            Some(next) => *head = Reverse((next, number)),
            None => drop(PeekMut::pop(head)),
        }
        Ok(Some(record))
    }
}
