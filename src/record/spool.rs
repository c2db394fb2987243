//! The spool: lines in frames that are appended to one file, each with its length and checksum.
//!
//! A frame is a length (4 bytes), a checksum (8 bytes of the BLAKE3 hash of its place in the file and its lines)
//! and the lines. A file that breaks off anywhere, or whose end is not what was written, has lost its last frames
//! and nothing else.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use crate::dataset::DataError;

const HEAD: usize = 12;
/// No frame is longer; a longer one is a damaged length.
const LONGEST: usize = 1 << 26;
/// Lines are written when there are so many bytes of them.
const WRITE_AT: usize = 1 << 18;

fn frame_checksum(offset: u64, lines: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&offset.to_le_bytes()).update(lines);
    let mut sum = [0; 8];
    hasher.finalize_xof().fill(&mut sum);
    sum
}

/// A spool that is being written.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    file: File,
    written: u64,
    lines: String,
    unsynced: bool,
}

impl Spool {
    /// Starts a spool. There must be none of that name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path) -> Result<Self, DataError> {
        let file = File::create_new(path).map_err(|error| write_error(path, &error))?;
        Ok(Self { path: path.to_owned(), file, written: 0, lines: String::new(), unsynced: false })
    }

    /// Returns the buffer that lines are appended to, each ended by a newline.
    pub const fn line_buffer(&mut self) -> &mut String {
        &mut self.lines
    }

    /// Bytes written and to be written.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.written + self.lines.len() as u64
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes what is appended, if it is much.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_if_much(&mut self) -> Result<(), DataError> {
        if self.lines.len() >= WRITE_AT { self.write_frame() } else { Ok(()) }
    }

    /// Hands what is appended to the operating system, as one frame: it survives the end of this process.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_frame(&mut self) -> Result<(), DataError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let lines = self.lines.as_bytes();
        let length = u32::try_from(lines.len()).ok().filter(|_| lines.len() <= LONGEST);
        let length = length.expect("frames are written long before they are too long");
        let mut frame = Vec::with_capacity(HEAD + lines.len());
        frame.extend_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(&frame_checksum(self.written, lines));
        frame.extend_from_slice(lines);
        self.file.write_all(&frame).map_err(|error| write_error(&self.path, &error))?;
        self.written += frame.len() as u64;
        self.lines.clear();
        self.unsynced = true;
        Ok(())
    }

    /// Writes what is appended and waits until it is on the disk: it survives the end of the machine.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn sync_to_disk(&mut self) -> Result<(), DataError> {
        self.write_frame()?;
        if std::mem::take(&mut self.unsynced) {
            self.file.sync_data().map_err(|error| write_error(&self.path, &error))?;
        }
        Ok(())
    }
}

fn write_error(path: &Path, error: &io::Error) -> DataError {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let advice = if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
        "; make room and start again: what was recorded is safe, and is completed then"
    } else {
        ""
    };
    DataError::of_file(path, format!("cannot be written: {error}{advice}"))
}

/// Reads a spool, frame by frame.
#[derive(Debug)]
pub struct SpoolReader {
    path: PathBuf,
    file: BufReader<File>,
    length: u64,
    read: u64,
}

impl SpoolReader {
    /// Opens a spool.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let unread = |error: io::Error| DataError::of_file(path, format!("cannot be read: {error}"));
        let file = File::open(path).map_err(unread)?;
        let length = file.metadata().map_err(unread)?.len();
        Ok(Self { path: path.to_owned(), file: BufReader::with_capacity(1 << 16, file), length, read: 0 })
    }

    /// The lines of the next whole frame; `None` at the end, or where the file is damaged.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn next_frame(&mut self) -> Result<Option<String>, DataError> {
        let left = self.length - self.read;
        let mut head = [0; HEAD];
        if left < HEAD as u64 {
            return Ok(None);
        }
        self.read_bytes(&mut head)?;
        let [a, b, c, d, sum @ ..] = head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > LONGEST || (length + HEAD) as u64 > left {
            return Ok(None);
        }
        let mut lines = vec![0; length];
        self.read_bytes(&mut lines)?;
        if frame_checksum(self.read, &lines) != sum {
            return Ok(None);
        }
        let Ok(lines) = String::from_utf8(lines) else { return Ok(None) };
        self.read += (HEAD + length) as u64;
        Ok(Some(lines))
    }

    fn read_bytes(&mut self, bytes: &mut [u8]) -> Result<(), DataError> {
        let unread = |error| DataError::of_file(&self.path, format!("cannot be read: {error}"));
        self.file.read_exact(bytes).map_err(unread)
    }

    /// Bytes after the last whole frame, once [`next_frame`](Self::next_frame) has no more.
    #[must_use]
    pub const fn torn_bytes(&self) -> u64 {
        self.length - self.read
    }
}
