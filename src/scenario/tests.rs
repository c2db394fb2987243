//! Scenarios that hold, and what is said of those that do not.

use super::*;

const LEAST: &str = "[scenario]\nname = \"t\"\n[feed]\ndata = \"d\"\n[strategy]\nname = \"fixed_rate\"\n";

fn load(text: &str, overrides: &[&str]) -> Result<Scenario, String> {
    let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
    let (raw, moved) = raw::parse_with_overrides(text, &overrides)
        .map_err(|error| format!("{:?}: {}", error.line, error.problem))?;
    let scenario = resolve_scenario(raw, Path::new("base"))
        .map_err(|wrong| format!("{:?}: {}", raw::line_of(text, &wrong.key), wrong.problem))?;
    Ok(Scenario { notes: moved.iter().map(MovedKey::renaming_note).collect(), ..scenario })
}

fn refusal(text: &str, overrides: &[&str]) -> String {
    load(text, overrides).err().expect("was accepted")
}

#[test]
fn defaults_are_the_contract() {
    let scenario = load(LEAST, &[]).unwrap();
    assert_eq!(scenario.desk.bankroll, Money::parse("10000").unwrap());
    assert_eq!(scenario.desk.risk.kelly_fraction.ppm(), 250_000);
    assert_eq!(scenario.desk.risk.exposure.event.ppm(), 100_000);
    assert_eq!(scenario.desk.scanner.interval, Span::parse("15m").unwrap());
    assert_eq!(scenario.desk.exits.max_holding, Span::parse("45d").unwrap());
    assert_eq!(scenario.desk.kill.evidence, Decimal6::parse("20").unwrap());
    assert_eq!(scenario.sim.latency, LatencyModel::Fixed(Span::parse("250ms").unwrap()));
    assert_eq!(scenario.seats[0].min_edge.ppm(), 50_000);
    assert_eq!(scenario.data, [PathBuf::from("base/d")]);
    assert_eq!(scenario.seed, 7);
}

#[test]
fn what_was_resolved_resolves_to_itself() {
    let resolved = load(LEAST, &["risk.kelly_fraction=0.1", "strategy.probability=0.4"]).unwrap().to_toml();
    assert_eq!(load(&resolved, &[]).unwrap().to_toml(), resolved);
    assert!(resolved.contains("kelly_fraction = 0.1"), "{resolved}");
}

#[test]
fn unknown_keys_come_with_line_and_nearest_key() {
    let text = format!("{LEAST}[risk]\nkely_fraction = 0.2\n");
    assert_eq!(refusal(&text, &[]), "Some(8): unknown key `kely_fraction`; did you mean `kelly_fraction`?");
    let text = LEAST.replace("fixed_rate", "fixed_rat");
    assert_eq!(
        refusal(&text, &[]),
        "Some(6): strategy.name = `fixed_rat` is no strategy; did you mean `fixed_rate`?"
    );
    let text = format!("{LEAST}probabilty = 0.2\n");
    let found = refusal(&text, &[]);
    assert_eq!(found, "Some(7): unknown key `probabilty`; did you mean `probability`?");
}

#[test]
fn addresses_stand_as_they_are_and_hold_no_passwords() {
    let with = |lines: &str| LEAST.replace("data = \"d\"", lines);
    let scenario = load(&with("data = [\"s3://b/d\", \"d\"]"), &[]).unwrap();
    assert_eq!(scenario.data, [PathBuf::from("s3://b/d"), PathBuf::from("base/d")]);
    assert!(scenario.to_toml_in(Path::new("elsewhere")).contains("\"s3://b/d\""));
    for (lines, expected) in [
        (
            "data = [\"d\", \"s3://u:p@b/d\"]",
            "Some(4): feed.data = s3://…@b/d holds more than scheme, host and path",
        ),
        ("data = \"ftp://b/d\"", "Some(4): feed.data = ftp://b/d begins with no known scheme"),
        (
            "data = \"d\"\nfacts = [\"https://u:p@h/f.csv\"]",
            "Some(5): feed.facts = https://…@h/f.csv is on a server; facts are files",
        ),
    ] {
        let told = refusal(&with(lines), &[]);
        assert!(told.starts_with(expected), "{told}");
    }
}

#[test]
fn values_out_of_range_name_line_and_key() {
    for (lines, expected) in [
        ("[risk]\nmax_exposure = 1.5", "Some(8): risk.max_exposure = 1.5 is not between 0 and 1"),
        ("[risk]\nkelly_fraction = 0", "Some(8): risk.kelly_fraction = 0 is not above 0"),
        (
            "[risk]\ndrawdown_half = 0.1",
            "Some(8): risk.drawdown_half = 0.1 must be above risk.drawdown_start = 0.15",
        ),
        (
            "[scanner]\ninterval = \"15\"",
            "Some(8): scanner.interval = `15` is not a duration like 250ms, 30s, 15m, 1h or 45d",
        ),
        ("[kill_switch]\nevidence = 1.0", "Some(8): kill_switch.evidence = 1 must be above 1"),
        ("[simulation]\nlatency = \"2s..1s\"", "Some(8): simulation.latency = 2s..1s ends before it begins"),
        (
            "[execution]\nmax_slippage = 0.00001",
            "Some(8): execution.max_slippage = `0.00001` has more than 4 decimal places",
        ),
    ] {
        assert_eq!(refusal(&format!("{LEAST}{lines}\n"), &[]), expected);
    }
}

#[test]
fn overrides_reach_tables_and_lists() {
    let scenario = load(LEAST, &["scanner.series=[\"KXFED\"]", "simulation.latency=50ms..2s"]).unwrap();
    assert_eq!(scenario.desk.scanner.series, ["KXFED"]);
    let two = LEAST.replace("[strategy]", "[[strategy]]") + "[[strategy]]\nname = \"fixed_rate\"\n";
    let scenario = load(&two, &["strategy.1.min_edge=0.2"]).unwrap();
    assert_eq!(scenario.seats[1].min_edge.ppm(), 200_000);
    assert!(refusal(&two, &["strategy.min_edge=0.2"]).contains("strategy is a list of 2"));
    assert!(refusal(LEAST, &["risk.kely=1"]).contains("unknown key `kely`"));
    assert!(refusal(LEAST, &["nonsense"]).contains("key=value"));
}

#[test]
fn dates_may_be_toml_or_text() {
    for date in ["2024-01-31", "\"2024-01-31\""] {
        let text = LEAST.replace("name = \"t\"", &format!("name = \"t\"\nend = {date}"));
        assert_eq!(load(&text, &[]).unwrap().end.unwrap().utc_date(), "2024-01-31");
    }
    let text = LEAST.replace("name = \"t\"", "name = \"t\"\nstart = 2024-02-01\nend = 2024-01-31");
    assert!(refusal(&text, &[]).contains("scenario.end is before scenario.start"));
}

/// The three keys by their old names, with values other than the defaults.
const OLD: &str = "[simulation]\nfee_rounding = \"cent\"\n[execution]\nlatency = \"1s\"\n[scanner]\nmax_quote_age = \"5m\"\n";

#[test]
fn old_names_of_moved_keys_hold_with_a_note() {
    let new = "[account]\nfee_rounding = \"cent\"\n[simulation]\nlatency = \"1s\"\n[risk]\nmax_quote_age = \"5m\"\n";
    let new = load(&format!("{LEAST}{new}"), &[]).unwrap();
    assert_eq!(new.notes, Vec::<String>::new());
    let by_set = ["simulation.fee_rounding=cent", "execution.latency=1s", "scanner.max_quote_age=5m"];
    for old in [load(&format!("{LEAST}{OLD}"), &[]), load(LEAST, &by_set)] {
        let old = old.unwrap();
        assert_eq!(old.to_toml(), new.to_toml());
        assert_eq!(old.notes.len(), 3);
        assert_eq!(old.notes[1], "execution.latency is now simulation.latency; the old spelling still holds");
    }
    // A recorded scenario is read again as it was written.
    assert_eq!(load(&new.to_toml(), &[]).unwrap().to_toml(), new.to_toml());
}

#[test]
fn an_override_goes_before_the_file_whatever_names_they_use() {
    let latency = |text: &str, set: &str| load(text, &[set]).unwrap().sim.latency;
    let second = LatencyModel::Fixed(Span::SECOND.times(2));
    assert_eq!(latency(&format!("{LEAST}{OLD}"), "simulation.latency=2s"), second);
    let new = format!("{LEAST}[simulation]\nlatency = \"1s\"\n");
    assert_eq!(latency(&new, "execution.latency=2s"), second);
}

#[test]
fn what_is_wrong_with_an_old_name_is_said_where_it_stands() {
    for (lines, expected) in [
        ("[execution]\nlatency = \"2s..1s\"", "Some(8): simulation.latency = 2s..1s ends before it begins"),
        ("[scanner]\nmax_quote_age = 3", "Some(8): risk.max_quote_age is integer `3`, must be text"),
        (
            "[simulation]\nfee_rounding = \"up\"",
            "Some(8): account.fee_rounding = `up` is none of centicent, cent, cent_per_fill",
        ),
        (
            "[execution]\nlatency = \"1s\"\n[simulation]\nlatency = \"1s\"",
            "Some(8): execution.latency is the old name of simulation.latency, which is there too; keep \
             simulation.latency",
        ),
        (
            "[execution]\nlatency = \"1s\"\n[risk]\nkely = 1",
            "Some(10): unknown key `kely`; did you mean `kelly_fraction`?",
        ),
    ] {
        assert_eq!(refusal(&format!("{LEAST}{lines}\n"), &[]), expected);
    }
    let said = refusal(LEAST, &["execution.latency=soon"]);
    assert!(said.contains("simulation.latency = `soon` is not a duration"), "{said}");
}
