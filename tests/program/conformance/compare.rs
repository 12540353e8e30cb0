//! Compares the answers of both worlds, except for the parts that may differ.

use std::collections::BTreeMap;

use base64::Engine as _;

use super::life::Ground;
use super::recorder::Record;

/// The answers to each command, normalised. Modules probe several places at once, so only the order in which the same command
/// was sent again counts.
fn by_command(records: &[Record], ground: &Ground) -> BTreeMap<String, Vec<String>> {
    let mut answers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in records {
        answers.entry(record.command.clone()).or_default().push(normalised(record, ground));
    }
    answers
}

/// Everything that was sent, with its answers. `/DIR` and `/DISK` stand for the ground.
pub(crate) fn transcript(records: &[Record], ground: &Ground) -> String {
    let answers = by_command(records, ground).into_iter();
    let text: String = answers.map(|(command, answers)| format!("$ {command}\n  {}\n", answers.join("\n  "))).collect();
    let name = ground.directory.trim_start_matches('/').replace('/', "-");
    text.replace(&ground.directory, "/DIR").replace(&ground.device, "/DISK").replace(&name, "DIR")
}

/// The differences between the real answers and the simulated ones.
pub(crate) fn differences(real: &[Record], simulated: &[Record], ground: &Ground) -> Vec<String> {
    let [real, simulated] = [real, simulated].map(|records| by_command(records, ground));
    let mut found = Vec::new();
    for command in real.keys().chain(simulated.keys().filter(|command| !real.contains_key(*command))) {
        let [one, other] = [&real, &simulated].map(|answers| answers.get(command).map_or(&[][..], Vec::as_slice));
        if one.len() != other.len() {
            let (one, other) = (one.len(), other.len());
            found.push(format!("{command}\n  sent {one} times to the real one and {other} to the sandbox"));
        }
        for (one, other) in one.iter().zip(other).filter(|(one, other)| one != other) {
            found.push(format!("{command}\n  real      {one}\n  simulated {other}"));
        }
    }
    found
}

/// An answer without the parts that may differ.
fn normalised(record: &Record, Ground { directory, device, .. }: &Ground) -> String {
    let program = record.shape.split(' ').find(|word| !word.contains('=')).unwrap_or_default();
    // Every machine has a table of its own, or none.
    if record.command == "cat /etc/fstab" {
        return "(its own)".to_owned();
    }
    let lines = record.stdout.lines().map(|line| match program {
        // Other mounts than the test's own.
        "findmnt" if record.shape.contains("TARGET,SOURCE") && !line.contains(directory.as_str()) => String::new(),
        // The file system that the test's directory is on.
        "findmnt" if !line.contains(device.as_str()) => "(elsewhere)".to_owned(),
        // Every machine has its own listeners, but the columns must be the same.
        "ss" if line.starts_with("State") => line.split_whitespace().collect::<Vec<_>>().join(" "),
        "ss" => String::new(),
        "lsblk" => disk(line, device),
        "cutover-manifest" | "cutover-trial-list" | "cutover-trial-receive" => manifest(line),
        "cutover-trial-pick" => picked(line),
        // The size of a directory differs from file system to file system.
        "find" if line.starts_with("d ") => line.rsplit_once(' ').map_or(line, |(head, _)| head).to_owned(),
        // Flags that file systems set by themselves.
        "lsattr" => {
            let (flags, path) = line.split_once(' ').unwrap_or((line, ""));
            format!("immutable: {} {path}", flags.contains('i'))
        }
        "df" | "du" | "ping" | "cutover-throughput" => numbers(line),
        "cutover-look" if line.starts_with("generation=") => format!("generation of {} digits", line.len() - 11),
        "cutover-look" if line.starts_with("errors=") => String::new(),
        "cutover-look" if line.starts_with("device=") => "device=".to_owned(),
        "cutover-look" if line.starts_with("free") || line.starts_with("allocated=") => numbers(line),
        _ => line.to_owned(),
    });
    let stdout: Vec<String> = lines.map(uuids).filter(|line| !line.is_empty()).collect();
    // The following lines advise to read the manual, in words that change with the version.
    let advice = |line: &&str| !line.starts_with("Try '") && !line.starts_with("Usage:") && !line.trim().is_empty();
    let stderr = record.stderr.replace(['\u{2018}', '\u{2019}'], "'");
    let mut stderr: Vec<String> = stderr.lines().filter(advice).map(str::to_owned).collect();
    if program == "systemctl" {
        // Newer versions print the same in other words, with quotes and in another order.
        stderr = stderr.iter().map(|line| line.replace('"', "").replace("unit, unit", "unit: Unit file")).collect();
        stderr.sort();
    }
    format!("{} {stdout:?} {stderr:?}", record.exit)
}

/// A loop device is of the type loop, and may have another name in the kernel than its node; the sandbox's disk of that name
/// ends in a number, as partitions do.
fn disk(line: &str, device: &str) -> String {
    match line.strip_suffix("TYPE=\"loop\"").or_else(|| line.strip_suffix("TYPE=\"part\"")) {
        Some(_) => format!("NAME={:?} TYPE=\"disk\"", device.trim_start_matches("/dev/")),
        None => line.to_owned(),
    }
}

/// A manifest's entries in order, without inode numbers, times of change of what was made in the test, and sizes and blocks
/// of directories.
fn manifest(line: &str) -> String {
    let bytes = base64::engine::general_purpose::STANDARD.decode(line).expect("base64");
    let text = String::from_utf8(bytes).expect("text");
    let entry = |part: &str| {
        let fields: Vec<&str> = part.split(' ').collect();
        match fields.as_slice() {
            ["d", mode, uid, gid, _, time, ..] => format!("d {mode} {uid} {gid} {}", whole(time)),
            [kind @ ("f" | "l"), mode, uid, gid, size, time, _, blocks] => {
                format!("{kind} {mode} {uid} {gid} {size} {} {blocks}", whole(time))
            }
            _ => part.to_owned(),
        }
    };
    let mut entries: Vec<String> = text.split('\0').map(entry).collect();
    entries.sort();
    entries.join("|")
}

/// What was picked, without how much of it is stored.
fn picked(line: &str) -> String {
    let bytes = base64::engine::general_purpose::STANDARD.decode(line).expect("base64");
    String::from_utf8(bytes).expect("text").lines().skip(1).collect::<Vec<_>>().join("|")
}

/// A time that the test has set stays; any other is now.
fn whole(time: &str) -> &str {
    if time.starts_with("1700000000.") { time } else { "now" }
}

fn numbers(line: &str) -> String {
    let mut out = String::new();
    for c in line.chars() {
        match c {
            '0'..='9' if out.ends_with('N') => {}
            '.' if out.ends_with('N') => {}
            '0'..='9' => out.push('N'),
            c => out.push(c),
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Identifiers of file systems are random.
fn uuids(line: String) -> String {
    let is_uuid = |word: &str| word.len() == 36 && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let breaks = [' ', '=', '"', ','];
    let words = line.split_inclusive(breaks).map(|word| {
        let bare = word.trim_end_matches(breaks);
        if is_uuid(bare) { word.replace(bare, "UUID") } else { word.to_owned() }
    });
    words.collect()
}
