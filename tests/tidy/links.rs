//! The documentation holds together: links lead to files and headings that exist, every page of `docs/` is in its
//! summary, and `README.md` stays short.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::{fail_if_any, root};

const LONGEST_README: usize = 170;
const SUMMARY: &str = "docs/SUMMARY.md";

/// The pages that are looked at, by their path from the root.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(PathBuf::from).into();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let page = Path::new("docs").join(entry.unwrap().file_name());
        if is_page(&page) {
            pages.push(page);
        }
    }
    pages.sort();
    pages
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

fn read(page: &Path) -> String {
    fs::read_to_string(root().join(page)).unwrap()
}

/// The marks that open or close a block of code, and what follows them in their line.
fn fence(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let mark = line.chars().next().filter(|mark| ['`', '~'].contains(mark))?;
    let rest = line.trim_start_matches(mark);
    let marks = &line[..line.len() - rest.len()];
    (marks.len() >= 3 && !rest.contains('`')).then_some((marks, rest))
}

/// The text with the lines of code blocks made empty.
fn without_blocks(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut open: Option<&str> = None;
    for line in text.lines() {
        match (open, fence(line)) {
            (None, None) => kept.push_str(line),
            (None, Some((marks, _))) => open = Some(marks),
            (Some(opened), Some((marks, ""))) if marks.starts_with(opened) => open = None,
            (Some(_), _) => {}
        }
        kept.push('\n');
    }
    kept
}

/// Where a code span ends that was opened by so many backticks: behind as many in the same paragraph.
fn span_end(after: &str, backticks: usize) -> Option<usize> {
    let paragraph = after.split("\n\n").next().unwrap_or_default();
    let mut at = 0;
    while let Some(found) = paragraph[at..].find('`') {
        let here = &paragraph[at + found..];
        let run = here.len() - here.trim_start_matches('`').len();
        at += found + run;
        if run == backticks {
            return Some(at);
        }
    }
    None
}

/// The text with its code spans taken out.
fn without_spans(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        kept.push_str(&rest[..at]);
        let after = rest[at..].trim_start_matches('`');
        let backticks = rest.len() - at - after.len();
        rest = span_end(after, backticks).map_or(after, |end| &after[end..]);
    }
    kept.push_str(rest);
    kept
}

/// The target at the start of what follows `](`, without a title. Parentheses in it are balanced.
fn destination(rest: &str) -> &str {
    if let Some(bracketed) = rest.strip_prefix('<') {
        return bracketed.split('>').next().unwrap_or_default();
    }
    let mut depth = 0;
    let end = rest.find(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth < 0 || c.is_whitespace()
    });
    &rest[..end.unwrap_or(rest.len())]
}

/// Where the links and images of a text lead, also those defined as `[name]: target`. Code has none.
fn targets(text: &str) -> Vec<String> {
    let prose = without_spans(&without_blocks(text));
    let mut targets = Vec::new();
    for (at, opening) in prose.match_indices("](") {
        targets.push(destination(&prose[at + opening.len()..]).to_owned());
    }
    for line in prose.lines().filter(|line| line.starts_with('[')) {
        if let Some((_, target)) = line.split_once("]: ") {
            targets.push(destination(target).to_owned());
        }
    }
    targets
}

fn is_external(target: &str) -> bool {
    ["http://", "https://", "mailto:"].into_iter().any(|scheme| target.starts_with(scheme))
}

/// The text of a heading, if the line is one.
fn heading(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches('#');
    let level = line.len() - rest.len();
    let text = rest.strip_prefix(' ')?;
    (1..=6).contains(&level).then(|| text.trim().trim_end_matches('#').trim_end())
}

/// A heading's anchor as GitHub makes it: lower case, punctuation removed, spaces to hyphens.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>().to_lowercase()
}

/// The anchors of a page; of equal headings the second gets `-1`, the third `-2`.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for line in without_blocks(text).lines() {
        let Some(heading) = heading(line) else { continue };
        let anchor = anchor(heading);
        let before = seen.entry(anchor.clone()).or_insert(0);
        anchors.insert(if *before == 0 { anchor } else { format!("{anchor}-{before}") });
        *before += 1;
    }
    anchors
}

/// What is wrong with a link of a page, if anything is. Anchors of files that are no pages are let be.
fn fault(page: &Path, target: &str) -> Option<String> {
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let file = if path.is_empty() { page.to_owned() } else { page.parent().unwrap().join(path) };
    if target.is_empty() || path.starts_with('/') || !root().join(&file).exists() {
        return Some(format!("{}: ({target}): no such file", page.display()));
    }
    let anchor = anchor.filter(|_| is_page(&file))?;
    let is_there = anchors(&read(&file)).contains(anchor);
    (!is_there).then(|| format!("{}: ({target}): no such heading", page.display()))
}

#[test]
fn every_link_leads_somewhere() {
    let mut problems = Vec::new();
    for page in pages() {
        let targets = targets(&read(&page));
        problems.extend(
            targets.iter().filter(|target| !is_external(target)).filter_map(|target| fault(&page, target)),
        );
    }
    fail_if_any(&problems);
}

/// That every entry of the summary exists is checked with all other links.
#[test]
fn every_page_is_in_the_summary() {
    let summary = targets(&read(Path::new(SUMMARY)));
    let listed: BTreeSet<PathBuf> = summary.iter().map(|target| Path::new("docs").join(target)).collect();
    let is_missing =
        |page: &PathBuf| page.starts_with("docs") && page != Path::new(SUMMARY) && !listed.contains(page);
    let missing = pages().into_iter().filter(is_missing);
    let problems: Vec<String> =
        missing.map(|page| format!("{}: not listed in {SUMMARY}", page.display())).collect();
    fail_if_any(&problems);
}

#[test]
fn the_readme_is_short() {
    let lines = read(Path::new("README.md")).lines().count();
    assert!(
        lines <= LONGEST_README,
        "README.md: {lines} lines, at most {LONGEST_README}; the rest is for docs/"
    );
}

#[test]
fn links_and_anchors_are_found_as_github_finds_them() {
    let page = "\
# What's new?

See [the `code`](src/lib.rs), ![a chart](a.svg \"its title\") and [a
part](b.md#one-two_3). `[no link](c.md)`, ``[nor ` this](d.md)``.

```sh
# no heading
[no link](e.md)
```

## One, two_3
## One, two_3 ##
### When …

[defined]: f(1).md
";
    assert_eq!(targets(page), ["src/lib.rs", "a.svg", "b.md#one-two_3", "f(1).md"]);
    let expected = ["one-two_3", "one-two_3-1", "whats-new", "when-"];
    assert_eq!(anchors(page).into_iter().collect::<Vec<_>>(), expected);
}

/// The files of Rust that a text names in code spans: `a.rs`, `b/c.rs`.
fn named_files(text: &str) -> impl Iterator<Item = &str> {
    let spans = text.split('`').skip(1).step_by(2);
    spans.filter(|span| Path::new(span).extension().is_some_and(|extension| extension == "rs"))
}

#[test]
fn files_that_are_named_are_there() {
    let root = root();
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "examples", "fuzz"] {
        crate::rust_files(&root.join(folder), &mut files);
    }
    let mut problems = Vec::new();
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(Path::new) {
        let text = read(page);
        let gone =
            text.lines().flat_map(named_files).filter(|name| !files.iter().any(|file| file.ends_with(name)));
        problems.extend(gone.map(|name| format!("{}: {name} is not there", page.display())));
    }
    for file in &files {
        let folder = file.parent().unwrap();
        let text = fs::read_to_string(file).unwrap();
        let rows = text.lines().filter(|line| line.starts_with("//! |"));
        let gone = rows.flat_map(named_files).filter(|name| !folder.join(name).is_file());
        problems.extend(gone.map(|name| format!("{}: {name} is not beside it", file.display())));
    }
    fail_if_any(&problems);
}
