//! `data pull`: markets, candles and trades of the exchange as a data set that grows.
//!
//! A pull lists markets, plans what each lacks, fetches it, and adds files to the data set. It looks at no clock but
//! the exchange's and is otherwise a function of the answers it gets, which are on the disk before they are used: run
//! again after a kill, it goes through the same steps and asks only for what was not answered yet.
//!
//! A candle stands at its end, when it was known; those that end after a market's close or its payment are not asked
//! for. Nothing of the last two minutes is taken, as it may still change.
//!
//! | file | what |
//! |---|---|
//! | `exchange.rs` | asking, with patience, and only once |
//! | `response_cache.rs` | what was answered, on the disk |
//! | `listing.rs` | which markets there are, and their fees |
//! | `plan.rs` | which requests that makes |
//! | `fetch.rs` | making them |
//! | `write.rs` | rows by time into files by month |
//! | `staging.rs` | how the data set appears and grows, and who may do it |
//! | `state.rs` | how far it is |

mod exchange;
mod fetch;
mod listing;
mod plan;
mod response_cache;
mod staging;
mod state;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

use crate::dataset::DataError;
use crate::dataset::facts::{FeeChange, write_fee_changes};
use crate::dataset::import::RefusedRows;
use crate::dataset::write::writer::write_listings;
use crate::domain::{Span, Timestamp};
use crate::kalshi::rest::{ApiError, Rest};

use exchange::PullExchange;
use fetch::{FetchedRows, Fetcher};
use listing::{ListedMarkets, Lister, PullScope};
use response_cache::Answers;
use staging::PullStaging;
use state::{PullState, StateEntry};
use write::{Written, by_month};

pub use state::Terms;

/// So long after its end a candle may still change.
const SETTLING: Span = Span::MINUTE.times(2);
/// Minutes of a candle, unless something else is asked for.
const MINUTES: u16 = 60;

/// Why a pull ended without a result. What was fetched is kept, and the same command goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The command cannot be carried out: an unknown target, other terms than before, or nothing to write.
    #[error("{0}")]
    Usage(String),
    /// A request failed for good, or an answer contradicts the exchange's documentation or itself.
    #[error("{0}; what was fetched is kept: run the same command again to go on")]
    Exchange(String),
    /// An answer about one thing is not as documented, or the exchange does not know what it named before. Where the
    /// pull can do without, it is left out.
    #[error("{0}; what was fetched is kept: run the same command again to go on")]
    Unreadable(String),
    /// The data set, or what is kept beside it until the pull is done, cannot be read or written.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl From<ApiError> for PullError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Schema { .. } => Self::Unreadable(error.to_string()),
            error => Self::Exchange(error.to_string()),
        }
    }
}

/// What a pull is doing and how far it is, for a progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All markets of a series or an event among the targets were listed.
    Listing {
        /// Markets listed so far, over all targets.
        markets: usize,
    },
    /// So many steps of all were made; a step is one request, or all pages of a market's trades.
    Fetching {
        /// Steps whose answers were taken, in the order of the plan.
        done: usize,
        /// Steps of the whole plan; a pull that reaches `max_bytes` ends before the last.
        of: usize,
    },
    /// Everything is fetched; rows are sorted and written into files by month.
    Writing,
}

/// Where to pull from and into, which markets, which time, and how much at most.
pub struct Settings<'a> {
    /// REST client of the exchange that is pulled from.
    pub rest: Rest,
    /// Whether requests are signed, and the account's limits known.
    pub signed: bool,
    /// Its name, which a data set remembers.
    pub environment: &'a str,
    /// Folder of the data set: absent or empty before the first pull, else one that was pulled.
    pub out: &'a Path,
    /// Series, events, markets; those of the data set are pulled anyway.
    pub targets: &'a [String],
    /// Nothing before this moment; `None` = as before, or everything.
    pub since: Option<Timestamp>,
    /// Nothing from this moment on; `None` = all but the last two minutes, which may still change.
    pub until: Option<Timestamp>,
    /// Minutes of a candle; `None` = as before, or an hour.
    pub minutes: Option<u16>,
    /// Trades, too; `false` = as before.
    pub trades: bool,
    /// No further market is begun after so many bytes of answers.
    pub max_bytes: Option<u64>,
    /// At most so many markets that are not in the data set yet.
    pub max_markets: Option<usize>,
    /// Called as markets are listed, after each step, and when files begin to be written.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// What is worth knowing about what was pulled: how often, and where first.
#[derive(Debug, Default)]
pub struct Notes(pub BTreeMap<&'static str, RefusedRows>);

impl Notes {
    fn add_occurrence(&mut self, kind: &'static str, place: impl FnOnce() -> String) {
        let note = self.0.entry(kind).or_default();
        if note.count == 0 {
            note.first = place();
        }
        note.count += 1;
    }

    fn add_count(&mut self, kind: &'static str, count: u64) {
        if count > 0 {
            self.0.entry(kind).or_default().count += count;
        }
    }
}

/// What a pull added to the data set, and what that took.
#[derive(Debug, Default)]
pub struct Report {
    /// The exchange's time as of which the data set is complete.
    pub as_of: Option<Timestamp>,
    /// Markets in the data set after this pull.
    pub markets: usize,
    /// Of them, those that are over and whole.
    pub whole: usize,
    /// Of them, those that were added now.
    pub new_markets: usize,
    /// Markets that were left for the next pull, as a maximum was reached.
    pub waiting: usize,
    /// Snapshots added, one for each candle that was kept.
    pub snapshots: u64,
    /// Public trades added; block trades, which were agreed outside the book, are left out.
    pub trades: u64,
    /// Parquet files added, one for each month of snapshots and of trades.
    pub files: u64,
    /// Times of the first and the last snapshot added; `None` if there is none.
    pub times: Option<(Timestamp, Timestamp)>,
    /// Requests of this run that were answered, each counted once however often it was tried.
    pub requests: u64,
    /// Answers used that a pull which was not finished had got.
    pub remembered: u64,
    /// Oddities in what the exchange answered, such as rows that were left out, by kind.
    pub notes: Notes,
    /// What was left out because it could not be read: a market, an event or a list, and why.
    pub unreadable: BTreeMap<String, String>,
}

/// Pulls.
///
/// # Errors
/// When something cannot be asked for, the exchange does not answer as documented, or the disk fails.
pub async fn pull_data_set(settings: Settings<'_>) -> Result<Report, PullError> {
    let place = PullStaging::lock_and_recover(settings.out)?;
    let answers = Answers::open(&place.answers_path())?;
    let begun = !answers.is_empty();
    match fetch_and_stage(&settings, &place, answers).await {
        Ok(report) => {
            place.publish_draft()?;
            Ok(report)
        }
        // Nothing was fetched that another command could use.
        Err(PullError::Usage(problem)) if !begun => {
            place.give_up()?;
            Err(PullError::Usage(problem))
        }
        Err(error) => Err(error),
    }
}

/// Everything until the files that are to be added are written.
async fn fetch_and_stage(
    settings: &Settings<'_>,
    place: &PullStaging,
    answers: Answers,
) -> Result<Report, PullError> {
    let before = PullState::load(settings.out)?;
    let terms = resolve_terms(settings, before.as_ref())?;
    let exchange = PullExchange::new(settings.rest.clone(), answers);
    let at_once =
        if settings.signed { at_once(settings.rest.learn_limits().await?.read.refill_rate) } else { 4 };
    let is_new = before.is_none();
    let mut state = before.unwrap_or_else(|| PullState::new(terms));
    state.as_of = exchange.as_of().await?;
    for target in settings.targets {
        state.targets.entry(target.clone()).or_default();
    }
    if state.targets.is_empty() {
        return Err(PullError::Usage("name a series, an event or a market to pull".into()));
    }
    let (settled, end) = (state.as_of - SETTLING, settings.until.map(Timestamp::just_before));
    let until = end.map_or(settled, |end| end.min(settled));
    let scope = PullScope { since: state.terms.since, until, max_markets: settings.max_markets };
    let (cutoff, progress) = (exchange.historical_cutoff().await?, settings.progress);
    let mut notes = Notes::default();
    let lister =
        Lister { exchange: &exchange, state: &mut state, scope, cutoff, notes: &mut notes, progress };
    let mut found = lister.update_state_markets().await?;
    let jobs = plan::plan_jobs(&state, &found.old, until);
    let mut rows =
        FetchedRows::new(&place.create_sort_folder("snapshots")?, &place.create_sort_folder("trades")?);
    let fetcher = Fetcher { exchange: &exchange, cutoff, at_once, max_bytes: settings.max_bytes, progress };
    let done = fetcher.fetch_jobs(&jobs, &found.old, &mut state, &mut rows, &mut notes).await?;
    let tickers: Vec<String> = state.markets.keys().cloned().collect();
    drop_unfetched(&jobs[done..], &tickers, &mut state, &mut found);
    if found.waiting == 0 {
        state.targets.values_mut().for_each(|complete| *complete = (*complete).max(Some(until)));
    }
    progress(Progress::Writing);
    let mut report =
        Report { notes, waiting: found.waiting, new_markets: found.new.len(), ..Report::default() };
    (report.requests, report.remembered) = exchange.request_counts();
    report.unreadable = exchange.take_unreadable();
    write_draft(place, state, (rows, &tickers), &found.fee_changes, &mut report)?;
    if is_new && report.snapshots == 0 {
        let (targets, markets) = (settings.targets.join(", "), report.markets);
        let problem = format!(
            "{targets}: {markets} markets without a candlestick until {until}: there is nothing to write"
        );
        return Err(PullError::Usage(problem));
    }
    Ok(report)
}

/// Requests on the way at a time: enough for the account's limit however far away the exchange is, and few enough
/// that a kill loses little. A request costs 10 tokens.
fn at_once(tokens_a_second: u32) -> usize {
    (tokens_a_second as usize / 40).clamp(4, 64)
}

/// What the data set is pulled with: as before, if there is one.
fn resolve_terms(settings: &Settings<'_>, before: Option<&PullState>) -> Result<Terms, PullError> {
    let new = Terms {
        environment: settings.environment.to_owned(),
        minutes: settings.minutes.unwrap_or(MINUTES),
        since: settings.since,
        trades: settings.trades,
    };
    let Some(PullState { terms: old, .. }) = before else { return Ok(new) };
    let other = |what: &str, old: String| {
        let out = settings.out.display();
        Err(PullError::Usage(format!(
            "{out} was pulled {what} {old}; pull with the same, or into another --out"
        )))
    };
    if new.environment != old.environment {
        return other("from", old.environment.clone());
    }
    if settings.minutes.is_some_and(|minutes| minutes != old.minutes) {
        return other("with candles of minutes:", old.minutes.to_string());
    }
    if settings.since.is_some() && settings.since != old.since {
        let since = old.since.map_or_else(|| "the beginning".into(), Timestamp::utc_date);
        return other("since", since);
    }
    if settings.trades && !old.trades {
        return other("without", "trades".into());
    }
    Ok(old.clone())
}

/// Takes out the markets of jobs that were not done, if they are not in the data set yet.
fn drop_unfetched(
    jobs: &[plan::PullJob],
    tickers: &[String],
    state: &mut PullState,
    found: &mut ListedMarkets,
) {
    for &market in jobs.iter().flat_map(|job| &job.markets) {
        let ticker = &tickers[market];
        found.waiting += 1;
        if found.new.remove(ticker) {
            state.markets.remove(ticker);
        }
    }
    let left: std::collections::BTreeSet<&str> =
        state.markets.values().map(|entry| entry.series.as_str()).collect();
    found.fee_changes.retain(|change| left.contains(change.series_ticker.as_str()));
}

/// Writes the files that are to be added.
fn write_draft(
    place: &PullStaging,
    mut state: PullState,
    (rows, tickers): (FetchedRows, &[String]),
    fee_changes: &[FeeChange],
    report: &mut Report,
) -> Result<(), PullError> {
    let draft = place.create_draft_folder()?;
    let generation = state.generation + 1;
    let tickers: Vec<&str> = tickers.iter().map(String::as_str).collect();
    let snapshots = by_month(rows.snapshots, &draft.join("snapshots"), generation, &tickers)?;
    let trades = by_month(rows.trades, &draft.join("trades"), generation, &tickers)?;
    add_up(report, snapshots, trades);
    if report.files > 0 {
        state.generation = generation;
    }
    report.as_of = Some(state.as_of);
    report.markets = state.markets.len();
    report.whole = state.markets.values().filter(|entry| entry.is_whole(state.terms.trades)).count();
    let listings: Vec<_> = state.markets.values().map(StateEntry::listing).collect();
    write_listings(&draft.join("markets.parquet"), &listings)?;
    if !fee_changes.is_empty() {
        write_fee_changes(&draft.join("fee_changes.csv"), fee_changes)?;
    }
    state.save(&draft)?;
    Ok(())
}

fn add_up(report: &mut Report, snapshots: Written, trades: Written) {
    report.snapshots = snapshots.rows;
    report.trades = trades.rows;
    report.files = snapshots.files + trades.files;
    let moment = |micros: i64| Timestamp::from_micros(micros).unwrap_or(Timestamp::MIN);
    report.times = snapshots.times.map(|(first, last)| (moment(first), moment(last)));
}
