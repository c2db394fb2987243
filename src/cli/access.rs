//! Which exchange a command talks to, and with which key: the same flags and rules for every command.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::kalshi::auth::Credentials;
use crate::kalshi::environment::Environment;
use crate::live::sandbox_discovery::Sandbox;

use super::Failure;

/// Where to trade, and with which key. The key itself is never given on the command line.
#[derive(Debug, Args)]
#[command(next_help_heading = "Exchange")]
pub struct EnvArgs {
    /// The exchange: its test system, the real one, or a sandbox on this machine [default: demo]
    #[arg(long = "env", value_enum, value_name = "ENV")]
    pub named: Option<EnvName>,
    /// Id of the API key; a sandbox that runs on this machine makes its own known
    #[arg(long, env = "KALSHI_API_KEY_ID", value_name = "ID", hide_env_values = true)]
    pub key_id: Option<String>,
    /// File with the private key in PEM, readable by its owner alone
    #[arg(long, env = "KALSHI_PRIVATE_KEY_PATH", value_name = "FILE", hide_env_values = true)]
    pub key_file: Option<PathBuf>,
    /// Port of the sandbox, if it is not the one started last
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
}

/// The exchanges by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EnvName {
    /// The exchange's test system, with money that is not real
    Demo,
    /// The real exchange, with real money
    Prod,
    /// `protogen sandbox` on this machine
    Sandbox,
}

impl EnvName {
    /// The exchange of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Demo, Self::Prod, Self::Sandbox].into_iter().find(|env| env.name() == name)
    }

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Prod => "prod",
            Self::Sandbox => "sandbox",
        }
    }
}

/// An exchange, and where the key to it lies.
#[derive(Clone, Debug)]
pub struct ExchangeAccess {
    /// The exchange.
    pub environment: Environment,
    /// Its name without a port.
    pub name: EnvName,
    /// The key's id and file, if both were given.
    pub key: Option<(String, PathBuf)>,
    /// Whether the exchange's clock stands still until a client moves it on, as far as is known.
    pub waits_for_clients: bool,
}

impl EnvArgs {
    /// The exchange named, or its test system.
    pub fn env_or_demo(&self) -> EnvName {
        self.named.unwrap_or(EnvName::Demo)
    }

    /// The name of a scenario's ledger. One for each exchange and mode: money of one kind never mixes with
    /// another's.
    pub fn ledger_name(&self, scenario: &str, paper: bool) -> String {
        let paper = if paper { "-paper" } else { "" };
        format!("{scenario}-{}{paper}", self.env_or_demo().name())
    }

    /// Works out the exchange and the key's place; reads no key.
    pub fn exchange_access(&self) -> Result<ExchangeAccess, Failure> {
        self.access_to(self.env_or_demo())
    }

    /// The same for an exchange that is known otherwise.
    pub fn access_to(&self, env: EnvName) -> Result<ExchangeAccess, Failure> {
        let running = match env {
            EnvName::Sandbox => Sandbox::find_running()
                .map_err(|error| Failure::new(Failure::USAGE, format!("the running sandbox: {error}")))?,
            EnvName::Demo | EnvName::Prod => None,
        };
        self.access_with(env, running)
    }

    fn access_with(&self, env: EnvName, running: Option<Sandbox>) -> Result<ExchangeAccess, Failure> {
        if self.port.is_some() && env != EnvName::Sandbox {
            return Err(Failure::new(Failure::USAGE, "--port is of --env sandbox only"));
        }
        let given = self.key_id.clone().zip(self.key_file.clone());
        let running = running.filter(|found| self.port.is_none_or(|port| port == found.port));
        let (environment, key, waits_for_clients) = match (env, running, self.port) {
            (EnvName::Demo, ..) => (Environment::Demo, given, false),
            (EnvName::Prod, ..) => (Environment::Prod, given, false),
            // Its own key goes first: what the environment holds is most likely a key of the real exchange.
            (EnvName::Sandbox, Some(found), _) => {
                let key = Some((found.key_id, found.key_path));
                (Environment::Sandbox { port: found.port }, key, found.waits_for_clients)
            }
            (EnvName::Sandbox, None, Some(port)) => (Environment::Sandbox { port }, given, false),
            (EnvName::Sandbox, None, None) => {
                let problem = "no sandbox runs on this machine; start one with `protogen sandbox --data DIR`, \
                               or give --port";
                return Err(Failure::new(Failure::VENUE, problem));
            }
        };
        Ok(ExchangeAccess { environment, name: env, key, waits_for_clients })
    }
}

impl ExchangeAccess {
    /// Reads the key.
    pub fn read_credentials(&self) -> Result<Credentials, Failure> {
        let Some((id, file)) = &self.key else {
            let problem = format!(
                "trading on {} needs an API key: set KALSHI_API_KEY_ID and KALSHI_PRIVATE_KEY_PATH, or give \
                 --key-id and --key-file",
                self.name.name()
            );
            return Err(Failure::new(Failure::USAGE, problem));
        };
        Credentials::from_file(id, file).map_err(|error| Failure::new(Failure::USAGE, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(key: bool, port: Option<u16>) -> EnvArgs {
        let key_id = key.then(|| "mine".to_owned());
        EnvArgs { named: None, key_id, key_file: key.then(|| "/mine.pem".into()), port }
    }

    fn running() -> Sandbox {
        let (key_id, key_path) = ("theirs".into(), "/theirs.pem".into());
        Sandbox { port: 7, key_id, key_path, waits_for_clients: true, pid: 1 }
    }

    #[test]
    fn the_sandbox_is_found_and_real_keys_are_not_shown_to_it() {
        let to = |args: EnvArgs, running| args.access_with(EnvName::Sandbox, running);
        let access = to(args(true, None), Some(running())).unwrap();
        assert_eq!(access.environment, Environment::Sandbox { port: 7 });
        assert_eq!(access.key.unwrap().0, "theirs");
        let other = to(args(true, Some(8)), Some(running())).unwrap();
        assert_eq!(other.environment, Environment::Sandbox { port: 8 });
        assert_eq!(other.key.unwrap().0, "mine");
        let none = to(args(true, None), None).unwrap_err();
        assert!(none.code == Failure::VENUE && none.message.contains("protogen sandbox"));
    }

    #[test]
    fn without_a_key_one_is_told_how_to_give_it() {
        let access = args(false, None).access_with(EnvName::Prod, None).unwrap();
        assert_eq!(access.environment, Environment::Prod);
        let missing = access.read_credentials().unwrap_err();
        assert!(missing.code == Failure::USAGE && missing.message.contains("KALSHI_PRIVATE_KEY_PATH"));
        assert!(args(false, Some(1)).exchange_access().is_err());
        let absent = args(true, None).exchange_access().unwrap();
        assert_eq!(absent.environment, Environment::Demo);
        let absent = absent.read_credentials().unwrap_err();
        assert!(absent.message.contains("/mine.pem"), "{}", absent.message);
    }
}
