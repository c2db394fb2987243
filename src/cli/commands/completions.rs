//! `protogen completions SHELL`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::{Cli, Failure, print_to_stdout};

/// Print the completions of a shell, for example `protogen completions bash > ~/.local/share/bash-completion/completions/protogen`.
#[derive(Debug, Args)]
pub struct CompletionsCommand {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionsCommand {
    pub(in crate::cli) fn run(&self) -> Result<(), Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "protogen", &mut text);
        print_to_stdout(&String::from_utf8_lossy(&text))
    }
}
