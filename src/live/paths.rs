//! Where a live desk keeps its things when nobody says otherwise: one folder of the owner on this machine.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

/// The platform's folder for the data of this program, `~/.local/share/protogen` on Linux.
///
/// # Errors
/// When the system knows no home folder.
pub fn data_dir() -> io::Result<PathBuf> {
    let base = etcetera::choose_base_strategy().map_err(io::Error::other)?;
    Ok(base.data_dir().join("protogen"))
}

/// The folders in which running desks register, the first one first: in the session's runtime folder
/// (`$XDG_RUNTIME_DIR`), if there is one, and in the data folder. Two, because a desk and the command that looks
/// for it may be started with different environments.
#[must_use]
pub fn registry_dirs() -> Vec<PathBuf> {
    let runtime = etcetera::choose_base_strategy().ok().and_then(|base| base.runtime_dir());
    let runtime = runtime.map(|folder| folder.join("protogen"));
    runtime.into_iter().chain(data_dir()).map(|folder| folder.join("desks")).collect()
}

/// A ledger's path from the root, without links, whether or not the file is there yet.
///
/// # Errors
/// When its folder is not there.
pub fn resolve_ledger_path(ledger: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(ledger)?;
    match (absolute.parent(), absolute.file_name()) {
        (Some(folder), Some(name)) => Ok(folder.canonicalize()?.join(name)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file's path")),
    }
}

/// The ledger of a scenario of this name, or of a desk without one.
///
/// # Errors
/// When the system knows no home folder.
pub fn default_ledger(scenario: Option<&str>) -> io::Result<PathBuf> {
    Ok(data_dir()?.join(format!("{}.sqlite", scenario.unwrap_or("default"))))
}

/// The ledgers in the data folder, the one written last first.
#[must_use]
pub fn known_ledgers() -> Vec<PathBuf> {
    let Ok(entries) = data_dir().and_then(fs::read_dir) else {
        return Vec::new();
    };
    let ledgers = entries.flatten().map(|entry| entry.path());
    let ledgers = ledgers.filter(|path| path.extension().is_some_and(|extension| extension == "sqlite"));
    let mut ledgers: Vec<_> = ledgers.map(|ledger| (last_written_at(&ledger), ledger)).collect();
    ledgers.sort();
    ledgers.into_iter().rev().map(|(_, ledger)| ledger).collect()
}

/// When a ledger was last written to; what a running desk writes goes into the file beside it first.
#[must_use]
pub fn last_written_at(ledger: &Path) -> Option<impl Ord + use<>> {
    let files = [ledger.to_owned(), path_with_suffix(ledger, "-wal")];
    files.iter().filter_map(|file| file.metadata().and_then(|known| known.modified()).ok()).max()
}

/// A path beside a ledger: its name with `ending` added.
pub(super) fn path_with_suffix(ledger: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(ledger);
    name.push(ending);
    PathBuf::from(name)
}

/// Makes a folder that only its owner may look into, and those above it.
///
/// # Errors
/// What the system reports.
pub fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Writes `NAME.json` into a private folder, whole or not at all. Replaces a file of that name, and returns its path.
///
/// # Errors
/// What the system reports.
pub fn write_whole(folder: &Path, name: &str, text: &str) -> io::Result<PathBuf> {
    make_private(folder)?;
    let file = folder.join(format!("{name}.json"));
    let partial = folder.join(format!(".{name}.{}.partial", std::process::id()));
    fs::write(&partial, text)?;
    fs::rename(&partial, &file)?;
    Ok(file)
}
