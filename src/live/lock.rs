//! One desk a ledger: the lock that a second process cannot take, and by which others see that the first
//! still lives. The system releases it when the process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::paths::path_with_suffix;

/// Whoever only looks holds the lock for a moment; that must not keep a desk from starting.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(40);

/// The lock of a ledger, held until dropped.
#[derive(Debug)]
pub struct LedgerLock {
    file: File,
}

impl LedgerLock {
    /// Takes the lock of a ledger and writes our process id into it.
    ///
    /// # Errors
    /// When another process has it, which the message names, or the file cannot be written.
    pub fn acquire_lock(ledger: &Path) -> Result<Self, String> {
        let path = lock_file(ledger);
        let cannot = |error: std::io::Error| {
            format!("{} cannot be locked: {error}; give --ledger a place that can be written", path.display())
        };
        // Not truncated before it is locked: what is in it belongs to the holder.
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(cannot)?;
        for tried in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(cannot(error)),
                Err(TryLockError::WouldBlock) if tried < TRIES => pause_before_retry(),
                Err(TryLockError::WouldBlock) => return Err(in_use_message(ledger, read_pid(&mut file))),
            }
        }
        let write = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0)));
        let write = write.and_then(|_| writeln!(file, "{}", std::process::id())).and_then(|()| file.flush());
        write.map_err(cannot)?;
        Ok(Self { file })
    }

    /// Whether a process has the lock of a ledger, and which if it said so.
    #[must_use]
    pub fn lock_holder(ledger: &Path) -> Holder {
        let mut file = match File::open(lock_file(ledger)) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Holder::Nobody;
            }
            Err(_) => return Holder::Unknown,
        };
        match file.try_lock_shared() {
            Ok(()) => Holder::Nobody,
            Err(TryLockError::WouldBlock) => Holder::Process(read_pid(&mut file)),
            Err(TryLockError::Error(_)) => Holder::Unknown,
        }
    }
}

impl Drop for LedgerLock {
    fn drop(&mut self) {
        // A process id left behind would only mislead people; the lock itself goes with the file.
        let _stays = self.file.set_len(0);
    }
}

/// Who has a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// No process holds the lock, so the ledger is free.
    Nobody,
    /// A process with this id, if it could be read.
    Process(Option<u32>),
    /// The lock cannot be looked at, so a process may have it.
    Unknown,
}

impl Holder {
    /// Whether a process runs a desk on the ledger, as far as can be seen.
    #[must_use]
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Process(_) | Self::Unknown)
    }
}

fn lock_file(ledger: &Path) -> PathBuf {
    path_with_suffix(ledger, ".lock")
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn in_use_message(ledger: &Path, pid: Option<u32>) -> String {
    let who = pid.map_or_else(|| "another process".into(), |pid| format!("process {pid}"));
    format!(
        "{} is in use by {who}: two desks must not trade one ledger; stop that one first, or give another \
         ledger with --ledger",
        ledger.display()
    )
}

#[expect(clippy::disallowed_methods, reason = "another process is waited for")]
fn pause_before_retry() {
    std::thread::sleep(PAUSE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_has_a_ledger_and_others_are_told_who() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("a.sqlite");
        assert_eq!(LedgerLock::lock_holder(&ledger), Holder::Nobody);
        let lock = LedgerLock::acquire_lock(&ledger).unwrap();
        let pid = std::process::id();
        assert_eq!(LedgerLock::lock_holder(&ledger), Holder::Process(Some(pid)));
        let refused = LedgerLock::acquire_lock(&ledger).unwrap_err();
        assert!(refused.contains(&format!("process {pid}")) && refused.contains("--ledger"), "{refused}");
        LedgerLock::acquire_lock(&folder.path().join("b.sqlite")).unwrap();
        drop(lock);
        assert_eq!(LedgerLock::lock_holder(&ledger), Holder::Nobody);
        LedgerLock::acquire_lock(&ledger).unwrap();
        let nowhere = LedgerLock::acquire_lock(&folder.path().join("no/such/folder.sqlite")).unwrap_err();
        assert!(nowhere.contains("cannot be locked"), "{nowhere}");
    }
}
