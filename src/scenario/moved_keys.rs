//! Keys that were moved to the section they belong to.
//!
//! The old spelling still holds, in files, in `--set` and `--grid`, when a desk reloads and in recorded scenarios: it
//! is taken for the new one before anything else looks at it. A file that has both is an error.

use std::borrow::Cow;

/// A key with where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovedKey {
    /// Section and key as they were.
    old: (&'static str, &'static str),
    /// Section and key as they are.
    new: (&'static str, &'static str),
}

/// Every key that was ever moved, as scenarios of earlier versions may have it.
const MOVED: [MovedKey; 3] = [
    MovedKey { old: ("simulation", "fee_rounding"), new: ("account", "fee_rounding") },
    MovedKey { old: ("execution", "latency"), new: ("simulation", "latency") },
    MovedKey { old: ("scanner", "max_quote_age"), new: ("risk", "max_quote_age") },
];

impl MovedKey {
    /// What a user is told who wrote the old one.
    #[must_use]
    pub fn renaming_note(&self) -> String {
        let ((old_section, old), (section, new)) = (self.old, self.new);
        format!("{old_section}.{old} is now {section}.{new}; the old spelling still holds")
    }

    fn old_path(&self) -> String {
        format!("{}.{}", self.old.0, self.old.1)
    }

    fn new_path(&self) -> String {
        format!("{}.{}", self.new.0, self.new.1)
    }
}

/// Gives the moved keys of a scenario's table their new names. Returns which there were.
///
/// # Errors
/// When a key is there under both names: its old path, and what is wrong.
pub fn rename_in(table: &mut toml::Table) -> Result<Vec<MovedKey>, (String, String)> {
    let mut renamed = Vec::new();
    for moved in MOVED {
        let section = table.get_mut(moved.old.0).and_then(toml::Value::as_table_mut);
        let Some(value) = section.and_then(|section| section.remove(moved.old.1)) else { continue };
        let section = table.entry(moved.new.0).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        // What is no section is refused by whoever reads the table.
        let Some(section) = section.as_table_mut() else { continue };
        if section.insert(moved.new.1.to_owned(), value).is_some() {
            let (old, new) = (moved.old_path(), moved.new_path());
            return Err((
                old.clone(),
                format!("{old} is the old name of {new}, which is there too; keep {new}"),
            ));
        }
        renamed.push(moved);
    }
    Ok(renamed)
}

/// The moved key that an override `path=value` sets by its old name.
#[must_use]
pub fn set_by(text: &str) -> Option<MovedKey> {
    let path = text.split('=').next().unwrap_or_default().trim();
    MOVED.into_iter().find(|moved| moved.old_path() == path)
}

/// An override with the new name of its key.
#[must_use]
pub fn with_new_name(text: &str) -> Cow<'_, str> {
    match (set_by(text), text.split_once('=')) {
        (Some(moved), Some((_, value))) => format!("{}={value}", moved.new_path()).into(),
        _ => text.into(),
    }
}

/// The path under which a file that has the old name of a key says it; `None` if the key was never moved.
#[must_use]
pub fn old_path_of(key: &str) -> Option<String> {
    MOVED.iter().find(|moved| moved.new_path() == key).map(MovedKey::old_path)
}
