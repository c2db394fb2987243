//! What the exchange has answered in a pull that is not finished: a file that only grows, each answer on the disk
//! before the next request of its kind is sent.
//!
//! A pull is a function of the answers it gets. So a killed one is not continued but run again, and every request
//! that is answered here is not sent: nothing is lost, nothing is asked twice, and the result is the same.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::dataset::DataError;

/// Lengths of key and value, and a part of the hash of both.
const HEAD: usize = 16;

/// Where an answer's JSON lies in the file: its first byte and its length.
#[derive(Clone, Copy, Debug)]
struct AnswerPlace {
    at: u64,
    length: u32,
}

/// The answers that an unfinished pull has got so far, each found by a key that names its request.
#[derive(Debug)]
pub struct Answers {
    path: PathBuf,
    file: File,
    /// End of the last whole record.
    end: u64,
    /// Where it was when it was opened.
    begin: u64,
    places: BTreeMap<String, AnswerPlace>,
}

impl Answers {
    /// Opens the file, or begins it. A record that was being written when the process died is cut off.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let cannot = |error: io::Error| DataError::of_file(path, format!("cannot be opened: {error}"));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(cannot)?;
        let mut answers = Self { path: path.to_owned(), file, end: 0, begin: 0, places: BTreeMap::new() };
        let mut reader = BufReader::new(File::open(path).map_err(cannot)?);
        while let Some((key, place)) = read_record(&mut reader, answers.end).map_err(cannot)? {
            answers.end = place.at + u64::from(place.length);
            answers.places.insert(key, place);
        }
        answers.file.set_len(answers.end).map_err(cannot)?;
        answers.begin = answers.end;
        Ok(answers)
    }

    /// Returns whether no answer is kept yet.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether a request was answered before the file was opened.
    pub fn is_from_before(&self, key: &str) -> bool {
        self.places.get(key).is_some_and(|place| place.at < self.begin)
    }

    /// The answer to a request and how many bytes it takes; `None` if it was not asked yet.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<(T, u64)>, DataError> {
        let Some(place) = self.places.get(key) else { return Ok(None) };
        let mut bytes = vec![0; place.length as usize];
        let unreadable = |error: String| {
            DataError::of_file(&self.path, format!("the answer to {key} cannot be read: {error}"))
        };
        self.file.read_exact_at(&mut bytes, place.at).map_err(|error| unreadable(error.to_string()))?;
        // Another version of this program may have written it.
        let value = serde_json::from_slice(&bytes)
            .map_err(|error| unreadable(format!("{error}; remove {} to begin again", self.folder_text())))?;
        Ok(Some((value, place.length.into())))
    }

    fn folder_text(&self) -> String {
        self.path.parent().map(|folder| folder.display().to_string()).unwrap_or_default()
    }

    /// Puts an answer on the disk and says how many bytes it takes.
    ///
    /// # Errors
    /// When it cannot be written; then it is as if it had not been asked.
    pub fn store_answer<T: Serialize>(&mut self, key: &str, value: &T) -> Result<u64, DataError> {
        let value = serde_json::to_vec(value).expect("answers are plain data");
        let length = |bytes: usize| u32::try_from(bytes).expect("an answer has far less than 4 GiB");
        let mut record = Vec::with_capacity(HEAD + key.len() + value.len());
        record.extend(length(key.len()).to_le_bytes());
        record.extend(length(value.len()).to_le_bytes());
        record.extend(record_checksum(key.as_bytes(), &value));
        record.extend(key.as_bytes());
        record.extend(&value);
        let written = self.file.seek(SeekFrom::Start(self.end)).and_then(|_| self.file.write_all(&record));
        if let Err(error) = written.and_then(|()| self.file.sync_data()) {
            let _cut_off_at_the_next_start = self.file.set_len(self.end);
            let problem =
                format!("cannot be written: {error}; free some space and run the same command again");
            return Err(DataError::of_file(&self.path, problem));
        }
        let place = AnswerPlace { at: self.end + (HEAD + key.len()) as u64, length: length(value.len()) };
        self.end += record.len() as u64;
        self.places.insert(key.to_owned(), place);
        Ok(value.len() as u64)
    }
}

fn record_checksum(key: &[u8], value: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key).update(value);
    *hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes")
}

/// The key of the record at `start` and the place of its value; `None` where the file ends or is torn.
fn read_record(reader: &mut impl Read, start: u64) -> io::Result<Option<(String, AnswerPlace)>> {
    let mut head = Vec::with_capacity(HEAD);
    reader.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    let Some(head) = head.first_chunk::<HEAD>() else { return Ok(None) };
    let number = |at: usize| u32::from_le_bytes(std::array::from_fn(|byte| head[at + byte]));
    let (key_length, length, sum) = (number(0), number(4), &head[8..]);
    let mut record = Vec::new();
    let whole = u64::from(key_length) + u64::from(length);
    reader.by_ref().take(whole).read_to_end(&mut record)?;
    if record.len() as u64 != whole {
        return Ok(None);
    }
    let (key, value) = record.split_at(key_length as usize);
    if record_checksum(key, value) != sum {
        return Ok(None);
    }
    let at = start + HEAD as u64 + u64::from(key_length);
    Ok(String::from_utf8(key.to_vec()).ok().map(|key| (key, AnswerPlace { at, length })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_cut_off_only_the_last_answer_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers");
        let mut answers = Answers::open(&path).unwrap();
        let first = vec![1, 2, 3];
        answers.store_answer("a", &first).unwrap();
        let before = answers.end;
        answers.store_answer("b", &Some("x")).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for length in 0..=bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let mut answers = Answers::open(&path).unwrap();
            let kept = |answers: &Answers, key| answers.places.contains_key(key);
            assert_eq!(kept(&answers, "a"), length as u64 >= before, "{length}");
            assert_eq!(kept(&answers, "b"), length == bytes.len(), "{length}");
            // What is asked again after that is kept behind what was whole.
            answers.store_answer("c", &7).unwrap();
            let again = Answers::open(&path).unwrap();
            assert_eq!(again.get::<i32>("c").unwrap(), Some((7, 1)), "{length}");
            if length as u64 >= before {
                assert_eq!(again.get::<Vec<i32>>("a").unwrap().unwrap().0, first, "{length}");
            }
        }
        // A bit that flipped on the disk is not believed.
        let mut bad = bytes.clone();
        *bad.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &bad).unwrap();
        assert!(Answers::open(&path).unwrap().get::<Option<String>>("b").unwrap().is_none());
    }
}
