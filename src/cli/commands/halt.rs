//! `protogen halt`

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::journal::sqlite;
use crate::kalshi::rest::{OrderFilter, Rest};
use crate::kalshi::wire::ApiOrderStatus;
use crate::live::control_inbox::{Request, stop_file, write_stop};
use crate::live::ledger_open::{ENVIRONMENT, ORDER_GROUP};
use crate::live::paths;
use crate::live::registry::RunningDesk;

use crate::cli::access::{EnvArgs, EnvName, ExchangeAccess};
use crate::cli::desk::{LedgerArgs, OwnerRequestOutcome, PATIENCE, PostedRequest, read_ledger_note};
use crate::cli::{Common, Failure, json_line, print_to_stdout};

/// Stop opening positions, now and at every start, until `protogen resume --trading`.
///
/// Reaches every desk that runs on this machine, or the one of --ledger, and waits up to 10 seconds for each to answer
/// that it is halted; exit code 4 if one does not. Writes the file STOP beside the ledgers, which holds at every
/// start. Positions are still managed and closed by their rules. With --exchange all resting orders of the account are
/// cancelled at the exchange too, with or without a running desk.
#[derive(Debug, Args)]
pub struct HaltCommand {
    /// Kept in the ledger
    #[arg(long, value_name = "TEXT", default_value = "halted by the owner", value_parser = super::resume::parse_reason)]
    reason: String,
    /// Cancel all resting orders of the account at the exchange, and let it refuse new entries
    #[arg(long)]
    exchange: bool,
    #[command(flatten)]
    env: EnvArgs,
    /// Halt the desk of this ledger only [default: all running desks, and all that start on ledgers in the data folder]
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

/// What was done at the exchange.
#[derive(Debug, Default, Serialize)]
struct AtExchange {
    environment: String,
    group_triggered: bool,
    cancelled: bool,
    still_resting: Option<usize>,
    problems: Vec<String>,
}

/// Everything a halt did, and what it could not do.
#[derive(Debug, Default)]
struct HaltOutcome {
    /// The `STOP` files that are written, the one that was asked for first.
    stops: Vec<PathBuf>,
    desks: Vec<OwnerRequestOutcome>,
    exchange: Option<AtExchange>,
    /// What went wrong, with the exit code of each.
    problems: Vec<(u8, String)>,
}

impl HaltCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        let running = LedgerArgs { ledger: self.ledger.clone() }.running_desks();
        let mut done = HaltOutcome::default();
        // Each way to stop is tried, whatever becomes of the others.
        self.write_stops(&running, &mut done);
        let request = Request::Halt { reason: self.reason.clone() };
        let mut posted = Vec::new();
        for desk in &running {
            match PostedRequest::post_to_desk(&desk.ledger, &request) {
                Ok(left) => posted.push(left),
                Err(failure) => done.problems.push((Failure::VENUE, failure.message)),
            }
        }
        let deadline = Instant::now() + PATIENCE;
        if self.exchange {
            match self.at_exchange(&running) {
                Ok(cleared) => {
                    let failed = cleared.problems.iter().map(|problem| (Failure::VENUE, problem.clone()));
                    done.problems.extend(failed);
                    done.exchange = Some(cleared);
                }
                Err(failure) => done.problems.push((failure.code, failure.message)),
            }
        }
        done.desks = posted.into_iter().map(|left| left.wait_for_outcome(deadline)).collect();
        for desk in done.desks.iter().filter(|desk| !desk.taken) {
            done.problems.push((Failure::VENUE, unanswered_message(desk)));
        }
        if common.json {
            let HaltOutcome { stops, desks, exchange, .. } = &done;
            let stop = stops.first();
            print_to_stdout(&json_line(
                &json!({ "stop": stop, "stops": stops, "posted": desks, "exchange": exchange }),
            ))?;
        } else {
            print_to_stdout(&outcome_text(&done, &running))?;
        }
        done.failure().map_or(Ok(()), Err)
    }

    /// Writes the `STOP` files: beside the ledger named; else in the data folder, and beside every running desk's
    /// ledger.
    fn write_stops(&self, running: &[RunningDesk], done: &mut HaltOutcome) {
        let mut ledgers = Vec::new();
        match self.ledger.clone().map_or_else(|| paths::default_ledger(None), Ok) {
            Ok(ledger) => ledgers.push(ledger),
            Err(error) => done.problems.push((Failure::DATA, error.to_string())),
        }
        ledgers.extend(running.iter().map(|desk| desk.ledger.clone()));
        for ledger in ledgers {
            let file = stop_file(&ledger);
            let same = |other: &PathBuf| {
                paths::resolve_ledger_path(other).ok() == paths::resolve_ledger_path(&file).ok()
            };
            if done.stops.iter().any(same) {
                continue;
            }
            match write_stop(&ledger, &self.reason) {
                Ok(()) => done.stops.push(file),
                Err(error) => {
                    done.problems
                        .push((Failure::DATA, format!("{} cannot be written: {error}", file.display())));
                }
            }
        }
    }

    fn at_exchange(&self, running: &[RunningDesk]) -> Result<AtExchange, Failure> {
        // Without a ledger it works too.
        let newest = || paths::known_ledgers().into_iter().next();
        let idle = self.ledger.clone().or_else(newest).filter(|_| running.is_empty());
        let ledgers = running.iter().map(|desk| desk.ledger.clone()).chain(idle);
        let traded: Vec<(EnvName, Option<String>)> = ledgers
            .filter_map(|ledger| {
                let connection = sqlite::open_ledger(&ledger).ok()?;
                let noted = |name: &str| read_ledger_note(&connection, name).ok().flatten();
                Some((EnvName::from_name(&noted(ENVIRONMENT)?)?, noted(ORDER_GROUP)))
            })
            .collect();
        let first = traded.first().map(|(env, _)| *env);
        let env = match (self.env.named, first) {
            (Some(env), _) => env,
            (None, Some(env)) if traded.iter().all(|(other, _)| *other == env) => env,
            (None, Some(_)) => {
                let problem = "the running desks trade on different exchanges; say with --env which to clear, once for each";
                return Err(Failure::new(Failure::USAGE, problem));
            }
            (None, None) => {
                let problem = "which exchange? Say --env demo, --env prod or --env sandbox";
                return Err(Failure::new(Failure::USAGE, problem));
            }
        };
        // A group of another exchange's ledger is not to be had there.
        let there = traded.into_iter().filter(|(other, _)| *other == env);
        let groups: Vec<String> = there.filter_map(|(_, group)| group).collect();
        let access = self.env.access_to(env)?;
        let runtime = crate::cli::network_runtime()?;
        runtime.block_on(clear_orders_at_exchange(&access, &groups))
    }
}

impl HaltOutcome {
    /// What the command ends with. A desk that was not reached comes before what else went wrong.
    fn failure(&self) -> Option<Failure> {
        let code = self.problems.iter().map(|(code, _)| *code).max()?;
        let texts: Vec<&str> = self.problems.iter().map(|(_, text)| &**text).collect();
        Some(Failure::new(code, texts.join("\n")))
    }
}

fn unanswered_message(desk: &OwnerRequestOutcome) -> String {
    let ledger = desk.ledger.display();
    let process = desk.pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
    let end = desk.pid.map_or_else(String::new, |pid| format!(" with `kill -INT {pid}`"));
    format!(
        "the desk of {ledger}{process} has not answered within {} s: it may still open positions; end it{end}, and cancel \
         its orders with `protogen halt --exchange`",
        PATIENCE.as_secs()
    )
}

/// Triggers the groups, cancels everything, and looks what is left.
async fn clear_orders_at_exchange(access: &ExchangeAccess, groups: &[String]) -> Result<AtExchange, Failure> {
    let rest = Rest::new(&access.environment, Some(access.read_credentials()?))
        .map_err(|error| Failure::new(Failure::VENUE, error.to_string()))?;
    let mut done = AtExchange { environment: access.environment.to_string(), ..AtExchange::default() };
    for group in groups {
        match rest.trigger_order_group(group).await {
            Ok(()) => done.group_triggered = true,
            // A group that is gone holds no orders.
            Err(error) if error.is_not_found() => {}
            Err(error) => done.problems.push(format!("the order group was not triggered: {error}")),
        }
    }
    match rest.cancel_all().await {
        Ok(()) => done.cancelled = true,
        Err(error) => done.problems.push(format!("the orders were not cancelled: {error}")),
    }
    let resting = OrderFilter { status: Some(ApiOrderStatus::Resting), ..OrderFilter::default() };
    match rest.orders(&resting).await {
        Ok(orders) => done.still_resting = Some(orders.len()),
        Err(error) => done.problems.push(format!("what is left could not be asked: {error}")),
    }
    Ok(done)
}

fn outcome_text(done: &HaltOutcome, running: &[RunningDesk]) -> String {
    let mut text = String::new();
    for stop in &done.stops {
        let _ = writeln!(text, "{} is written: no desk beside it opens anything", stop.display());
    }
    if running.is_empty() {
        text += "no desk runs; it holds for the next start\n";
    }
    for desk in done.desks.iter().filter(|desk| desk.taken) {
        let known = running.iter().find(|running| running.ledger == desk.ledger);
        let _ = writeln!(
            text,
            "halted: the desk of {}{}",
            desk.ledger.display(),
            known.map(describe_desk).unwrap_or_default()
        );
    }
    if let Some(done) = &done.exchange {
        let all = if done.cancelled { "all resting orders cancelled" } else { "orders NOT cancelled" };
        let group = if done.group_triggered { ", new entries refused until trading is resumed" } else { "" };
        let left = match done.still_resting {
            Some(0) => String::new(),
            Some(left) => format!(", {left} still listed: ask again in a second"),
            None => ", not checked".into(),
        };
        let _ = writeln!(text, "{}: {all}{group}{left}", done.environment);
    }
    text
}

/// Process, scenario and exchange of a desk, as far as they are known.
fn describe_desk(desk: &RunningDesk) -> String {
    let process = desk.pid.map(|pid| format!("process {pid}"));
    let trades = (!desk.scenario.is_empty())
        .then(|| format!("{} {} on {}", desk.scenario, desk.mode, desk.environment));
    let known: Vec<String> = process.into_iter().chain(trades).collect();
    if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) }
}
