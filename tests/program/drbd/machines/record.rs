//! The record of DRBD 8.4 that the sandbox is held to, taken again: real 8.4 must still answer as in the record.

use std::collections::BTreeMap;
use std::path::Path;

use super::lab::Lab;

const RECORD: &str = "sandbox/tests-data/drbd-8.4.11.txt";

/// Counters, and what depends on how far a resync has come.
const NUMBERS: [&str; 12] = [
    " read:",
    " written:",
    " al-writes:",
    " bm-writes:",
    " upper-pending:",
    " lower-pending:",
    " received:",
    " sent:",
    " pending:",
    " unacked:",
    " done:",
    "Marked additional ",
];

/// A command of a record.
struct Entry {
    scene: String,
    command: String,
    output: Vec<String>,
    code: String,
}

fn entries(record: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let (mut scene, mut open) = (String::new(), false);
    for text in record.lines() {
        if let Some(heading) = text.strip_prefix("##### ") {
            heading.clone_into(&mut scene);
        } else if let Some(command) = text.strip_prefix("$ ") {
            let (scene, command) = (scene.clone(), command.to_owned());
            entries.push(Entry { scene, command, output: Vec::new(), code: String::new() });
            open = true;
        } else if let Some(entry) = entries.last_mut().filter(|_| open) {
            match text.strip_prefix("[rc=") {
                Some(code) => {
                    entry.code = code.to_owned();
                    open = false;
                }
                None => entry.output.push(text.to_owned()),
            }
        }
    }
    entries
}

/// Makes comparable what cannot be the same twice.
#[derive(Default)]
struct Normal {
    /// Generations in the order in which they appear: what is one in the record must be one here.
    generations: BTreeMap<u64, usize>,
}

impl Normal {
    fn output(&mut self, entry: &Entry) -> Vec<String> {
        let program = entry.command.split(' ').next().unwrap_or_default();
        let lines = entry.output.iter().filter(|line| match program {
            // The rest of the kernel's log comes from that machine's hardware and systemd.
            "dmesg" => line.contains("Split-Brain"),
            // Whether the other side answers is its exit code; the rest are times.
            "ping" => false,
            _ => true,
        });
        lines.map(|line| self.line(line)).collect()
    }

    fn line(&mut self, line: &str) -> String {
        if line.starts_with("UUID=") {
            return "UUID=".to_owned();
        }
        let mut line = line.to_owned();
        let syncing = line.contains("replication:Sync");
        for key in NUMBERS.into_iter().chain(syncing.then_some(" out-of-sync:")) {
            if let Some(from) = line.find(key).map(|at| at + key.len()) {
                let end = line[from..].find(|letter: char| !letter.is_ascii_digit() && letter != '.');
                let end = end.map_or(line.len(), |end| from + end);
                line.replace_range(from..end, "<n>");
            }
        }
        self.identifiers(&line).unwrap_or(line)
    }

    /// Four generations and flags, each generation as its number, with `*` for the bit that marks a Primary. In the last two,
    /// the history, that bit is there or not from run to run; nobody reads it.
    fn identifiers(&mut self, line: &str) -> Option<String> {
        let words: Vec<&str> = line.split(':').collect();
        if words.len() < 5 || words[..4].iter().any(|word| word.len() != 16) {
            return None;
        }
        let mut labels = Vec::new();
        for (place, word) in words[..4].iter().enumerate() {
            let id = u64::from_str_radix(word, 16).ok()?;
            labels.push(match id {
                // None, and just created: these have a meaning.
                0 | 4 => id.to_string(),
                _ => {
                    let next = self.generations.len() + 1;
                    let number = *self.generations.entry(id & !1).or_insert(next);
                    format!("<{number}>{}", if id & 1 == 1 && place < 2 { "*" } else { "" })
                }
            });
        }
        Some(format!("{}:{}", labels.join(":"), words[4..].join(":")))
    }
}

/// The status of a survivor whose link has not noticed yet, and of one whose link has: what a slow machine sees first.
const UNNOTICED: &str = "  peer role:Primary\n    replication:Established peer-disk:UpToDate\n";
const NOTICED: &str = "  peer connection:Connecting\n";

/// Whether an output matches the record.
fn alike(scene: &str, record: &[String], seen: &[String]) -> bool {
    let all = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    record.len() == seen.len() && record.iter().zip(seen).all(|(record, seen)| same(record, seen))
        || scene.contains("right after the primary machine was killed")
            && all(record).replace(UNNOTICED, NOTICED) == all(seen)
}

/// Whether a line matches the record; where a resync ran then, it may be over here.
fn same(record: &str, seen: &str) -> bool {
    let over = |line: &str| {
        line.replace("replication:SyncSource peer-disk:Inconsistent", "replication:Established peer-disk:UpToDate")
            .replace(" done:<n>", "")
            .replace(" out-of-sync:<n>", " out-of-sync:0")
    };
    record == seen || record.contains("replication:SyncSource") && over(record) == seen
}

#[test]
#[ignore = "needs the machines of tests/lab/drbd"]
fn real_drbd_answers_as_recorded() {
    let lab = Lab::blank();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORD);
    let record = entries(&std::fs::read_to_string(&path).expect("the record"));
    let seen = entries(&lab.machines(&["record", &path.to_string_lossy()]));
    let commands = |entries: &[Entry]| entries.iter().map(|entry| entry.command.clone()).collect::<Vec<_>>();
    assert_eq!(commands(&record), commands(&seen));
    assert!(record.len() > 80, "only {} commands", record.len());

    let (mut then, mut now) = (Normal::default(), Normal::default());
    let mut differences = Vec::new();
    for (old, new) in record.iter().zip(&seen) {
        let (before, after) = (then.output(old), now.output(new));
        if old.code != new.code || !alike(&old.scene, &before, &after) {
            differences.push(format!(
                "$ {}\nrecord [rc={}\n{}\nhere [rc={}\n{}\n",
                old.command,
                old.code,
                before.join("\n"),
                new.code,
                after.join("\n")
            ));
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {} commands differ:\n{}",
        differences.len(),
        seen.len(),
        differences.join("\n")
    );
    println!("{} commands say the same", seen.len());
}
