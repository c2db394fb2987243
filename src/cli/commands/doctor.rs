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
use crate::cli::{Common, Failure, ScenarioArgs, json_line, print_to_stdout, render};

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
    fn add_check(&mut self, name: &'static str, state: CheckState, detail: impl Into<String>) {
        self.checks.push(DoctorCheck { name, state, detail: detail.into() });
        if state == CheckState::Fail {
            self.code.get_or_insert(Failure::VENUE);
        }
    }

    fn add_ok(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add_check(name, CheckState::Ok, detail);
    }

    fn add_warning(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add_check(name, CheckState::Warn, detail);
    }

    fn add_failure(&mut self, name: &'static str, code: u8, detail: impl Into<String>) {
        self.add_check(name, CheckState::Fail, detail);
        // The lowest code is that of what must be mended first.
        self.code = Some(self.code.map_or(code, |other| other.min(code)));
    }

    fn add_api_error(&mut self, name: &'static str, error: &ApiError) {
        let hint = match error.refusal_status() {
            Some(401) => "; the key id and the private key must be of one key, made on this very exchange",
            Some(403) => "; the key lacks the permission: make one with read and write",
            _ => "",
        };
        self.add_failure(name, Failure::VENUE, format!("{error}{hint}"));
    }
}

impl DoctorCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        let mut found = DoctorFindings::default();
        let scenario = self.check_scenario(&mut found);
        self.check_ledger(scenario.as_ref(), &mut found);
        match self.env.exchange_access() {
            Err(failure) => found.add_failure("exchange", failure.code, failure.message),
            Ok(access) => {
                crate::cli::network_runtime()?.block_on(check_exchange(
                    &access,
                    scenario.as_ref(),
                    &mut found,
                ));
            }
        }
        if common.json {
            print_to_stdout(&json_line(&json!({ "ok": found.code.is_none(), "checks": found.checks })))?;
        } else {
            print_to_stdout(&checks_table_text(&found.checks))?;
        }
        let failed = found.checks.iter().filter(|check| check.state == CheckState::Fail).count();
        found.code.map_or(Ok(()), |code| Err(Failure::new(code, format!("{failed} checks failed"))))
    }

    fn check_scenario(&self, found: &mut DoctorFindings) -> Option<Scenario> {
        let Some(file) = &self.scenario else {
            found.add_warning("scenario", "none was given, so its data, series and bankroll are not checked");
            return None;
        };
        let scenario = match Scenario::load_file(file, &self.overrides.overrides) {
            Ok(scenario) => scenario,
            Err(error) => {
                found.add_failure("scenario", Failure::USAGE, error.to_string());
                return None;
            }
        };
        for note in &scenario.notes {
            found.add_warning("scenario", note);
        }
        let strategies: Vec<_> = scenario.seats.iter().map(|seat| seat.strategy.name()).collect();
        found.add_ok("scenario", format!("{}: {}", scenario.name, strategies.join(", ")));
        for folder in &scenario.data {
            match DataSet::open(folder) {
                Ok(set) => {
                    found.add_ok("data", format!("{}: {} files", folder.display(), set.file_paths().count()));
                }
                Err(error) => {
                    found.add_warning("data", format!("{error}; a backtest needs it, a live desk does not"));
                }
            }
        }
        for file in &scenario.facts {
            match crate::dataset::facts::read_facts(file) {
                Ok(facts) => found.add_ok("facts", format!("{}: {} facts", file.display(), facts.len())),
                Err(error) => found.add_failure("facts", Failure::DATA, error.to_string()),
            }
        }
        Some(scenario)
    }

    fn check_ledger(&self, scenario: Option<&Scenario>, found: &mut DoctorFindings) {
        let name = scenario.map(|scenario| self.env.ledger_name(&scenario.name, false));
        let ledger = self.ledger.clone().map_or_else(|| paths::default_ledger(name.as_deref()), Ok);
        let ledger = match ledger {
            Ok(ledger) => ledger,
            Err(error) => return found.add_failure("ledger", Failure::DATA, error.to_string()),
        };
        match (LedgerLock::lock_holder(&ledger), check_folder_writable(&ledger)) {
            (Holder::Process(pid), _) => {
                let who = pid.map_or_else(|| "a process".into(), |pid| format!("process {pid}"));
                found.add_warning("ledger", format!("{} is in use by {who}", ledger.display()));
            }
            (Holder::Unknown, _) => {
                let detail = "its lock cannot be looked at, so a desk may run on it";
                found.add_failure("ledger", Failure::DATA, format!("{}: {detail}", ledger.display()));
            }
            (Holder::Nobody, Ok(())) if ledger.exists() => {
                found.add_ok("ledger", format!("{}: a desk would go on with it", ledger.display()));
            }
            (Holder::Nobody, Ok(())) => found.add_ok("ledger", format!("{}: would be new", ledger.display())),
            (Holder::Nobody, Err(problem)) => found.add_failure("ledger", Failure::DATA, problem),
        }
        if let Some(reason) = read_stop(&ledger) {
            found.add_warning(
                "STOP",
                format!("nothing will be opened: {reason}; `protogen resume --trading` lifts it"),
            );
        }
    }
}

fn check_folder_writable(ledger: &Path) -> Result<(), String> {
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

async fn check_exchange(access: &ExchangeAccess, scenario: Option<&Scenario>, found: &mut DoctorFindings) {
    let credentials = match access.read_credentials() {
        Ok(credentials) => {
            let file = access.key.as_ref().map(|(_, file)| file.display().to_string()).unwrap_or_default();
            let kind = credentials.key_algorithm();
            found.add_ok("key", format!("{file}: a private {kind} key that only its owner can read"));
            Some(credentials)
        }
        Err(failure) => {
            found.add_failure("key", Failure::VENUE, failure.message);
            None
        }
    };
    let signed = credentials.is_some();
    let rest = match Rest::new(&access.environment, credentials) {
        Ok(rest) => rest,
        Err(error) => return found.add_api_error("connection", &error),
    };
    match rest.exchange_status().await {
        Err(error) => return found.add_api_error("connection", &error),
        Ok(status) if !status.exchange_active => {
            found.add_warning(
                "connection",
                format!("{} is reached, but down: nothing can be done there", access.environment),
            );
        }
        Ok(status) if !status.trading_active => {
            found.add_warning(
                "connection",
                format!("{} is reached, but trading is paused", access.environment),
            );
        }
        Ok(_) => {
            let clock = if access.waits_for_clients { "; its clock waits for its clients" } else { "" };
            found.add_ok("connection", format!("{} is up and trading{clock}", access.environment));
        }
    }
    check_clock_skew(&rest, found);
    if signed {
        check_account(&rest, scenario, found).await;
    }
    check_maintenance_schedule(&rest, found).await;
    if let Some(scenario) = scenario {
        check_series(&rest, scenario, found).await;
    }
}

fn check_clock_skew(rest: &Rest, found: &mut DoctorFindings) {
    let Some(skew) = rest.clock_skew() else {
        return found.add_warning("clock", "the exchange did not say what time it is");
    };
    let detail = format!("the exchange's is {} to {} ms ahead of ours", skew.least_ms, skew.most_ms);
    match skew.certain_ms() {
        ms if ms > REFUSED_MS => {
            let problem = format!("{detail}: requests will be refused; set this machine's clock (NTP)");
            found.add_failure("clock", Failure::VENUE, problem);
        }
        ms if ms > WORRYING_MS => {
            found.add_warning("clock", format!("{detail}; set this machine's clock (NTP)"));
        }
        _ => found.add_ok("clock", detail),
    }
}

async fn check_account(rest: &Rest, scenario: Option<&Scenario>, found: &mut DoctorFindings) {
    match rest.learn_limits().await {
        Ok(limits) => {
            let (read, write) = (limits.read.refill_rate, limits.write.refill_rate);
            let tier = &limits.usage_tier;
            found.add_ok("limits", format!("tier {tier}: {read} read and {write} write tokens a second"));
        }
        Err(error) => found.add_api_error("limits", &error),
    }
    match rest.balance().await {
        Ok(balance) => {
            let cash = balance.available;
            let wanted = scenario.map_or(Money::ZERO, |scenario| scenario.desk.bankroll);
            if cash < wanted {
                let detail = format!("${cash} is less than the scenario's bankroll of ${wanted}");
                found.add_warning("balance", format!("{detail}: orders will be refused for lack of money"));
            } else {
                found.add_ok("balance", format!("${cash}"));
            }
        }
        Err(error) => found.add_api_error("balance", &error),
    }
    let resting = OrderFilter { status: Some(ApiOrderStatus::Resting), ..OrderFilter::default() };
    match rest.orders(&resting).await {
        Ok(orders) => {
            let detail =
                format!("{} resting; whether the key may trade shows with the first order", orders.len());
            found.add_ok("orders", detail);
        }
        Err(error) => found.add_api_error("orders", &error),
    }
    match rest.positions().await {
        Ok(positions) => {
            let held = positions.iter().filter(|held| !held.position.is_zero()).count();
            let note = if held > 0 { ": those that are not of the ledger will be left alone" } else { "" };
            found.add_ok("positions", format!("{held} in the account{note}"));
        }
        Err(error) => found.add_api_error("positions", &error),
    }
}

async fn check_maintenance_schedule(rest: &Rest, found: &mut DoctorFindings) {
    match rest.exchange_schedule().await {
        Err(error) => found.add_api_error("schedule", &error),
        Ok(schedule) => {
            let now = clock::now();
            let next = schedule.maintenance_windows.iter().filter(|window| window.end > now);
            match next.min_by_key(|window| window.start) {
                None => found.add_ok("schedule", "no maintenance is announced"),
                Some(window) if window.start <= now => {
                    found.add_warning("schedule", format!("maintenance until {}", window.end));
                }
                Some(window) => {
                    let wait = in_words(window.start.since(now));
                    found.add_ok(
                        "schedule",
                        format!("next maintenance in {wait}, {} to {}", window.start, window.end),
                    );
                }
            }
        }
    }
}

async fn check_series(rest: &Rest, scenario: &Scenario, found: &mut DoctorFindings) {
    let wanted = &scenario.desk.scanner.series;
    if wanted.is_empty() {
        found.add_warning(
            "series",
            "scanner.series is empty: every market of the exchange would be looked at",
        );
    }
    for ticker in wanted {
        match rest.series(ticker).await {
            Ok(series) => {
                let fees = series.fees();
                let multiplier = f64::from(fees.multiplier_ppm) / 1e6;
                let title = series.title.as_deref().unwrap_or("without a title");
                let detail = format!("{}: {title}; fees {:?} × {multiplier}", series.ticker, fees.fee_type);
                found.add_ok("series", detail);
            }
            Err(error) if error.is_not_found() => {
                let detail = format!("{ticker}: the exchange has no such series; look at scanner.series");
                found.add_failure("series", Failure::VENUE, detail);
            }
            Err(error) => found.add_api_error("series", &error),
        }
    }
}

fn checks_table_text(checks: &[DoctorCheck]) -> String {
    let mut table = render::new_table();
    table.set_header(["", "check", "found"]);
    for check in checks {
        let state = match check.state {
            CheckState::Ok => "ok",
            CheckState::Warn => "warn",
            CheckState::Fail => "FAIL",
        };
        table.add_row([state, check.name, &check.detail]);
    }
    render::table_text(&table)
}
