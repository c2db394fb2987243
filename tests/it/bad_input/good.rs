//! What stays good around bad input: one JSON object on stdout, readers that go away, runs that were
//! there before.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use super::world::{World, protogen};
use super::{DATA, USAGE};

#[test]
fn json_is_one_object_and_nothing_else() {
    let world = World::new();
    let summary = world.summary();
    assert_eq!((&summary["scenario"], &summary["evaluations"]), (&"case".into(), &8.into()));
    assert_eq!(summary["rows_skipped"], serde_json::json!({}));
    let id = summary["run_id"].as_str().unwrap();
    assert_eq!(world.runs(), [id, "latest"]);
    let file = fs::read_to_string(world.path("out/case/latest/summary.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&file).unwrap(), summary);
}

#[test]
fn json_of_several_scenarios_is_one_object_too() {
    let mut world = World::new();
    world.args.push(world.path("case.toml").to_str().unwrap().to_owned());
    let summary = world.summary();
    let runs = summary["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0]["run_id"], runs[1]["run_id"]);
}

/// `protogen backtest … | head -c 1`, and a reader that reads nothing at all.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    for flag in [None, Some("--json"), Some("--verbose")] {
        for taken in [0, 1] {
            let world = World::new();
            let mut command = world.command();
            command.args(flag).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let mut pipe = child.stdout.take().unwrap();
            if taken == 1 {
                pipe.read_exact(&mut [0]).unwrap();
            }
            drop(pipe);
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), &*said), (Some(0), ""), "{flag:?}, {taken} bytes read");
            assert_eq!(world.runs().len(), 2, "the run is complete");
        }
    }
}

/// The exit code tells where nobody reads what went wrong.
#[test]
fn the_exit_code_outlives_stderr() {
    let world = World::new();
    world.remove("case.toml");
    let mut command = world.command();
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(USAGE));
}

#[test]
fn a_refusal_leaves_earlier_runs_as_they_were() {
    let world = World::new();
    let before = world.summary();
    let runs = world.runs();
    world.snapshots(|table| table.price("yes_bid", 8, 0));
    assert_eq!(world.run().code, DATA);
    assert_eq!(world.runs(), runs);
    let file = fs::read_to_string(world.path("out/case/latest/summary.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&file).unwrap(), before);
}

#[test]
fn nothing_runs_if_one_of_several_scenarios_is_wrong() {
    let mut world = World::new();
    world.write("typo.toml", "[scenario]\nnam = \"typo\"\n");
    world.args.push(world.path("typo.toml").to_str().unwrap().to_owned());
    let outcome = world.run();
    let expected = "protogen: [DIR]/typo.toml, line 2: unknown key `nam`; did you mean `name`?\n";
    assert_eq!((outcome.code, &*outcome.stderr), (USAGE, expected));
    assert_eq!((outcome.stdout, world.runs()), (String::new(), Vec::new()));
}

/// What clap says is clap's; that it says it on stderr, with code 2, is ours.
#[test]
fn arguments_that_are_none() {
    for (arguments, says) in [
        (&["backtest", "case.toml", "--lenientt"][..], "unexpected argument '--lenientt' found"),
        (&["backtest"], "required arguments were not provided"),
        (&["backtset", "case.toml"], "unrecognized subcommand 'backtset'"),
        (&["backtest", "case.toml", "--set"], "a value is required for '--set <KEY=VALUE>'"),
        (&["backtest", "case.toml", "--color", "blue"], "invalid value 'blue' for '--color <COLOR>'"),
        (&[], "Usage: protogen"),
    ] {
        let world = World::new();
        let mut command = protogen();
        command.args(arguments).current_dir(world.path(""));
        let outcome = world.outcome(command);
        assert_eq!((outcome.code, &*outcome.stdout), (USAGE, ""), "{arguments:?}");
        assert!(outcome.stderr.contains(says), "{arguments:?}: {}", outcome.stderr);
        assert!(!world.path("reports").exists(), "{arguments:?}");
    }
}
