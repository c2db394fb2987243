//! Where a data set is written: under another name until it is whole, by one process at a time.
//!
//! Files go into `.NAME.importing` beside the data set; when all of them are on the disk, the folder gets its
//! name in one step. So what bears the name is complete, and what a killed import leaves behind is in
//! nobody's way: the next one clears it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::super::DataError;
use crate::dataset::io::durable::{is_empty, sync_name, sync_tree};
use crate::dataset::io::lock;
use crate::dataset::io::lock::LOCK;

/// A data set in the making. Dropped before [`publish`](Self::publish), nothing of it remains.
#[derive(Debug)]
pub struct StagedTarget {
    out: PathBuf,
    partial: PathBuf,
    _lock: File,
    published: bool,
}

impl StagedTarget {
    /// Takes a place for a data set.
    ///
    /// # Errors
    /// When something is there already, another process is writing it, or it cannot be written.
    pub fn claim_output_folder(out: &Path) -> Result<Self, DataError> {
        let cannot = |error: io::Error| DataError::of_file(out, format!("cannot be created: {error}"));
        let Some(name) = out.file_name().filter(|_| out.parent().is_some()) else {
            return Err(DataError::of_file(out, "is no name for a new folder"));
        };
        let partial = out.with_file_name(format!(".{}.importing", name.to_string_lossy()));
        let lock = lock::acquire_lock(&partial, out)?;
        let target = Self { out: out.to_owned(), partial, _lock: lock, published: false };
        // Only now is it certain that no other import is about to give the folder its name.
        target.must_be_free()?;
        target.clear_leftovers().map_err(cannot)?;
        Ok(target)
    }

    fn must_be_free(&self) -> Result<(), DataError> {
        // What cannot be listed is there.
        if is_empty(&self.out).unwrap_or(false) {
            return Ok(());
        }
        Err(DataError::of_file(&self.out, "is there already; remove it, or give another --out"))
    }

    /// Removes what a killed import has left.
    fn clear_leftovers(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.partial)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else if entry.file_name() != LOCK {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// A file or folder of the data set while it is being written.
    #[must_use]
    pub fn staged_path(&self, name: &str) -> PathBuf {
        self.partial.join(name)
    }

    /// Makes a folder in it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create_folder(&self, name: &str) -> Result<PathBuf, DataError> {
        let path = self.staged_path(name);
        fs::create_dir(&path)
            .map_err(|error| DataError::of_file(&path, format!("cannot be created: {error}")))?;
        Ok(path)
    }

    /// Takes a file or folder from elsewhere into it, if it is there.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub fn move_into_staging(&self, from: &Path, name: &str) -> Result<(), DataError> {
        match fs::rename(from, self.staged_path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(DataError::of_file(from, format!("cannot be moved: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Removes a folder of it.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove_folder(&self, folder: &Path) -> Result<(), DataError> {
        fs::remove_dir_all(folder)
            .map_err(|error| DataError::of_file(folder, format!("cannot be removed: {error}")))
    }

    /// Puts everything on the disk and gives the data set its name.
    ///
    /// # Errors
    /// When that fails; then nothing bears the name.
    pub fn publish(mut self) -> Result<(), DataError> {
        let cannot =
            |error: io::Error| DataError::of_file(&self.out, format!("cannot be completed: {error}"));
        sync_tree(&self.partial).map_err(cannot)?;
        fs::rename(&self.partial, &self.out).map_err(cannot)?;
        self.published = true;
        fs::remove_file(self.out.join(LOCK)).map_err(cannot)?;
        sync_name(&self.out).map_err(cannot)
    }
}

impl Drop for StagedTarget {
    fn drop(&mut self) {
        if !self.published {
            let _stays_for_the_next_to_clear = fs::remove_dir_all(&self.partial);
        }
    }
}
