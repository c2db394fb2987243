//! `protogen init [DIR]`

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::cli::{Common, Failure, json_line, print_to_stdout};

/// Start a project: a scenario with every key that matters, a .gitignore that keeps keys out, a README.
///
/// Nothing that is there is written over.
#[derive(Debug, Args)]
pub struct InitCommand {
    /// Folder of the project
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

const SCENARIO: &str = include_str!("init/scenario.toml");
const README: &str = include_str!("init/README.md");
const GITIGNORE: &str = "/reports/\n*.pem\n*.id\n.env\n*.sqlite*\n";
const FILES: [(&str, &str); 3] =
    [("scenario.toml", SCENARIO), (".gitignore", GITIGNORE), ("README.md", README)];

impl InitCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        let there = FILES.iter().map(|(name, _)| self.folder.join(name)).find(|path| path.exists());
        if let Some(path) = there {
            let problem = format!("{} is there already; nothing was written", path.display());
            return Err(Failure::new(Failure::USAGE, problem));
        }
        let cannot = |path: &Path, error: &std::io::Error| {
            Failure::new(Failure::USAGE, format!("{} cannot be written: {error}", path.display()))
        };
        fs::create_dir_all(&self.folder).map_err(|error| cannot(&self.folder, &error))?;
        for (name, text) in FILES {
            let path = self.folder.join(name);
            write_new(&path, text).map_err(|error| cannot(&path, &error))?;
        }
        if common.json {
            let files: Vec<_> = FILES.iter().map(|(name, _)| self.folder.join(name)).collect();
            return print_to_stdout(&json_line(&json!({ "written": files })));
        }
        let folder = self.folder.display();
        print_to_stdout(&format!(
            "wrote scenario.toml, .gitignore and README.md in {folder}; README.md says what is next\n"
        ))
    }
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    match File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes())) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(std::io::Error::other("it is there already"))
        }
        written => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Color;
    use crate::scenario::Scenario;

    #[test]
    fn a_project_is_begun_once_and_its_scenario_holds() {
        let folder = tempfile::tempdir().unwrap();
        let init = InitCommand { folder: folder.path().join("new") };
        let common = Common { json: true, quiet: true, verbose: false, color: Color::Never };
        init.run(&common).unwrap();
        let scenario = Scenario::load_file(&init.folder.join("scenario.toml"), &[]).unwrap();
        assert_eq!((scenario.name.as_str(), scenario.seats.len()), ("first", 1));
        fs::write(init.folder.join("scenario.toml"), "mine").unwrap();
        fs::remove_file(init.folder.join("README.md")).unwrap();
        assert_eq!(init.run(&common).unwrap_err().code, Failure::USAGE);
        assert_eq!(fs::read_to_string(init.folder.join("scenario.toml")).unwrap(), "mine");
        assert!(!init.folder.join("README.md").exists());
    }
}
