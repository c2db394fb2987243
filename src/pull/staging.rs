//! Where a pull works, and how its result appears: beside the data set until it is whole, by one process at a time.
//!
//! `.NAME.pulling` holds the answers so far, and later the files that are to be added. These are written into
//! `next`, put on the disk, and committed by renaming that folder to `ready`; from then on they are only moved to
//! where they belong, however often the process dies on the way. A data set that is there never loses a file: its
//! list of markets is replaced in one step, then files of snapshots and trades are added.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::dataset::DataError;
use crate::dataset::io::durable::{absent_is_fine, is_empty, sync_name, sync_path, sync_tree};
use crate::dataset::io::lock;

use super::state::STATE;

const ANSWERS: &str = "answers";
const NEXT: &str = "next";
const READY: &str = "ready";
/// What is replaced, in this order; the state is last, as it speaks of all the others.
const REPLACED: [&str; 2] = ["markets.parquet", "fee_changes.csv"];
/// Folders to which files are added.
const ADDED_TO: [&str; 2] = ["snapshots", "trades"];

/// The place of a pull, taken until dropped.
#[derive(Debug)]
pub struct PullStaging {
    out: PathBuf,
    work: PathBuf,
    _lock: File,
}

impl PullStaging {
    /// Takes the place of a data set, and completes what an earlier pull had committed.
    ///
    /// # Errors
    /// When another process is at it, something is there that was not pulled, or it cannot be written.
    pub fn lock_and_recover(out: &Path) -> Result<Self, DataError> {
        let cannot = |error: io::Error| DataError::of_file(out, format!("cannot be pulled to: {error}"));
        let Some(name) = out.file_name().filter(|_| out.parent().is_some()) else {
            return Err(DataError::of_file(out, "is no name for a folder"));
        };
        let work = out.with_file_name(format!(".{}.pulling", name.to_string_lossy()));
        let lock = lock::acquire_lock(&work, out)?;
        let place = Self { out: out.to_owned(), work, _lock: lock };
        place.recover_interrupted_pull().map_err(cannot)?;
        if is_empty(out).map_err(cannot)? || out.join(STATE).is_file() {
            return Ok(place);
        }
        place.remove_work_folder().map_err(cannot)?;
        Err(DataError::of_file(
            out,
            format!("is there, but has no {STATE}: it was not pulled; give another --out"),
        ))
    }

    fn recover_interrupted_pull(&self) -> io::Result<()> {
        if self.work_path(READY).is_dir() {
            self.install_draft()?;
        }
        // Died between moving the answers and the commit.
        let moved = self.work_path(NEXT).join(ANSWERS);
        if moved.is_file() {
            fs::rename(moved, self.answers_path())?;
        }
        absent_is_fine(fs::remove_dir_all(self.work_path(NEXT)))
    }

    fn work_path(&self, name: &str) -> PathBuf {
        self.work.join(name)
    }

    /// Returns the path of the file that keeps the answers got so far.
    pub fn answers_path(&self) -> PathBuf {
        self.work_path(ANSWERS)
    }

    /// An empty folder for what is to be added, or for what is sorted on the way.
    fn create_empty_folder(&self, name: &str) -> Result<PathBuf, DataError> {
        let folder = self.work_path(name);
        let made = absent_is_fine(fs::remove_dir_all(&folder)).and_then(|()| fs::create_dir(&folder));
        made.map_err(|error| DataError::of_file(&folder, format!("cannot be created: {error}")))?;
        Ok(folder)
    }

    /// A folder for what is sorted.
    pub fn create_sort_folder(&self, what: &str) -> Result<PathBuf, DataError> {
        self.create_empty_folder(&format!("sort-{what}"))
    }

    /// A folder for the files to be added.
    pub fn create_draft_folder(&self) -> Result<PathBuf, DataError> {
        self.create_empty_folder(NEXT)
    }

    /// Makes the draft part of the data set, and ends the pull.
    ///
    /// # Errors
    /// When that fails; the next pull carries on.
    pub fn publish_draft(self) -> Result<(), DataError> {
        self.commit_draft()
            .and_then(|()| self.install_draft())
            .and_then(|()| self.remove_work_folder())
            .map_err(|error| {
                let problem = format!("cannot be completed: {error}; run the same command again");
                DataError::of_file(&self.out, problem)
            })
    }

    fn commit_draft(&self) -> io::Result<()> {
        let next = self.work_path(NEXT);
        sync_tree(&next)?;
        // Committed answers are used up.
        fs::rename(self.answers_path(), next.join(ANSWERS))?;
        fs::rename(&next, self.work_path(READY))?;
        sync_path(&self.work)
    }

    fn install_draft(&self) -> io::Result<()> {
        let ready = self.work_path(READY);
        absent_is_fine(fs::remove_file(ready.join(ANSWERS)))?;
        if is_empty(&self.out)? {
            fs::rename(&ready, &self.out)?;
            return sync_name(&self.out);
        }
        for name in REPLACED {
            move_file(&ready.join(name), &self.out.join(name))?;
        }
        for folder in ADDED_TO.iter().filter(|folder| ready.join(folder).is_dir()) {
            fs::create_dir_all(self.out.join(folder))?;
            for entry in fs::read_dir(ready.join(folder))? {
                let name = entry?.file_name();
                move_file(&ready.join(folder).join(&name), &self.out.join(folder).join(&name))?;
            }
            sync_path(&self.out.join(folder))?;
        }
        move_file(&ready.join(STATE), &self.out.join(STATE))?;
        sync_path(&self.out)?;
        absent_is_fine(fs::remove_dir_all(&ready))
    }

    /// Ends the pull without a result; what was answered is thrown away.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn give_up(self) -> Result<(), DataError> {
        self.remove_work_folder()
            .map_err(|error| DataError::of_file(&self.work, format!("cannot be removed: {error}")))
    }

    fn remove_work_folder(&self) -> io::Result<()> {
        absent_is_fine(fs::remove_dir_all(&self.work))
    }
}

/// Moves a file that may have been moved already.
fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    absent_is_fine(fs::rename(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a draft of the given files.
    fn draft(place: &PullStaging, files: &[(&str, &str)]) {
        let next = place.create_draft_folder().unwrap();
        for (name, text) in files {
            fs::create_dir_all(next.join(name).parent().unwrap()).unwrap();
            fs::write(next.join(name), text).unwrap();
        }
        fs::write(place.answers_path(), "").unwrap();
    }

    fn read(out: &Path, name: &str) -> Option<String> {
        fs::read_to_string(out.join(name)).ok()
    }

    const FIRST: [(&str, &str); 3] = [("markets.parquet", "1"), ("snapshots/a.1", "1"), ("pull.json", "1")];
    const SECOND: [(&str, &str); 4] =
        [("markets.parquet", "2"), ("snapshots/a.2", "2"), ("trades/a.2", "2"), ("pull.json", "2")];

    #[test]
    fn what_was_committed_is_completed_wherever_the_process_died() {
        // Files that had been moved when it died: none, the markets, the markets and the snapshots.
        for moved in 0..3 {
            let folder = tempfile::tempdir().unwrap();
            let out = folder.path().join("mine");
            let place = PullStaging::lock_and_recover(&out).unwrap();
            draft(&place, &FIRST);
            place.publish_draft().unwrap();
            let place = PullStaging::lock_and_recover(&out).unwrap();
            draft(&place, &SECOND);
            place.commit_draft().unwrap();
            let ready = place.work_path(READY);
            drop(place);
            for name in ["markets.parquet", "snapshots/a.2"].iter().take(moved) {
                fs::rename(ready.join(name), out.join(name)).unwrap();
            }
            PullStaging::lock_and_recover(&out).unwrap().give_up().unwrap();
            for (name, text) in SECOND.iter().chain(&FIRST[1..2]) {
                assert_eq!(read(&out, name).as_deref(), Some(*text), "{moved}: {name}");
            }
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{moved}: nothing is left behind");
        }
    }

    #[test]
    fn what_was_not_committed_is_not_there_and_its_answers_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("mine");
        let place = PullStaging::lock_and_recover(&out).unwrap();
        draft(&place, &FIRST);
        fs::rename(place.answers_path(), place.work_path(NEXT).join(ANSWERS)).unwrap();
        drop(place);
        assert!(!out.exists());
        let place = PullStaging::lock_and_recover(&out).unwrap();
        assert!(place.answers_path().is_file() && !place.work_path(NEXT).exists() && !out.exists());
    }

    #[test]
    fn only_one_pulls_and_nothing_of_someone_else_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("mine");
        let place = PullStaging::lock_and_recover(&out).unwrap();
        let refused = PullStaging::lock_and_recover(&out).unwrap_err().to_string();
        let expected = format!("is being written by process {}", std::process::id());
        assert!(refused.contains(&expected), "{refused}");
        drop(place);
        PullStaging::lock_and_recover(&out).unwrap().give_up().unwrap();
        fs::create_dir(&out).unwrap();
        fs::write(out.join("thesis.txt"), "years of work").unwrap();
        let refused = PullStaging::lock_and_recover(&out).unwrap_err().to_string();
        assert!(refused.contains("was not pulled"), "{refused}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
