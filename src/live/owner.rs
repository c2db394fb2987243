//! What the owner says while a desk runs: a `STOP` file, requests of other processes, signals.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::domain::{Fact, StrategyId, Timestamp};
use crate::event::Control;
use crate::feed::{DataError, facts};
use crate::kalshi::venue::Ask;
use crate::scenario::Scenario;

use super::inbox::{Inbox, Request, read_stop};
use super::opening::untold;

/// How often the owner's requests are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Names of the strategies by number, as the engine's thread tells them.
pub type Strategies = Arc<Mutex<Vec<(usize, Arc<str>)>>>;

/// Listens to the owner, and hands on what is said.
pub struct Owner {
    /// The desk's ledger; requests are left beside it.
    pub ledger: PathBuf,
    /// To the session.
    pub asks: mpsc::Sender<Ask>,
    /// The desk's strategies.
    pub strategies: Strategies,
    /// The scenario the desk was started with.
    pub scenario_file: PathBuf,
    /// What was said over it.
    pub overrides: Vec<String>,
    /// The facts the desk knows, or will know when they become public.
    pub facts: Vec<(Timestamp, Fact)>,
    /// Why all trading was halted last, so that a `STOP` file and a request for the same are one halt.
    pub halted_for: Option<String>,
}

impl Owner {
    /// Listens until the session has ended.
    pub async fn listen(mut self) {
        let inbox = Inbox::new(&self.ledger);
        let mut stopped = false;
        loop {
            let stop = read_stop(&self.ledger);
            if let Some(reason) = stop.as_ref().filter(|_| !stopped) {
                self.halt(reason.clone()).await;
            }
            stopped = stop.is_some();
            for found in inbox.take() {
                match found {
                    Ok((path, request)) => {
                        if let Err(problem) = self.carry_out(request).await {
                            warn!("a request was not carried out: {problem}");
                        }
                        if let Err(error) = inbox.done(&path) {
                            warn!("{} cannot be removed: {error}", path.display());
                        }
                    }
                    Err(problem) => warn!("{problem}"),
                }
            }
            if self.asks.is_closed() {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn ask(&self, ask: Ask) {
        if self.asks.send(ask).await.is_err() {
            warn!("a request came after the session's end");
        }
    }

    async fn halt(&mut self, reason: String) {
        let reason = reason.trim().to_owned();
        if self.halted_for.as_ref() != Some(&reason) {
            self.ask(Ask::Control(Control::Halt { reason: reason.clone() })).await;
            self.halted_for = Some(reason);
        }
    }

    async fn carry_out(&mut self, request: Request) -> Result<(), String> {
        let control = match request {
            Request::Halt { reason } => {
                self.halt(reason).await;
                return Ok(());
            }
            Request::Resume { strategy: None, reason } => {
                self.halted_for = None;
                Control::Resume { strategy: None, reason }
            }
            Request::Resume { strategy: Some(name), reason } => {
                Control::Resume { strategy: Some(self.number_of(&name)?), reason }
            }
            Request::Reload { scenario } => {
                let file = scenario.as_ref().unwrap_or(&self.scenario_file);
                let (scenario, facts) = Scenario::load(file, &self.overrides)
                    .map(|scenario| (scenario.to_toml(), scenario.facts))
                    .map_err(|error| error.to_string())?;
                self.learn(&facts).await?;
                Control::Refit { scenario: scenario.into() }
            }
        };
        self.ask(Ask::Control(control)).await;
        Ok(())
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
    async fn learn(&mut self, files: &[PathBuf]) -> Result<(), String> {
        let all = read_facts(files).map_err(|error| error.to_string())?;
        let new = untold(all, self.facts.iter().map(|(_, fact)| *fact));
        if !new.is_empty() {
            info!(facts = new.len(), "the facts files have new rows");
        }
        for (published, fact) in new {
            self.facts.push((published, fact));
            self.ask(Ask::Fact { published, fact }).await;
        }
        Ok(())
    }
}

/// The facts of all files, in the order in which they became public.
///
/// # Errors
/// Names the file and the row that cannot be read.
pub fn read_facts(files: &[PathBuf]) -> Result<Vec<(Timestamp, Fact)>, DataError> {
    let mut all = Vec::new();
    for file in files {
        all.extend(facts::read(file)?);
    }
    all.sort_by_key(|(at, _)| *at);
    Ok(all)
}

/// The first signal ends the session in order, after what comes `first_of_all`; a second one at once.
pub async fn signals(asks: mpsc::Sender<Ask>, first_of_all: &str) {
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
            drop(asks.send(Ask::Drain).await);
        } else {
            drop(asks.send(Ask::Abort).await);
        }
    }
}
