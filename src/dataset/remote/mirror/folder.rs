//! A folder for copies, only for this process, and gone when it is done with it.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const PREFIX: &str = "protogen-data-";

/// A folder below the system's for temporary files. Beside it lies a lock, by which those of processes that were
/// killed can be told from those that are in use.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes one, and removes what others have left behind.
    pub(super) fn new() -> io::Result<Self> {
        Self::create_below(&std::env::temp_dir())
    }

    fn create_below(parent: &Path) -> io::Result<Self> {
        remove_left_behind(parent);
        let process = std::process::id();
        let mut number = 0u32;
        loop {
            let path = parent.join(format!("{PREFIX}{process}-{number}"));
            let lock = match File::create_new(lock_of(&path)) {
                Ok(lock) => Some(lock).filter(|lock| lock.try_lock().is_ok()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
                Err(error) => return Err(error),
            };
            match lock {
                Some(lock) => {
                    // Data may be licensed to its reader alone.
                    DirBuilder::new().mode(0o700).create(&path)?;
                    return Ok(Self { path, _lock: lock });
                }
                None => number += 1,
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove_with_lock(&self.path);
    }
}

fn lock_of(folder: &Path) -> PathBuf {
    folder.with_extension("lock")
}

fn remove_with_lock(folder: &Path) {
    // What cannot be removed is left to the system, which clears its temporary files.
    let _left_over = fs::remove_dir_all(folder);
    let _left_over = fs::remove_file(lock_of(folder));
}

fn remove_left_behind(parent: &Path) {
    let entries = parent.read_dir().into_iter().flatten().flatten();
    let locks = entries.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(PREFIX) && name.ends_with(".lock")
    });
    for path in locks {
        if let Ok(lock) = File::open(&path)
            && lock.try_lock().is_ok()
        {
            remove_with_lock(&path.with_extension(""));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_private_go_with_their_owner_and_outlive_no_process() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        // As a process that was killed leaves it.
        fs::create_dir(parent.path().join("protogen-data-1-0")).unwrap();
        fs::write(parent.path().join("protogen-data-1-0.lock"), "").unwrap();
        fs::create_dir(parent.path().join("protogen-data-mine")).unwrap();
        let first = Folder::create_below(parent.path()).unwrap();
        let second = Folder::create_below(parent.path()).unwrap();
        let mode = first.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_ne!(first.path(), second.path());
        assert!(!parent.path().join("protogen-data-1-0").exists());
        fs::write(first.path().join("markets.parquet"), "x").unwrap();
        drop(first);
        assert!(second.path().is_dir());
        drop(second);
        let left: Vec<_> =
            parent.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["protogen-data-mine"], "what has no lock is not ours");
    }
}
