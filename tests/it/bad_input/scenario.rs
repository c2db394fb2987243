//! Scenarios, `--set` and flags that cannot be used: exit code 2.

use std::fs;

use super::world::World;
use super::{Case, USAGE, refused};

const FILES: &[Case] = &[
    (
        "no scenario",
        |w| w.remove("case.toml"),
        "[DIR]/case.toml: cannot be read: No such file or directory (os error 2)",
    ),
    (
        "a folder as scenario",
        |w| {
            w.remove("case.toml");
            fs::create_dir(w.path("case.toml")).unwrap();
        },
        "[DIR]/case.toml: cannot be read: Is a directory (os error 21)",
    ),
    (
        "not UTF-8",
        |w| w.bytes("case.toml", |bytes| bytes.extend(b"# caf\xe9\n")),
        "[DIR]/case.toml: cannot be read: stream did not contain valid UTF-8",
    ),
    ("an empty file", |w| w.write("case.toml", ""), "[DIR]/case.toml: section [scenario] is missing"),
    ("not TOML", |w| w.add("[risk"), "[DIR]/case.toml, line 13: unclosed table, expected `]`"),
    (
        "a value without quotes",
        |w| w.line("interval = \"0s\"", "interval = 0s"),
        "[DIR]/case.toml, line 8: string values must be quoted, expected literal string",
    ),
    ("the same key twice", |w| w.add("probability = 0.3"), "[DIR]/case.toml, line 13: duplicate key"),
    ("the same section twice", |w| w.add("[feed]"), "[DIR]/case.toml, line 13: duplicate key"),
    (
        "no [scenario]",
        |w| sections(w, "[scenario]", "[feed]"),
        "[DIR]/case.toml: section [scenario] is missing",
    ),
    ("no name", |w| w.line("name = \"case\"", ""), "[DIR]/case.toml, line 1: scenario.name is missing"),
    ("no [feed]", |w| sections(w, "[feed]", "[scanner]"), "[DIR]/case.toml: section [feed] is missing"),
    ("no feed.data", |w| w.line("data = \"data\"", ""), "[DIR]/case.toml, line 4: feed.data is missing"),
    (
        "no data set in feed.data",
        |w| w.line("data = \"data\"", "data = []"),
        "[DIR]/case.toml, line 5: feed.data names no data set",
    ),
    (
        "no strategy",
        |w| {
            w.line("[strategy]", "");
            w.line("name = \"fixed_rate\"", "");
            w.line("probability = 0.25", "");
        },
        "[DIR]/case.toml: section [strategy] is missing",
    ),
    (
        "a strategy without a name",
        |w| w.line("name = \"fixed_rate\"", ""),
        "[DIR]/case.toml, line 10: strategy.name is missing; known are base_rate_divergence, fixed_rate, weather",
    ),
];

const UNKNOWN: &[Case] = &[
    ("section", |w| w.add("[riks]"), "[DIR]/case.toml, line 13: unknown key `riks`; did you mean `risk`?"),
    (
        "in [scenario]",
        |w| w.line("name = \"case\"", "name = \"case\"\nsede = 8"),
        "[DIR]/case.toml, line 3: unknown key `sede`; did you mean `seed`?",
    ),
    (
        "in [feed]",
        |w| w.line("data = \"data\"", "data = \"data\"\nhalfspread = 0.01"),
        "[DIR]/case.toml, line 6: unknown key `halfspread`; did you mean `half_spread`?",
    ),
    (
        "in [scanner]",
        |w| w.line("interval = \"0s\"", "intervall = \"0s\""),
        "[DIR]/case.toml, line 8: unknown key `intervall`; did you mean `interval`?",
    ),
    (
        "in [strategy]",
        |w| w.line("probability = 0.25", "probabilty = 0.25"),
        "[DIR]/case.toml, line 12: unknown key `probabilty`; did you mean `probability`?",
    ),
    (
        "in the second [[strategy]]",
        |w| two_strategies(w, "min_egde = 0.1"),
        "[DIR]/case.toml, line 16: unknown key `min_egde`; did you mean `min_edge`?",
    ),
    (
        "in [risk]",
        |w| w.add("[risk]\nkely_fraction = 0.2"),
        "[DIR]/case.toml, line 14: unknown key `kely_fraction`; did you mean `kelly_fraction`?",
    ),
    (
        "in [kill_switch]",
        |w| w.add("[kill_switch]\nmin_trade = 5"),
        "[DIR]/case.toml, line 14: unknown key `min_trade`; did you mean `min_trades`?",
    ),
    (
        "in [exits]",
        |w| w.add("[exits]\nmax_hold = \"45d\""),
        "[DIR]/case.toml, line 14: unknown key `max_hold`; did you mean `max_holding`?",
    ),
    (
        "in [execution]",
        |w| w.add("[execution]\nretrys = 3"),
        "[DIR]/case.toml, line 14: unknown key `retrys`; did you mean `retries`?",
    ),
    (
        "in [simulation]",
        |w| w.add("[simulation]\nfills = \"unlimited\""),
        "[DIR]/case.toml, line 14: unknown key `fills`; did you mean `fill`?",
    ),
    (
        "in [live]",
        |w| w.add("[live]\nconfirmed = true"),
        "[DIR]/case.toml, line 14: unknown key `confirmed`; did you mean `confirm`?",
    ),
    (
        "strategy",
        |w| w.line("name = \"fixed_rate\"", "name = \"fixed_rte\""),
        "[DIR]/case.toml, line 11: strategy.name = `fixed_rte` is no strategy; did you mean `fixed_rate`?",
    ),
    (
        "fill model",
        |w| w.add("[simulation]\nfill = \"all\""),
        "[DIR]/case.toml, line 14: simulation.fill = `all` is none of top_of_book, book, unlimited",
    ),
    (
        "time in force",
        |w| w.add("[execution]\ntime_in_force = \"day\""),
        "[DIR]/case.toml, line 14: execution.time_in_force = `day` is none of ioc, gtc, post_only",
    ),
    (
        "fee rounding",
        |w| w.add("[account]\nfee_rounding = \"up\""),
        "[DIR]/case.toml, line 14: account.fee_rounding = `up` is none of centicent, cent, cent_per_fill",
    ),
    (
        "model",
        |w| {
            w.line("name = \"fixed_rate\"", "name = \"base_rate_divergence\"");
            w.line("probability = 0.25", "model = \"fed\"");
        },
        "[DIR]/case.toml, line 12: strategy.model = `fed` is none of fomc, cpi",
    ),
    (
        "no model",
        |w| {
            w.line("name = \"fixed_rate\"", "name = \"base_rate_divergence\"");
            w.line("probability = 0.25", "prior_strength = 12.0");
        },
        "[DIR]/case.toml, line 10: strategy.model is missing",
    ),
    (
        "a key of the other model, cpi",
        |w| cpi(w, "level_series = [\"FED\"]"),
        "[DIR]/case.toml, line 13: unknown key `level_series`; did you mean `mom_series`?",
    ),
    (
        "a key of the other model, fomc",
        |w| {
            cpi(w, "yoy_series = [\"CPIYOY\"]");
            w.line("model = \"cpi\"", "model = \"fomc\"");
        },
        "[DIR]/case.toml, line 13: unknown key `yoy_series`; did you mean `level_series`?",
    ),
    (
        "a strength that is text",
        |w| cpi(w, "prior_strength = \"12\""),
        "[DIR]/case.toml, line 13: strategy.prior_strength is string \"12\", must be a number",
    ),
];

/// A strategy with model `cpi` and one further line.
fn cpi(world: &World, line: &str) {
    world.line("name = \"fixed_rate\"", "name = \"base_rate_divergence\"");
    world.line("probability = 0.25", &format!("model = \"cpi\"\n{line}"));
}

const RANGES: &[Case] = &[
    (
        "kelly_fraction 0",
        |w| w.add("[risk]\nkelly_fraction = 0"),
        "[DIR]/case.toml, line 14: risk.kelly_fraction = 0 is not above 0",
    ),
    (
        "kelly_fraction above 1",
        |w| w.add("[risk]\nkelly_fraction = 1.5"),
        "[DIR]/case.toml, line 14: risk.kelly_fraction = 1.5 is not between 0 and 1",
    ),
    (
        "kelly_fraction not a number",
        |w| w.add("[risk]\nkelly_fraction = nan"),
        "[DIR]/case.toml, line 14: risk.kelly_fraction = NaN is not between 0 and 1",
    ),
    (
        "max_exposure infinite",
        |w| w.add("[risk]\nmax_exposure = inf"),
        "[DIR]/case.toml, line 14: risk.max_exposure = inf is not between 0 and 1",
    ),
    (
        "drawdown order",
        |w| w.add("[risk]\ndrawdown_start = 0.2\ndrawdown_half = 0.1"),
        "[DIR]/case.toml, line 15: risk.drawdown_half = 0.1 must be above risk.drawdown_start = 0.2",
    ),
    (
        "drawdown_start alone",
        |w| w.add("[risk]\ndrawdown_start = 0.3"),
        "[DIR]/case.toml, line 13: risk.drawdown_half = 0.2 must be above risk.drawdown_start = 0.3",
    ),
    (
        "bankroll negative",
        |w| w.line("name = \"case\"", "name = \"case\"\nbankroll = -5.0"),
        "[DIR]/case.toml, line 3: scenario.bankroll = -5 is not between 0.000001 and 1000000000 dollars",
    ),
    (
        "bankroll too large",
        |w| w.line("name = \"case\"", "name = \"case\"\nbankroll = 1e30"),
        "[DIR]/case.toml, line 3: scenario.bankroll = 1e30 is not between 0.000001 and 1000000000 dollars",
    ),
    (
        "bankroll below a millionth",
        |w| w.line("name = \"case\"", "name = \"case\"\nbankroll = 1e-7"),
        "[DIR]/case.toml, line 3: scenario.bankroll = `0.0000001` has more than 6 decimal places",
    ),
    (
        "seed negative",
        |w| w.line("name = \"case\"", "name = \"case\"\nseed = -1"),
        "[DIR]/case.toml, line 3: scenario.seed is integer `-1`, must be a whole number, not negative",
    ),
    (
        "bad duration",
        |w| w.line("interval = \"0s\"", "interval = \"15\""),
        "[DIR]/case.toml, line 8: scanner.interval = `15` is not a duration like 250ms, 30s, 15m, 1h or 45d",
    ),
    (
        "duration too long",
        |w| w.add("[exits]\nmax_holding = \"200000d\""),
        "[DIR]/case.toml, line 14: exits.max_holding = `200000d` is longer than 292 years",
    ),
    (
        "min_volume negative",
        |w| w.line("interval = \"0s\"", "min_volume = -1"),
        "[DIR]/case.toml, line 8: scanner.min_volume = -1 is not 0 or more",
    ),
    (
        "latency backwards, by its old name",
        |w| w.add("[execution]\nlatency = \"2s..1s\""),
        "[DIR]/case.toml, line 14: simulation.latency = 2s..1s ends before it begins",
    ),
    (
        "latency half a range",
        |w| w.add("[simulation]\nlatency = \"1s..\""),
        "[DIR]/case.toml, line 14: simulation.latency = `` is not a duration like 250ms, 30s, 15m, 1h or 45d",
    ),
    (
        "slippage above a dollar",
        |w| w.add("[execution]\nmax_slippage = 1.5"),
        "[DIR]/case.toml, line 14: execution.max_slippage = 1.5 is not between 0 and 1 dollar",
    ),
    (
        "slippage too fine",
        |w| w.add("[execution]\nmax_slippage = 0.00001"),
        "[DIR]/case.toml, line 14: execution.max_slippage = `0.00001` has more than 4 decimal places",
    ),
    (
        "half_spread negative",
        |w| w.line("data = \"data\"", "data = \"data\"\nhalf_spread = -0.01"),
        "[DIR]/case.toml, line 6: feed.half_spread = -0.01 is not between 0 and 1 dollar",
    ),
    (
        "retries negative",
        |w| w.add("[execution]\nretries = -1"),
        "[DIR]/case.toml, line 14: execution.retries is integer `-1`, must be a whole number, not negative",
    ),
    (
        "window 0",
        |w| w.add("[kill_switch]\nwindow = 0"),
        "[DIR]/case.toml, line 14: kill_switch.window = 0 would look at nothing",
    ),
    (
        "evidence 1",
        |w| w.add("[kill_switch]\nevidence = 1"),
        "[DIR]/case.toml, line 14: kill_switch.evidence = 1 must be above 1",
    ),
    (
        "max_holding 0",
        |w| w.add("[exits]\nmax_holding = \"0s\""),
        "[DIR]/case.toml, line 14: exits.max_holding = 0s would sell at once",
    ),
    (
        "bad date",
        |w| w.line("name = \"case\"", "name = \"case\"\nstart = \"2024-02-30\""),
        "[DIR]/case.toml, line 3: scenario.start = `2024-02-30` is not a date like 2024-01-31",
    ),
    (
        "a date with a time",
        |w| w.line("name = \"case\"", "name = \"case\"\nstart = 2024-01-31T10:00:00"),
        "[DIR]/case.toml, line 3: scenario.start = `2024-01-31T10:00:00` is not a date like 2024-01-31",
    ),
    (
        "a number as date",
        |w| w.line("name = \"case\"", "name = \"case\"\nstart = 2024"),
        "[DIR]/case.toml, line 3: scenario.start must be a date like 2024-01-31",
    ),
    (
        "a date before 1678",
        |w| w.line("name = \"case\"", "name = \"case\"\nstart = 0024-01-31"),
        "[DIR]/case.toml, line 3: scenario.start = `0024-01-31T00:00:00Z` is outside the years 1678-2262",
    ),
    (
        "end before start",
        |w| w.line("name = \"case\"", "name = \"case\"\nstart = 2024-02-01\nend = 2024-01-31"),
        "[DIR]/case.toml, line 4: scenario.end is before scenario.start",
    ),
    (
        "min_edge above 1",
        |w| w.line("probability = 0.25", "min_edge = 1.01"),
        "[DIR]/case.toml, line 12: strategy.min_edge = 1.01 is not between 0 and 1",
    ),
    (
        "min_edge in percent",
        |w| w.line("probability = 0.25", "min_edge = 5"),
        "[DIR]/case.toml, line 12: strategy.min_edge = 5 is not a number between 0 and 1",
    ),
    (
        "probability above 1",
        |w| w.line("probability = 0.25", "probability = 25.0"),
        "[DIR]/case.toml, line 12: strategy.probability = 25 is not a probability",
    ),
    (
        "name with a slash",
        |w| w.line("name = \"case\"", "name = \"a/b\""),
        "[DIR]/case.toml, line 2: scenario.name = `a/b` must be made of letters, digits, - _ and .",
    ),
    (
        "name with dots only",
        |w| w.line("name = \"case\"", "name = \"..\""),
        "[DIR]/case.toml, line 2: scenario.name = `..` must be made of letters, digits, - _ and .",
    ),
    (
        "empty name",
        |w| w.line("name = \"case\"", "name = \"\""),
        "[DIR]/case.toml, line 2: scenario.name = `` must be made of letters, digits, - _ and .",
    ),
];

const TYPES: &[Case] = &[
    (
        "text for a number",
        |w| w.add("[risk]\nkelly_fraction = \"a quarter\""),
        "[DIR]/case.toml, line 14: risk.kelly_fraction is string \"a quarter\", must be a number",
    ),
    (
        "a fraction for a count",
        |w| w.add("[kill_switch]\nwindow = 2.5"),
        "[DIR]/case.toml, line 14: kill_switch.window is floating point `2.5`, must be a whole number, not negative",
    ),
    (
        "a number for a duration",
        |w| w.line("interval = \"0s\"", "interval = 15"),
        "[DIR]/case.toml, line 8: scanner.interval is integer `15`, must be text",
    ),
    (
        "text for a list",
        |w| w.line("interval = \"0s\"", "series = \"KXTEST\""),
        "[DIR]/case.toml, line 8: scanner.series is string \"KXTEST\", must be a list",
    ),
    (
        "a number for feed.data",
        |w| w.line("data = \"data\"", "data = 5"),
        "[DIR]/case.toml, line 5: feed.data must be text or a list of texts",
    ),
    (
        "a number in a list of texts",
        |w| w.line("data = \"data\"", "data = \"data\"\nfacts = [5]"),
        "[DIR]/case.toml, line 6: feed.facts is integer `5`, must be text",
    ),
    (
        "text for a section",
        |w| w.line("[scenario]", "risk = \"low\"\n[scenario]"),
        "[DIR]/case.toml, line 1: risk is string \"low\", must be a section",
    ),
    (
        "text for a strategy",
        |w| {
            w.line("[strategy]", "");
            w.line("name = \"fixed_rate\"", "");
            w.line("probability = 0.25", "");
            w.line("[scenario]", "strategy = \"fixed_rate\"\n[scenario]");
        },
        "[DIR]/case.toml, line 1: strategy must be a section with a name",
    ),
    (
        "a number for a strategy's name",
        |w| w.line("name = \"fixed_rate\"", "name = 5"),
        "[DIR]/case.toml, line 11: strategy.name = 5 is none of base_rate_divergence, fixed_rate, weather",
    ),
    (
        "text for min_edge",
        |w| w.line("probability = 0.25", "min_edge = \"5 %\""),
        "[DIR]/case.toml, line 12: strategy.min_edge = \"5 %\" is not a number between 0 and 1",
    ),
    (
        "text for a strategy's key",
        |w| w.line("probability = 0.25", "probability = \"0.25\""),
        "[DIR]/case.toml, line 12: strategy.probability is string \"0.25\", must be a number",
    ),
];

const OVERRIDES: &[Case] = &[
    (
        "no value",
        |w| set(w, "risk.kelly_fraction"),
        "[DIR]/case.toml: --set risk.kelly_fraction: must have the form key=value",
    ),
    (
        "no key",
        |w| set(w, "=0.1"),
        "[DIR]/case.toml: --set =0.1: has an empty key; must have the form key=value",
    ),
    (
        "a section",
        |w| set(w, "risk=0.1"),
        "[DIR]/case.toml: with --set risk=0.1: risk is floating point `0.1`, must be a section",
    ),
    (
        "unknown section",
        |w| set(w, "riks.kelly_fraction=0.1"),
        "[DIR]/case.toml: with --set riks.kelly_fraction=0.1: unknown key `riks`; did you mean `risk`?",
    ),
    (
        "unknown key",
        |w| set(w, "risk.kely_fraction=0.1"),
        "[DIR]/case.toml: with --set risk.kely_fraction=0.1: unknown key `kely_fraction`; did you mean `kelly_fraction`?",
    ),
    (
        "an empty part",
        |w| set(w, "risk..kelly_fraction=0.1"),
        "[DIR]/case.toml: --set risk..kelly_fraction=0.1: has an empty key; must have the form key=value",
    ),
    (
        "into a value",
        |w| set(w, "scenario.name.first=x"),
        "[DIR]/case.toml: --set scenario.name.first=x: name is not a table",
    ),
    (
        "text for a number",
        |w| set(w, "risk.kelly_fraction=a quarter"),
        "[DIR]/case.toml: with --set risk.kelly_fraction=a quarter: risk.kelly_fraction is string \"a quarter\", must be a number",
    ),
    (
        "nothing for a number",
        |w| set(w, "risk.kelly_fraction="),
        "[DIR]/case.toml: with --set risk.kelly_fraction=: risk.kelly_fraction is string \"\", must be a number",
    ),
    (
        "out of range",
        |w| set(w, "risk.kelly_fraction=2"),
        "[DIR]/case.toml: with --set risk.kelly_fraction=2: risk.kelly_fraction = 2 is not between 0 and 1",
    ),
    (
        "out of range where the file is not",
        |w| {
            w.add("[risk]\nkelly_fraction = 0.25");
            set(w, "risk.kelly_fraction=2");
        },
        "[DIR]/case.toml: with --set risk.kelly_fraction=2: risk.kelly_fraction = 2 is not between 0 and 1",
    ),
    (
        "second of two",
        |w| {
            set(w, "risk.kelly_fraction=0.1");
            set(w, "scanner.interval=often");
        },
        "[DIR]/case.toml: with --set scanner.interval=often: scanner.interval = `often` is not a duration like 250ms, 30s, 15m, 1h or 45d",
    ),
    (
        "one of several strategies unnamed",
        |w| {
            two_strategies(w, "");
            set(w, "strategy.min_edge=0.1");
        },
        "[DIR]/case.toml: --set strategy.min_edge=0.1: strategy is a list of 2; write strategy.0.… for its first",
    ),
    (
        "a strategy that is not there",
        |w| {
            two_strategies(w, "");
            set(w, "strategy.2.min_edge=0.1");
        },
        "[DIR]/case.toml: --set strategy.2.min_edge=0.1: strategy is a list of 2; write strategy.0.… for its first",
    ),
    (
        "the second strategy out of range",
        |w| {
            two_strategies(w, "");
            set(w, "strategy.1.min_edge=1.1");
        },
        "[DIR]/case.toml: with --set strategy.1.min_edge=1.1: strategy.1.min_edge = 1.1 is not between 0 and 1",
    ),
];

fn set(world: &mut World, text: &str) {
    world.args.extend(["--set".to_owned(), text.to_owned()]);
}

fn two_strategies(world: &World, line_of_the_second: &str) {
    world.line("[strategy]", "[[strategy]]");
    world.add(&format!("\n[[strategy]]\nname = \"fixed_rate\"\n{line_of_the_second}"));
}

/// Takes out everything from one line up to another.
fn sections(world: &World, from: &str, to: &str) {
    let text = fs::read_to_string(world.path("case.toml")).unwrap();
    let (head, rest) = text.split_once(from).unwrap();
    let (_, tail) = rest.split_once(to).unwrap();
    world.write("case.toml", format!("{head}{to}{tail}"));
}

#[test]
fn files_that_are_no_scenario() {
    refused(USAGE, FILES);
}

#[test]
fn unknown_names_come_with_the_nearest_known_one() {
    refused(USAGE, UNKNOWN);
}

#[test]
fn values_out_of_range() {
    refused(USAGE, RANGES);
}

#[test]
fn values_of_the_wrong_type() {
    refused(USAGE, TYPES);
}

#[test]
fn overrides() {
    refused(USAGE, OVERRIDES);
}
