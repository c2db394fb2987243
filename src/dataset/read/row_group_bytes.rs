//! The bytes of a row group, read at once.
//!
//! The decoder by itself reads eight kilobytes to see the head of a page, page by page: of small row groups that
//! is twice what they hold.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use bytes::buf::{Buf, Reader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};

/// Where in its file a row group lies.
pub(crate) fn row_group_extent(group: &RowGroupMetaData) -> Range<u64> {
    let ranges = || group.columns().iter().map(ColumnChunkMetaData::byte_range);
    let begin = ranges().map(|(start, _)| start).min().unwrap_or(0);
    begin..ranges().map(|(start, length)| start + length).max().unwrap_or(begin)
}

/// The bytes of one row group in memory, addressed by their offsets in the file.
#[derive(Debug)]
pub(crate) struct Stored {
    begin: u64,
    bytes: Bytes,
}

impl Stored {
    /// Reads a row group, whose footer was found to speak of bytes that the file has.
    pub(crate) fn read_row_group(file: &Path, group: &RowGroupMetaData) -> std::io::Result<Self> {
        let Range { start: begin, end } = row_group_extent(group);
        // The footer was checked against the file's length, so this is no more than the file.
        let mut bytes = Vec::with_capacity(usize::try_from(end - begin).unwrap_or(0));
        let mut handle = File::open(file)?;
        handle.seek(SeekFrom::Start(begin))?;
        handle.take(end - begin).read_to_end(&mut bytes)?;
        Ok(Self { begin, bytes: bytes.into() })
    }

    fn bytes_from(&self, start: u64) -> Result<Bytes> {
        let at = start.checked_sub(self.begin).and_then(|at| usize::try_from(at).ok());
        let at = at.filter(|&at| at <= self.bytes.len());
        let beyond = || ParquetError::EOF(format!("byte {start} is not in the row group"));
        Ok(self.bytes.slice(at.ok_or_else(beyond)?..))
    }
}

impl Length for Stored {
    fn len(&self) -> u64 {
        self.begin + self.bytes.len() as u64
    }
}

impl ChunkReader for Stored {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(self.bytes_from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let rest = self.bytes_from(start)?;
        if length > rest.len() {
            return Err(ParquetError::EOF(format!("{length} bytes from {start} are not in the row group")));
        }
        Ok(rest.slice(..length))
    }
}
