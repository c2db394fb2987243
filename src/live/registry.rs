//! Running desks, so that a command can reach all of them wherever their ledgers lie.
//!
//! A desk writes one small file into each of the [registry folders](paths::registry_dirs) for as long as it runs.
//! The file is named after the ledger's path, so that a desk started again replaces what a killed one left.
//! What counts is the lock of the ledger: an entry whose ledger nobody has locked is of a process that is gone,
//! and is removed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::lock::{Holder, LedgerLock};
use super::paths;

/// A desk that runs on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningDesk {
    /// Its ledger, from the root.
    pub ledger: PathBuf,
    /// Its process, as far as is known.
    pub pid: Option<u32>,
    /// The exchange it trades on; empty if it is not known.
    #[serde(default)]
    pub environment: String,
    /// `live` or `paper`; empty if it is not known.
    #[serde(default)]
    pub mode: String,
    /// The scenario's name; empty if it is not known.
    #[serde(default)]
    pub scenario: String,
}

/// A desk's entries, removed when dropped.
#[derive(Debug)]
pub struct DeskRegistration {
    files: Vec<PathBuf>,
    desk: RunningDesk,
}

impl RunningDesk {
    /// Registers a desk of this process, whose ledger it has locked, until the result is dropped.
    ///
    /// # Errors
    /// When none of the registry folders can be written. Such a desk must not trade: it could not be told to
    /// stop.
    pub fn register_on_machine(self) -> io::Result<DeskRegistration> {
        self.register_in(&paths::registry_dirs())
    }

    fn register_in(self, folders: &[PathBuf]) -> io::Result<DeskRegistration> {
        let text = serde_json::to_string(&self).expect("an entry is plain data");
        let mut problem = io::Error::other("this machine has no folder for it; set XDG_RUNTIME_DIR or HOME");
        let mut files = Vec::new();
        for folder in folders {
            match write_entry(folder, &self.ledger, &text) {
                Ok(file) => files.push(file),
                Err(error) => {
                    problem = io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
                }
            }
        }
        if files.is_empty() { Err(problem) } else { Ok(DeskRegistration { files, desk: self }) }
    }

    /// All desks that run on this machine: those that registered, and those of ledgers in the data folder. In
    /// order of their ledgers' paths.
    #[must_use]
    pub fn all_on_machine() -> Vec<Self> {
        Self::running_among(&paths::registry_dirs(), paths::known_ledgers())
    }

    fn running_among(folders: &[PathBuf], ledgers: Vec<PathBuf>) -> Vec<Self> {
        let mut desks = BTreeMap::new();
        let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
        for file in entries.map(|entry| entry.path()).filter(|path| is_entry(path)) {
            let entry = fs::read_to_string(&file).ok().and_then(|text| serde_json::from_str(&text).ok());
            let Some(entry): Option<Self> = entry else { continue };
            match entry.with_lock_holder() {
                Some(desk) => drop(desks.insert(desk.ledger.clone(), desk)),
                // Its process has ended without removing it.
                None => drop(fs::remove_file(file)),
            }
        }
        for ledger in ledgers {
            if let Some(desk) = Self::running_on_ledger(&ledger) {
                desks.entry(desk.ledger.clone()).or_insert(desk);
            }
        }
        desks.into_values().collect()
    }

    /// The desk that runs on a ledger; `None` if none does.
    #[must_use]
    pub fn running_on_ledger(ledger: &Path) -> Option<Self> {
        let ledger = paths::resolve_ledger_path(ledger).ok()?;
        let unknown = String::new;
        let (environment, mode, scenario) = (unknown(), unknown(), unknown());
        Self { ledger, pid: None, environment, mode, scenario }.with_lock_holder()
    }

    /// The same with the process that has the lock now; `None` if no process has.
    fn with_lock_holder(self) -> Option<Self> {
        match LedgerLock::lock_holder(&self.ledger) {
            Holder::Nobody => None,
            // It may be another process than the one that registered.
            Holder::Process(Some(pid)) => Some(Self { pid: Some(pid), ..self }),
            Holder::Process(None) | Holder::Unknown => Some(self),
        }
    }
}

impl Drop for DeskRegistration {
    fn drop(&mut self) {
        for file in &self.files {
            let ours = fs::read_to_string(file).is_ok_and(|text| {
                serde_json::from_str::<RunningDesk>(&text).is_ok_and(|found| found == self.desk)
            });
            if ours {
                let _stays = fs::remove_file(file);
            }
        }
    }
}

fn is_entry(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

/// Writes the entry of a ledger.
fn write_entry(folder: &Path, ledger: &Path, text: &str) -> io::Result<PathBuf> {
    let name = blake3::hash(ledger.as_os_str().as_encoded_bytes()).to_hex();
    paths::write_whole(folder, &name, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk(ledger: PathBuf, pid: u32) -> RunningDesk {
        let name = || "x".to_owned();
        RunningDesk { ledger, pid: Some(pid), environment: name(), mode: name(), scenario: name() }
    }

    fn entries(folder: &Path) -> usize {
        fs::read_dir(folder).map_or(0, Iterator::count)
    }

    #[test]
    fn a_desk_is_found_by_either_folder_while_its_ledger_is_locked() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap();
        let folders = [root.join("run"), root.join("data")];
        let (pid, ledger) = (std::process::id(), root.join("own.sqlite"));
        let lock = LedgerLock::acquire_lock(&ledger).unwrap();
        let registered = desk(ledger.clone(), pid).register_in(&folders).unwrap();
        for folder in &folders {
            let found = RunningDesk::running_among(std::slice::from_ref(folder), Vec::new());
            assert_eq!(found, [desk(ledger.clone(), pid)]);
        }
        assert_eq!(
            RunningDesk::running_among(&folders, vec![ledger.clone()]).len(),
            1,
            "one desk is listed once"
        );
        drop(registered);
        assert_eq!(folders.each_ref().map(|folder| entries(folder)), [0, 0]);
        let known = RunningDesk::running_among(&folders, vec![ledger.clone(), root.join("other.sqlite")]);
        assert_eq!(
            known.iter().map(|desk| (&desk.ledger, desk.pid)).collect::<Vec<_>>(),
            [(&ledger, Some(pid))]
        );
        drop(lock);
        assert_eq!(RunningDesk::running_among(&folders, vec![ledger]), []);
    }

    #[test]
    fn what_a_killed_desk_left_is_removed_and_what_cannot_be_read_is_passed_over() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("run");
        let gone = desk(home.path().join("gone.sqlite"), 1);
        write_entry(&folder, &gone.ledger, &serde_json::to_string(&gone).unwrap()).unwrap();
        fs::write(folder.join("broken.json"), "{").unwrap();
        assert_eq!(RunningDesk::running_among(std::slice::from_ref(&folder), Vec::new()), []);
        assert_eq!(entries(&folder), 1, "only what cannot be read is left");
    }

    #[test]
    fn a_desk_that_nobody_could_find_is_refused() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), "").unwrap();
        let nowhere = [home.path().join("file/desks")];
        let error = desk(home.path().join("a.sqlite"), 1).register_in(&nowhere).unwrap_err();
        assert!(error.to_string().contains("file/desks"), "{error}");
        assert!(desk(home.path().join("a.sqlite"), 1).register_in(&[]).is_err());
    }
}
