//! A sandbox in this process, and the live desk on it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protogen::dataset::facts;
use protogen::desk::Desk;
use protogen::domain::{Span, Timestamp};
use protogen::kalshi::auth::Credentials;
use protogen::kalshi::environment::Environment;
use protogen::kalshi::rest::Rest;
use protogen::live::runner::{self, BegunSession, Ended, Hooks, LiveSettings};
use protogen::sandbox::{
    Faults, ForeignRequests, Keys, SandboxExchange, SandboxSettings, ServeSettings, Speed, Tier, TokenMeter,
    serve_exchange,
};
use protogen::scenario::Scenario;
use protogen::sim::LatencyModel;
use serde_json::Value;

use super::live::account_of;
use super::parity::history;

/// A sandbox that serves a scenario's data at full speed, with the key of one account.
pub struct SandboxHere {
    runtime: tokio::runtime::Runtime,
    pub port: u16,
    credentials: Credentials,
    /// The desk's ledger.
    pub ledger: PathBuf,
    pub foreign: Arc<ForeignRequests>,
    pub tokens: Arc<TokenMeter>,
}

impl SandboxHere {
    /// Serves only the series of the scenario's scanner.
    pub fn start(scenario: &Scenario, folder: &Path, faults: Faults, tier: Option<Tier>) -> Self {
        Self::serve(scenario, scenario, folder, faults, tier)
    }

    /// Serves the data of one scenario with the matching of another.
    pub fn serve(
        served: &Scenario,
        scenario: &Scenario,
        folder: &Path,
        faults: Faults,
        tier: Option<Tier>,
    ) -> Self {
        let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = threads.unwrap();
        let mut keys = Keys::default();
        let key_file = folder.join("key.pem");
        let key_id = keys.generate_key_file(&key_file).unwrap();
        let mut sim = scenario.sim;
        sim.latency = LatencyModel::Fixed(Span::ZERO);
        let settings = SandboxSettings { sim, bankroll: scenario.desk.bankroll };
        let exchange = SandboxExchange::new(Box::new(history(served, &[], |_| true)), settings).unwrap();
        let (foreign, tokens) = (exchange.foreign_requests(), exchange.token_meter());
        let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = ServeSettings { speed: Speed::Max, start: None, faults, tier };
        runtime.spawn(serve_exchange(listener, exchange, keys, serving, std::future::pending()));
        let credentials = Credentials::from_file(&key_id, &key_file).unwrap();
        Self { runtime, port, credentials, ledger: folder.join("ledger.sqlite"), foreign, tokens }
    }

    const fn environment(&self) -> Environment {
        Environment::Sandbox { port: self.port }
    }

    /// The live desk on it, to its end.
    pub fn trade(&self, scenario: Scenario, hooks: &mut dyn Hooks) -> Ended {
        self.trade_watched(scenario, hooks, |_| ())
    }

    /// The same; `begun` is handed the session when it has begun.
    pub fn trade_watched(
        &self,
        scenario: Scenario,
        hooks: &mut dyn Hooks,
        begun: impl FnOnce(BegunSession<'_>),
    ) -> Ended {
        let facts = scenario.facts.iter().flat_map(|file| facts::read_facts(file).unwrap());
        let end = scenario.end.unwrap();
        let settings = LiveSettings {
            facts: facts.filter(|(at, _)| *at <= end).collect(),
            environment: self.environment(),
            credentials: self.credentials.clone(),
            ledger: self.ledger.clone(),
            run_id: "parity".into(),
            paper: false,
            adopt: false,
            stream: true,
            by_exchange: true,
            listener: None,
            scenario,
        };
        let ended =
            runner::run_live_desk(settings, &self.runtime, hooks, &mut |_: Timestamp, _: &Desk| (), begun);
        ended.unwrap()
    }

    /// The exchange's own account.
    pub fn account(&self) -> Value {
        self.runtime.block_on(async {
            account_of(Rest::new(&self.environment(), Some(self.credentials.clone())).unwrap()).await
        })
    }
}

/// What a sandbox answers to a public request.
pub fn get(port: u16, path: &str) -> Value {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}
