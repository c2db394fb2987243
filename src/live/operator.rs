//! What the owner says while a desk runs: a `STOP` file, requests of other processes, signals.
//!
//! A request is answered when the desk itself has taken it, not when it was handed on: whoever is told that a
//! desk is halted can rely on it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::dataset::{DataError, facts};
use crate::domain::{Fact, StrategyId, Timestamp};
use crate::event::Control;
use crate::kalshi::venue::SessionCommand;
use crate::scenario::Scenario;

use super::control_inbox::{Inbox, Request, RequestRefusal, read_stop};
use super::entry_group::EntryGroup;
use super::ledger_open::unseen_facts;

/// How often the owner's requests are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long the exchange may take to renew the order group before a request to resume is refused.
const RENEWAL: Duration = Duration::from_secs(5);

/// Names of the strategies by number, as the engine's thread tells them.
pub type Strategies = Arc<Mutex<Vec<(usize, Arc<str>)>>>;

/// What the desk was steered by and has taken, as the engine's thread reports it.
#[derive(Debug, Default)]
pub struct TakenControls(Mutex<Vec<Control>>);

impl TakenControls {
    /// Reports what the desk has taken.
    pub fn report_taken(&self, control: &Control) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(control.clone());
    }

    fn take_reported(&self) -> Vec<Control> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A control on its way to the desk, and the requests that are answered when it has arrived.
struct SentControl {
    control: Control,
    requests: Vec<PathBuf>,
}

/// Listens to the owner, and hands on what is said.
pub struct RequestListener {
    /// The desk's ledger; requests are left beside it.
    pub ledger: PathBuf,
    /// Channel on which commands reach the running session.
    pub commands: mpsc::Sender<SessionCommand>,
    /// The desk's strategies by name, to know which a request can mean.
    pub strategies: Strategies,
    /// The scenario the desk was started with.
    pub scenario_file: PathBuf,
    /// What was said over it.
    pub overrides: Vec<String>,
    /// The facts the desk knows, or will know when they become public.
    pub facts: Vec<(Timestamp, Fact)>,
    /// Why all trading was halted last, so that a `STOP` file and a request for the same are one halt.
    pub halted_for: Option<String>,
    /// The order group of entries, which is renewed before trading is resumed; `None` on paper.
    pub entry_group: Option<Arc<EntryGroup>>,
    /// What the desk has taken.
    pub taken: Arc<TakenControls>,
}

impl RequestListener {
    /// Listens until the session has ended. What was not answered by then waits for the next start.
    pub async fn listen_for_requests(mut self) {
        let inbox = Inbox::new(&self.ledger);
        inbox.remove_refusals();
        let mut sent: Vec<SentControl> = Vec::new();
        let mut stopped = false;
        loop {
            let stop = read_stop(&self.ledger);
            if let Some(reason) = stop.as_ref().filter(|_| !stopped)
                && let Some(control) = self.halt_control(reason)
            {
                self.send_control(control, None, &mut sent).await;
            }
            stopped = stop.is_some();
            for found in inbox.read_requests() {
                match found {
                    Ok((path, _)) if sent.iter().any(|sent| sent.requests.contains(&path)) => {}
                    Ok((path, request)) => self.answer_request(&inbox, path, request, &mut sent).await,
                    Err(problem) => warn!("{problem}"),
                }
            }
            for control in self.taken.take_reported() {
                if let Some(place) = sent.iter().position(|sent| sent.control == control) {
                    sent.remove(place).requests.iter().for_each(|path| remove_request_or_warn(&inbox, path));
                }
            }
            if self.commands.is_closed() {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn answer_request(
        &mut self,
        inbox: &Inbox,
        path: PathBuf,
        request: Request,
        sent: &mut Vec<SentControl>,
    ) {
        let halt = if let Request::Halt { reason } = &request { Some(reason.clone()) } else { None };
        match self.control_for(request).await {
            Ok(Some(control)) => self.send_control(control, Some(path), sent).await,
            // A STOP file said so already: one halt, which may not have arrived yet.
            Ok(None) => {
                let is_same = |sent: &&mut SentControl| {
                    halt.as_deref().is_some_and(|reason| is_halt(&sent.control, reason))
                };
                match sent.iter_mut().find(is_same) {
                    Some(sent) => sent.requests.push(path),
                    None => remove_request_or_warn(inbox, &path),
                }
            }
            Err(refusal) => {
                warn!("a request was not carried out: {}", refusal.message);
                if let Err(error) = inbox.refuse_request(&path, &refusal) {
                    warn!("{} cannot be answered: {error}", path.display());
                }
            }
        }
    }

    async fn send_control(&self, control: Control, request: Option<PathBuf>, sent: &mut Vec<SentControl>) {
        let asked = SessionCommand::Control(control.clone());
        if self.commands.send(asked).await.is_ok() {
            sent.push(SentControl { control, requests: request.into_iter().collect() });
        }
    }

    /// What halts the desk; `None` if it was halted for this reason last.
    fn halt_control(&mut self, reason: &str) -> Option<Control> {
        let reason = reason.trim().to_owned();
        if self.halted_for.as_ref() == Some(&reason) {
            return None;
        }
        self.halted_for = Some(reason.clone());
        Some(Control::Halt { reason })
    }

    async fn control_for(&mut self, request: Request) -> Result<Option<Control>, RequestRefusal> {
        let wrong = |message: String| RequestRefusal { by_exchange: false, message };
        match request {
            Request::Halt { reason } => Ok(self.halt_control(&reason)),
            Request::Resume { strategy: None, reason } => {
                self.renew_entry_group().await?;
                self.halted_for = None;
                Ok(Some(Control::Resume { strategy: None, reason }))
            }
            Request::Resume { strategy: Some(name), reason } => {
                let strategy = Some(self.number_of(&name).map_err(wrong)?);
                Ok(Some(Control::Resume { strategy, reason }))
            }
            Request::Reload { scenario } => {
                let file = scenario.as_ref().unwrap_or(&self.scenario_file);
                let (scenario, facts, notes) = Scenario::load_file(file, &self.overrides)
                    .map(|scenario| (scenario.to_toml(), scenario.facts, scenario.notes))
                    .map_err(|error| wrong(error.to_string()))?;
                notes.iter().for_each(|note| info!("{}: {note}", file.display()));
                self.send_new_facts(&facts).await.map_err(wrong)?;
                Ok(Some(Control::Refit { scenario: scenario.into() }))
            }
        }
    }

    /// The exchange has to take entries again before the desk may make some.
    async fn renew_entry_group(&self) -> Result<(), RequestRefusal> {
        let Some(group) = &self.entry_group else { return Ok(()) };
        let problem = match tokio::time::timeout(RENEWAL, group.renew_group()).await {
            Ok(Ok(id)) => {
                // After the session's end nothing is placed any more.
                let _ended = self.commands.send(SessionCommand::EntryGroup(id)).await;
                return Ok(());
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", RENEWAL.as_secs()),
        };
        let message = format!(
            "trading stays halted: the order group at the exchange, which an outside stop may have tripped, cannot \
             be reset ({problem}); try again when the exchange answers"
        );
        Err(RequestRefusal { by_exchange: true, message })
    }

    fn number_of(&self, name: &str) -> Result<StrategyId, String> {
        let strategies = self.strategies.lock().unwrap_or_else(PoisonError::into_inner);
        let found = strategies.iter().find(|(_, known)| **known == *name);
        let number = found.and_then(|(number, _)| u8::try_from(*number).ok());
        number.map(StrategyId).ok_or_else(|| {
            let known: Vec<&str> = strategies.iter().map(|(_, name)| &**name).collect();
            format!("no strategy is called `{name}`; there are {}", known.join(", "))
        })
    }

    /// Tells the desk the rows that its facts files did not have before.
    async fn send_new_facts(&mut self, files: &[PathBuf]) -> Result<(), String> {
        let all = read_facts(files).map_err(|error| error.to_string())?;
        let new = unseen_facts(all, self.facts.iter().map(|(_, fact)| *fact));
        if !new.is_empty() {
            info!(facts = new.len(), "the facts files have new rows");
        }
        for (published, fact) in new {
            self.facts.push((published, fact));
            // After the session's end the next start reads it.
            let _ended = self.commands.send(SessionCommand::Fact { published, fact }).await;
        }
        Ok(())
    }
}

fn is_halt(control: &Control, why: &str) -> bool {
    matches!(control, Control::Halt { reason } if reason == why.trim())
}

fn remove_request_or_warn(inbox: &Inbox, request: &Path) {
    if let Err(error) = inbox.remove_request(request) {
        warn!("{} cannot be removed: {error}", request.display());
    }
}

/// The facts of all files, in the order in which they became public.
///
/// # Errors
/// Names the file and the row that cannot be read.
pub fn read_facts(files: &[PathBuf]) -> Result<Vec<(Timestamp, Fact)>, DataError> {
    let mut all = Vec::new();
    for file in files {
        all.extend(facts::read_facts(file)?);
    }
    all.sort_by_key(|(at, _)| *at);
    Ok(all)
}

/// The first signal ends the session in order, after what comes `first_of_all`; a second one at once.
pub async fn end_on_signals(commands: mpsc::Sender<SessionCommand>, first_of_all: &str) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return warn!("SIGTERM cannot be heard; stop with Ctrl-C or a STOP file");
    };
    for first in [true, false] {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        if first {
            warn!("ending: {first_of_all}; once more to end at once");
            drop(commands.send(SessionCommand::Drain).await);
        } else {
            drop(commands.send(SessionCommand::Abort).await);
        }
    }
}

#[cfg(test)]
#[path = "operator_tests.rs"]
mod tests;
