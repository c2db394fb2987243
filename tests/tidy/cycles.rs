//! No files of one folder may need each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::visit::Visit;

use crate::{Source, fail_if_any, root, sources};

/// Modules of a folder that use each other, by folder: from → to.
type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The module path of a file: `src/desk/risk/mod.rs` is `[desk, risk]`.
fn module_of(source: &Source) -> Vec<String> {
    let path = source.path.with_extension("");
    let parts = path.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
    let mut parts: Vec<String> = parts.collect();
    parts.pop_if(|last| last == "mod");
    parts
}

fn is_module(path: &[String]) -> bool {
    let folder = root().join("src").join(path.iter().collect::<std::path::PathBuf>());
    folder.with_extension("rs").is_file() || folder.join("mod.rs").is_file()
}

/// Finds the paths that a file names.
struct Paths<'a> {
    module: &'a [String],
    found: Vec<Vec<String>>,
}

impl Paths<'_> {
    /// Notes a path that begins with `crate`, `self` or `super`, from the root of the crate.
    fn note(&mut self, segments: &[String]) {
        let mut absolute = match segments.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("self" | "super") => self.module.to_vec(),
            _ => return,
        };
        for segment in segments {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => drop(absolute.pop()),
                _ => absolute.push(segment.clone()),
            }
        }
        self.found.push(absolute);
    }

    fn walk(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.walk(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.note(&with(&name.ident)),
            syn::UseTree::Rename(rename) => self.note(&with(&rename.ident)),
            syn::UseTree::Glob(_) => self.note(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.walk(before, item)),
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("cfg") && quoted(attribute).contains("test"))
}

fn quoted(attribute: &syn::Attribute) -> String {
    attribute.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default()
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.walk(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.note(&segments);
        syn::visit::visit_path(self, path);
    }
}

fn arrows(sources: &[Source]) -> Arrows {
    let mut arrows = Arrows::new();
    for source in sources {
        let module = module_of(source);
        let mut paths = Paths { module: &module, found: Vec::new() };
        paths.visit_file(&syn::parse_file(&source.text).expect("the compiler has read it"));
        for used in &paths.found {
            let same = module.iter().zip(used).take_while(|(ours, theirs)| ours == theirs).count();
            let (Some(from), Some(to)) = (module.get(same), used.get(same)) else { continue };
            // Layers are held by their own table.
            if same > 0 && is_module(&used[..=same]) {
                let folder = Path::new("src").join(module[..same].iter().collect::<std::path::PathBuf>());
                let folder = arrows.entry(folder.display().to_string()).or_default();
                folder.entry(from.clone()).or_default().insert(to.clone());
            }
        }
    }
    arrows
}

/// What can be reached from `from` by one arrow or more.
fn reached<'a>(arrows: &'a BTreeMap<String, BTreeSet<String>>, from: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(at) = next.pop() {
        for to in arrows.get(at).into_iter().flatten() {
            if reached.insert(to.as_str()) {
                next.push(to);
            }
        }
    }
    reached
}

/// The largest sets of modules of a folder of which each reaches all others.
fn circles(arrows: &Arrows) -> BTreeSet<(String, Vec<String>)> {
    let mut circles = BTreeSet::new();
    for (folder, arrows) in arrows {
        for from in arrows.keys() {
            let there = reached(arrows, from);
            let back = there.iter().filter(|to| reached(arrows, to).contains(from.as_str()));
            let members: Vec<String> = back.map(ToString::to_string).collect();
            if !members.is_empty() {
                circles.insert((folder.clone(), members));
            }
        }
    }
    circles
}

#[test]
fn no_files_of_a_folder_need_each_other() {
    let circles = circles(&arrows(&sources()));
    let words = |(folder, members): &(String, Vec<String>)| {
        format!("{folder}: {}: each needs the other; move what they share", members.join(", "))
    };
    fail_if_any(&circles.iter().map(words).collect::<Vec<_>>());
}

#[test]
fn what_is_a_circle() {
    let source =
        |path: &str, text: &str| Source { path: path.into(), layer: "desk".into(), text: text.into() };
    let sources = [
        source("desk/mod.rs", "mod scanner; use scanner::Scanner;"),
        source("desk/scanner.rs", "use super::{risk::Limits, strategy};"),
        source("desk/risk/mod.rs", "fn f() -> crate::desk::strategy::Estimate { g() }"),
        source("desk/risk/kelly.rs", "#[cfg(test)] mod tests { use crate::desk::scanner; }"),
        source("desk/strategy.rs", "use super::scanner::Scanner as S;"),
    ];
    let expected =
        ("src/desk".to_owned(), vec!["risk".to_owned(), "scanner".to_owned(), "strategy".to_owned()]);
    assert_eq!(circles(&arrows(&sources)), BTreeSet::from([expected]));
}
