//! A live session by the wall's clock, as on the real exchange: quotes and orders at the speed they come.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use protogen::desk::Desk;
use protogen::desk::decision::{Output, Record};
use protogen::domain::{Contracts, Side, Span, Timestamp};
use protogen::event::{Input, Stamped};
use protogen::feed::synthetic::{SyntheticFeed, SyntheticSettings};
use protogen::kalshi::auth::Credentials;
use protogen::kalshi::clock;
use protogen::kalshi::environment::Environment;
use protogen::kalshi::rest::Rest;
use protogen::kalshi::venue::Ask;
use protogen::live::recover::Account;
use protogen::live::shell::{self, Hooks, LiveSettings};
use protogen::sandbox::{Exchange, Faults, Keys, SandboxSettings, ServeSettings, Speed, serve};
use protogen::scenario::Scenario;
use protogen::sim::LatencyModel;

/// How long the session lasts.
const LASTS: Duration = Duration::from_secs(8);

#[derive(Default)]
struct Seen {
    quotes: u64,
    fills: u64,
    problems: Vec<String>,
    last: Option<Timestamp>,
}

impl Hooks for Seen {
    fn observe(&mut self, input: &Stamped<Input>, out: &Output) {
        self.quotes += u64::from(matches!(input.value, Input::Market(_)));
        assert!(self.last.is_none_or(|last| last <= input.at), "time goes on");
        self.last = Some(input.at);
        for record in &out.records {
            match record {
                Record::Fill(_) => self.fills += 1,
                Record::Discrepancy(found) => self.problems.push(found.detail.clone()),
                Record::Halt(halt) => self.problems.push(halt.detail.clone()),
                _ => {}
            }
        }
    }

    fn note(&mut self) -> Option<(&'static str, String)> {
        None
    }
}

/// A scenario of synthetic markets, with a belief that finds something to do.
fn scenario(folder: &Path) -> Scenario {
    let file = folder.join("scenario.toml");
    let text = "[scenario]\nname = 'wall'\n[feed]\ndata = 'none'\n[scanner]\ninterval = '1s'\nmin_time_to_close = '1m'\n\
         min_volume = 0\n[strategy]\nname = 'fixed_rate'\nprobability = 0.5\nmin_edge = 0.02\n\
         [kill_switch]\nmin_win_rate = 0.0\n[live]\nscan_with = 'websocket'\n";
    fs::write(&file, text).unwrap();
    Scenario::load(&file, &[]).unwrap()
}

#[test]
fn a_session_by_the_walls_clock_ends_with_the_exchanges_books() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = scenario(folder.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut keys = Keys::default();
    let key_file = folder.path().join("key.pem");
    let key_id = keys.generate(&key_file).unwrap();
    let story = SyntheticSettings {
        seed: 3,
        markets: 8,
        markets_per_event: 4,
        series: 1,
        quotes: 4_000,
        start: clock::now().floor_millis(),
        length: Span::SECOND.times(60),
    };
    let mut sim = scenario.sim;
    sim.latency = LatencyModel::Fixed(Span::ZERO);
    let settings = SandboxSettings { sim, bankroll: scenario.desk.bankroll };
    let exchange = Exchange::new(Box::new(SyntheticFeed::new(story)), settings).unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving =
        ServeSettings { speed: Speed::Times(1), start: None, faults: Faults::default(), tier: None };
    runtime.spawn(serve(listener, exchange, keys, serving, std::future::pending()));
    let environment = Environment::Sandbox { port };
    let credentials = Credentials::from_file(&key_id, &key_file).unwrap();
    let settings = LiveSettings {
        facts: Vec::new(),
        environment,
        credentials: credentials.clone(),
        ledger: folder.path().join("ledger.sqlite"),
        run_id: "wall".into(),
        paper: false,
        adopt: false,
        stream: true,
        by_exchange: false,
        scenario,
    };
    let mut seen = Seen::default();
    let mut held = Vec::new();
    let mut watch = |_: Timestamp, desk: &Desk| {
        held = desk
            .positions()
            .iter()
            .map(|(market, position)| {
                let ticker = desk.books().get(market).unwrap().market.ticker.to_string();
                let none = Contracts::ZERO;
                (
                    ticker,
                    if position.side == Side::Yes { position.contracts } else { none - position.contracts },
                )
            })
            .collect();
    };
    let ended = shell::run(settings, &runtime, &mut seen, &mut watch, |asks, _, _, _| {
        let asks = asks.clone();
        runtime.spawn(async move {
            tokio::time::sleep(LASTS).await;
            drop(asks.send(Ask::Drain).await);
        });
    });
    ended.unwrap();
    assert_eq!(seen.problems, Vec::<String>::new());
    assert!(seen.quotes > 100 && seen.fills > 0, "{} quotes, {} fills", seen.quotes, seen.fills);
    let account = runtime.block_on(async {
        Account::read(&Rest::new(&environment, Some(credentials)).unwrap()).await.unwrap()
    });
    assert_eq!(held.into_iter().collect::<std::collections::BTreeMap<_, _>>(), account.positions);
    assert!(account.resting.is_empty());
}
