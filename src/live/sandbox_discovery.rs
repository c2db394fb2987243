//! How a live desk finds the sandbox that runs on this machine: a file in the data folder, there as long as
//! the sandbox is.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::paths;

/// How a running sandbox is found by other commands: the contents of the file it leaves while it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    /// The id of a key it takes.
    pub key_id: String,
    /// Path of the private key of that id, in PEM.
    pub key_path: PathBuf,
    /// Whether its clock stands still until a client moves it on.
    pub waits_for_clients: bool,
    /// Id of its process, to see whether it still runs.
    pub pid: u32,
}

/// The sandbox's file, removed when dropped.
#[derive(Debug)]
pub struct Announced {
    file: PathBuf,
    sandbox: Sandbox,
}

impl Sandbox {
    /// Makes it known until the result is dropped; the one started last is the one that is found.
    ///
    /// # Errors
    /// When the data folder cannot be written.
    pub fn announce_running(self) -> io::Result<Announced> {
        self.announce_in(&paths::data_dir()?)
    }

    fn announce_in(self, folder: &Path) -> io::Result<Announced> {
        let text = serde_json::to_string(&self).expect("plain data");
        let file = paths::write_whole(folder, "sandbox", &text)?;
        Ok(Announced { file, sandbox: self })
    }

    /// The sandbox that was started last and has not ended.
    ///
    /// # Errors
    /// When its file is there and cannot be read.
    pub fn find_running() -> io::Result<Option<Self>> {
        Self::find_in(&paths::data_dir()?)
    }

    fn find_in(folder: &Path) -> io::Result<Option<Self>> {
        let file = folder.join("sandbox.json");
        match fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| {
                io::Error::other(format!(
                    "{} cannot be read: {error}; remove it and start the sandbox again",
                    file.display()
                ))
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        let folder = self.file.parent().unwrap_or(Path::new(""));
        // Another sandbox may have put its own there since.
        if matches!(Sandbox::find_in(folder), Ok(Some(found)) if found == self.sandbox) {
            let _stays = fs::remove_file(&self.file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_sandbox_is_found_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("new");
        let sandbox = |port| Sandbox {
            port,
            key_id: "key".into(),
            key_path: "/keys/key.pem".into(),
            waits_for_clients: true,
            pid: 7,
        };
        assert_eq!(Sandbox::find_in(&folder).unwrap(), None);
        let first = sandbox(1).announce_in(&folder).unwrap();
        assert_eq!(Sandbox::find_in(&folder).unwrap(), Some(sandbox(1)));
        let second = sandbox(2).announce_in(&folder).unwrap();
        drop(first);
        assert_eq!(Sandbox::find_in(&folder).unwrap(), Some(sandbox(2)));
        drop(second);
        assert_eq!(Sandbox::find_in(&folder).unwrap(), None);
        fs::write(folder.join("sandbox.json"), "{}").unwrap();
        assert!(Sandbox::find_in(&folder).unwrap_err().to_string().contains("sandbox.json"));
    }
}
