//! `protogen halt`

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::kalshi::rest::{OrderFilter, Rest};
use crate::kalshi::wire::OrderStatus;
use crate::live::inbox::{Request, stop_file, write_stop};
use crate::live::opening::{ENVIRONMENT, ORDER_GROUP};
use crate::live::place;

use super::access::{Access, EnvArgs, EnvName};
use super::desk::{LedgerArgs, LiveLedger, Posted};
use super::{Common, Failure, json, print};

/// Stop opening positions, now and at every start, until `protogen resume --trading`.
///
/// Writes the file STOP beside the ledgers and tells running desks. Positions are still managed and closed by
/// their rules. With --exchange all resting orders of the account are cancelled at the exchange too, with or
/// without a running desk.
#[derive(Debug, Args)]
pub struct Halt {
    /// Kept in the ledger
    #[arg(long, value_name = "TEXT", default_value = "halted by the owner", value_parser = super::resume::reason)]
    reason: String,
    /// Cancel all resting orders of the account at the exchange
    #[arg(long)]
    exchange: bool,
    #[command(flatten)]
    env: EnvArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
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

impl Halt {
    pub(super) fn run(&self, common: &Common) -> Result<(), Failure> {
        let stopped = self.stop()?;
        // The exchange before the desks: it is what cannot wait.
        let exchange = if self.exchange { Some(self.at_exchange()) } else { None };
        let request = Request::Halt { reason: self.reason.clone() };
        let posted = self.ledger.running().into_iter().map(|ledger| Posted::post(&ledger, &request));
        let posted = posted.collect::<Result<Vec<_>, _>>()?;
        let (exchange, failure) = match exchange {
            None => (None, None),
            Some(Ok(done)) if done.problems.is_empty() => (Some(done), None),
            Some(Ok(done)) => {
                let problem = Failure::new(Failure::VENUE, done.problems.join("; "));
                (Some(done), Some(problem))
            }
            Some(Err(failure)) => (None, Some(failure)),
        };
        if common.json {
            print(&json(&json!({ "stop": stopped, "posted": posted, "exchange": exchange })))?;
        } else {
            print(&words(&stopped, &posted, exchange.as_ref()))?;
        }
        failure.map_or(Ok(()), Err)
    }

    /// Writes the `STOP` file: beside the ledger named, or in the data folder.
    fn stop(&self) -> Result<PathBuf, Failure> {
        let ledger = self.ledger.ledger.clone().map_or_else(|| place::default_ledger(None), Ok);
        let ledger = ledger.map_err(|error| Failure::new(Failure::DATA, error.to_string()))?;
        let file = stop_file(&ledger);
        write_stop(&ledger, &self.reason).map_err(|error| {
            Failure::new(Failure::DATA, format!("{} cannot be written: {error}", file.display()))
        })?;
        Ok(file)
    }

    fn at_exchange(&self) -> Result<AtExchange, Failure> {
        // Without a ledger it works too.
        let ledger = LiveLedger::open(&self.ledger).ok();
        let noted = |name: &str| ledger.as_ref().and_then(|ledger| ledger.note(name).ok().flatten());
        let traded_on = noted(ENVIRONMENT).and_then(|environment| EnvName::of(&environment));
        let Some(env) = self.env.named.or(traded_on) else {
            let problem = "which exchange? Say --env demo, --env prod or --env sandbox";
            return Err(Failure::new(Failure::USAGE, problem));
        };
        // A group of another exchange's ledger is not to be had there.
        let group = noted(ORDER_GROUP).filter(|_| traded_on == Some(env));
        let access = self.env.access_to(env)?;
        let runtime = super::runtime()?;
        runtime.block_on(cancel(&access, group.as_deref()))
    }
}

/// Triggers the group, cancels everything, and looks what is left.
async fn cancel(access: &Access, group: Option<&str>) -> Result<AtExchange, Failure> {
    let rest = Rest::new(&access.environment, Some(access.credentials()?))
        .map_err(|error| Failure::new(Failure::VENUE, error.to_string()))?;
    let mut done = AtExchange { environment: access.environment.to_string(), ..AtExchange::default() };
    if let Some(group) = group {
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
    let resting = OrderFilter { status: Some(OrderStatus::Resting), ..OrderFilter::default() };
    match rest.orders(&resting).await {
        Ok(orders) => done.still_resting = Some(orders.len()),
        Err(error) => done.problems.push(format!("what is left could not be asked: {error}")),
    }
    Ok(done)
}

fn words(stop: &std::path::Path, posted: &[Posted], exchange: Option<&AtExchange>) -> String {
    let mut text = format!("{} is written: no desk beside it opens anything\n", stop.display());
    if posted.is_empty() {
        text += "no desk runs; it holds for the next start\n";
    }
    for posted in posted {
        let _ = writeln!(text, "{}", posted.words());
    }
    if let Some(done) = exchange {
        let all = if done.cancelled { "all resting orders cancelled" } else { "orders NOT cancelled" };
        let group = if done.group_triggered { ", order group triggered" } else { "" };
        let left = match done.still_resting {
            Some(0) => String::new(),
            Some(left) => format!(", {left} still listed: ask again in a second"),
            None => ", not checked".into(),
        };
        let _ = writeln!(text, "{}: {all}{group}{left}", done.environment);
    }
    text
}
