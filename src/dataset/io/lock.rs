//! One process at a time: a lock on a file, with the id of the process that has it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::dataset::DataError;

/// The name of a lock in the folder that it guards.
pub const LOCK: &str = "lock";

/// Takes the lock in `folder`, made if need be, for what is written at `out`; it is held until the file is dropped.
///
/// # Errors
/// When another process has it, or it cannot be made.
pub fn acquire_lock(folder: &Path, out: &Path) -> Result<File, DataError> {
    let cannot = |error: io::Error| DataError::of_file(out, format!("cannot be created: {error}"));
    let path = folder.join(LOCK);
    loop {
        fs::create_dir_all(folder).map_err(cannot)?;
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut lock = match lock {
            // Another process was just done and has removed the folder.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            lock => lock.map_err(cannot)?,
        };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(lock_held_error(out, &mut lock)),
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
        }
        let ours = lock.metadata().map_err(cannot)?.ino();
        // A lock on a file that was removed meanwhile keeps nobody out.
        if fs::metadata(&path).is_ok_and(|there| there.ino() == ours) {
            lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(cannot)?;
            return Ok(lock);
        }
    }
}

fn lock_held_error(out: &Path, lock: &mut File) -> DataError {
    let mut holder = String::new();
    let read = lock.take(20).read_to_string(&mut holder);
    let holder = match read.ok().and_then(|_| holder.trim().parse::<u32>().ok()) {
        Some(pid) => format!("process {pid}"),
        None => "another process".into(),
    };
    DataError::of_file(out, format!("is being written by {holder}; wait for it, or write to another folder"))
}
