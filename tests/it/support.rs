//! Running the program and looking at what it left behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The project's folder.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The program with arguments. It does not see the desks of whoever runs the tests.
pub fn protogen(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_protogen"));
    command.args(arguments).env_remove("XDG_RUNTIME_DIR");
    command
}

/// Runs and expects success.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{:?}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    output
}

/// A scenario of the project.
pub fn scenario(name: &str) -> String {
    root().join("scenarios").join(format!("{name}.toml")).to_string_lossy().into_owned()
}

/// Runs a backtest into `out`, without its page, and returns its JSON.
pub fn backtest(scenario: &str, out: &Path, extra: &[&str]) -> serde_json::Value {
    let out = out.to_string_lossy();
    let mut arguments = vec!["backtest", scenario, "--json", "-q", "--no-report", "--out", &out];
    arguments.extend(extra);
    serde_json::from_slice(&run(&mut protogen(&arguments)).stdout).unwrap()
}
