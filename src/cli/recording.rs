//! `--record` of `protogen live`: a recorder inside the session. Whatever becomes of it, trading goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use tracing::error;

use crate::desk::Desk;
use crate::domain::{Market, MarketStatus};
use crate::event::{Input, MarketEvent};
use crate::kalshi::clock;
use crate::live::notify::{Notification, NotificationKind, Notifier};
use crate::live::runner::SessionListener;
use crate::record::RecordSettings;
use crate::record::in_session::{InSessionRecording, SharedTap};
use crate::record::part::Layout;

use super::Failure;

/// Note in the ledger: when and why the recording ended before the session.
const NOTE: &str = "recording";

/// What became of a recording.
#[derive(Debug, Serialize)]
pub(super) struct RecordingOutcome {
    out: PathBuf,
    rows: u64,
    gaps: u64,
    trades: u64,
    /// Quotes and trades that were left out because the recorder was behind.
    missed: u64,
    /// Why it ended before the session.
    problem: Option<String>,
}

/// The recorder of a session, if it has one.
#[derive(Debug)]
pub(super) struct Inside {
    recording: Option<InSessionRecording>,
    told: bool,
}

impl Inside {
    /// Makes a recorder ready, before anything is traded.
    pub(super) fn open_recording(folder: Option<&Path>, by_exchange: bool) -> Result<Self, Failure> {
        // By the exchange's clock much has one moment, and then its order is worth keeping.
        let layout = if by_exchange { Layout::AsTold } else { Layout::BySeries };
        let open = |folder| InSessionRecording::open(folder, RecordSettings::default_for_layout(layout));
        let recording = folder.map(open).transpose();
        let recording =
            recording.map_err(|error| Failure::new(Failure::USAGE, format!("--record {error}")))?;
        Ok(Self { recording, told: false })
    }

    pub(super) fn recorder_tap(&self) -> Option<SharedTap> {
        self.recording.as_ref().map(InSessionRecording::shared_tap)
    }

    /// Who listens beside the desk.
    pub(super) fn session_listener(&self) -> Option<SessionListener> {
        let tap = self.recorder_tap()?;
        let asides = Box::new(move |at, aside| tap.lock().record_event(at, aside));
        Some(SessionListener { levels: RecordSettings::LEVELS.into(), asides })
    }

    /// Says once that the recording has ended before the session, and returns what the ledger is to note.
    pub(super) fn report_stop_once(&mut self, notifier: &Notifier) -> Option<(&'static str, String)> {
        let problem = self.recording.as_ref().filter(|_| !self.told)?.problem()?.to_string();
        let now = clock::now();
        self.notify_stopped(&problem, notifier);
        Some((NOTE, format!("stopped at {now}: {problem}")))
    }

    fn notify_stopped(&mut self, problem: &str, notifier: &Notifier) {
        self.told = true;
        let text = format!("the recording stopped, and trading goes on without it: {problem}");
        error!("{text}");
        notifier.queue_notification(&Notification::new(NotificationKind::Recording, clock::now(), text));
    }

    /// Completes the data set after the session.
    pub(super) fn finish_recording(mut self, notifier: &Notifier) -> Option<RecordingOutcome> {
        let recording = self.recording.take()?;
        let out = recording.folder().to_owned();
        Some(match recording.finish_recording() {
            Ok(recorded) => {
                let all = recorded.totals.published;
                let (rows, gaps, trades) = (all.rows, all.gaps, all.trades);
                RecordingOutcome { out, rows, gaps, trades, missed: recorded.missed, problem: None }
            }
            Err(problem) => {
                let problem = problem.to_string();
                if !self.told {
                    self.notify_stopped(&problem, notifier);
                }
                RecordingOutcome { out, rows: 0, gaps: 0, trades: 0, missed: 0, problem: Some(problem) }
            }
        })
    }
}

/// A recording begins with what the desk knows of markets.
pub(super) fn record_known_markets(tap: Option<&SharedTap>, desk: &Desk) {
    let Some(tap) = tap else { return };
    let mut known = Vec::new();
    for book in desk.market_states().iter().filter(|book| book.settled.is_none()) {
        let market = Market { fees: book.fees, close_time: book.close_time, ..Market::clone(&book.market) };
        let id = market.id;
        known.push(Input::Market(MarketEvent::Listed(Arc::new(market))));
        if book.status != MarketStatus::Active {
            known.push(Input::Market(MarketEvent::Status { market: id, status: book.status }));
        }
    }
    tap.lock().begin_recording(desk.now(), known);
}

impl RecordingOutcome {
    /// For people.
    pub(super) fn outcome_text(&self) -> String {
        let out = self.out.display();
        if let Some(problem) = &self.problem {
            return format!("recording {out} stopped early: {problem}\n");
        }
        let Self { rows, gaps, trades, missed, .. } = self;
        let missed = if *missed > 0 {
            format!("; {missed} quotes and trades were left out, as the disk was behind")
        } else {
            String::new()
        };
        format!("recorded {rows} rows, of these {gaps} gaps, and {trades} trades in {out}{missed}\n")
    }
}
