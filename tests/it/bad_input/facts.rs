//! Facts and fee changes (CSV) that cannot be used: exit code 3.

use std::fs;

use super::world::World;
use super::{Case, DATA, refused};

const DECISIONS: &str = "published_at,meeting_date,scheduled,target_upper_before,target_upper_after,change_bp\n\
     2023-11-01T18:00:00Z,2023-11-01,true,5.5,5.5,0\n";
const CALENDAR: &str = "published_at,meeting_date,announcement_at\n";
const CPI: &str = "published_at,reference_month,yoy,mom,core_mom\n2023-11-14T13:30:00Z,2023-10,3.2,0.0,\n";
const CONSENSUS: &str = "published_at,reference_month,yoy_consensus,mom_consensus,core_mom_consensus\n\
     2023-11-13T13:30:00Z,2023-10,3.3,0.1,0.3\n";
const RELEASES: &str =
    "published_at,reference_month,release_at\n2022-12-13T13:30:00Z,2023-11,2023-12-12T13:30:00Z\n";
const UNEMPLOYMENT: &str = "published_at,reference_month,rate\n2023-11-03T12:30:00Z,2023-10,3.9\n";
const FORECASTS: &str = "published_at,station,date,lead_hours,high_f\n";
const FEES: &str = "series_ticker,effective_at,fee_type,fee_multiplier\n";

const FILES: &[Case] = &[
    (
        "missing",
        |w| w.line("data = \"data\"", "data = \"data\"\nfacts = [\"facts.csv\"]"),
        "[DIR]/facts.csv: cannot be read: No such file or directory (os error 2)",
    ),
    (
        "a folder",
        |w| {
            fs::create_dir(w.path("facts")).unwrap();
            w.line("data = \"data\"", "data = \"data\"\nfacts = [\"facts\"]");
        },
        "[DIR]/facts: cannot be read: Is a directory (os error 21)",
    ),
    ("empty", |w| w.facts(""), "[DIR]/facts.csv: is empty"),
    (
        "unknown header",
        |w| w.facts("date,rate\n2023-11-03,3.9\n"),
        "[DIR]/facts.csv: columns date,rate are those of no known facts:\n\
         \x20 published_at,meeting_date,scheduled,target_upper_before,target_upper_after,change_bp\n\
         \x20 published_at,meeting_date,announcement_at\n\
         \x20 published_at,reference_month,yoy,mom,core_mom\n\
         \x20 published_at,reference_month,yoy_consensus,mom_consensus,core_mom_consensus\n\
         \x20 published_at,reference_month,release_at\n\
         \x20 published_at,reference_month,rate\n\
         \x20 published_at,station,date,lead_hours,high_f\n\
         \x20 published_at,station,date,high_f",
    ),
    (
        "columns in another order",
        |w| w.facts("reference_month,published_at,rate\n"),
        "[DIR]/facts.csv: columns reference_month,published_at,rate are those of no known facts:\n\
         \x20 published_at,meeting_date,scheduled,target_upper_before,target_upper_after,change_bp\n\
         \x20 published_at,meeting_date,announcement_at\n\
         \x20 published_at,reference_month,yoy,mom,core_mom\n\
         \x20 published_at,reference_month,yoy_consensus,mom_consensus,core_mom_consensus\n\
         \x20 published_at,reference_month,release_at\n\
         \x20 published_at,reference_month,rate\n\
         \x20 published_at,station,date,lead_hours,high_f\n\
         \x20 published_at,station,date,high_f",
    ),
    (
        "not UTF-8",
        |w| latin1(w),
        "[DIR]/facts.csv, row 2: CSV parse error: record 2 (line 3, field: 2, byte: 67): invalid utf-8: invalid UTF-8 in field 2 near byte index 0",
    ),
];

const ROWS: &[Case] = &[
    (
        "no published_at",
        |w| w.facts(&(UNEMPLOYMENT.to_owned() + ",2023-11,3.7\n")),
        "[DIR]/facts.csv, row 2: published_at is missing",
    ),
    (
        "a date for published_at",
        |w| w.facts(&(UNEMPLOYMENT.to_owned() + "2023-12-08,2023-11,3.7\n")),
        "[DIR]/facts.csv, row 2: published_at: `2023-12-08` is not a time like 2024-01-31T19:00:00Z",
    ),
    (
        "a short row",
        |w| w.facts(&(UNEMPLOYMENT.to_owned() + "2023-12-08T13:30:00Z,2023-11\n")),
        "[DIR]/facts.csv, row 2: has 2 cells, must have 3",
    ),
    (
        "a long row",
        |w| w.facts(&(UNEMPLOYMENT.to_owned() + "2023-12-08T13:30:00Z,2023-11,3.7,\n")),
        "[DIR]/facts.csv, row 2: has 4 cells, must have 3",
    ),
    (
        "bad month",
        |w| w.facts(&(UNEMPLOYMENT.to_owned() + "2023-12-08T13:30:00Z,2023-13,3.7\n")),
        "[DIR]/facts.csv, row 2: reference_month: `2023-13` is not a month like 2024-01",
    ),
    (
        "bad rate",
        |w| w.facts(&(UNEMPLOYMENT.to_owned() + "2023-12-08T13:30:00Z,2023-11,3.7 %\n")),
        "[DIR]/facts.csv, row 2: rate: `3.7 %` is not a decimal number",
    ),
    (
        "no rate",
        |w| w.facts(&(UNEMPLOYMENT.to_owned() + "2023-12-08T13:30:00Z,2023-11,\n")),
        "[DIR]/facts.csv, row 2: rate is missing",
    ),
    (
        "a rate of no country",
        |w| w.facts(&(UNEMPLOYMENT.to_owned() + "2023-12-08T13:30:00Z,2023-11,9000000000000\n")),
        "[DIR]/facts.csv, row 2: rate: `9000000000000` is not between -1000 and 1000 percent",
    ),
    (
        "bad print",
        |w| w.facts(&(CPI.to_owned() + "2023-12-12T13:30:00Z,2023-11,3.1,n/a,0.3\n")),
        "[DIR]/facts.csv, row 2: mom: `n/a` is not a decimal number",
    ),
    (
        "bad announcement",
        |w| w.facts(&(CALENDAR.to_owned() + "2023-01-01T00:00:00Z,2024-01-31,2 pm\n")),
        "[DIR]/facts.csv, row 1: announcement_at: `2 pm` is not a time like 2024-01-31T19:00:00Z",
    ),
    (
        "bad meeting date",
        |w| w.facts(&(CALENDAR.to_owned() + "2023-01-01T00:00:00Z,31.01.2024,2024-01-31T19:00:00Z\n")),
        "[DIR]/facts.csv, row 1: meeting_date: `31.01.2024` is not a date like 2024-01-31",
    ),
];

const CPI_EXPECTED: &[Case] = &[
    (
        "no published_at",
        |w| w.facts(&(CONSENSUS.to_owned() + ",2023-11,3.1,0.0,0.3\n")),
        "[DIR]/facts.csv, row 2: published_at is missing",
    ),
    (
        "bad month",
        |w| w.facts(&(CONSENSUS.to_owned() + "2023-12-11T13:30:00Z,Nov 2023,3.1,0.0,0.3\n")),
        "[DIR]/facts.csv, row 2: reference_month: `Nov 2023` is not a month like 2024-01",
    ),
    (
        "bad consensus",
        |w| w.facts(&(CONSENSUS.to_owned() + "2023-12-11T13:30:00Z,2023-11,3.1,0.0-0.1,0.3\n")),
        "[DIR]/facts.csv, row 2: mom_consensus: `0.0-0.1` is not a decimal number",
    ),
    (
        "a consensus of no economy",
        |w| w.facts(&(CONSENSUS.to_owned() + "2023-12-11T13:30:00Z,2023-11,3100,,\n")),
        "[DIR]/facts.csv, row 2: yoy_consensus: `3100` is not between -1000 and 1000 percent",
    ),
    (
        "a release on a day without a time",
        |w| w.facts(&(RELEASES.to_owned() + "2022-12-13T13:30:00Z,2023-12,2024-01-11\n")),
        "[DIR]/facts.csv, row 2: release_at: `2024-01-11` is not a time like 2024-01-31T19:00:00Z",
    ),
    (
        "a release of no month",
        |w| w.facts(&(RELEASES.to_owned() + "2022-12-13T13:30:00Z,,2024-01-11T13:30:00Z\n")),
        "[DIR]/facts.csv, row 2: reference_month is missing",
    ),
    (
        "a short row",
        |w| w.facts(&(RELEASES.to_owned() + "2022-12-13T13:30:00Z,2023-12\n")),
        "[DIR]/facts.csv, row 2: has 2 cells, must have 3",
    ),
];

const HIGHS: &[Case] = &[
    (
        "no station's code",
        |w| w.facts(&(FORECASTS.to_owned() + "2021-03-01T23:05:00Z,New York,2021-03-02,24,45\n")),
        "[DIR]/facts.csv, row 1: station: `New York` is not a station's code like NYC or KNYC",
    ),
    (
        "no lead",
        |w| w.facts(&(FORECASTS.to_owned() + "2021-03-01T23:05:00Z,NYC,2021-03-02,0,45\n")),
        "[DIR]/facts.csv, row 1: lead_hours: `0` is not a whole number of hours between 1 and 240",
    ),
    (
        "half a degree",
        |w| w.facts(&(FORECASTS.to_owned() + "2021-03-01T23:05:00Z,NYC,2021-03-02,24,45.5\n")),
        "[DIR]/facts.csv, row 1: high_f: `45.5` is not a whole number of degrees Fahrenheit between -130 and 140",
    ),
    (
        "hotter than Earth",
        |w| w.facts("published_at,station,date,high_f\n2021-03-03T13:00:00Z,NYC,2021-03-02,141\n"),
        "[DIR]/facts.csv, row 1: high_f: `141` is not a whole number of degrees Fahrenheit between -130 and 140",
    ),
    (
        "no day",
        |w| w.facts("published_at,station,date,high_f\n2021-03-03T13:00:00Z,NYC,2021-02-29,41\n"),
        "[DIR]/facts.csv, row 1: date: `2021-02-29` is not a date like 2024-01-31",
    ),
];

const DECIDED: &[Case] = &[
    (
        "bad meeting date",
        |w| decision(w, "2023-12-13T19:00:00Z,2023-13-12,true,5.5,5.5,0"),
        "[DIR]/facts.csv, row 2: meeting_date: `2023-13-12` is not a date like 2024-01-31",
    ),
    (
        "neither scheduled nor not",
        |w| decision(w, "2023-12-13T19:00:00Z,2023-12-13,yes,5.5,5.5,0"),
        "[DIR]/facts.csv, row 2: scheduled: `yes` is neither true nor false",
    ),
    (
        "a change that does not add up",
        |w| decision(w, "2023-12-13T19:00:00Z,2023-12-13,true,5.5,5.25,25"),
        "[DIR]/facts.csv, row 2: change_bp = 25.00 is not 5.25 − 5.50",
    ),
    (
        "a level of no bank",
        |w| decision(w, "2023-12-13T19:00:00Z,2023-12-13,true,9000000000000,-9000000000000,0"),
        "[DIR]/facts.csv, row 2: target_upper_before: `9000000000000` is not between -1000 and 1000 percent",
    ),
    (
        "no change",
        |w| decision(w, "2023-12-13T19:00:00Z,2023-12-13,true,5.5,5.5,"),
        "[DIR]/facts.csv, row 2: change_bp is missing",
    ),
];

const FEE_CHANGES: &[Case] = &[
    (
        "wrong header",
        |w| w.write("data/fee_changes.csv", "series,from,type,multiplier\n"),
        "[DIR]/data/fee_changes.csv: columns must be series_ticker,effective_at,fee_type,fee_multiplier",
    ),
    ("empty", |w| w.write("data/fee_changes.csv", ""), "[DIR]/data/fee_changes.csv: is empty"),
    (
        "unknown type",
        |w| fees(w, "KXTEST,2024-01-02T00:00:00Z,flat,1"),
        "[DIR]/data/fee_changes.csv, row 1: fee_type: `flat` is no fee type protogen knows",
    ),
    (
        "no time",
        |w| fees(w, "KXTEST,,quadratic,1"),
        "[DIR]/data/fee_changes.csv, row 1: effective_at is missing",
    ),
    (
        "negative",
        |w| fees(w, "KXTEST,2024-01-02T00:00:00Z,quadratic,-1"),
        "[DIR]/data/fee_changes.csv, row 1: fee_multiplier: -1.00 is not between 0 and 4294",
    ),
    (
        "too large",
        |w| fees(w, "KXTEST,2024-01-02T00:00:00Z,quadratic,5000"),
        "[DIR]/data/fee_changes.csv, row 1: fee_multiplier: 5000.00 is not between 0 and 4294",
    ),
    (
        "no series",
        |w| fees(w, ",2024-01-02T00:00:00Z,quadratic,1"),
        "[DIR]/data/fee_changes.csv, row 1: series_ticker is missing",
    ),
];

fn decision(world: &World, row: &str) {
    world.facts(&format!("{DECISIONS}{row}\n"));
}

fn fees(world: &World, row: &str) {
    world.write("data/fee_changes.csv", format!("{FEES}{row}\n"));
}

fn latin1(world: &World) {
    world.facts(UNEMPLOYMENT);
    world.bytes("facts.csv", |bytes| bytes.extend(b"2023-12-08T13:30:00Z,2023-11,\xb5\n"));
}

#[test]
fn files() {
    refused(DATA, FILES);
}

#[test]
fn rows() {
    refused(DATA, ROWS);
}

#[test]
fn expected_prints_and_releases() {
    refused(DATA, CPI_EXPECTED);
}

#[test]
fn highs() {
    refused(DATA, HIGHS);
}

#[test]
fn decisions() {
    refused(DATA, DECIDED);
}

#[test]
fn fee_changes() {
    refused(DATA, FEE_CHANGES);
}
