//! `protogen sandbox --data DIR`

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use serde_json::json;
use tokio::net::TcpListener;

use crate::dataset::data_set::DataSet;
use crate::dataset::read::selection::Window;
use crate::domain::decimal::parse_scaled;
use crate::domain::{FeeRounding, Fraction, Money, Price, Span, Timestamp};
use crate::feed::HistoricalFeed;
use crate::feed::historical::HistoricalSettings;
use crate::live::sandbox_discovery::Sandbox;

use crate::sandbox::api::serve::ServeError;
use crate::sandbox::{
    Faults, Keys, SandboxExchange, SandboxSettings, ServeSettings, Speed, Tier, serve_exchange,
};
use crate::sim::{FillModel, LatencyModel, SimSettings};

use crate::cli::{Common, Failure, json_line, print_to_stdout};

/// Serve a data set as a Kalshi-compatible exchange on 127.0.0.1, until Ctrl-C.
///
/// Speaks the REST and WebSocket API of the exchange. `protogen live SCENARIO --env sandbox` in another
/// terminal finds it by itself; for other clients the key is printed as environment variables. The key is
/// made anew unless its file is there, and is worth nothing anywhere else.
#[derive(Debug, Args)]
pub struct SandboxCommand {
    /// Data set folders
    #[arg(long = "data", required = true, value_name = "DIR")]
    data: Vec<PathBuf>,
    /// Port on 127.0.0.1; 0 = any that is free
    #[arg(long, default_value_t = 7780)]
    port: u16,
    /// Clock: so many times as fast as the wall's, or `max` = it waits for its clients to move it on
    #[arg(long, default_value = "max", value_name = "N|max", value_parser = parse_speed)]
    speed: Speed,
    /// Day on which the clock begins; what was before has happened silently
    #[arg(long, value_name = "DATE", value_parser = Timestamp::parse_date)]
    start: Option<Timestamp>,
    /// Last day
    #[arg(long, value_name = "DATE", value_parser = Timestamp::parse_date)]
    end: Option<Timestamp>,
    /// File of the private key; its id is kept beside it in a file ending in .id
    #[arg(long, value_name = "FILE", default_value = "sandbox-key.pem")]
    key_out: PathBuf,
    /// A further user: key id and file with the public key in PEM (RSA or Ed25519); repeatable
    #[arg(long, value_name = "ID=FILE")]
    key_in: Vec<String>,
    /// Dollars of every user to begin with
    #[arg(long, value_name = "DOLLARS", default_value = "10000", value_parser = parse_bankroll)]
    bankroll: Money,
    /// Dollars from the midpoint where the data has neither bid nor ask; `off` = no quote there
    #[arg(long, value_name = "DOLLARS|off", default_value = "0.01", value_parser = parse_half_spread)]
    half_spread: HalfSpread,
    /// How much an order can take: what is displayed at the best price, our share of every level within its
    /// limit, or everything at the quote
    #[arg(long, value_enum, default_value_t = FillChoice::TopOfBook)]
    fill: FillChoice,
    /// Share of the traded volume that an order gets where sizes are unknown
    #[arg(long, default_value = "0.25", value_parser = parse_fraction)]
    participation: Fraction,
    /// How fees round
    #[arg(long, value_enum, default_value_t = RoundingChoice::Centicent)]
    fee_rounding: RoundingChoice,
    /// What goes wrong and how often, for example `seed=7,drop_ack=0.05,ws_gap=0.01,latency=50ms..2s`; also `http_500`,
    /// reset, `rate_limit`, duplicate, `ws_drop`, `odd=0.01` (share of markets that are as the exchange's schemas
    /// allow and nobody has seen; list them with GET /sandbox/odd) and `foreign=1000/min` (messages about markets
    /// that are not in the data)
    #[arg(long, default_value = "", value_name = "SPEC", value_parser = Faults::parse, hide_default_value = true)]
    faults: Faults,
    /// How long settled markets and trades stay with the live endpoints before they are served below
    /// /historical alone, as the exchange does after 3 months, for example `90d` [default: for ever]
    #[arg(long, value_name = "SPAN", value_parser = Span::parse)]
    live_window: Option<Span>,
    /// Rate limits of the users' tier
    #[arg(long, default_value = "off", value_parser = PossibleValuesParser::new(tier_names()))]
    tier: String,
}

/// `--half-spread`; an `Option` of its own kind, as clap would take a plain one for a flag that may be absent.
#[derive(Clone, Copy, Debug)]
struct HalfSpread(Option<Price>);

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum FillChoice {
    TopOfBook,
    Book,
    Unlimited,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum RoundingChoice {
    Centicent,
    Cent,
    CentPerFill,
}

fn parse_speed(text: &str) -> Result<Speed, String> {
    match text.parse() {
        _ if text == "max" => Ok(Speed::Max),
        Ok(times) if times > 0 => Ok(Speed::Times(times)),
        _ => Err("is neither `max` nor a whole number from 1 on".into()),
    }
}

fn parse_bankroll(text: &str) -> Result<Money, String> {
    let money = Money::parse(text).map_err(|error| error.to_string())?;
    if money > Money::ZERO { Ok(money) } else { Err("is not above 0".into()) }
}

fn parse_half_spread(text: &str) -> Result<HalfSpread, String> {
    if text == "off" {
        return Ok(HalfSpread(None));
    }
    let price =
        u16::try_from(parse_scaled(text, 4).map_err(|error| error.to_string())?).ok().and_then(Price::new);
    price.map(|price| HalfSpread(Some(price))).ok_or_else(|| "is not between 0 and 1 dollar".into())
}

fn parse_fraction(text: &str) -> Result<Fraction, String> {
    let ppm = u32::try_from(parse_scaled(text, 6).map_err(|error| error.to_string())?)
        .ok()
        .and_then(Fraction::from_ppm);
    ppm.ok_or_else(|| "is not between 0 and 1".into())
}

fn tier_names() -> impl Iterator<Item = &'static str> {
    Tier::ALL.into_iter().map(Tier::name).chain(["off"])
}

impl SandboxCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        let (exchange, markets) = self.open_exchange()?;
        let mut keys = Keys::default();
        let key_id = own_key(&mut keys, &self.key_out)?;
        self.key_in.iter().try_for_each(|user| register_user_key(&mut keys, user))?;
        crate::cli::network_runtime()?.block_on(async {
            let address = ("127.0.0.1", self.port);
            let listener = TcpListener::bind(address).await.map_err(|error| self.no_port(&error))?;
            let port = listener.local_addr().map_err(|error| self.no_port(&error))?.port();
            let key_path = std::path::absolute(&self.key_out).unwrap_or_else(|_| self.key_out.clone());
            let sandbox = Sandbox {
                port,
                key_id,
                key_path,
                waits_for_clients: self.speed == Speed::Max,
                pid: std::process::id(),
            };
            // Found or not, it can be used: its address is printed.
            let announced = sandbox.clone().announce_running();
            let told = SandboxStarted { sandbox: &sandbox, found: announced.is_ok(), markets };
            print_to_stdout(&if common.json { told.started_json() } else { told.started_text() })?;
            let served =
                serve_exchange(listener, exchange, keys, self.serve_settings(), wait_for_interrupt()).await;
            drop(announced);
            served.map_err(|error| match error {
                ServeError::Feed(error) => Failure::new(Failure::DATA, error.message),
                ServeError::Io(error) => {
                    Failure::new(Failure::VENUE, format!("the sandbox's socket: {error}"))
                }
            })
        })
    }

    fn no_port(&self, error: &std::io::Error) -> Failure {
        let port = self.port;
        let problem = format!("127.0.0.1:{port}: {error}; give another --port, or 0 for any that is free");
        Failure::new(Failure::USAGE, problem)
    }

    /// The exchange, and how many markets it has.
    fn open_exchange(&self) -> Result<(SandboxExchange, usize), Failure> {
        if self.start.zip(self.end).is_some_and(|(start, end)| end < start) {
            return Err(Failure::new(Failure::USAGE, "--end is before --start"));
        }
        let sets = self.data.iter().map(|folder| DataSet::open(folder)).collect::<Result<Vec<_>, _>>()?;
        let end = self.end.map_or(Timestamp::MAX, |day| (day + Span::DAY).just_before());
        let settings = HistoricalSettings {
            data: &sets,
            facts: &[],
            window: Window { start: Timestamp::MIN, end },
            half_spread: self.half_spread.0,
            lenient: false,
        };
        let feed = HistoricalFeed::open(&settings, |_| true)?;
        let markets = feed.markets().len();
        let sim = SimSettings {
            fill: match self.fill {
                FillChoice::TopOfBook => FillModel::TopOfBook,
                FillChoice::Book => FillModel::Book,
                FillChoice::Unlimited => FillModel::Unlimited,
            },
            latency: LatencyModel::Fixed(Span::ZERO),
            participation: self.participation,
            fee_rounding: match self.fee_rounding {
                RoundingChoice::Centicent => FeeRounding::Centicent,
                RoundingChoice::Cent => FeeRounding::Cent,
                RoundingChoice::CentPerFill => FeeRounding::CentPerFill,
            },
            seed: self.faults.seed,
        };
        let settings = SandboxSettings { sim, bankroll: self.bankroll };
        let exchange = SandboxExchange::new(Box::new(feed), settings);
        exchange
            .map(|exchange| (exchange.with_live_window(self.live_window), markets))
            .map_err(|error| Failure::new(Failure::DATA, error.message))
    }

    fn serve_settings(&self) -> ServeSettings {
        ServeSettings {
            speed: self.speed,
            start: self.start,
            faults: self.faults,
            tier: Tier::ALL.into_iter().find(|tier| tier.name() == self.tier),
        }
    }
}

/// The sandbox's own key: that of the file if one of ours is there, else a new one. A key of someone else is
/// never written over.
fn own_key(keys: &mut Keys, path: &Path) -> Result<String, Failure> {
    let id_file = path.with_extension("id");
    let failed = |error: String| Failure::new(Failure::USAGE, error);
    if path.exists() {
        let id = fs::read_to_string(&id_file).map_err(|error| {
            failed(format!(
                "{} is there, but not its id in {} ({error}): it is not a sandbox's key; give another --key-out",
                path.display(),
                id_file.display()
            ))
        })?;
        let id = id.trim().to_owned();
        keys.reload_key_file(&id, path).map_err(|error| failed(error.to_string()))?;
        return Ok(id);
    }
    let id = keys.generate_key_file(path).map_err(|error| failed(error.to_string()))?;
    let written = fs::write(&id_file, format!("{id}\n"));
    written.map_err(|error| failed(format!("{} cannot be written: {error}", id_file.display())))?;
    Ok(id)
}

fn register_user_key(keys: &mut Keys, user: &str) -> Result<(), Failure> {
    let failed = |problem: String| Failure::new(Failure::USAGE, format!("--key-in {user}: {problem}"));
    let (id, file) = user.split_once('=').ok_or_else(|| failed("write it as ID=FILE".into()))?;
    let pem = fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    keys.register_public_key(id, &pem).map_err(|error| failed(error.to_string()))
}

/// Waits for Ctrl-C, or for the system to end the process.
async fn wait_for_interrupt() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

/// What is printed at the start.
struct SandboxStarted<'a> {
    sandbox: &'a Sandbox,
    found: bool,
    markets: usize,
}

impl SandboxStarted<'_> {
    fn started_json(&self) -> String {
        let Sandbox { port, key_id, key_path, .. } = self.sandbox;
        json_line(&json!({
            "port": port, "key_id": key_id, "key_path": key_path, "markets": self.markets,
            "rest_url": format!("http://127.0.0.1:{port}/trade-api/v2"),
            "ws_url": format!("ws://127.0.0.1:{port}/trade-api/ws/v2"),
        }))
    }

    fn started_text(&self) -> String {
        let Sandbox { port, key_id, key_path, .. } = self.sandbox;
        let mut text = format!(
            "# {} markets at http://127.0.0.1:{port}/trade-api/v2 and ws://127.0.0.1:{port}/trade-api/ws/v2\n\
             KALSHI_API_KEY_ID={key_id}\nKALSHI_PRIVATE_KEY_PATH={}\n",
            self.markets,
            shell_quote(&key_path.to_string_lossy())
        );
        let port = if self.found { String::new() } else { format!(" --port {port}") };
        let _ = writeln!(
            text,
            "# trade on it with `protogen live SCENARIO --env sandbox{port}`; end it with Ctrl-C"
        );
        text
    }
}

/// For a shell.
fn shell_quote(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    if text.chars().all(plain) { text.into() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_used_again_and_one_of_someone_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let made = own_key(&mut Keys::default(), &path).unwrap();
        let pem = fs::read_to_string(&path).unwrap();
        let mut again = Keys::default();
        assert_eq!(own_key(&mut again, &path).unwrap(), made);
        assert_eq!(again.key_ids().collect::<Vec<_>>(), [made]);
        assert_eq!(fs::read_to_string(&path).unwrap(), pem);
        let real = folder.path().join("real.pem");
        fs::write(&real, "-----BEGIN PRIVATE KEY-----").unwrap();
        let refused = own_key(&mut Keys::default(), &real).unwrap_err();
        assert!(refused.message.contains("not a sandbox's key"), "{}", refused.message);
        assert_eq!(fs::read_to_string(&real).unwrap(), "-----BEGIN PRIVATE KEY-----");
    }

    #[test]
    fn flags_are_read_exactly() {
        assert_eq!(parse_speed("3600"), Ok(Speed::Times(3_600)));
        assert!(parse_speed("0").is_err() && parse_speed("fast").is_err());
        assert_eq!(parse_half_spread("0.005").unwrap().0, Price::new(50));
        assert_eq!(parse_half_spread("off").unwrap().0, None);
        assert!(
            parse_half_spread("1.5").is_err()
                && parse_fraction("1.1").is_err()
                && parse_bankroll("0").is_err()
        );
        assert_eq!(shell_quote("/a b/it's.pem"), r"'/a b/it'\''s.pem'");
    }
}
