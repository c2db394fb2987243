//! `protogen doctor [SCENARIO]`

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::dataset::data_set::DataSet;
use crate::domain::Money;
use crate::kalshi::clock;
use crate::kalshi::rest::{ApiError, OrderFilter, Rest};
use crate::kalshi::wire::ApiOrderStatus;
use crate::live::control_inbox::read_stop;
use crate::live::lock::{Holder, LedgerLock};
use crate::live::paths;
use crate::scenario::Scenario;

use crate::cli::access::{EnvArgs, ExchangeAccess};
use crate::cli::desk::in_words;
use crate::cli::{Common, Failure, ScenarioArgs, json, print, render};

/// Clocks further apart than this are worth setting; further than `REFUSED_MS`, requests are refused.
const WORRYING_MS: i64 = 1_000;
const REFUSED_MS: i64 = 5_000;

/// Check what a live desk needs, and say what to do where something is missing. Places no order.
///
/// Exit code 0 if nothing failed; 2 if the scenario did, 3 if its facts or the ledger did, 4 if anything else did.
#[derive(Debug, Args)]
pub struct DoctorCommand {
    /// Scenario file
    #[arg(value_name = "SCENARIO")]
    scenario: Option<PathBuf>,
    #[command(flatten)]
    overrides: ScenarioArgs,
    #[command(flatten)]
    env: EnvArgs,
    /// Ledger the desk will have [default: that of the scenario on this exchange, in the data folder]
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum CheckState {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
struct DoctorCheck {
    name: &'static str,
    state: CheckState,
    detail: String,
}

/// What was found, and the exit code that follows from it.
#[derive(Debug, Default)]
struct DoctorFindings {
    checks: Vec<DoctorCheck>,
    code: Option<u8>,
}

impl DoctorFindings {
    fn add(&mut self, name: &'static str, state: CheckState, detail: impl Into<String>) {
        self.checks.push(DoctorCheck { name, state, detail: detail.into() });
        if state == CheckState::Fail {
            self.code.get_or_insert(Failure::VENUE);
        }
    }

    fn ok(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add(name, CheckState::Ok, detail);
    }

    fn warn(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add(name, CheckState::Warn, detail);
    }

    fn fail(&mut self, name: &'static str, code: u8, detail: impl Into<String>) {
        self.add(name, CheckState::Fail, detail);
        // The lowest code is that of what must be mended first.
        self.code = Some(self.code.map_or(code, |other| other.min(code)));
    }

    fn refused(&mut self, name: &'static str, error: &ApiError) {
        let hint = match error.status() {
            Some(401) => "; the key id and the private key must be of one key, made on this very exchange",
            Some(403) => "; the key lacks the permission: make one with read and write",
            _ => "",
        };
        self.fail(name, Failure::VENUE, format!("{error}{hint}"));
    }
}

impl DoctorCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        let mut found = DoctorFindings::default();
        let scenario = self.scenario(&mut found);
        self.ledger(scenario.as_ref(), &mut found);
        match self.env.access() {
            Err(failure) => found.fail("exchange", failure.code, failure.message),
            Ok(access) => {
                crate::cli::runtime()?.block_on(exchange(&access, scenario.as_ref(), &mut found));
            }
        }
        if common.json {
            print(&json(&json!({ "ok": found.code.is_none(), "checks": found.checks })))?;
        } else {
            print(&table(&found.checks))?;
        }
        let failed = found.checks.iter().filter(|check| check.state == CheckState::Fail).count();
        found.code.map_or(Ok(()), |code| Err(Failure::new(code, format!("{failed} checks failed"))))
    }

    fn scenario(&self, found: &mut DoctorFindings) -> Option<Scenario> {
        let Some(file) = &self.scenario else {
            found.warn("scenario", "none was given, so its data, series and bankroll are not checked");
            return None;
        };
        let scenario = match Scenario::load(file, &self.overrides.overrides) {
            Ok(scenario) => scenario,
            Err(error) => {
                found.fail("scenario", Failure::USAGE, error.to_string());
                return None;
            }
        };
        for note in &scenario.notes {
            found.warn("scenario", note);
        }
        let strategies: Vec<_> = scenario.seats.iter().map(|seat| seat.strategy.name()).collect();
        found.ok("scenario", format!("{}: {}", scenario.name, strategies.join(", ")));
        for folder in &scenario.data {
            match DataSet::open(folder) {
                Ok(set) => found.ok("data", format!("{}: {} files", folder.display(), set.files().count())),
                Err(error) => {
                    found.warn("data", format!("{error}; a backtest needs it, a live desk does not"));
                }
            }
        }
        for file in &scenario.facts {
            match crate::dataset::facts::read(file) {
                Ok(facts) => found.ok("facts", format!("{}: {} facts", file.display(), facts.len())),
                Err(error) => found.fail("facts", Failure::DATA, error.to_string()),
            }
        }
        Some(scenario)
    }

    fn ledger(&self, scenario: Option<&Scenario>, found: &mut DoctorFindings) {
        let name = scenario.map(|scenario| self.env.ledger_name(&scenario.name, false));
        let ledger = self.ledger.clone().map_or_else(|| paths::default_ledger(name.as_deref()), Ok);
        let ledger = match ledger {
            Ok(ledger) => ledger,
            Err(error) => return found.fail("ledger", Failure::DATA, error.to_string()),
        };
        match (LedgerLock::holder(&ledger), writable(&ledger)) {
            (Holder::Process(pid), _) => {
                let who = pid.map_or_else(|| "a process".into(), |pid| format!("process {pid}"));
                found.warn("ledger", format!("{} is in use by {who}", ledger.display()));
            }
            (Holder::Unknown, _) => {
                let detail = "its lock cannot be looked at, so a desk may run on it";
                found.fail("ledger", Failure::DATA, format!("{}: {detail}", ledger.display()));
            }
            (Holder::Nobody, Ok(())) if ledger.exists() => {
                found.ok("ledger", format!("{}: a desk would go on with it", ledger.display()));
            }
            (Holder::Nobody, Ok(())) => found.ok("ledger", format!("{}: would be new", ledger.display())),
            (Holder::Nobody, Err(problem)) => found.fail("ledger", Failure::DATA, problem),
        }
        if let Some(reason) = read_stop(&ledger) {
            found.warn(
                "STOP",
                format!("nothing will be opened: {reason}; `protogen resume --trading` lifts it"),
            );
        }
    }
}

fn writable(ledger: &Path) -> Result<(), String> {
    let folder = ledger.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let probe = folder.join(format!(".protogen-doctor.{}", std::process::id()));
    let try_it = || {
        paths::make_private(folder)?;
        File::create_new(&probe)?;
        std::fs::remove_file(&probe)
    };
    try_it()
        .map_err(|error| format!("{} cannot be written: {error}; give another --ledger", folder.display()))
}

async fn exchange(access: &ExchangeAccess, scenario: Option<&Scenario>, found: &mut DoctorFindings) {
    let credentials = match access.credentials() {
        Ok(credentials) => {
            let file = access.key.as_ref().map(|(_, file)| file.display().to_string()).unwrap_or_default();
            let kind = credentials.kind();
            found.ok("key", format!("{file}: a private {kind} key that only its owner can read"));
            Some(credentials)
        }
        Err(failure) => {
            found.fail("key", Failure::VENUE, failure.message);
            None
        }
    };
    let signed = credentials.is_some();
    let rest = match Rest::new(&access.environment, credentials) {
        Ok(rest) => rest,
        Err(error) => return found.refused("connection", &error),
    };
    match rest.exchange_status().await {
        Err(error) => return found.refused("connection", &error),
        Ok(status) if !status.exchange_active => {
            found.warn(
                "connection",
                format!("{} is reached, but down: nothing can be done there", access.environment),
            );
        }
        Ok(status) if !status.trading_active => {
            found.warn("connection", format!("{} is reached, but trading is paused", access.environment));
        }
        Ok(_) => {
            let clock = if access.waits_for_clients { "; its clock waits for its clients" } else { "" };
            found.ok("connection", format!("{} is up and trading{clock}", access.environment));
        }
    }
    clocks(&rest, found);
    if signed {
        account(&rest, scenario, found).await;
    }
    schedule(&rest, found).await;
    if let Some(scenario) = scenario {
        series(&rest, scenario, found).await;
    }
}

fn clocks(rest: &Rest, found: &mut DoctorFindings) {
    let Some(skew) = rest.clock_skew() else {
        return found.warn("clock", "the exchange did not say what time it is");
    };
    let detail = format!("the exchange's is {} to {} ms ahead of ours", skew.least_ms, skew.most_ms);
    match skew.certain_ms() {
        ms if ms > REFUSED_MS => {
            let problem = format!("{detail}: requests will be refused; set this machine's clock (NTP)");
            found.fail("clock", Failure::VENUE, problem);
        }
        ms if ms > WORRYING_MS => found.warn("clock", format!("{detail}; set this machine's clock (NTP)")),
        _ => found.ok("clock", detail),
    }
}

async fn account(rest: &Rest, scenario: Option<&Scenario>, found: &mut DoctorFindings) {
    match rest.learn_limits().await {
        Ok(limits) => {
            let (read, write) = (limits.read.refill_rate, limits.write.refill_rate);
            let tier = &limits.usage_tier;
            found.ok("limits", format!("tier {tier}: {read} read and {write} write tokens a second"));
        }
        Err(error) => found.refused("limits", &error),
    }
    match rest.balance().await {
        Ok(balance) => {
            let cash = balance.available;
            let wanted = scenario.map_or(Money::ZERO, |scenario| scenario.desk.bankroll);
            if cash < wanted {
                let detail = format!("${cash} is less than the scenario's bankroll of ${wanted}");
                found.warn("balance", format!("{detail}: orders will be refused for lack of money"));
            } else {
                found.ok("balance", format!("${cash}"));
            }
        }
        Err(error) => found.refused("balance", &error),
    }
    let resting = OrderFilter { status: Some(ApiOrderStatus::Resting), ..OrderFilter::default() };
    match rest.orders(&resting).await {
        Ok(orders) => {
            let detail =
                format!("{} resting; whether the key may trade shows with the first order", orders.len());
            found.ok("orders", detail);
        }
        Err(error) => found.refused("orders", &error),
    }
    match rest.positions().await {
        Ok(positions) => {
            let held = positions.iter().filter(|held| !held.position.is_zero()).count();
            let note = if held > 0 { ": those that are not of the ledger will be left alone" } else { "" };
            found.ok("positions", format!("{held} in the account{note}"));
        }
        Err(error) => found.refused("positions", &error),
    }
}

async fn schedule(rest: &Rest, found: &mut DoctorFindings) {
    match rest.schedule().await {
        Err(error) => found.refused("schedule", &error),
        Ok(schedule) => {
            let now = clock::now();
            let next = schedule.maintenance_windows.iter().filter(|window| window.end > now);
            match next.min_by_key(|window| window.start) {
                None => found.ok("schedule", "no maintenance is announced"),
                Some(window) if window.start <= now => {
                    found.warn("schedule", format!("maintenance until {}", window.end));
                }
                Some(window) => {
                    let wait = in_words(window.start.since(now));
                    found.ok(
                        "schedule",
                        format!("next maintenance in {wait}, {} to {}", window.start, window.end),
                    );
                }
            }
        }
    }
}

async fn series(rest: &Rest, scenario: &Scenario, found: &mut DoctorFindings) {
    let wanted = &scenario.desk.scanner.series;
    if wanted.is_empty() {
        found.warn("series", "scanner.series is empty: every market of the exchange would be looked at");
    }
    for ticker in wanted {
        match rest.series(ticker).await {
            Ok(series) => {
                let fees = series.fees();
                let multiplier = f64::from(fees.multiplier_ppm) / 1e6;
                let detail =
                    format!("{}: {}; fees {:?} × {multiplier}", series.ticker, series.title, fees.fee_type);
                found.ok("series", detail);
            }
            Err(error) if error.is_not_found() => {
                let detail = format!("{ticker}: the exchange has no such series; look at scanner.series");
                found.fail("series", Failure::VENUE, detail);
            }
            Err(error) => found.refused("series", &error),
        }
    }
}

fn table(checks: &[DoctorCheck]) -> String {
    let mut table = render::table();
    table.set_header(["", "check", "found"]);
    for check in checks {
        let state = match check.state {
            CheckState::Ok => "ok",
            CheckState::Warn => "warn",
            CheckState::Fail => "FAIL",
        };
        table.add_row([state, check.name, &check.detail]);
    }
    render::show(&table)
}
