//! ARCHITECTURE.md says which module may use which, and which outside package has which door. The sources are held to it.
//!
//! Two Markdown tables are read there. `| module | may use |`: modules in backticks; the second cell is `nothing`,
//! `everything` or modules in backticks, and what follows a `;` is for people. `| package | door |`: packages in
//! backticks; files or directories under `src` in backticks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[test]
fn every_module_uses_only_what_the_table_lets_it_use() {
    let may_use = table("| module | may use |");
    let modules: BTreeSet<String> = sources().iter().filter_map(|(file, _)| top_module(file)).collect();
    let listed: BTreeSet<String> = may_use.keys().cloned().collect();
    assert_eq!(modules, listed, "the modules under `src` and the rows of the table in ARCHITECTURE.md differ");

    let mut wrong = Vec::new();
    for (file, code) in sources() {
        let Some(module) = top_module(&file) else { continue };
        let allowed = &may_use[&module];
        for used in used_modules(&code).into_iter().filter(|used| modules.contains(used) && *used != module) {
            if allowed.prose != "everything" && !allowed.names.contains(&used) {
                wrong.push(format!("{}: `{module}` may not use `{used}`", file.display()));
            }
        }
        if code.contains("super::super::") {
            wrong.push(format!("{}: `super::super::` hides what is used; write `crate::…`", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_outside_package_is_named_only_behind_its_door() {
    let doors = table("| package | door |");
    assert!(!doors.is_empty(), "the table of doors in ARCHITECTURE.md is empty");
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for (file, code) in sources() {
        for (package, door) in &doors {
            if !names_package(&code, &package.replace('-', "_")) {
                continue;
            }
            seen.insert(package);
            let path = file.display().to_string();
            if !door
                .names
                .iter()
                .any(|door| path == *door || path.starts_with(&format!("{}/", door.trim_end_matches('/'))))
            {
                wrong.push(format!("{path}: `{package}` is to be named only in {:?}", door.names));
            }
        }
    }
    let unused: Vec<_> = doors.keys().filter(|package| !seen.contains(package)).collect();
    assert!(unused.is_empty(), "ARCHITECTURE.md gives a door to packages nobody names: {unused:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reading_of_sources_finds_what_is_used() {
    let code = strip_comments(
        "use crate::net::Target; // crate::cli::no\n/// crate::cli\nuse crate::{checks::{self, Probe}, limits};\n\
         fn f() { crate::feeds::go(); other_crate::serve::x(); }\n",
    );
    let used: Vec<String> = used_modules(&code).into_iter().collect();
    assert_eq!(used, ["checks", "feeds", "limits", "net"]);
    for (code, named) in [
        ("use poem::Route;", true),
        ("use poem as p;", true),
        ("let x = poem::get(h);", true),
        ("use my_poem::Route;", false),
        ("let poem = 1;", false),
        ("use {poem::Route, http};", true),
    ] {
        assert_eq!(names_package(code, "poem"), named, "{code}");
    }
}

/// The second cell of a row.
struct Allowed {
    prose: String,
    names: BTreeSet<String>,
}

/// The rows below `header` in ARCHITECTURE.md, one entry for each name in the first cell.
fn table(header: &str) -> BTreeMap<String, Allowed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let text = std::fs::read_to_string(&path).expect("ARCHITECTURE.md stands at the top");
    let rows =
        text.lines().skip_while(|line| !line.starts_with(header)).skip(2).take_while(|line| line.starts_with('|'));
    let mut table = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [first, second, ..] = cells[..] else { panic!("a row with two cells: {row}") };
        let prose = second.split(';').next().unwrap_or_default().trim();
        let names = backticked(prose);
        assert!(
            matches!(prose, "nothing" | "everything") || !names.is_empty(),
            "write `nothing`, `everything` or names in backticks: {row}"
        );
        for name in backticked(first) {
            let allowed = Allowed { prose: prose.to_owned(), names: names.clone() };
            assert!(table.insert(name.clone(), allowed).is_none(), "`{name}` stands twice");
        }
    }
    assert!(!table.is_empty(), "ARCHITECTURE.md has no table `{header}`");
    table
}

fn backticked(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every Rust file under `src`, by its path below it, without its comments.
fn sources() -> Vec<(PathBuf, String)> {
    fn walk(directory: &Path, root: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(directory).expect("a readable directory") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                walk(&path, root, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a readable source");
                let below = path.strip_prefix(root).expect("below the root").to_owned();
                found.push((below, strip_comments(&text)));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    found.sort();
    found
}

/// The module right below the root that a file belongs to; none for the root itself.
fn top_module(file: &Path) -> Option<String> {
    let first = file.iter().next()?.to_str()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(module, "lib" | "main")).then(|| module.to_owned())
}

fn strip_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Every module that a `crate::` path starts with, also inside `use crate::{…}`.
fn used_modules(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, path) in code.match_indices("crate::") {
        if code[..at].ends_with(is_word) {
            continue;
        }
        let rest = &code[at + path.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            used.insert(rest.chars().take_while(|c| is_word(*c)).collect());
            continue;
        };
        let (mut depth, mut word) = (0, String::new());
        for c in group.chars() {
            match c {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    used.insert(std::mem::take(&mut word));
                }
                c if depth == 0 && !c.is_whitespace() => word.push(c),
                _ => {}
            }
        }
        used.insert(word);
    }
    used.iter()
        .map(|word| word.chars().take_while(|c| is_word(*c)).collect())
        .filter(|word: &String| !word.is_empty())
        .collect()
}

/// Whether the code names the package in a path or a `use`.
fn names_package(code: &str, package: &str) -> bool {
    code.match_indices(package).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + package.len()..]);
        let whole = !before.ends_with(is_word) && !before.ends_with("::");
        whole && (after.starts_with("::") || (before.ends_with("use ") && after.starts_with([' ', ';'])))
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
