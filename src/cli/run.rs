//! What backtest and replay share: opening a scenario's data, and naming the run.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::dataset::DataError;
use crate::dataset::data_set::{DataSet, content_hash};
use crate::dataset::read::selection::Window;
use crate::domain::Timestamp;
use crate::feed::HistoricalFeed;
use crate::feed::historical::HistoricalSettings;
use crate::scenario::Scenario;

/// The data files a run reads with their content hashes.
pub type Manifest = Vec<(PathBuf, String)>;

/// Flags that change what a run does.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct RunFlags {
    /// Record kill-switch halts without obeying them, to see the rest of the run
    #[arg(long)]
    pub ignore_halts: bool,
    /// Skip and count bad snapshot rows instead of refusing the data
    #[arg(long)]
    pub lenient: bool,
}

/// A scenario's data, opened: what is read twice comes from a server only once.
pub struct Opened {
    /// Its data sets.
    pub sets: Vec<DataSet>,
    /// Their feed.
    pub feed: HistoricalFeed,
    /// What it reads.
    pub manifest: Manifest,
}

/// Opens the feed of a scenario and hashes the files it reads.
pub fn open_feed(scenario: &Scenario, flags: RunFlags) -> Result<Opened, DataError> {
    let hashed = |file: &PathBuf| Ok::<_, DataError>((file.clone(), content_hash(file)?));
    let named = |set: &DataSet, file: &PathBuf| Ok((set.source_path(file), content_hash(file)?));
    // Facts first: one that cannot be read at all is told before one that is wrong.
    let facts = scenario.facts.iter().map(hashed).collect::<Result<Vec<_>, _>>()?;
    let sets = scenario.data.iter().map(|place| DataSet::open(place)).collect::<Result<Vec<_>, _>>()?;
    let feed = open_feed_from_sets(scenario, &sets, flags)?;
    // What a run does not read does not make it another run, and is not read for its hash.
    let files = sets.iter().flat_map(|set| set.file_paths().map(move |file| (set, file)));
    let files = files.filter(|(_, file)| !feed.passes_over(file)).map(|(set, file)| named(set, file));
    let manifest = files.chain(facts.into_iter().map(Ok)).collect::<Result<_, DataError>>()?;
    Ok(Opened { sets, feed, manifest })
}

/// Opens the feed of a scenario whose data sets are open.
pub fn open_feed_from_sets(
    scenario: &Scenario,
    sets: &[DataSet],
    flags: RunFlags,
) -> Result<HistoricalFeed, DataError> {
    let settings = HistoricalSettings {
        data: sets,
        facts: &scenario.facts,
        window: Window {
            start: scenario.start.unwrap_or(Timestamp::MIN),
            end: scenario.end.unwrap_or(Timestamp::MAX),
        },
        half_spread: scenario.half_spread,
        lenient: flags.lenient,
    };
    HistoricalFeed::open(&settings, |market| scenario.desk.scanner.covers_market(market))
}

/// The run's id: a hash of binary version, resolved scenario (seed included), data and flags. Where the
/// files lie does not matter, only what is in them.
pub fn run_id(scenario: &Scenario, manifest: &Manifest, flags: RunFlags) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    add(env!("CARGO_PKG_VERSION"));
    add(&scenario.to_toml());
    for (file, hash) in manifest {
        add(&file.file_name().unwrap_or_default().to_string_lossy());
        add(hash);
    }
    add(&format!("{flags:?}"));
    hasher.finalize().to_hex()[..16].to_owned()
}

/// Points `latest` in `folder` to `target`, replacing an older one.
pub fn point_latest(folder: &Path, target: &Path) -> std::io::Result<()> {
    let link = folder.join("latest");
    match std::fs::remove_file(&link) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    #[cfg(unix)]
    return std::os::unix::fs::symlink(target, &link);
    #[cfg(not(unix))]
    return std::fs::write(&link, target.to_string_lossy().as_bytes());
}
