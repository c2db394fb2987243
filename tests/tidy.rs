//! The rules of this code that no compiler holds: the direction of the layers, what the pure layers may not
//! touch, the size of files and functions, and ratchets: names and doc blocks (`tidy/naming.rs`), files that
//! need each other (`tidy/cycles.rs`). Links of the pages are checked in `tidy/links.rs`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

#[path = "tidy/cycles.rs"]
mod cycles;
#[path = "tidy/links.rs"]
mod links;
#[path = "tidy/naming.rs"]
mod naming;

/// Each layer with the layers it may use. `domain` uses nothing.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("event", &["domain"]),
    ("desk", &["domain", "event"]),
    ("strategies", &["domain", "event", "desk"]),
    ("engine", &["domain", "event", "desk"]),
    ("sim", &["domain", "event", "desk", "engine"]),
    ("dataset", &["domain", "engine"]),
    ("feed", &["domain", "event", "desk", "engine", "dataset"]),
    ("journal", &["domain", "event", "desk", "engine"]),
    ("kalshi", &["domain", "event", "desk", "engine"]),
    ("sandbox", &["domain", "event", "engine", "sim", "dataset", "feed", "kalshi"]),
    ("report", &["domain", "event", "desk", "engine", "journal"]),
    ("scenario", &["domain", "event", "desk", "strategies", "engine", "sim", "dataset", "feed"]),
    (
        "live",
        &[
            "domain",
            "event",
            "desk",
            "strategies",
            "engine",
            "sim",
            "dataset",
            "feed",
            "kalshi",
            "journal",
            "report",
            "scenario",
        ],
    ),
    (
        "sweep",
        &[
            "domain",
            "event",
            "desk",
            "strategies",
            "engine",
            "sim",
            "dataset",
            "feed",
            "journal",
            "report",
            "scenario",
        ],
    ),
    ("pull", &["domain", "event", "dataset", "feed", "kalshi"]),
    ("record", &["domain", "event", "engine", "dataset", "feed", "kalshi", "journal"]),
    ("telemetry", &[]),
    (
        "cli",
        &[
            "domain",
            "event",
            "desk",
            "strategies",
            "engine",
            "sim",
            "dataset",
            "feed",
            "kalshi",
            "journal",
            "report",
            "scenario",
            "sandbox",
            "live",
            "pull",
            "record",
            "sweep",
            "telemetry",
        ],
    ),
];

/// What the pure layers must not name, and what to use instead.
const PURE: &[&str] = &["domain", "event", "desk", "strategies", "engine"];
const BANNED_IN_PURE: &[(&str, &str)] = &[
    ("std::env", "pass it in through the settings"),
    ("std::fs", "read it in feed/ or scenario/ and pass values"),
    ("std::net", "the world comes in as inputs"),
    ("std::thread", "one thread steps the desk"),
    ("std::time", "use domain::Timestamp and the inputs' stamps"),
    ("std::io", "effects are returned as commands and records"),
    ("HashMap", "use BTreeMap or a vector indexed by id: hash order is not an order"),
    ("HashSet", "use BTreeSet or a vector of flags: hash order is not an order"),
    ("println!", "return a record"),
    ("tracing", "return a record"),
    ("rand::rng", "randomness comes from the scenario's seed, in sim/"),
];

/// Libraries that belong to one place.
const CONFINED: &[(&str, &[&str])] = &[
    ("polars", &["dataset"]),
    ("object_store", &["dataset"]),
    ("parquet", &["dataset"]),
    ("arrow_array", &["dataset"]),
    ("rusqlite", &["journal", "cli"]),
    ("reqwest", &["kalshi", "live"]),
    ("tokio_tungstenite", &["kalshi"]),
    ("axum", &["sandbox"]),
    ("ring", &["kalshi", "live", "sandbox"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("ratatui", &["cli"]),
    ("etcetera", &["live"]),
    ("tracing_subscriber", &["telemetry"]),
];

const LONGEST_FILE: usize = 600;
const LONGEST_FUNCTION: usize = 70;
const LONGEST_LINE: usize = 120;

struct Source {
    path: PathBuf,
    layer: String,
    text: String,
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    // Tests in files of their own may look at any layer.
    let is_test = |file: &Path| {
        let below = file.strip_prefix(root().join("src")).unwrap();
        file.to_string_lossy().ends_with("tests.rs")
            || below.components().any(|part| part.as_os_str() == "tests")
    };
    files.retain(|file| !is_test(file));
    files.sort();
    assert!(files.len() > 40, "the sources were not found");
    let source = |path: PathBuf| {
        let below = path.strip_prefix(root().join("src")).unwrap();
        let first = below.components().next().unwrap().as_os_str().to_string_lossy();
        let layer = first.trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).unwrap();
        Source { path: below.to_owned(), layer, text }
    };
    files.into_iter().map(source).collect()
}

fn fail_if_any(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// Code without comments, and without what only tests see.
fn code(source: &Source) -> String {
    let text = source.text.split("#[cfg(test)]").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[test]
fn arrows_go_down_only() {
    let mut problems = Vec::new();
    for source in sources().iter().filter(|source| !["lib", "main"].contains(&&*source.layer)) {
        let Some((_, allowed)) = MAY_USE.iter().find(|(layer, _)| *layer == source.layer) else {
            problems.push(format!("src/{}: a layer that tests/tidy.rs does not know", source.path.display()));
            continue;
        };
        for used in code(source).split("crate::").skip(1) {
            let layer: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if layer != source.layer && !allowed.contains(&&*layer) {
                problems.push(format!(
                    "src/{}: {} must not use {layer}",
                    source.path.display(),
                    source.layer
                ));
            }
        }
    }
    fail_if_any(&problems);
}

#[test]
fn the_pure_layers_touch_nothing() {
    let mut problems = Vec::new();
    for source in sources().iter().filter(|source| PURE.contains(&&*source.layer)) {
        let code = code(source);
        for (banned, instead) in BANNED_IN_PURE.iter().filter(|(banned, _)| code.contains(banned)) {
            problems.push(format!("src/{}: {banned}: {instead}", source.path.display()));
        }
        if code.contains("::now(") {
            problems.push(format!("src/{}: ::now(): use the input's stamp", source.path.display()));
        }
    }
    fail_if_any(&problems);
}

#[test]
fn libraries_stay_where_they_belong() {
    let mut problems = Vec::new();
    for source in &sources() {
        let code = code(source);
        for (library, homes) in CONFINED.iter().filter(|(_, homes)| !homes.contains(&&*source.layer)) {
            let path = format!("{library}::");
            let is_word = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            if code.match_indices(&path).any(|(at, _)| is_word(at)) {
                problems.push(format!(
                    "src/{}: {library} belongs to {}",
                    source.path.display(),
                    homes.join(" and ")
                ));
            }
        }
    }
    fail_if_any(&problems);
}

#[test]
fn every_file_has_a_head_and_is_of_readable_size() {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        rust_files(&root().join(folder), &mut files);
    }
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        if !text.starts_with("//!") {
            problems.push(format!("{name}: does not open with //! saying why it exists"));
        }
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            problems.push(format!("{name}: {lines} lines, at most {LONGEST_FILE}; split it"));
        }
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| line.chars().count() > LONGEST_LINE)
        {
            // Text that cannot be broken is let be.
            if !line.contains('"') && !line.trim_start().starts_with("//") {
                problems.push(format!("{name}:{number}: longer than {LONGEST_LINE} characters"));
            }
        }
        let mut functions = Functions { name: &name, problems: &mut problems };
        functions.visit_file(&syn::parse_file(&text).unwrap());
    }
    fail_if_any(&problems);
}

struct Functions<'a> {
    name: &'a str,
    problems: &'a mut Vec<String>,
}

impl Functions<'_> {
    fn check(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let lines = block.brace_token.span.close().start().line - block.brace_token.span.open().start().line;
        if lines > LONGEST_FUNCTION {
            let function = &signature.ident;
            self.problems
                .push(format!("{}: {function} has {lines} lines, at most {LONGEST_FUNCTION}", self.name));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.check(&function.sig, &function.block);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.check(&function.sig, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }
}

#[test]
fn no_unwrap_outside_tests() {
    let unwraps = |source: &Source| {
        let tests = source.path.to_string_lossy().contains("tests");
        (!tests && code(source).contains(".unwrap()"))
            .then(|| format!("src/{}: unwrap", source.path.display()))
    };
    fail_if_any(&sources().iter().filter_map(unwraps).collect::<Vec<_>>());
}
