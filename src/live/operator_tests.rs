//! Requests are answered by what the desk has taken, and refused where the exchange stands in the way.

use std::time::Instant;

use crate::domain::Money;
use crate::kalshi::environment::Environment;
use crate::kalshi::rest::Rest;
use crate::live::control_inbox::{RequestAnswer, wait_answer, write_stop};

use super::*;

/// An owner who listens, with both ends of what is said.
struct Bench {
    folder: tempfile::TempDir,
    asked: mpsc::Receiver<SessionCommand>,
    taken: Arc<TakenControls>,
}

impl Bench {
    fn listening(entry_group: Option<Arc<EntryGroup>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (commands, asked) = mpsc::channel(16);
        let taken = Arc::<TakenControls>::default();
        let listener = RequestListener {
            ledger: folder.path().join("a.sqlite"),
            commands,
            strategies: Arc::default(),
            scenario_file: folder.path().join("none.toml"),
            overrides: Vec::new(),
            facts: Vec::new(),
            halted_for: None,
            entry_group,
            taken: Arc::clone(&taken),
        };
        tokio::spawn(listener.listen_for_requests());
        Self { folder, asked, taken }
    }

    fn ledger(&self) -> PathBuf {
        self.folder.path().join("a.sqlite")
    }

    fn post(&self, request: &Request) -> PathBuf {
        Inbox::new(&self.ledger()).post_request(request).unwrap()
    }

    async fn control(&mut self) -> Control {
        match self.asked.recv().await.unwrap() {
            SessionCommand::Control(control) => control,
            other => panic!("{other:?}"),
        }
    }

    /// The answer after the owner has had time to look several times.
    async fn answer(&self, posted: &Path) -> RequestAnswer {
        tokio::time::sleep(LOOK_EVERY * 3).await;
        wait_answer(posted, Instant::now())
    }
}

fn halt(reason: &str) -> Request {
    Request::Halt { reason: reason.into() }
}

#[tokio::test]
async fn a_request_waits_until_the_desk_has_taken_it() {
    let mut bench = Bench::listening(None);
    let posted = bench.post(&halt("storm"));
    let control = bench.control().await;
    assert_eq!(control, Control::Halt { reason: "storm".into() });
    assert_eq!(bench.answer(&posted).await, RequestAnswer::Waiting, "it is only on its way");
    bench.taken.report_taken(&Control::Halt { reason: "of the session".into() });
    assert_eq!(bench.answer(&posted).await, RequestAnswer::Waiting, "another halt is no answer");
    bench.taken.report_taken(&control);
    assert_eq!(bench.answer(&posted).await, RequestAnswer::Done);
    assert!(bench.asked.try_recv().is_err(), "it is asked once");
}

#[tokio::test]
async fn a_stop_file_and_a_request_for_the_same_are_one_halt_and_answered_together() {
    let mut bench = Bench::listening(None);
    write_stop(&bench.ledger(), "storm").unwrap();
    let posted = bench.post(&halt("storm"));
    let control = bench.control().await;
    assert_eq!(bench.answer(&posted).await, RequestAnswer::Waiting);
    bench.taken.report_taken(&control);
    assert_eq!(bench.answer(&posted).await, RequestAnswer::Done);
    let again = bench.post(&halt("storm"));
    assert_eq!(bench.answer(&again).await, RequestAnswer::Done, "it is halted for that");
    assert!(bench.asked.try_recv().is_err());
}

/// A client of a port on which nobody listens.
fn nobody() -> Rest {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    Rest::new(&Environment::Sandbox { port }, None).unwrap()
}

#[tokio::test]
async fn trading_is_not_resumed_while_the_order_group_cannot_be_reset() {
    let group = EntryGroup::new(nobody(), Money::DOLLAR, Some("g".into()));
    let mut bench = Bench::listening(Some(Arc::new(group)));
    let posted = bench.post(&Request::Resume { strategy: None, reason: "over".into() });
    let answer = loop {
        match bench.answer(&posted).await {
            RequestAnswer::Waiting => {}
            answer => break answer,
        }
    };
    let RequestAnswer::Refused(refusal) = answer else { panic!("{answer:?}") };
    assert!(refusal.by_exchange && refusal.message.contains("stays halted"), "{}", refusal.message);
    assert!(bench.asked.try_recv().is_err(), "the desk hears nothing of it");
    let halted = bench.post(&halt("storm"));
    let control = bench.control().await;
    bench.taken.report_taken(&control);
    assert_eq!(bench.answer(&halted).await, RequestAnswer::Done, "a halt needs no exchange");
}

#[tokio::test]
async fn a_reload_that_does_not_hold_is_refused_with_its_reason() {
    let bench = Bench::listening(None);
    let posted = bench.post(&Request::Reload { scenario: None });
    let RequestAnswer::Refused(refusal) = bench.answer(&posted).await else { panic!("not refused") };
    assert!(!refusal.by_exchange && refusal.message.contains("none.toml"), "{}", refusal.message);
}
