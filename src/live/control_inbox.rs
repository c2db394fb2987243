//! What the owner tells a live desk from another process: requests in a folder beside the ledger, and a
//! `STOP` file that holds even where no desk runs.
//!
//! A request is one file that appears whole or not at all and stays until the desk has acted on it, so that
//! none is lost when either process dies. What the desk cannot do is answered with a refusal, a file beside
//! where the request was. What cannot be read is put aside and reported.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::kalshi::clock;

use super::paths::{make_private, path_with_suffix};

/// A request is a line or two; what is larger is something else.
const LARGEST: u64 = 64 * 1024;
/// The extension of a refusal.
const REFUSED: &str = "refused";
/// How often one looks whether a request was answered.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a running desk can be asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Lift a halt: entries are allowed again, for one strategy or for all trading.
    Resume {
        /// The halted strategy; `None` = the halt of all trading.
        strategy: Option<String>,
        /// Kept in the ledger.
        reason: String,
    },
    /// Open nothing any more.
    Halt {
        /// Kept in the ledger.
        reason: String,
    },
    /// Take the settings of a scenario.
    Reload {
        /// Its file; `None` = the one the desk was started with.
        scenario: Option<PathBuf>,
    },
}

/// The requests to the desk of one ledger.
#[derive(Clone, Debug)]
pub struct Inbox {
    folder: PathBuf,
}

impl Inbox {
    /// The inbox of a ledger; the folder need not be there.
    #[must_use]
    pub fn new(ledger: &Path) -> Self {
        Self { folder: path_with_suffix(ledger, ".inbox") }
    }

    /// Leaves a request. Those posted later are taken later.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn post_request(&self, request: &Request) -> io::Result<PathBuf> {
        static POSTED: AtomicU64 = AtomicU64::new(0);
        make_private(&self.folder)?;
        let number = POSTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("{:020}-{:08}-{number:06}", clock::now().nanos(), std::process::id());
        let partial = self.folder.join(format!(".{name}.partial"));
        let mut file = File::create_new(&partial)?;
        file.write_all(serde_json::to_string(request).expect("a request is plain data").as_bytes())?;
        file.sync_all()?;
        let path = self.folder.join(name + ".json");
        fs::rename(&partial, &path)?;
        Ok(path)
    }

    /// All requests, oldest first, each with its file, which stays there until [`remove_request`](Self::remove_request). What
    /// cannot be read is put aside, and comes as a message.
    #[must_use]
    pub fn read_requests(&self) -> Vec<Result<(PathBuf, Request), String>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
            Err(error) => return vec![Err(format!("{}: {error}", self.folder.display()))],
        };
        let paths = entries.flatten().map(|entry| entry.path());
        let mut paths: Vec<PathBuf> = paths.filter(|path| is_request(path)).collect();
        paths.sort();
        paths.into_iter().map(|path| read_request(&path).map(|request| (path, request))).collect()
    }

    /// How many requests wait.
    #[must_use]
    pub fn count_waiting(&self) -> usize {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.filter(|entry| is_request(&entry.path())).count()
    }

    /// Removes a request that was acted upon: whoever posted it sees that it was done.
    ///
    /// # Errors
    /// What the system reports.
    pub fn remove_request(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    /// Removes a request that cannot be carried out, and leaves why for whoever posted it.
    ///
    /// # Errors
    /// What the system reports; the request is still there then.
    pub fn refuse_request(&self, path: &Path, refusal: &RequestRefusal) -> io::Result<()> {
        let text = serde_json::to_string(refusal).expect("a refusal is plain data");
        fs::write(refusal_file(path), text)?;
        self.remove_request(path)
    }

    /// Removes refusals that nobody waited for.
    pub fn remove_refusals(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let refusals = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == REFUSED));
        refusals.for_each(|path| drop(fs::remove_file(path)));
    }
}

/// Why a running desk did not carry out a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRefusal {
    /// Whether the exchange is the reason, and not the request.
    pub by_exchange: bool,
    /// The reason, and what to do.
    pub message: String,
}

/// What came of a request so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestAnswer {
    /// The desk has acted on it.
    Done,
    /// The desk will not act on it.
    Refused(RequestRefusal),
    /// It still waits for the desk.
    Waiting,
}

/// Waits until a posted request is answered, or until `deadline`. A refusal is read once.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "another process is waited for")]
pub fn wait_answer(path: &Path, deadline: Instant) -> RequestAnswer {
    while path.exists() {
        if Instant::now() >= deadline {
            return RequestAnswer::Waiting;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let file = refusal_file(path);
    match read_text(&file) {
        Err(_) => RequestAnswer::Done,
        Ok(text) => {
            let _stays = fs::remove_file(&file);
            let unreadable = |error: serde_json::Error| RequestRefusal {
                by_exchange: false,
                message: format!("the desk's refusal cannot be read ({error}): {text}"),
            };
            RequestAnswer::Refused(serde_json::from_str(&text).unwrap_or_else(unreadable))
        }
    }
}

fn refusal_file(request: &Path) -> PathBuf {
    request.with_extension(REFUSED)
}

fn is_request(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && path.extension().is_some_and(|extension| extension == "json")
}

fn read_request(path: &Path) -> Result<Request, String> {
    let problem = match read_text(path).map(|text| serde_json::from_str(&text)) {
        Ok(Ok(request)) => return Ok(request),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    let aside = path_with_suffix(path, ".damaged");
    let put = match fs::rename(path, &aside) {
        Ok(()) => format!("it is now {}", aside.display()),
        Err(error) => format!("and it cannot be put aside ({error})"),
    };
    Err(format!("the request {} cannot be read: {problem}; {put}", path.display()))
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// The file that keeps every desk with a ledger in this folder from opening anything.
#[must_use]
pub fn stop_file(ledger: &Path) -> PathBuf {
    ledger.with_file_name("STOP")
}

/// Writes the `STOP` file.
///
/// # Errors
/// When it cannot be written.
pub fn write_stop(ledger: &Path, reason: &str) -> io::Result<()> {
    let path = stop_file(ledger);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_private(folder)?;
    }
    let mut file = File::create(&path)?;
    writeln!(file, "{reason}")?;
    file.sync_all()
}

/// Why everything is stopped, if it is. A `STOP` file that cannot be read stops too.
#[must_use]
pub fn read_stop(ledger: &Path) -> Option<String> {
    let path = stop_file(ledger);
    match read_text(&path) {
        Ok(reason) if reason.trim().is_empty() => Some("no reason given".into()),
        Ok(reason) => Some(reason.trim().to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        // A process that has no file descriptor left can still be told that there is none.
        Err(_) if matches!(fs::symlink_metadata(&path), Err(error) if error.kind() == ErrorKind::NotFound) => {
            None
        }
        Err(error) => Some(format!("{} cannot be read: {error}", path.display())),
    }
}

/// Removes the `STOP` file. Returns whether there was one.
///
/// # Errors
/// When there is one that cannot be removed.
pub fn remove_stop(ledger: &Path) -> io::Result<bool> {
    match fs::remove_file(stop_file(ledger)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[path = "control_inbox_tests.rs"]
mod tests;
