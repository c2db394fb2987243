//! A data set on a server: what a run reads of it is copied into a folder of its own, for as long as it is read.
//!
//! Copies keep the layout of their files: of snapshots there are the footer and the row groups that are read, each
//! at its place, and holes between them. So everything after the copy is what it is for a folder: the choice of
//! row groups by their statistics, the decoder, every check, the numbers of rows, the results.

mod folder;
mod server;

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::address::{Address, without_secrets};
use crate::dataset::DataError;
use crate::dataset::read::decode::FilePlan;
use crate::dataset::read::ticker_spans::ticker_time_extents;

use folder::Folder;
use server::{Object, Server, ServerRefusal};

/// Read of the end of a file at first; the footers of most are shorter.
const TAIL: u64 = 32 * 1_024;

/// The last bytes of a Parquet file: the length of its footer, and its mark.
const TRAILER: u64 = 8;

/// The copies of a data set's files.
#[derive(Debug)]
pub struct Mirror {
    server: Server,
    folder: Folder,
    /// The files of the data set on the server, sorted by name for a binary search.
    objects: Vec<Object>,
    /// What is here beyond the files' ends: a file's place in the list, and where a row group begins.
    held: Mutex<BTreeSet<(usize, u64)>>,
}

impl Mirror {
    /// Finds the files of a data set on a server. Of snapshots, the footers are copied.
    pub(crate) fn open(place: &Path) -> Result<Self, DataError> {
        let shown = PathBuf::from(without_secrets(&place.to_string_lossy()));
        let address = Address::parse(place).map_err(|problem| DataError::of_file(&shown, problem))?;
        let refused = |refusal: ServerRefusal| refusal.into_data_error(&shown);
        let server = Server::connect(address).map_err(refused)?;
        let mut objects = server.list_objects().map_err(refused)?;
        objects.sort_by(|a, b| a.name.cmp(&b.name));
        let folder = Folder::new().map_err(|error| {
            DataError::of_file(&shown, format!("needs a folder for its copy, which cannot be made: {error}"))
        })?;
        let mirror = Self { server, folder, objects, held: Mutex::default() };
        mirror.lay_out_copies()?;
        Ok(mirror)
    }

    /// The folder of the copies, which has the layout of the data set.
    pub(crate) fn folder_of_copies(&self) -> &Path {
        self.folder.path()
    }

    /// Copies the row groups of plans for files of this data set, unless they are here.
    pub(crate) fn fetch_row_groups(&self, plans: &[FilePlan]) -> Result<(), DataError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted: Vec<(usize, Range<u64>)> = Vec::new();
        let mut fetched = Vec::new();
        for plan in plans {
            let Some(place) = self.object_index(&plan.file) else {
                continue;
            };
            let tail = tail_of(&self.objects[place]);
            for extent in plan.row_group_extents().filter(|extent| extent.start < tail) {
                if held.contains(&(place, extent.start)) {
                    continue;
                }
                fetched.push((place, extent.start));
                add_stretch(&mut wanted, place, extent.start..extent.end.min(tail));
            }
        }
        self.fetch_ranges(wanted)?;
        held.extend(fetched);
        Ok(())
    }

    /// Copies tickers and times of all rows of plans' files, unless their row groups are here. A row group of which
    /// only these are here does not count as held.
    pub(crate) fn fetch_ticker_times(&self, plans: &[FilePlan]) -> Result<(), DataError> {
        let mut wanted: Vec<(usize, Range<u64>)> = Vec::new();
        {
            let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            for plan in plans {
                let Some(place) = self.object_index(&plan.file) else {
                    continue;
                };
                let tail = tail_of(&self.objects[place]);
                for (group, chunks) in ticker_time_extents(plan) {
                    if held.contains(&(place, group.start)) {
                        continue;
                    }
                    for chunk in chunks.into_iter().filter(|chunk| chunk.start < tail) {
                        add_stretch(&mut wanted, place, chunk.start..chunk.end.min(tail));
                    }
                }
            }
        }
        self.fetch_ranges(wanted)
    }

    /// The address of what a file is a copy of.
    pub(crate) fn source_path(&self, file: &Path) -> PathBuf {
        match file.strip_prefix(self.folder.path()) {
            Ok(below) if below.as_os_str().is_empty() => PathBuf::from(self.server.address.to_string()),
            Ok(below) => PathBuf::from(format!("{}/{}", self.server.address, below.display())),
            Err(_) => file.to_owned(),
        }
    }

    /// An error about a copy as one about the file on the server.
    pub(crate) fn error_on_server(&self, error: DataError) -> DataError {
        DataError { file: self.source_path(&error.file), ..error }
    }

    /// Which file of the list a copy is of.
    fn object_index(&self, copy: &Path) -> Option<usize> {
        let name = copy.strip_prefix(self.folder.path()).ok()?.to_str()?;
        self.objects.binary_search_by(|object| (*object.name).cmp(name)).ok()
    }

    fn copy_path(&self, object: &Object) -> PathBuf {
        self.folder.path().join(&object.name)
    }

    /// Lays out all files: snapshots with their footers only, the others whole.
    fn lay_out_copies(&self) -> Result<(), DataError> {
        let mut wanted = Vec::new();
        for (place, object) in self.objects.iter().enumerate() {
            let copy = self.copy_path(object);
            let created = copy.parent().map_or(Ok(()), std::fs::create_dir_all);
            let created = created.and_then(|()| File::create_new(&copy)?.set_len(object.size));
            created.map_err(|error| self.copy_write_error(object, &error))?;
            let from = if object.is_snapshots() { tail_of(object) } else { 0 };
            wanted.push((place, from..object.size));
        }
        self.fetch_ranges(wanted)?;
        let mut longer = Vec::new();
        for (place, object) in self.objects.iter().enumerate().filter(|(_, object)| object.is_snapshots()) {
            let begins = footer_start(&self.copy_path(object), object.size);
            let begins = begins.map_err(|error| self.copy_write_error(object, &error))?;
            longer.push((place, begins..tail_of(object).max(begins)));
        }
        self.fetch_ranges(longer)
    }

    fn fetch_ranges(&self, wanted: Vec<(usize, Range<u64>)>) -> Result<(), DataError> {
        let wanted = wanted.into_iter().map(|(place, range)| (&self.objects[place], range));
        let write = |object: &Object, bytes: &[u8], at: u64| {
            OpenOptions::new().write(true).open(self.copy_path(object))?.write_all_at(bytes, at)
        };
        self.server.read_ranges(wanted, write).map_err(|(object, refusal)| {
            let file = self.source_path(&self.copy_path(object));
            refusal.into_data_error(&file)
        })
    }

    fn copy_write_error(&self, object: &Object, error: &io::Error) -> DataError {
        let file = self.copy_path(object);
        DataError::of_file(
            &self.source_path(&file),
            format!("its copy {} cannot be written: {error}", file.display()),
        )
    }
}

/// Adds a stretch of a file to those that are wanted: to the last one, where it goes on from there.
fn add_stretch(wanted: &mut Vec<(usize, Range<u64>)>, place: usize, stretch: Range<u64>) {
    match wanted.last_mut() {
        Some((last, range)) if (*last, range.end) == (place, stretch.start) => range.end = stretch.end,
        _ => wanted.push((place, stretch)),
    }
}

/// Where the end of a file begins that is copied at first.
const fn tail_of(object: &Object) -> u64 {
    object.size.saturating_sub(TAIL)
}

/// Where the footer of a file begins whose end is there; its end where it has none, which is told when it is opened.
fn footer_start(file: &Path, size: u64) -> io::Result<u64> {
    let Some(at) = size.checked_sub(TRAILER) else {
        return Ok(size);
    };
    let mut trailer = [0; 8];
    File::open(file)?.read_exact_at(&mut trailer, at)?;
    let [a, b, c, d, mark @ ..] = trailer;
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    Ok(if mark == *b"PAR1" { at.checked_sub(length).unwrap_or(size) } else { size })
}
