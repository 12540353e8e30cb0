//! The records of real pairs, DRBD 9.2.14 and 8.4.11, replayed: the sandbox must print what the real tools printed, command
//! by command.

use std::collections::BTreeMap;

use cutover_engine::world::{Output, Place};

use super::{P, Pair, S};
use crate::machine::Meta;

/// The record of DRBD 9, as it was taken.
pub(crate) const RECORD: &str = include_str!("../../../../tests-data/drbd-9.2.14.txt");
/// The same commands on DRBD 8.4.
const LEGACY: &str = include_str!("../../../../tests-data/drbd-8.4.11.txt");

/// A command of the record.
#[derive(Debug)]
struct Entry {
    line: String,
    output: Vec<String>,
    code: String,
}

/// The commands under each heading.
fn scenes(record: &str) -> Vec<(String, Vec<Entry>)> {
    let mut scenes: Vec<(String, Vec<Entry>)> = Vec::new();
    let mut open = false;
    for text in record.lines() {
        if let Some(heading) = text.strip_prefix("##### ") {
            scenes.push((heading.to_owned(), Vec::new()));
            continue;
        }
        let Some((_, entries)) = scenes.last_mut() else { continue };
        if let Some(line) = text.strip_prefix("$ ") {
            entries.push(Entry { line: line.to_owned(), output: Vec::new(), code: String::new() });
            open = true;
        } else if let Some(entry) = entries.last_mut().filter(|_| open) {
            match text.strip_prefix("[rc=") {
                Some(code) => {
                    entry.code = code.trim_end_matches(']').to_owned();
                    open = false;
                }
                None => entry.output.push(text.to_owned()),
            }
        } else {
            assert_eq!(text, "Powering off.", "a line that belongs to no command");
        }
    }
    scenes
}

/// Makes comparable what cannot be the same twice.
#[derive(Default)]
pub(super) struct Normal {
    /// Generation identifiers in the order in which they appear: what is one identifier in the record must be one here.
    generations: BTreeMap<u64, usize>,
}

impl Normal {
    pub(super) fn line(&mut self, line: &str, syncing: bool) -> String {
        let mut line = line.to_owned();
        // Identifiers of file systems.
        if let Some(value) = line.strip_prefix("UUID=") {
            assert_eq!(value.len(), 36, "{line}");
            line = "UUID=<uuid>".to_owned();
        }
        // Percentages, rates and byte counters. What is out of sync is compared while no resync runs.
        let counters = ["read", "written", "al-writes", "bm-writes", "received", "sent", "rs-in-flight", "pending"];
        for key in counters {
            number(&mut line, &format!(" {key}:"));
            number(&mut line, &format!("\"{key}\": "));
        }
        for key in ["done", "dbdt1", "eta"] {
            number(&mut line, &format!(" {key}:"));
        }
        if syncing {
            number(&mut line, " out-of-sync:");
            let json = line.trim_start().strip_prefix('"').and_then(|rest| rest.split_once("\": "));
            let key = json.map_or("", |(key, _)| key).to_owned();
            let moving = ["out-of-sync", "percent-in-sync", "percent-resync-done", "estimated-seconds-to-finish"];
            if moving.contains(&key.as_str()) || key.starts_with("rs-d") || key.starts_with("db") {
                number(&mut line, &format!("\"{key}\": "));
            }
        }
        // Process numbers and times of day.
        if let Some((before, _)) = line.split_once(" opened by mount (pid ") {
            line = format!("{before} opened by mount (pid <n>) at <time>");
        }
        // Round-trip times.
        if let Some((before, _)) = line.split_once(" time=") {
            line = format!("{before} time=<ms>");
        }
        if line.starts_with("rtt min/avg/max/mdev") {
            line = "rtt <ms>".to_owned();
        }
        self.generations(line)
    }

    /// `<1>` for an identifier, `<1>*` if its lowest bit marks a Primary. 0 and 4 (just created) have a meaning and stay.
    fn generations(&mut self, line: String) -> String {
        let words: Vec<&str> = line.split(':').collect();
        let uuid = |word: &&str| if word.len() == 16 { u64::from_str_radix(word, 16).ok() } else { None };
        let Some(uuids) = words.iter().take(4).map(uuid).collect::<Option<Vec<u64>>>().filter(|uuids| uuids.len() == 4)
        else {
            return line;
        };
        let mut label = |uuid: u64| {
            if uuid == 0 || uuid == 4 {
                return uuid.to_string();
            }
            let next = self.generations.len() + 1;
            let number = self.generations.entry(uuid & !1).or_insert(next);
            format!("<{number}>{}", if uuid & 1 == 1 { "*" } else { "" })
        };
        let labels: Vec<String> = uuids.into_iter().map(&mut label).collect();
        format!("{}:{}", labels.join(":"), words[4..].join(":"))
    }
}

/// Replaces the number after a key.
fn number(line: &mut String, key: &str) {
    if let Some(at) = line.find(key) {
        let from = at + key.len();
        let len =
            line[from..].find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(line.len() - from);
        assert!(len > 0, "no number after {key}: {line}");
        line.replace_range(from..from + len, "<n>");
    }
}

/// Whether a record, in which both streams went to one terminal, is made of these two.
pub(super) fn interleaved(record: &[String], stdout: &[String], stderr: &[String]) -> bool {
    match record.split_first() {
        None => stdout.is_empty() && stderr.is_empty(),
        Some((line, rest)) => {
            stdout.first() == Some(line) && interleaved(rest, &stdout[1..], stderr)
                || stderr.first() == Some(line) && interleaved(rest, stdout, &stderr[1..])
        }
    }
}

/// A pair of machines that a replay can work with.
pub(crate) trait Played {
    /// Runs a command on a side; none if it is one that these machines leave to real programs.
    async fn run(&mut self, site: &str, line: &str) -> Option<Output>;
    /// Lets time pass, in seconds.
    async fn wait(&mut self, seconds: u64);
    /// Takes the power from a side, or boots it. `service`: its DRBD comes up at boot.
    async fn power(&mut self, site: &str, on: bool, service: bool);
}

impl Played for Pair {
    async fn run(&mut self, site: &str, line: &str) -> Option<Output> {
        // The sandbox's machines have no cp, because modules copy with tar; the file gets there all the same.
        if let ["cp", from, to] = line.split(' ').collect::<Vec<_>>().as_slice() {
            let copied = self.sandbox.clusters.hosts.with_machine(&Place::node(site, "worker01"), |machine| {
                let bytes = machine.read_file(from)?;
                machine.write_file(to, bytes, Meta::root(7))
            });
            assert_eq!(copied, Some(Ok(())), "{site}$ {line}");
            self.sandbox.clusters.settle();
            return None;
        }
        Some(Pair::run(self, site, line).await)
    }

    async fn wait(&mut self, seconds: u64) {
        Pair::wait(self, seconds).await;
    }

    async fn power(&mut self, site: &str, on: bool, service: bool) {
        self.sandbox.clusters.hosts.with_machine(&Place::node(site, "worker01"), |machine| {
            if service {
                machine.enabled_units.insert("drbd.service".to_owned());
            } else {
                machine.enabled_units.remove("drbd.service");
            }
        });
        let done = if on { self.sandbox.power_on(site, "worker01") } else { self.sandbox.power_off(site, "worker01") };
        assert!(done, "{site} was so already");
    }
}

/// A replay under way.
struct Replay<'a, W> {
    pair: &'a mut W,
    record: Normal,
    seen: Normal,
    compared: usize,
}

impl<W: Played> Replay<'_, W> {
    async fn play(&mut self, site: &str, entries: &[Entry]) {
        for entry in entries {
            let Some(output) = self.pair.run(site, &entry.line).await else { continue };
            assert_eq!(
                output.exit.to_string(),
                format!("exit code {}", entry.code),
                "{site}$ {}: {output:?}",
                entry.line
            );
            // fuser writes one line with both streams in turns, so it cannot be taken apart here; its own test holds it.
            if entry.line.starts_with("fuser ") {
                continue;
            }
            let syncing = output.stdout.contains("SyncSource");
            let mut record: Vec<String> = entry.output.iter().map(|line| self.record.line(line, syncing)).collect();
            if entry.line.starts_with("dmesg ") {
                // The rest is what that machine's hardware, systemd and 8.4's receiver logged.
                record.retain(|line| line.contains("Split-Brain"));
            }
            let mut normal = |text: &str| text.lines().map(|line| self.seen.line(line, syncing)).collect::<Vec<_>>();
            let (stdout, stderr) = (normal(&output.stdout), normal(&output.stderr));
            assert!(
                interleaved(&record, &stdout, &stderr),
                "{site}$ {}\nrecord:\n{}\nstandard output:\n{}\nstandard error:\n{}",
                entry.line,
                record.join("\n"),
                stdout.join("\n"),
                stderr.join("\n")
            );
            self.compared += 1;
        }
    }
}

/// Replays a whole record on a pair whose machines are as they were at its beginning, and returns how many commands were
/// compared.
pub(crate) async fn replay<W: Played>(pair: &mut W, record: &str) -> usize {
    let mut replay = Replay { pair, record: Normal::default(), seen: Normal::default(), compared: 0 };
    let scenes = scenes(record);
    let headings: Vec<&str> =
        scenes.iter().map(|(heading, _)| heading.split([' ', ',', ':']).next().unwrap()).collect();
    assert_eq!(headings, ["primary", "standby", "primary", "standby", "standby", "old", "the", "resolve"]);
    let scene = |index: usize| scenes[index].1.as_slice();

    replay.play(P, scene(0)).await;
    replay.play(S, scene(1)).await;
    replay.play(P, scene(2)).await;
    // The record leaves out how long the first resync took, and the one after `invalidate`.
    replay.pair.wait(20).await;
    replay.play(S, scene(3)).await;
    replay.pair.wait(20).await;
    replay.pair.power(P, false, true).await;
    replay.play(S, scene(4)).await;
    // The record does not say how the machines were isolated: the other one is off. The old primary did not start DRBD at
    // boot, or `up` would have been refused as it is in the next scene.
    replay.pair.power(S, false, true).await;
    replay.pair.power(P, true, false).await;
    replay.play(P, scene(5)).await;
    replay.pair.power(P, false, true).await;
    replay.pair.power(P, true, true).await;
    replay.pair.power(S, true, true).await;
    // The last two scenes go from machine to machine; the peer's name in a status tells which one it is.
    replay.play(S, &scene(6)[..5]).await;
    replay.play(P, &scene(6)[5..]).await;
    replay.play(P, &scene(7)[..3]).await;
    replay.play(S, &scene(7)[3..6]).await;
    replay.pair.wait(20).await;
    replay.play(P, &scene(7)[6..]).await;
    replay.compared
}

#[tokio::test(start_paused = true)]
async fn the_sandbox_answers_as_a_real_pair_did() {
    for (version, record) in [("9.2.14", RECORD), ("8.4.11", LEGACY)] {
        let compared = replay(&mut Pair::new(version), record).await;
        let all: usize = scenes(record).iter().map(|(_, entries)| entries.len()).sum();
        assert_eq!(compared, all - 3, "{version}: all but fuser and two times cp");
    }
}
