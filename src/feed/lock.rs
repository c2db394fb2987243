//! One process at a time: a lock on a file, with the id of the process that has it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::DataError;

/// Takes the lock `file` of what is written at `out`; it is held until the file is dropped.
///
/// # Errors
/// When another process has it, or it cannot be made.
pub fn take(file: &Path, out: &Path) -> Result<File, DataError> {
    let cannot = |error: io::Error| DataError::of_file(out, format!("cannot be created: {error}"));
    let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(file);
    let mut lock = lock.map_err(cannot)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(taken(out, &mut lock)),
        Err(TryLockError::Error(error)) => return Err(cannot(error)),
    }
    let said = lock.set_len(0).and_then(|()| lock.seek(SeekFrom::Start(0)));
    said.and_then(|_| writeln!(lock, "{}", std::process::id())).map_err(cannot)?;
    Ok(lock)
}

fn taken(out: &Path, lock: &mut File) -> DataError {
    let mut holder = String::new();
    let read = lock.take(20).read_to_string(&mut holder);
    let holder = match read.ok().and_then(|_| holder.trim().parse::<u32>().ok()) {
        Some(pid) => format!("process {pid}"),
        None => "another process".into(),
    };
    DataError::of_file(out, format!("is being written by {holder}; wait for it, or give another --out"))
}
