//! What is on the disk when a write is called done: names that appear when their content is whole, and folders that
//! have been told to keep them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::parallel::work_through;
use crate::dataset::DataError;

/// Files that are put on the disk at the same time: it is told to keep them together, not each after the other.
pub const AT_ONCE: usize = 8;

/// Puts a file on the disk, or the names in a folder.
///
/// # Errors
/// When it cannot be opened, or the disk does not take it.
pub fn sync_path(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Puts a folder and everything in it on the disk.
///
/// # Errors
/// As [`sync_path`].
pub fn sync_tree(folder: &Path) -> io::Result<()> {
    let mut paths = Vec::new();
    list_recursively(folder, &mut paths)?;
    work_through(AT_ONCE, paths.iter(), |_| (), |(), path| sync_path(path), |()| ()).map(drop)
}

/// Lists a folder and everything in it.
fn list_recursively(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            list_recursively(&entry.path(), paths)?;
        } else {
            paths.push(entry.path());
        }
    }
    paths.push(folder.to_owned());
    Ok(())
}

/// Puts the name of a file or folder on the disk: that it is in the folder it is in.
///
/// # Errors
/// As [`sync_path`].
pub fn sync_name(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync_path(parent.unwrap_or(Path::new(".")))
}

/// What came of removing or moving what may be gone already.
///
/// # Errors
/// Any but that it is not there.
pub fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Whether a folder is empty, or not there.
///
/// # Errors
/// When it cannot be read.
pub fn is_empty(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Gives a file new content: `put` writes it under another name, which then takes the file's. So the file is there
/// whole, or as it was before.
///
/// # Errors
/// When it cannot be written.
pub fn replace_file_atomically(
    file: &Path,
    put: impl FnOnce(&Path) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let partial = file.with_file_name(format!(".{name}.{}.partial", std::process::id()));
    let install =
        || sync_path(&partial).and_then(|()| fs::rename(&partial, file)).and_then(|()| sync_name(file));
    let replaced = put(&partial).and_then(|()| install().map_err(|error| DataError::of_file(file, error)));
    replaced.map_err(|error| {
        let _left_over = fs::remove_file(&partial);
        DataError::of_file(file, format!("cannot be written: {}", error.problem))
    })
}
