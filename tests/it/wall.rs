//! A live session by the wall's clock, as on the real exchange: quotes and orders at the speed they come.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use protogen::desk::Desk;
use protogen::desk::decision::{Output, Record};
use protogen::domain::{Contracts, Fact, Side, Span, Timestamp};
use protogen::event::{Input, MarketEvent, Stamped, VenueEvent};
use protogen::feed::synthetic::{SyntheticFeed, SyntheticSettings};
use protogen::kalshi::auth::Credentials;
use protogen::kalshi::clock;
use protogen::kalshi::environment::Environment;
use protogen::kalshi::link::Link;
use protogen::kalshi::rest::Rest;
use protogen::kalshi::venue::SessionCommand;
use protogen::live::control_inbox::{Inbox, Request, RequestAnswer, wait_answer, write_stop};
use protogen::live::entry_group::EntryGroup;
use protogen::live::operator::{RequestListener, TakenControls};
use protogen::live::reconciliation::ExchangeAccount;
use protogen::live::runner;
use protogen::live::runner::{BegunSession, Hooks, LiveSettings};
use protogen::sandbox::{
    Faults, Keys, SandboxExchange, SandboxSettings, ServeSettings, Speed, serve_exchange,
};
use protogen::scenario::Scenario;
use protogen::sim::LatencyModel;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::Sender;

/// What happened, with the moment of each.
#[derive(Default)]
struct Seen {
    quotes: Vec<Timestamp>,
    gaps: Vec<Timestamp>,
    orders: Vec<Timestamp>,
    fills: Vec<Timestamp>,
    facts: Vec<(Timestamp, Fact)>,
    halts: Vec<String>,
    rejected: Vec<String>,
    problems: Vec<String>,
    last: Option<Timestamp>,
}

impl Hooks for Seen {
    fn observe_step(&mut self, input: &Stamped<Input>, out: &Output) {
        let at = input.at;
        assert!(self.last.is_none_or(|last| last <= at), "time goes on");
        self.last = Some(at);
        match &input.value {
            Input::Market(MarketEvent::Quote { .. }) => self.quotes.push(at),
            Input::Market(MarketEvent::Gap { .. }) => self.gaps.push(at),
            Input::Fact(fact) => self.facts.push((at, *fact)),
            Input::Venue(VenueEvent::Rejected { reason, .. }) => self.rejected.push(format!("{reason:?}")),
            _ => {}
        }
        for record in &out.records {
            match record {
                Record::Order(_) => self.orders.push(at),
                Record::Fill(_) => self.fills.push(at),
                Record::Discrepancy(found) => self.problems.push(found.detail.clone()),
                Record::Halt(halt) => self.halts.push(halt.detail.clone()),
                _ => {}
            }
        }
    }

    fn next_ledger_note(&mut self) -> Option<(&'static str, String)> {
        None
    }
}

fn within(moments: &[Timestamp], from: Timestamp, until: Timestamp) -> usize {
    moments.iter().filter(|&&at| from <= at && at < until).count()
}

/// What a script needs of a session that has begun.
struct OwnerSession {
    commands: Sender<SessionCommand>,
    link: Arc<Link>,
    entry_group: Option<Arc<EntryGroup>>,
    taken: Arc<TakenControls>,
}

/// A sandbox by the wall's clock, and a scenario for it that finds something to do.
struct Rig {
    folder: tempfile::TempDir,
    runtime: Runtime,
    port: u16,
    credentials: Credentials,
}

impl Rig {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("facts.csv"), "published_at,meeting_date,announcement_at\n").unwrap();
        let text = "[scenario]\nname = 'wall'\n[feed]\ndata = 'none'\nfacts = ['facts.csv']\n[scanner]\ninterval = '1s'\n\
             min_time_to_close = '1m'\nmin_volume = 0\n[strategy]\nname = 'fixed_rate'\nprobability = 0.5\n\
             min_edge = 0.02\n[kill_switch]\nmin_win_rate = 0.0\n[live]\nscan_with = 'websocket'\n";
        fs::write(folder.path().join("scenario.toml"), text).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut keys = Keys::default();
        let key_file = folder.path().join("key.pem");
        let key_id = keys.generate_key_file(&key_file).unwrap();
        let story = SyntheticSettings {
            seed: 3,
            markets: 8,
            markets_per_event: 4,
            series: 1,
            quotes: 4_000,
            start: clock::now().floor_millis(),
            length: Span::SECOND.times(60),
        };
        let scenario = Scenario::load_file(&folder.path().join("scenario.toml"), &[]).unwrap();
        let mut sim = scenario.sim;
        sim.latency = LatencyModel::Fixed(Span::ZERO);
        let settings = SandboxSettings { sim, bankroll: scenario.desk.bankroll };
        let exchange = SandboxExchange::new(Box::new(SyntheticFeed::new(story)), settings).unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving =
            ServeSettings { speed: Speed::Times(1), start: None, faults: Faults::default(), tier: None };
        runtime.spawn(serve_exchange(listener, exchange, keys, serving, std::future::pending()));
        let credentials = Credentials::from_file(&key_id, &key_file).unwrap();
        Self { folder, runtime, port, credentials }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn settings(&self) -> LiveSettings {
        LiveSettings {
            facts: Vec::new(),
            environment: Environment::Sandbox { port: self.port },
            credentials: self.credentials.clone(),
            ledger: self.path("ledger.sqlite"),
            run_id: "wall".into(),
            paper: false,
            adopt: false,
            stream: true,
            by_exchange: false,
            listener: None,
            scenario: Scenario::load_file(&self.path("scenario.toml"), &[]).unwrap(),
        }
    }

    /// Runs a session while `script` goes on beside it; its end ends the session. Returns what was held, too.
    fn run(&self, script: impl FnOnce(OwnerSession) + Send + 'static) -> (Seen, BTreeMap<String, Contracts>) {
        let (mut seen, mut held) = (Seen::default(), BTreeMap::new());
        let mut watch = |_: Timestamp, desk: &Desk| held = positions(desk);
        let ended = runner::run_live_desk(
            self.settings(),
            &self.runtime,
            &mut seen,
            &mut watch,
            |begun: BegunSession<'_>| {
                let session = OwnerSession {
                    commands: begun.commands.clone(),
                    link: Arc::clone(begun.link),
                    entry_group: begun.entry_group,
                    taken: begun.taken,
                };
                std::thread::spawn(move || {
                    let commands = session.commands.clone();
                    script(session);
                    commands.blocking_send(SessionCommand::Drain).unwrap();
                });
            },
        );
        ended.unwrap();
        (seen, held)
    }

    fn account(&self) -> ExchangeAccount {
        let environment = Environment::Sandbox { port: self.port };
        self.runtime.block_on(async {
            ExchangeAccount::read_from_exchange(
                &Rest::new(&environment, Some(self.credentials.clone())).unwrap(),
            )
            .await
            .unwrap()
        })
    }
}

fn positions(desk: &Desk) -> BTreeMap<String, Contracts> {
    let held = desk.positions().iter().map(|(market, position)| {
        let ticker = desk.market_states().get(market).unwrap().market.ticker.to_string();
        let none = Contracts::ZERO;
        (ticker, if position.side == Side::Yes { position.contracts } else { none - position.contracts })
    });
    held.collect()
}

#[expect(clippy::disallowed_methods, reason = "a session by the wall's clock takes its time")]
fn wait(time: Duration) {
    std::thread::sleep(time);
}

fn seconds(count: u64) {
    wait(Duration::from_secs(count));
}

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..300 {
        if holds() {
            return;
        }
        wait(Duration::from_millis(50));
    }
    panic!("{what}: waited for in vain");
}

/// What a running desk answers to a request.
fn answer(posted: &Path) -> RequestAnswer {
    wait_answer(posted, Instant::now() + Duration::from_secs(5))
}

/// Tells the sandbox what only a sandbox can be told.
pub fn control(port: u16, body: &str) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /sandbox/control HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_session_by_the_walls_clock_ends_with_the_exchanges_books() {
    let rig = Rig::start();
    let (seen, held) = rig.run(|_| seconds(8));
    assert_eq!((seen.problems, seen.halts), (Vec::new(), Vec::new()));
    assert!(seen.quotes.len() > 100 && !seen.fills.is_empty(), "{} fills", seen.fills.len());
    let account = rig.account();
    assert_eq!(held, account.positions);
    assert!(account.resting.is_empty());
}

#[test]
fn while_the_exchange_pauses_no_quote_holds_and_no_order_is_sent_and_then_it_goes_on() {
    let rig = Rig::start();
    let port = rig.port;
    let moments = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&moments);
    let (seen, held) = rig.run(move |OwnerSession { link, .. }| {
        let note = || noted.lock().unwrap().push(clock::now());
        seconds(4);
        control(port, r#"{"pause": true}"#);
        until("the pause", || link.pause_reason().is_some());
        // What was on its way arrives.
        wait(Duration::from_millis(200));
        note();
        assert!(link.pause_reason().unwrap().contains("paused trading") && link.is_heard());
        seconds(3);
        note();
        control(port, r#"{"pause": false}"#);
        until("the end of the pause", || link.pause_reason().is_none());
        note();
        seconds(5);
        note();
    });
    let [paused, still, resumed, end] = moments.lock().unwrap()[..] else { panic!("four moments") };
    assert!(!seen.orders.is_empty() && seen.orders[0] < paused, "it trades before the pause");
    assert!(seen.gaps.len() >= 8, "every market's quote is unknown: {} gaps", seen.gaps.len());
    assert_eq!(within(&seen.quotes, paused, still), 0, "no quote is told");
    assert_eq!(within(&seen.orders, paused, still), 0, "nothing is ordered");
    assert!(within(&seen.quotes, resumed, end) > 8 && within(&seen.orders, resumed, end) > 0, "it goes on");
    assert_eq!(seen.problems, Vec::<String>::new());
    // The first orders after the pause began are what it was noticed by.
    let refused = seen.rejected.iter().filter(|reason| *reason == "MarketNotTrading").count();
    assert!(refused <= 8, "{refused} orders were refused");
    assert_eq!(held, rig.account().positions);
}

/// The operator of a session that has begun.
fn owner(ledger: &Path, scenario_file: PathBuf, session: OwnerSession) -> RequestListener {
    RequestListener {
        ledger: ledger.to_owned(),
        commands: session.commands,
        strategies: Arc::default(),
        scenario_file,
        overrides: Vec::new(),
        facts: Vec::new(),
        halted_for: None,
        entry_group: session.entry_group,
        taken: session.taken,
    }
}

#[test]
fn an_owner_teaches_a_running_desk_and_is_not_heard_twice() {
    let rig = Rig::start();
    let (ledger, facts) = (rig.path("ledger.sqlite"), rig.path("facts.csv"));
    let scenario_file = rig.path("scenario.toml");
    let handle = rig.runtime.handle().clone();
    let published = clock::now() + Span::SECOND.times(6);
    let (seen, _) = rig.run(move |session| {
        handle.spawn(owner(&ledger, scenario_file, session).listen_for_requests());
        seconds(2);
        let rows = format!(
            "published_at,meeting_date,announcement_at\n2020-01-01T00:00:00Z,2020-01-29,2020-01-29T19:00:00Z\n\
             {published},2026-12-09,2026-12-09T19:00:00Z\n"
        );
        fs::write(&facts, rows).unwrap();
        let inbox = Inbox::new(&ledger);
        // Twice: what is known is not told again.
        for _ in 0..2 {
            let posted = inbox.post_request(&Request::Reload { scenario: None }).unwrap();
            assert_eq!(answer(&posted), RequestAnswer::Done);
        }
        write_stop(&ledger, "storm").unwrap();
        let posted = inbox.post_request(&Request::Halt { reason: "storm".into() }).unwrap();
        assert_eq!(answer(&posted), RequestAnswer::Done);
        while clock::now() < published + Span::SECOND {
            seconds(1);
        }
    });
    let announcement = |text: &str| Fact::FomcMeeting { announcement: Timestamp::parse(text).unwrap() };
    let told: Vec<Fact> = seen.facts.iter().map(|(_, fact)| *fact).collect();
    assert_eq!(told, [announcement("2020-01-29T19:00:00Z"), announcement("2026-12-09T19:00:00Z")]);
    assert!(seen.facts[1].0 >= published, "it is told when it is public, not before");
    assert!(seen.facts[0].0 < published);
    assert_eq!(seen.halts, ["storm"], "a STOP file and a request for the same are one halt");
    assert_replays(&rig.path("ledger.sqlite"));
}

#[test]
fn an_order_group_stopped_while_the_desk_runs_refuses_entries_until_the_owner_resumes() {
    let rig = Rig::start();
    let (ledger, scenario_file) = (rig.path("ledger.sqlite"), rig.path("scenario.toml"));
    let rest = {
        let _inside = rig.runtime.enter();
        let environment = Environment::Sandbox { port: rig.port };
        Rest::new(&environment, Some(rig.credentials.clone())).unwrap()
    };
    let handle = rig.runtime.handle().clone();
    let moments = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&moments);
    let (seen, held) = rig.run(move |session| {
        let note = || noted.lock().unwrap().push(clock::now());
        let group = session.entry_group.as_ref().unwrap().id().unwrap();
        handle.spawn(owner(&ledger, scenario_file, session).listen_for_requests());
        seconds(3);
        handle.block_on(rest.trigger_order_group(&group)).unwrap();
        note();
        seconds(3);
        let inbox = Inbox::new(&ledger);
        let posted =
            inbox.post_request(&Request::Resume { strategy: None, reason: "looked".into() }).unwrap();
        assert_eq!(answer(&posted), RequestAnswer::Done);
        note();
        seconds(3);
        note();
        // Gone altogether: another one is made, and orders are placed in that.
        handle.block_on(rest.delete_order_group(&group)).unwrap();
        let posted = inbox.post_request(&Request::Resume { strategy: None, reason: "again".into() }).unwrap();
        assert_eq!(answer(&posted), RequestAnswer::Done);
        note();
        seconds(3);
        note();
    });
    let [stopped, resumed, deleted, renewed, end] = moments.lock().unwrap()[..] else {
        panic!("five moments")
    };
    assert!(within(&seen.orders, stopped, resumed) > 0 && within(&seen.fills, resumed, deleted) > 0);
    assert!(seen.rejected.iter().any(|reason| reason == "Refused"), "{:?}", seen.rejected);
    assert!(within(&seen.fills, renewed, end) > 0, "{} fills", seen.fills.len());
    assert_eq!(held, rig.account().positions);
    assert_replays(&rig.path("ledger.sqlite"));
}

/// The ledger repeats every decision of the session.
fn assert_replays(ledger: &Path) {
    let output = super::support::protogen(&["replay", &ledger.to_string_lossy()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
