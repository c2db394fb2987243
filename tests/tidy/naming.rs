//! Names and doc blocks, measured over all sources: figures that may only fall.
//!
//! A type's name is a collision if another file of `src` declares a type of the same name. A name of one word says
//! little where it is met without its module. A doc block of three words or fewer says less than the name does.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Source, fail_if_any, sources};

/// The figures as they are. A change that lowers one writes the lower one here; none may rise.
const FIGURES: Figures =
    Figures { colliding_types: 6, one_word_types: 332, one_word_functions: 461, short_doc_blocks: 44 };
/// What a doc block needs at least to say more than a name does.
const SHORT_DOC_BLOCK: usize = 3;

#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    /// Declarations of structs, enums and traits that share their name with one of another file.
    colliding_types: usize,
    /// Names of types that are one word.
    one_word_types: usize,
    /// Functions whose name is one word.
    one_word_functions: usize,
    /// Blocks of `///` lines of at most [`SHORT_DOC_BLOCK`] words.
    short_doc_blocks: usize,
}

/// The name that a line declares after one of these keywords, behind any of the usual modifiers.
fn declared<'a>(line: &'a str, keywords: &[&str]) -> Option<&'a str> {
    let mut words = line.split_whitespace();
    let keyword = words.by_ref().find(|word| {
        // `pub(in crate::desk)` is two words.
        let modifier =
            ["const", "async", "unsafe"].contains(word) || word.starts_with("pub") || word.ends_with(')');
        !modifier
    })?;
    let name = keywords.contains(&keyword).then(|| words.next())??;
    name.split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
}

/// Lines of a source without its module of tests.
fn lines(source: &Source) -> impl Iterator<Item = &str> {
    let tests = source.text.find("\n#[cfg(test)]\nmod ");
    source.text[..tests.unwrap_or(source.text.len())].lines().map(str::trim)
}

/// Words of each doc block.
fn doc_blocks(source: &Source) -> Vec<usize> {
    let mut blocks = Vec::new();
    let mut inside = false;
    for line in lines(source) {
        let text = line.strip_prefix("///");
        if let Some(text) = text {
            if !inside {
                blocks.push(0);
            }
            *blocks.last_mut().expect("a block was begun") += text.split_whitespace().count();
        }
        inside = text.is_some();
    }
    blocks
}

fn measured(sources: &[Source]) -> (Figures, Vec<String>) {
    let mut files: BTreeMap<&str, BTreeSet<&std::path::Path>> = BTreeMap::new();
    let mut figures = Figures::default();
    for source in sources {
        for line in lines(source) {
            if let Some(name) = declared(line, &["struct", "enum", "trait"]) {
                files.entry(name).or_default().insert(&source.path);
            }
            let function = declared(line, &["fn"]);
            figures.one_word_functions += usize::from(function.is_some_and(|name| !name.contains('_')));
        }
        figures.short_doc_blocks +=
            doc_blocks(source).iter().filter(|words| **words <= SHORT_DOC_BLOCK).count();
    }
    let mut collisions = Vec::new();
    for (name, files) in &files {
        let words = name.chars().filter(char::is_ascii_uppercase).count();
        figures.one_word_types += if words <= 1 { files.len() } else { 0 };
        if files.len() > 1 {
            figures.colliding_types += files.len();
            let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            collisions.push(format!("{name}: {}", files.join(", ")));
        }
    }
    (figures, collisions)
}

#[test]
fn names_and_doc_blocks_only_get_better() {
    let (now, collisions) = measured(&sources());
    let compared = [
        ("colliding_types", FIGURES.colliding_types, now.colliding_types),
        ("one_word_types", FIGURES.one_word_types, now.one_word_types),
        ("one_word_functions", FIGURES.one_word_functions, now.one_word_functions),
        ("short_doc_blocks", FIGURES.short_doc_blocks, now.short_doc_blocks),
    ];
    let mut problems = Vec::new();
    for (name, allowed, found) in compared {
        if found > allowed {
            problems.push(format!(
                "{name}: {found}, at most {allowed}: name what was added in the field's own words"
            ));
        } else if found < allowed {
            problems.push(format!(
                "{name}: {found} now; write it into FIGURES of tests/tidy/naming.rs, so that it stays"
            ));
        }
    }
    if now.colliding_types > FIGURES.colliding_types {
        problems.extend(collisions);
    }
    fail_if_any(&problems);
}

#[test]
fn what_is_measured() {
    assert_eq!(declared("pub(super) struct Sum<'a> {", &["struct"]), Some("Sum"));
    assert_eq!(declared("pub const fn is_zero(self) -> bool {", &["fn"]), Some("is_zero"));
    assert_eq!(declared("pub(in crate::cli) fn run(&self) {", &["fn"]), Some("run"));
    assert_eq!(declared("let fn_name = 3;", &["fn"]), None);
    let text = "//! Head.\n/// When.\nstruct Row;\n\n/// A row of the table,\n/// as read.\nstruct TableRow;\nfn read() {}\n\
                #[cfg(test)]\nmod tests {\n    struct Row2;\n}\n";
    let source = |path: &str| Source { path: path.into(), layer: "a".into(), text: text.into() };
    let (figures, collisions) = measured(&[source("a.rs"), source("b.rs")]);
    let expected =
        Figures { colliding_types: 4, one_word_types: 2, one_word_functions: 2, short_doc_blocks: 2 };
    assert_eq!(figures, expected);
    assert_eq!(collisions, ["Row: a.rs, b.rs", "TableRow: a.rs, b.rs"]);
}
