//! What the weather strategy's lessons are worth: how often its "90 %" happened on the real forecasts of
//! 2021, and what each lesson changes in the model market.

use std::collections::BTreeMap;
use std::fmt::Write;

use protogen::dataset::facts;
use protogen::desk::risk::kill_switch::{KillRules, KillSwitch};
use protogen::domain::fact::{Day, Station};
use protogen::domain::{Decimal6, Fact, Fraction, Span, Timestamp};
use protogen::strategies::weather::errors::{ErrorDistribution, ErrorModel};
use protogen::strategies::weather::highs::Highs;
use rusqlite::Connection;

use crate::support::{backtest, root, scenario};

/// Statements about one error: from, to, and the probability they were given.
type Statement = (i32, i32, f64);

/// A forecast's lead and high, and what was said of its error.
type Judged = (u16, i16, [Statement; 4]);

const FAR: i32 = 60;

/// The least error whose upper tail, and the greatest whose lower tail, is at most `tail`.
fn between_tails(next: &ErrorDistribution, tail: f64) -> (i32, i32) {
    let least = (-FAR..=FAR).rfind(|&error| next.at_most(error - 1) <= tail).unwrap();
    let most = (-FAR..=FAR).find(|&error| next.at_least(error + 1) <= tail).unwrap();
    (least, most)
}

/// The narrowest central range with at most 5 % on either side; the highest "at least" and the lowest "at
/// most" that are 90 % sure; the range with at most 1 % on either side.
fn statements(next: &ErrorDistribution) -> [Statement; 4] {
    let given = |(least, most): (i32, i32)| (least, most, next.probability_within(Some(least), Some(most)));
    let (nearest, ninth) = between_tails(next, 0.1);
    let one_sided = [(nearest, i32::MAX, next.at_least(nearest)), (i32::MIN, ninth, next.at_most(ninth))];
    [given(between_tails(next, 0.05)), one_sided[0], one_sided[1], given(between_tails(next, 0.01))]
}

/// How often a kind of statement was made, what it promised in all, how often it came true.
#[derive(Default)]
struct Score {
    made: u32,
    promised: f64,
    true_: u32,
}

impl Score {
    fn add(&mut self, &(least, most, given): &Statement, error: i32) {
        self.made += 1;
        self.promised += given;
        self.true_ += u32::from((least..=most).contains(&error));
    }
}

/// By lead: central 90 %, one-sided 90 %, central 98 %. Every forecast is judged by the errors public when
/// it was published, and by no others.
fn scores(model: ErrorModel) -> BTreeMap<u16, [Score; 3]> {
    let read = |name: &str| facts::read_facts(&root().join("data/weather").join(name)).unwrap();
    let mut facts: Vec<(Timestamp, Fact)> = read("forecasts.csv");
    facts.extend(read("observed.csv"));
    facts.sort_by_key(|&(published, _)| published);
    let mut highs = Highs::new(model, Span::ZERO, 30);
    let mut open: BTreeMap<(Station, Day), Vec<Judged>> = BTreeMap::new();
    let mut scores: BTreeMap<u16, [Score; 3]> = BTreeMap::new();
    for (published, fact) in facts {
        highs.learn_fact(&fact, published);
        match fact {
            Fact::HighForecast { station, day, lead_hours, high } => {
                let outlook = highs.outlook_for_day(station, day, published);
                open.entry((station, day))
                    .or_default()
                    .extend(outlook.map(|outlook| (lead_hours, high, statements(outlook.error))));
            }
            Fact::ObservedHigh { station, day, high } => {
                for (lead, forecast, made) in open.remove(&(station, day)).unwrap_or_default() {
                    let error = i32::from(high - forecast);
                    let [central, one_sided, wide] = scores.entry(lead).or_default();
                    central.add(&made[0], error);
                    one_sided.add(&made[1], error);
                    one_sided.add(&made[2], error);
                    wide.add(&made[3], error);
                }
            }
            _ => panic!("a fact of another kind"),
        }
    }
    scores
}

/// The counts are those of a calculation in numpy and scipy on the raw table, which shares no code with
/// this: its own fits, its own order of events. `data/README.md` shows the table.
#[test]
fn how_often_ninety_percent_happened() {
    let mut table = String::new();
    for (model, name) in [
        (ErrorModel::Gaussian, "gaussian"),
        (ErrorModel::StudentT, "student_t"),
        (ErrorModel::Empirical, "empirical"),
    ] {
        for (lead, [central, one_sided, wide]) in scores(model) {
            let _ = write!(table, "{name} {lead}: {}", central.made);
            for score in [central, one_sided, wide] {
                let said = 100.0 * score.promised / f64::from(score.made);
                let happened = 100.0 * f64::from(score.true_) / f64::from(score.made);
                let _ = write!(table, " | {said:.1} {happened:.1} ({})", score.true_);
            }
            table.push('\n');
        }
    }
    let expected = "\
gaussian 12: 658 | 93.2 92.4 (608) | 92.7 93.8 (1235) | 98.8 96.7 (636)
gaussian 24: 661 | 93.3 92.9 (614) | 92.6 93.6 (1237) | 98.7 97.4 (644)
gaussian 36: 654 | 92.7 93.0 (608) | 92.5 93.5 (1223) | 98.6 96.6 (632)
gaussian 48: 657 | 92.3 92.8 (610) | 92.0 93.8 (1232) | 98.6 97.1 (638)
student_t 12: 658 | 92.4 92.1 (606) | 92.1 92.8 (1221) | 98.4 98.2 (646)
student_t 24: 661 | 92.1 92.9 (614) | 92.0 92.4 (1221) | 98.3 98.5 (651)
student_t 36: 654 | 91.8 92.8 (607) | 92.1 92.8 (1214) | 98.3 98.5 (644)
student_t 48: 657 | 91.6 91.9 (604) | 91.9 92.2 (1211) | 98.3 98.5 (647)
empirical 12: 658 | 92.3 92.6 (609) | 92.4 93.2 (1227) | 98.7 97.9 (644)
empirical 24: 661 | 92.1 91.7 (606) | 92.2 92.7 (1226) | 98.6 97.4 (644)
empirical 36: 654 | 92.3 92.2 (603) | 92.6 93.0 (1217) | 98.6 97.4 (637)
empirical 48: 657 | 92.0 92.8 (610) | 92.4 93.2 (1224) | 98.6 97.4 (640)
";
    assert_eq!(table, expected, "\n{table}");
}

/// What a run of `weather.toml` with other settings did, and when it was stopped.
fn played(name: &str, changes: &[&str]) -> String {
    let out = tempfile::tempdir().unwrap();
    let extra: Vec<&str> = changes.iter().flat_map(|change| ["--set", change]).collect();
    let summary = backtest(&scenario("weather"), out.path(), &extra);
    let [trades, losses, pnl, fees] = ["trades", "losses", "pnl", "fees"].map(|key| &summary[key]);
    let (pnl, fees) = (pnl.as_f64().unwrap(), fees.as_f64().unwrap());
    let ledger = Connection::open(out.path().join("weather/latest/ledger.sqlite")).unwrap();
    let stopped = ledger.query_row(
        "SELECT rule || ', ' || (SELECT count(*) || ' closed, ' || sum(pnl <= 0) || ' lost' FROM trades
            WHERE closed_at <= halts.ts) FROM halts",
        [],
        |row| row.get::<_, String>(0),
    );
    let stopped = stopped.unwrap_or_else(|_| "never stopped".into());
    format!("{name}: {trades} trades, {losses} lost, {pnl:.0} $ with {fees:.0} $ of fees; {stopped}\n")
}

const EMPIRICAL: &str = "strategy.errors=empirical";
const STUDENT_T: &str = "strategy.errors=student_t";
const AT_ONCE: &str = "strategy.polling=0s";
const KILL: [&str; 2] = ["kill_switch.min_win_rate=0.25", "kill_switch.evidence=20.0"];

/// In the model market, which is fair but for its spread: what is lost is costs, more or less luck, and the
/// lessons change how much is bet on nothing.
#[test]
fn each_lesson_alone_and_all_together() {
    let table = [
        played("as it was", &[]),
        played("student_t", &[STUDENT_T]),
        played("empirical", &[EMPIRICAL]),
        played("at once", &[AT_ONCE]),
        played("kill switch", &KILL),
        played("kill switch, at once", &[&KILL[..], &[AT_ONCE]].concat()),
        played("all", &[&KILL[..], &[EMPIRICAL, AT_ONCE]].concat()),
    ]
    .concat();
    let expected = "\
as it was: 3350 trades, 1894 lost, -9568 $ with 6606 $ of fees; never stopped
student_t: 3386 trades, 1934 lost, -8489 $ with 8614 $ of fees; never stopped
empirical: 2720 trades, 1582 lost, -9695 $ with 4133 $ of fees; never stopped
at once: 1701 trades, 941 lost, -1482 $ with 5792 $ of fees; never stopped
kill switch: 684 trades, 345 lost, -2311 $ with 2850 $ of fees; win_rate, 675 closed, 340 lost
kill switch, at once: 416 trades, 200 lost, 44 $ with 2047 $ of fees; win_rate, 411 closed, 199 lost
all: 0 trades, 0 lost, 0 $ with 0 $ of fees; never stopped
";
    assert_eq!(table, expected, "\n{table}");
}

/// The record itself, 32 losses in a row, met by the default rules: stopped after the tenth.
#[test]
fn thirty_two_losses_would_have_been_ten() {
    let stopped_after = |min_trades: u32| {
        let mut switch = KillSwitch::new(KillRules {
            window: 20,
            min_trades,
            min_win_rate: Fraction::from_ppm(250_000).unwrap(),
            evidence: Decimal6::parse("20").unwrap(),
        });
        (1..=32).find(|_| switch.record_closed_position(false).is_some())
    };
    assert_eq!(stopped_after(10), Some(10));
    assert_eq!(stopped_after(4), Some(4));
    assert_eq!(stopped_after(33), None);
}
