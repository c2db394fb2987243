//! Requests arrive in order, once, whole, or are reported; `STOP` holds whatever is in it.

use super::*;

fn halt(reason: &str) -> Request {
    Request::Halt { reason: reason.into() }
}

#[test]
fn requests_come_in_order_and_stay_until_they_are_done() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = Inbox::new(&folder.path().join("a.sqlite"));
    assert!(inbox.read_requests().is_empty());
    let requests = [
        halt("storm"),
        Request::Resume { strategy: Some("fomc".into()), reason: "checked".into() },
        Request::Resume { strategy: None, reason: "over".into() },
        Request::Reload { scenario: None },
    ];
    let posted: Vec<_> = requests.iter().map(|request| inbox.post_request(request).unwrap()).collect();
    for _ in 0..2 {
        let taken: Vec<_> = inbox.read_requests().into_iter().map(Result::unwrap).collect();
        assert_eq!(taken, posted.iter().cloned().zip(requests.clone()).collect::<Vec<_>>());
    }
    assert_eq!(wait_answer(&posted[0], Instant::now()), RequestAnswer::Waiting);
    posted.iter().for_each(|path| inbox.remove_request(path).unwrap());
    assert_eq!(wait_answer(&posted[0], Instant::now()), RequestAnswer::Done);
    assert!(inbox.read_requests().is_empty());
}

#[test]
fn a_refusal_reaches_whoever_asked_and_is_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = Inbox::new(&folder.path().join("a.sqlite"));
    let resume = Request::Resume { strategy: None, reason: "over".into() };
    let [asked, nobody_waits] = [inbox.post_request(&resume).unwrap(), inbox.post_request(&resume).unwrap()];
    let refusal = RequestRefusal { by_exchange: true, message: "the exchange does not answer".into() };
    inbox.refuse_request(&asked, &refusal).unwrap();
    inbox.refuse_request(&nobody_waits, &refusal).unwrap();
    assert!(inbox.read_requests().is_empty() && inbox.count_waiting() == 0);
    assert_eq!(wait_answer(&asked, Instant::now()), RequestAnswer::Refused(refusal));
    inbox.remove_refusals();
    assert_eq!(fs::read_dir(asked.parent().unwrap()).unwrap().count(), 0);
}

#[test]
fn a_request_is_noticed_by_the_poster_when_another_thread_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = Inbox::new(&folder.path().join("a.sqlite"));
    let path = inbox.post_request(&halt("x")).unwrap();
    let desk = std::thread::spawn(move || {
        inbox
            .read_requests()
            .into_iter()
            .for_each(|request| inbox.remove_request(&request.unwrap().0).unwrap());
    });
    assert_eq!(wait_answer(&path, Instant::now() + Duration::from_secs(20)), RequestAnswer::Done);
    desk.join().unwrap();
}

#[test]
fn what_cannot_be_read_is_put_aside_and_reported_once() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = Inbox::new(&folder.path().join("a.sqlite"));
    let good = inbox.post_request(&halt("good")).unwrap();
    let inside = good.parent().unwrap();
    fs::write(inside.join("0-half.json"), r#"{"request":"halt","rea"#).unwrap();
    fs::write(inside.join("0-other.json"), r#"{"request":"sell_everything"}"#).unwrap();
    fs::write(inside.join("0-more.json"), r#"{"request":"halt","reason":"x","strategy":"y"}"#).unwrap();
    fs::write(inside.join(".1.partial"), "{").unwrap();
    let (good, bad): (Vec<_>, Vec<_>) = inbox.read_requests().into_iter().partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (1, 3));
    for message in bad {
        let message = message.unwrap_err();
        assert!(message.contains("0-") && message.contains(".damaged"), "{message}");
    }
    assert!(inside.join("0-half.json.damaged").exists());
    assert_eq!(inbox.read_requests().len(), 1);
}

#[test]
fn stop_holds_whatever_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("new/a.sqlite");
    assert_eq!(read_stop(&ledger), None);
    assert!(!remove_stop(&ledger).unwrap());
    write_stop(&ledger, "the model is wrong").unwrap();
    assert_eq!(read_stop(&ledger).as_deref(), Some("the model is wrong"));
    assert_eq!(read_stop(&ledger.with_file_name("b.sqlite")).as_deref(), Some("the model is wrong"));
    fs::write(stop_file(&ledger), "").unwrap();
    assert_eq!(read_stop(&ledger).as_deref(), Some("no reason given"));
    fs::write(stop_file(&ledger), [0xff, 0xfe]).unwrap();
    assert!(read_stop(&ledger).unwrap().contains("cannot be read"));
    assert!(remove_stop(&ledger).unwrap() && read_stop(&ledger).is_none());
}
