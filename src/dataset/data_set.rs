//! A data set: `markets.parquet`, snapshots and, optionally, `fee_changes.csv`, in a folder or on a server.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::DataError;
use super::read::decode::FilePlan;
use super::remote::address::{is_address, without_secrets};
use super::remote::mirror::Mirror;

/// The files of one data set.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// Folder of the files as it was given, or the address on a server without its secrets.
    pub folder: PathBuf,
    /// Path of `markets.parquet`: definitions and results of the markets.
    pub markets: PathBuf,
    /// `snapshots.parquet`, or the files in `snapshots/` by name.
    pub snapshots: Vec<PathBuf>,
    /// Path of `fee_changes.csv`; `None` if the data set has no such file.
    pub fee_changes: Option<PathBuf>,
    /// What keeps the files, where they are copies from a server.
    pub(crate) mirror: Option<Arc<Mirror>>,
}

impl DataSet {
    /// Finds the files of a data set. Of one on a server, the snapshots stay there until they are
    /// [fetched](Self::fetch_row_groups).
    ///
    /// # Errors
    /// When the folder, its markets or its snapshots are not there, or the server does not give them.
    pub fn open(place: &Path) -> Result<Self, DataError> {
        if !is_address(place) {
            return Self::of_folder(place);
        }
        let mirror = Mirror::open(place)?;
        let set =
            Self::of_folder(mirror.folder_of_copies()).map_err(|error| mirror.error_on_server(error))?;
        let folder = PathBuf::from(without_secrets(&place.to_string_lossy()));
        Ok(Self { folder, mirror: Some(Arc::new(mirror)), ..set })
    }

    /// Finds the files of a data set in a folder.
    ///
    /// # Errors
    /// When the folder, its markets or its snapshots are not there.
    pub(crate) fn of_folder(folder: &Path) -> Result<Self, DataError> {
        let missing = |what: &str| Err(DataError::of_file(folder, what));
        if !folder.is_dir() {
            return missing("is not a folder; a data set is a folder with markets.parquet and snapshots");
        }
        let markets = folder.join("markets.parquet");
        if !markets.is_file() {
            return missing("has no markets.parquet");
        }
        let single = folder.join("snapshots.parquet");
        let parts = folder.join("snapshots");
        let snapshots = match (single.is_file(), parts.is_dir()) {
            (true, true) => return missing("has both snapshots.parquet and snapshots/; keep one"),
            (true, false) => vec![single],
            (false, true) => parquet_files(&parts)?,
            (false, false) => return missing("has neither snapshots.parquet nor snapshots/*.parquet"),
        };
        if snapshots.is_empty() {
            return Err(DataError::of_file(&parts, "holds no *.parquet file"));
        }
        let fee_changes = folder.join("fee_changes.csv");
        // Something of that name that is passed over would be fees that nobody applies.
        if fee_changes.symlink_metadata().is_ok() && !fee_changes.is_file() {
            return Err(DataError::of_file(
                &fee_changes,
                "is not a file that can be read; mend or remove it",
            ));
        }
        let fee_changes = Some(fee_changes).filter(|file| file.is_file());
        Ok(Self { folder: folder.to_owned(), markets, snapshots, fee_changes, mirror: None })
    }

    /// Brings what is about to be read here, where it is not.
    ///
    /// # Errors
    /// When the server does not give it.
    pub fn fetch_row_groups(&self, plans: &[FilePlan]) -> Result<(), DataError> {
        self.mirror.as_ref().map_or(Ok(()), |mirror| mirror.fetch_row_groups(plans))
    }

    /// Brings tickers and times of all rows here, where they are not.
    ///
    /// # Errors
    /// When the server does not give them.
    pub(crate) fn fetch_ticker_times(&self, plans: &[FilePlan]) -> Result<(), DataError> {
        self.mirror.as_ref().map_or(Ok(()), |mirror| mirror.fetch_ticker_times(plans))
    }

    /// What a file is called by who gave the data set: of a copy, its address.
    #[must_use]
    pub fn source_path(&self, file: &Path) -> PathBuf {
        self.mirror.as_ref().map_or_else(|| file.to_owned(), |mirror| mirror.source_path(file))
    }

    /// An error about a file of the data set, with the file's name in place of that of its copy.
    #[must_use]
    pub fn error_with_source_path(&self, error: DataError) -> DataError {
        DataError { file: self.source_path(&error.file), ..error }
    }

    /// Returns the paths of all files: markets, snapshots by name, then fee changes.
    pub fn file_paths(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.markets).chain(&self.snapshots).chain(&self.fee_changes)
    }
}

fn parquet_files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let unreadable = |error: io::Error| DataError::of_file(folder, format!("cannot be listed: {error}"));
    let mut files = Vec::new();
    for entry in folder.read_dir().map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "parquet") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Content hash of a file, BLAKE3 in hexadecimal.
///
/// # Errors
/// When it cannot be read.
pub fn content_hash(file: &Path) -> Result<String, DataError> {
    let unreadable = |error: io::Error| DataError::of_file(file, format!("cannot be read: {error}"));
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut File::open(file).map_err(unreadable)?, &mut hasher).map_err(unreadable)?;
    Ok(hasher.finalize().to_hex().to_string())
}
