//! Facts of every kind, written and read again.

use super::*;

#[test]
fn facts_that_were_written_are_read_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let at = |text| Timestamp::parse(text).unwrap();
    let percent = |text| Decimal6::parse(text).unwrap();
    let month = Month::parse("2024-02").unwrap();
    let (station, day) = (Station::parse("NYC").unwrap(), Day::parse("2024-02-29").unwrap());
    let half = (percent("3.1"), None, Some(percent("-0.25")));
    let facts = [
        Fact::FomcDecision { scheduled: true, upper_before: percent("5.5"), upper_after: percent("5.25") },
        Fact::FomcDecision { scheduled: false, upper_before: percent("5.25"), upper_after: percent("5.25") },
        Fact::FomcMeeting { announcement: at("2024-03-20T18:00:00Z") },
        Fact::CpiPrint { month, yoy: Some(half.0), mom: half.1, core_mom: half.2 },
        Fact::CpiConsensus { month, yoy: None, mom: Some(half.0), core_mom: None },
        Fact::CpiRelease { month, release: Some(at("2024-03-12T12:30:00Z")) },
        Fact::CpiRelease { month, release: None },
        Fact::Unemployment { month, rate: percent("3.9") },
        Fact::HighForecast { station, day, lead_hours: 24, high: -3 },
        Fact::ObservedHigh { station, day, high: 45 },
    ];
    // Also at a moment between two microseconds.
    let first = at("2024-02-01T13:30:00Z").just_after();
    let facts = facts.map(|fact| (first, fact));
    let files = write_facts(folder.path(), &facts).unwrap();
    assert_eq!(files.len(), 8, "a file for each kind: {files:?}");
    let mut again: Vec<_> = files.iter().flat_map(|file| read_facts(file).unwrap()).collect();
    for fact in &facts {
        let place = again.iter().position(|found| found == fact);
        again.remove(place.unwrap_or_else(|| panic!("{fact:?} is not among {again:?}")));
    }
    assert_eq!(again, []);
    let text = std::fs::read_to_string(folder.path().join("fomc_decisions.csv")).unwrap();
    assert!(text.contains(",2024-02-01,true,5.50,5.25,-25.00\n"), "{text}");
}

#[test]
fn an_empty_cell_is_not_a_wrong_one() {
    let record = StringRecord::from(vec!["2024-02-01T13:30:00Z", "2024-02", ""]);
    let row = FactRow { columns: UNEMPLOYMENT, record: &record };
    assert_eq!(unemployment_rate(&row), Err(FactRowError::MissingValue { column: "rate" }));
    let record = StringRecord::from(vec!["2024-02-01T13:30:00Z", "2024-02", "1001"]);
    let wrong = unemployment_rate(&FactRow { columns: UNEMPLOYMENT, record: &record }).unwrap_err();
    let FactRowError::BadCell { column: "rate", problem } = &wrong else { panic!("{wrong}") };
    assert!(matches!(problem, FactCellError::PercentOutOfRange { .. }));
    assert_eq!(wrong.to_string(), "rate: `1001` is not between -1000 and 1000 percent");
}
