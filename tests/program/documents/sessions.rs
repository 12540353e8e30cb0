//! The terminal sessions in documents are real: each block of the language `console` is typed, line by line, and what the
//! document shows is compared with what comes. A line `...` stands for any lines. `UPDATE=1` writes the document anew where
//! numbers and times alone have changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cutover_testkit::console::{cutover, root, seen};

use super::text;

/// The pages, each with how many commands are typed in it at least.
const PAGES: &[(&str, usize)] =
    &[("README.md", 1), ("docs/tutorial.md", 13), ("docs/operations.md", 3), ("docs/writing-a-playbook.md", 5)];

/// A command of a page, and the lines that are shown below it, with the number of the first.
struct Typed<'a> {
    command: &'a str,
    first: usize,
    shown: Vec<&'a str>,
}

enum Part<'a> {
    Typed(Typed<'a>),
    /// A file that the reader is asked to write.
    File(&'a str, String),
}

/// What the reader of a page types and writes, in the order of the page. A file is a block of YAML below a paragraph that begins
/// with its name.
fn parts(page: &str) -> Vec<Part<'_>> {
    let (mut found, mut fence, mut paragraph, mut begins) = (Vec::new(), None, "", true);
    for (at, line) in page.lines().enumerate() {
        match fence {
            None => match line.strip_prefix("```") {
                Some("yaml") => {
                    let named = paragraph.strip_prefix('`').and_then(|rest| rest.split_once('`'));
                    let name = named.map(|(name, _)| name).filter(|name| name.ends_with(".yml"));
                    found.extend(name.map(|name| Part::File(name, String::new())));
                    fence = Some(if name.is_some() { "file" } else { "other" });
                }
                Some("console") => fence = Some("console"),
                Some(_) => fence = Some("other"),
                None if line.is_empty() => begins = true,
                None if begins => (paragraph, begins) = (line, false),
                None => {}
            },
            Some(_) if line == "```" => (fence, paragraph) = (None, ""),
            Some("file") => {
                if let Some(Part::File(_, content)) = found.last_mut() {
                    *content += &format!("{line}\n");
                }
            }
            Some("console") => match (line.strip_prefix("$ "), found.last_mut()) {
                (Some(command), _) => found.push(Part::Typed(Typed { command, first: at + 1, shown: Vec::new() })),
                (None, Some(Part::Typed(typed))) => typed.shown.push(line),
                (None, _) => panic!("line {}: output without a command", at + 1),
            },
            Some(_) => {}
        }
    }
    found
}

/// The machine of one reader: a directory with what the repository ships, and a directory for things that pages put into `/tmp`.
struct Reader {
    home: tempfile::TempDir,
    at: PathBuf,
    /// Ids of runs, those of the page and the ones that the reader sees instead.
    runs: Vec<(String, String)>,
}

impl Reader {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let clone = home.path().join("cutover");
        fs::create_dir_all(home.path().join("tmp")).expect("a directory");
        fs::create_dir(&clone).expect("a directory");
        for shipped in ["playbooks", "inventories", "schemas"] {
            let copied = Command::new("cp").arg("-r").arg(root().join(shipped)).arg(&clone).status().expect("cp");
            assert!(copied.success());
        }
        Self { home, at: clone, runs: Vec::new() }
    }

    fn own(&self, text: &str) -> String {
        text.replace("/tmp/", &format!("{}/tmp/", self.home.path().display()))
    }

    fn writes(&self, name: &str, content: &str) {
        let path = self.at.join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, self.own(content)).expect("a file");
    }

    /// Types a command; returns what the screen then shows.
    fn types(&mut self, command: &str) -> Vec<String> {
        let mut command = self.own(&command.replace("cargo run --release --", "cutover"));
        for (shown, seen) in &self.runs {
            command = command.replace(shown, seen);
        }
        let program = cutover(&self.at, &[]);
        let directory = Path::new(program.get_program()).parent().expect("a directory").to_owned();
        let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap_or_default());
        let script = format!("exec 2>&1\n{command}\npwd >\"$HOME/pwd\"");
        let mut shell = Command::new("bash");
        shell.arg("-c").arg(script).current_dir(&self.at).env_clear().env("PATH", path).env("HOME", self.home.path());
        let output = shell.stdin(std::process::Stdio::null()).output().expect("bash");
        let at = fs::read_to_string(self.home.path().join("pwd")).expect("where the shell is");
        self.at = PathBuf::from(at.trim_end());
        let seen = String::from_utf8_lossy(&output.stdout).into_owned();
        let seen = seen.replace(&format!("{}/tmp/", self.home.path().display()), "/tmp/");
        seen.lines().map(ToOwned::to_owned).collect()
    }
}

/// The ids of a line of runs that are not rehearsals: they begin with the time.
fn run_ids(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split(|char: char| !char.is_ascii_alphanumeric() && char != '-');
    words.filter(|word| {
        word.len() > 16 && word[..8].bytes().all(|byte| byte.is_ascii_digit()) && word[8..].starts_with('-')
    })
}

/// A line without its numbers: what stays when only numbers and times change.
fn shape(line: &str) -> String {
    let line: String = line.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect();
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut shape = words.join(" ");
    while shape.contains("00") {
        shape = shape.replace("00", "0");
    }
    shape
}

/// A line without what differs between two runs on the reader's own machine: clock and run ids of this year's runs, parts of a
/// second. Simulated clocks stand in January 2026 and are compared.
fn timeless(line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
    for word in &mut words {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let (stamp, simulated) = (digits >= 14 && word.contains('2'), word.contains("2026-01-"));
        let instant = word.starts_with("0.") && word.trim_end_matches([',', ']']).ends_with('s');
        if (stamp && !simulated) || instant {
            *word = shape(word);
        }
    }
    words.join(" ")
}

/// Finds the shown lines in the seen ones, by shape. Returns for each shown line the seen one.
fn aligned<'s>(shown: &[&str], seen: &'s [String]) -> Result<Vec<Option<&'s str>>, String> {
    let mut found: Vec<Option<&str>> = Vec::new();
    let mut next = 0;
    let pieces: Vec<&[&str]> = shown.split(|line| line.trim() == "...").collect();
    for (number, piece) in pieces.iter().enumerate() {
        let fits = |at: &usize| {
            let part = seen.get(*at..*at + piece.len());
            part.is_some_and(|part| part.iter().zip(*piece).all(|(seen, shown)| shape(seen) == shape(shown)))
        };
        let latest = seen.len().saturating_sub(piece.len());
        let at = match (number == 0, number + 1 == pieces.len()) {
            (true, true) if piece.len() != seen.len() => None,
            (true, _) => Some(0).filter(fits),
            (false, true) => Some(latest.max(next)).filter(fits),
            (false, false) => (next..=latest).find(fits),
        };
        let Some(at) = at else { return Err(format!("not found from line {} on:\n{}", next + 1, piece.join("\n"))) };
        found.extend((number > 0).then_some(None));
        found.extend(seen[at..at + piece.len()].iter().map(|line| Some(line.as_str())));
        next = at + piece.len();
    }
    Ok(found)
}

#[test]
fn terminal_sessions_in_documents_are_what_a_reader_sees() {
    let update = std::env::var_os("UPDATE").is_some();
    for (page, least) in PAGES {
        let content = text(page);
        let mut lines: Vec<String> = content.lines().map(ToOwned::to_owned).collect();
        let (mut reader, mut typed) = (Reader::new(), 0);
        for part in parts(&content) {
            match part {
                Part::File(name, content) => reader.writes(name, &content),
                Part::Typed(Typed { command, first, shown }) => {
                    typed += 1;
                    let seen = reader.types(command);
                    let place = format!("{page}:{first}: $ {command}");
                    let found = aligned(&shown, &seen)
                        .unwrap_or_else(|why| panic!("{place}\n{why}\n--- seen\n{}", seen.join("\n")));
                    for (at, (shown, found)) in shown.iter().zip(found).enumerate() {
                        let Some(found) = found else { continue };
                        let ids = run_ids(shown).zip(run_ids(found));
                        reader.runs.extend(ids.map(|(shown, seen)| (shown.to_owned(), seen.to_owned())));
                        if timeless(shown) == timeless(found) {
                            continue;
                        }
                        assert!(update, "{place}\nshown: {shown}\nseen:  {found}\n(UPDATE=1 writes it anew)");
                        found.clone_into(&mut lines[first + at]);
                    }
                }
            }
        }
        assert!(typed >= *least, "{page}: {typed} commands: were they found?");
        if update {
            fs::write(root().join(page), lines.join("\n") + "\n").expect("written");
        }
    }
}

/// The arguments of each command line of the program in a page, in blocks and in the running text.
fn command_lines(page: &str) -> Vec<String> {
    let (mut found, mut fenced) = (Vec::new(), false);
    let mut candidates: Vec<&str> = Vec::new();
    for line in page.lines() {
        match (line.starts_with("```"), fenced) {
            (true, _) => fenced = !fenced,
            (false, true) => candidates.push(line),
            (false, false) => candidates.extend(line.split('`').skip(1).step_by(2)),
        }
    }
    for line in candidates {
        let line = line.trim_start_matches("$ ").trim();
        let Some(arguments) = line.strip_prefix("cutover ") else { continue };
        // What follows is the shell's, or the page's.
        let end = ["   ", " >", " |", " #", " &&", " ..."].iter().filter_map(|mark| arguments.find(mark)).min();
        found.push(arguments[..end.unwrap_or(arguments.len())].trim().to_owned());
    }
    found
}

/// `--help` is answered after the words before it were understood.
#[test]
fn command_lines_in_documents_are_understood() {
    let (mut understood, mut wrong) = (0, Vec::new());
    // The changes speak of commands that are gone.
    for document in super::DOCUMENTS.iter().chain(super::MORE).filter(|document| **document != "CHANGELOG.md") {
        for line in command_lines(&text(document)) {
            let line = line.replace("MODULE", "mount").replace("NAME", "redis");
            let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
            // `cutover COMMAND --help` names no command.
            if !line.starts_with(|char: char| char.is_ascii_lowercase()) {
                continue;
            }
            let output = cutover(&root(), &words).arg("--help").output().expect("cutover");
            if output.status.code() != Some(0) {
                wrong.push(format!("{document}: `cutover {line}`: {}", seen(&output)));
            }
            understood += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(understood > 60, "{understood}: were they found?");
}
