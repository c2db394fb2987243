//! The recorder inside a session: what it does when it is behind, when it fails, and when it is told the past.

use std::fs;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use crate::domain::{MarketId, MarketStatus};
use crate::record::part::Layout;
use crate::record::tests::{OPEN, markets, quote, replayed, settings, told, us};

use super::*;

fn tap(room: usize) -> (RecorderTap, Receiver<RecorderMessage>) {
    let (told, heard) = sync_channel(room);
    let (waiting, problem) = (VecDeque::new(), Arc::default());
    (RecorderTap { told: Some(told), looks_again: None, begun: false, waiting, missed: 0, problem }, heard)
}

fn listener(folder: &Path) -> SessionTap {
    let recorder = Recorder::open(folder, settings(Layout::AsTold)).unwrap();
    SessionTap { folder: folder.to_owned(), recorder, beside: None }
}

fn after(seconds: i64, value: Input) -> Stamped<Input> {
    Stamped { at: us(OPEN + seconds), value }
}

fn status(status: MarketStatus) -> Input {
    told(MarketEvent::Status { market: MarketId(0), status })
}

#[test]
fn a_recorder_that_is_behind_marks_a_gap_and_misses_no_turn() {
    let folder = tempfile::tempdir().unwrap();
    let (mut tap, heard) = tap(4);
    let mut listener = listener(folder.path());
    let mut take =
        |most: usize| heard.try_iter().take(most).for_each(|told| listener.record_message(told).unwrap());
    // Not in the recording, which has not begun.
    tap.record_input(&after(0, quote(0, 1_000, 9_000)));
    tap.begin_recording(us(OPEN), vec![told(MarketEvent::Listed(Arc::clone(&markets(1)[0])))]);
    tap.record_input(&after(1, quote(0, 4_400, 4_600)));
    tap.record_event(us(OPEN + 2), RecorderEvent::Book(BookExtras::default()));
    tap.record_input(&after(2, quote(0, 4_500, 4_600)));
    // From here on there is no room.
    tap.record_input(&after(3, quote(0, 4_600, 4_700)));
    tap.record_input(&after(4, status(MarketStatus::Halted)));
    tap.record_input(&after(5, status(MarketStatus::Active)));
    tap.record_input(&after(6, quote(0, 4_700, 4_800)));
    take(2);
    // Room for the gap and the halt, and then there is none again.
    tap.record_input(&after(7, quote(0, 4_800, 4_900)));
    take(9);
    tap.record_input(&after(8, quote(0, 4_900, 5_000)));
    take(9);
    assert_eq!(tap.flush_and_close(), 3, "the quotes of seconds 3, 6 and 7");
    assert!(tap.problem.get().is_none());
    listener.recorder.finish_recording().unwrap();
    let seen = replayed(folder.path());
    let brief = seen.iter().map(|(at, text)| (*at, text.split(' ').next().unwrap().to_owned()));
    let brief: Vec<_> = brief.filter(|(at, _)| *at < 1_000).collect();
    let status = r#"{"market_event":"status","market":0,"status":"#;
    let expected = [
        (0, "listed"),
        (1, "quote"),
        (2, "quote"),
        (3, r#"{"market_event":"gap","market":0}"#),
        (4, &format!("{status}\"halted\"}}")),
        (5, &format!("{status}\"active\"}}")),
        (8, "quote"),
    ];
    assert_eq!(brief, expected.map(|(at, text)| (at, text.to_owned())));
}

#[test]
fn with_too_many_turns_waiting_it_is_given_up_and_nothing_grows() {
    let (mut tap, _heard) = tap(1);
    tap.begin_recording(us(OPEN), Vec::new());
    for second in 0..i64::try_from(MOST_WAITING).unwrap() + 2 {
        tap.record_input(&after(second, status(MarketStatus::Halted)));
    }
    assert!(tap.told.is_none() && tap.waiting.is_empty());
    assert!(matches!(tap.problem.get(), Some(RecordingStop::DiskTooSlow)));
}

#[test]
fn a_recorder_that_cannot_write_ends_and_whoever_tells_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let settings = RecordSettings { rotate_bytes: 1, ..settings(Layout::AsTold) };
    let recording = InSessionRecording::open(folder.path(), settings).unwrap();
    let tap = recording.shared_tap();
    let refused = InSessionRecording::open(folder.path(), settings).unwrap_err().to_string();
    assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
    // What it wants to write next has no place.
    fs::remove_dir_all(folder.path().join(".recording")).unwrap();
    tap.lock().begin_recording(us(OPEN), vec![told(MarketEvent::Listed(Arc::clone(&markets(1)[0])))]);
    let start = Instant::now();
    while recording.problem().is_none() {
        assert!(start.elapsed() < Duration::from_mins(1), "it did not notice");
        tap.lock().record_input(&after(1, quote(0, 4_400, 4_600)));
        thread::yield_now();
    }
    tap.lock().record_input(&after(2, quote(0, 4_400, 4_600)));
    assert!(tap.lock().waiting.is_empty());
    let problem = recording.finish_recording().unwrap_err();
    assert!(matches!(problem, RecordingStop::Data(_)), "{problem:?}");
    assert!(problem.to_string().contains("000001.spool"), "{problem}");
}

#[test]
fn a_session_of_before_what_is_recorded_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut listener = listener(folder.path());
    let listed = || vec![told(MarketEvent::Listed(Arc::clone(&markets(1)[0])))];
    listener.record_message(RecorderMessage::Known(us(OPEN + 5_000), listed())).unwrap();
    // A session that goes on has its first moment where the last one ended.
    listener.record_message(RecorderMessage::Input(after(4_000, quote(0, 4_400, 4_600)))).unwrap();
    let refused =
        listener.record_message(RecorderMessage::Input(after(3_999, quote(0, 4_400, 4_600)))).unwrap_err();
    assert!(refused.to_string().contains("another folder"), "{refused}");
}
