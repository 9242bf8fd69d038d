//! What no file of the tree may contain, and how long a file of code may be.

use std::process::Command;

use tests::workspace;

/// Lines of Rust a file of the product may have, its unit tests apart: beyond it, a file has more than one purpose.
const LONGEST: usize = 500;
/// Files that may be longer, with the reason. Empty is best.
const LONGER: [(&str, &str); 0] = [];

/// A file of the tree that is text.
struct TextFile {
    /// From the root, with `/`.
    path: String,
    text: String,
}

/// Everything that git tracks, or would track if it were added.
fn files() -> Vec<TextFile> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--exclude=node_modules"])
        .current_dir(workspace::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "not a git checkout: {}", String::from_utf8_lossy(&output.stderr));
    let paths = String::from_utf8(output.stdout).unwrap();
    let read = |path: &str| {
        // A file that is tracked but deleted is none; an image is no text.
        let text = std::fs::read_to_string(workspace::root().join(path)).ok()?;
        Some(TextFile { path: path.to_owned(), text })
    };
    paths.split('\0').filter(|path| !path.is_empty()).filter_map(read).collect()
}

impl TextFile {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// This file names what it forbids.
    fn is_this(&self) -> bool {
        self.path == "tests/tidy/files.rs"
    }

    /// Lock files name where packages come from, and are written by tools.
    fn is_lock(&self) -> bool {
        self.path.ends_with("Cargo.lock") || self.path.ends_with("package-lock.json")
    }

    /// `path:line: text` of every line for which `bad` holds.
    fn lines(&self, bad: impl Fn(&str) -> bool) -> Vec<String> {
        let numbered = self.text.lines().enumerate();
        let found = numbered.filter(|(_, line)| bad(line));
        found.map(|(at, line)| format!("{}:{}: {}", self.path, at + 1, shortened(line))).collect()
    }
}

/// Every bad line of every file for which `looked_at` holds; this file is left out.
fn offences(looked_at: impl Fn(&TextFile) -> bool, bad: impl Fn(&str) -> bool) -> Vec<String> {
    files().iter().filter(|file| !file.is_this() && looked_at(file)).flat_map(|file| file.lines(&bad)).collect()
}

/// Enough of a line to recognise it; a generated one may be megabytes long.
fn shortened(line: &str) -> String {
    line.trim().chars().take(160).collect()
}

#[track_caller]
fn assert_none(offences: &[String], what: &str) {
    assert!(offences.is_empty(), "{what}:\n{}", offences.join("\n"));
}

/// Whether `word` stands in `line` with neither letter, digit nor `_` beside it.
fn has_word(line: &str, word: &str) -> bool {
    let part_of_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(part_of_word) && !line[at + word.len()..].starts_with(part_of_word))
}

/// Whether an absolute path below one of `folders` stands in `line`. An address or relative path, in which the folder
/// follows a name, is none.
fn has_path_below(line: &str, folders: &[&str]) -> bool {
    folders.iter().any(|folder| {
        line.match_indices(folder).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let follows_a_name = before.is_some_and(|letter| letter.is_alphanumeric() || "._-/<}".contains(letter));
            !follows_a_name && line[at + folder.len()..].starts_with('/')
        })
    })
}

#[test]
fn no_unfinished_code() {
    let macros = ["todo!", "unimplemented!", "dbg!"];

    let found = offences(TextFile::is_rust, |line| macros.iter().any(|name| line.contains(&format!("{name}("))));

    assert_none(&found, "unfinished or left over");
}

#[test]
fn every_note_of_work_to_do_names_its_issue() {
    let notes = ["TODO", "FIXME"];
    let unnamed = |line: &str| notes.iter().any(|note| has_word(line, note) && !line.contains(&format!("{note}(#")));

    let found = offences(|file| !file.is_lock() && !file.path.ends_with(".svg"), unnamed);

    assert_none(&found, "write TODO(#12) with the number of an issue");
}

#[test]
fn no_path_of_one_machine() {
    let found = offences(|_| true, |line| has_path_below(line, &["/root", "/work", "/home", "/Users"]));

    assert_none(&found, "absolute paths of one machine");
}

#[test]
fn no_host_of_a_package_registry() {
    let hosts = ["crates.io", "registry.npmjs", "npmjs.com", "pypi.org", "deb.debian.org", "artifactory"];

    let found = offences(|file| !file.is_lock(), |line| hosts.iter().any(|host| line.contains(host)));

    assert_none(&found, "hosts of registries belong into lock files only");
}

#[test]
fn lints_are_expected_with_a_reason_and_not_allowed() {
    let found = offences(TextFile::is_rust, |line| line.contains("#[allow(") || line.contains("#![allow("));

    assert_none(&found, "write #[expect(lint, reason = \"…\")]");
}

#[test]
fn files_of_the_product_have_one_purpose_each() {
    let product = |file: &TextFile| {
        let code = ["collector/", "snippet/", "web-demo/"].iter().any(|folder| file.path.starts_with(folder));
        code && file.is_rust() && !file.path.contains("/tests/")
    };
    let length = |file: &TextFile| file.text.lines().take_while(|line| *line != "#[cfg(test)]").count();
    let excused = |file: &TextFile| LONGER.iter().any(|(path, _)| *path == file.path);
    let files = files();

    let long = |file: &&TextFile| product(file) && length(file) > LONGEST;
    let found: Vec<String> = files
        .iter()
        .filter(long)
        .filter(|file| !excused(file))
        .map(|file| format!("{}: {}", file.path, length(file)))
        .collect();
    let needless: Vec<String> =
        files.iter().filter(|file| !long(file)).filter(|file| excused(file)).map(|file| file.path.clone()).collect();

    assert_none(&found, &format!("over {LONGEST} lines"));
    assert_none(&needless, "excused without need");
}

#[test]
fn the_reader_of_files_sees_what_is_there_and_only_that() {
    assert!(files().iter().any(|file| file.path == "tests/Cargo.toml"));
    assert!(has_path_below("cd /home/project", &["/home"]) && has_path_below("\"/shop/main\"", &["/shop"]));
    assert!(
        !has_path_below("https://shop.example/shop/team", &["/shop"]) && !has_path_below("/shopping/a", &["/shop"])
    );
    assert!(!has_path_below("</home/>", &["/home"]) && !has_path_below("a:home{}", &["/home"]));
    assert!(has_word("// TODO later", "TODO") && !has_word("TODOS", "TODO"));
}
