//! Files of strangers: whatever is in them, the program ends soon with a message that names a place, and neither fills the memory nor
//! obeys what it reads.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Output;
use std::time::{Duration, Instant};

use cutover_testkit::console::{cutover, root, seen};

use crate::support::place::{Place, assert_output};

/// Much more than anything takes, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// The memory that any of it may take, in KiB.
const MEMORY: u64 = 256 * 1024;

/// Runs the program, which must not be a bug's end; returns its output, and checks its time and memory.
fn bounded(place: &Place, words: &[&str]) -> Output {
    let began = Instant::now();
    let mut child = cutover(place.path(), words)
        .stdout(fs::File::create(place.path().join("out")).expect("a file"))
        .stderr(fs::File::create(place.path().join("err")).expect("a file"))
        .spawn()
        .expect("cutover");
    let mut highest = 0;
    let status = loop {
        // The peak of the process itself, as long as it is there.
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        highest = highest.max(peak.and_then(|peak| peak.trim().parse().ok()).unwrap_or(0));
        if let Some(status) = child.try_wait().expect("its end") {
            break status;
        }
        if began.elapsed() > PATIENCE || highest > MEMORY {
            child.kill().expect("killed");
            child.wait().expect("its end");
            panic!("{words:?} took {:?} and {highest} KiB", began.elapsed());
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let read = |name: &str| fs::read(place.path().join(name)).expect("a file");
    let output = Output { status, stdout: read("out"), stderr: read("err") };
    assert!(
        matches!(output.status.code(), Some(0..=9)),
        "{words:?}: {:?} {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn steps(steps: &str) -> String {
    format!("name: x\nphases:\n  - name: p\n    steps:\n{steps}")
}

#[test]
fn files_that_include_each_other_again_and_again_are_refused() {
    let place = Place::new();
    for level in 0..7 {
        place.write(&format!("level{level}.yml"), &format!("- include: level{}.yml\n", level + 1).repeat(8));
    }
    place.write("level7.yml", "- {name: a, pause: {for: 1s}}\n");
    place.write("play.yml", &steps("      - include: level0.yml\n"));
    assert_output(&bounded(&place, &["check", "play.yml"]), 2, &["level6.yml:", "too much is included", "1000 files"]);
    // A wide one that is right stays right.
    place.write("wide.yml", &steps(&"      - include: level7.yml\n".repeat(900)));
    assert_output(&bounded(&place, &["check", "wide.yml"]), 0, &["1 phase"]);
}

#[test]
fn what_has_no_end_is_not_read() {
    let place = Place::new();
    let made = std::process::Command::new("mkfifo").arg(place.path().join("pipe")).status().expect("mkfifo");
    assert!(made.success());
    for path in ["/dev/zero", "/dev/urandom", "/dev/tty", "/proc/kmsg", "pipe", "."] {
        place.write("play.yml", &steps(&format!("      - include: {path}\n")));
        let output = bounded(&place, &["check", "play.yml", "--also-read", "/dev", "--also-read", "/proc"]);
        assert_output(&output, 2, &["play.yml:5:18", "cannot read"]);
    }
}

#[test]
fn a_world_of_impossible_size_is_refused() {
    let place = Place::new();
    place.write("play.yml", &steps("      - {name: a, pause: {for: 1s}}\n"));
    let inventory = root().join("inventories/example.yml").display().to_string();
    for (world, words) in [
        ("workload: {replicas: 9223372036854775807}", "`workload.replicas: 9223372036854775807`: it may be 0 to 1000"),
        ("workload: {replicas: 1000000000}", "workload.replicas"),
        ("disk_bytes: 18446744073709551615", "disk_bytes"),
        ("data_bytes: 18446744073709551615", "data_bytes"),
        ("disk_bytes: 0", "disk_bytes"),
        ("link_bytes_per_second: 0", "link_bytes_per_second"),
        ("disk_bytes_per_second: 0", "disk_bytes_per_second"),
        ("link_rtt_ms: 18446744073709551615", "link_rtt_ms"),
        ("command_time: 99999999h", "command_time"),
        ("pod_start: 9999999999s", "pod_start"),
        ("spare_disks: {nosuch/worker01: ext4}", "the inventory has no `nosuch/worker01`"),
        ("unknown_features: {worker01: [bigtime]}", "the inventory has no `worker01`"),
        ("starts: 9999-12-30T22:00:00Z", "starts"),
        ("starts: -009999-01-01T00:00:00Z", "starts"),
    ] {
        place.write("world.yml", &format!("{world}\n"));
        let output = bounded(&place, &["rehearse", "play.yml", "-i", &inventory, "--world", "world.yml"]);
        assert!(!matches!(output.status.code(), Some(0)), "{world}: {}", seen(&output));
        assert!(seen(&output).contains(words), "{world}: {}", seen(&output));
    }
}

#[test]
fn of_an_endless_line_a_part_is_shown() {
    let place = Place::new();
    let long = "x".repeat(7_000_000);
    for text in [
        format!("phases: [{long}: {{"),
        format!("name: x\n{long}: 1\n"),
        format!("name: \"{long}\n"),
        format!("name: x\nphases: {long}\n"),
        steps(&format!("      - {{name: a, set_fact: {{facts: {{a: \"{{{{ {long} }}}}\"}}}}}}\n")),
    ] {
        place.write("play.yml", &text);
        let output = bounded(&place, &["check", "play.yml"]);
        assert_output(&output, 2, &["play.yml:"]);
        let length = output.stdout.len() + output.stderr.len();
        assert!(length < 20_000, "{length} bytes are printed");
    }
}

#[test]
fn control_characters_of_others_are_never_printed() {
    let place = Place::new();
    let evil = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}";
    let name = "evil\u{1b}[2J.yml";
    place.write("play.yml", &format!("name: x # {evil}\n\"a{evil}\": 1\nphases: []\n"));
    place.write(name, &steps("      - {nosuch: 1}\n"));
    place.write(
        "good.yml",
        &steps(&format!("      - {{name: \"a\\e[2J\", command: {{argv: [printf, \"\\e[2J\"]}}, undo: []}}\n")),
    );
    place.write("inv.yml", &format!("sites: {{}} # {evil}\nroles: {{active: a, passive: b}}\n"));
    for words in [
        vec!["check", "play.yml"],
        vec!["check", name],
        vec!["check", "-i", "inv.yml"],
        vec!["check", "nosuch\u{1b}[2J.yml"],
        vec!["run", "good.yml", "-i", "inventory.yml", "-e", "a\u{1b}[2J=1"],
        vec!["run", "good.yml", "-i", "inventory.yml", "--tags", "a\u{1b}[2J"],
        vec!["plan", "good.yml", "-i", "inventory.yml"],
        vec!["run", "good.yml", "-i", "inventory.yml"],
        vec!["report", "a\u{1b}[2Jb"],
        vec!["resume", "a\u{1b}[2Jb"],
        vec!["explain", "a\u{1b}[2Jb"],
        vec!["nosuch\u{1b}[2J"],
        vec!["run", "--nosuch\u{1b}[2J"],
        vec!["runs"],
    ] {
        let output = bounded(&place, &words);
        for text in [&output.stdout, &output.stderr] {
            let text = String::from_utf8_lossy(text);
            let obeyed = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t') || *c == '\u{202e}');
            assert_eq!(obeyed, None, "{words:?}: {text:?}");
        }
    }
}

#[test]
fn check_reads_nothing_outside_of_the_repository() {
    let place = Place::new();
    let (inside, outside) = (place.path().join("inside"), place.path().join("outside"));
    fs::create_dir_all(inside.join("plays")).expect("a directory");
    fs::create_dir_all(inside.join(".git")).expect("a directory");
    fs::create_dir_all(&outside).expect("a directory");
    let at = |name: &str, text: &str| place.write(name, text);
    at("outside/shadow", "root:TopSecretHash:1\n");
    at("inside/steps.yml", "- {name: a, pause: {for: 1s}}\n");
    symlink("../../outside/shadow", inside.join("plays/link.yml")).expect("a link");
    let check = |include: &str, more: &[&str]| {
        at("inside/plays/play.yml", &steps(&format!("      - include: {include}\n")));
        bounded(&place, &[&["check", "inside/plays/play.yml"], more].concat())
    };
    assert_output(&check("../steps.yml", &[]), 0, &["1 phase"]);
    let absolute = outside.join("shadow").display().to_string();
    for include in ["../../outside/shadow", "link.yml", absolute.as_str(), "/etc/hostname"] {
        let output = check(include, &[]);
        assert_output(&output, 2, &["play.yml:5:18", "outside of the repository", "--also-read"]);
        assert!(!seen(&output).contains("TopSecretHash"), "{}", seen(&output));
    }
    let allowed = check("../../outside/shadow", &["--also-read", "outside"]);
    assert_output(&allowed, 2, &["outside/shadow:1:1"]);
    // A kubeconfig elsewhere is the doctor's business.
    let inventory = fs::read_to_string(place.path().join("inventory.yml")).expect("it");
    at("inside/inventory.yml", &inventory.replace("kubeconfig: none", "kubeconfig: ../outside/shadow"));
    let output = bounded(&place, &["check", "-i", "inside/inventory.yml"]);
    assert!(!seen(&output).contains("TopSecretHash") && !seen(&output).contains("shadow"), "{}", seen(&output));
}

#[test]
fn a_report_overwrites_no_file_of_a_run() {
    let place = Place::new();
    let id = place.begin(&[]);
    let run = place.directory(&id);
    fs::hard_link(run.join("events.jsonl"), place.path().join("other-name")).expect("a link");
    symlink(run.join("run.json"), place.path().join("link")).expect("a link");
    let before = fs::read(run.join("events.jsonl")).expect("a journal");
    let journal = format!(".cutover/runs/{id}/events.jsonl");
    for file in [journal.as_str(), "other-name", "link", &run.join("run.json").display().to_string()] {
        let output = place.cutover(&["report", &id, "-o", file]);
        assert_output(&output, 1, &["belongs to a run"]);
    }
    assert_eq!(fs::read(run.join("events.jsonl")).expect("a journal"), before);
    for _ in 0..2 {
        assert_output(&place.cutover(&["report", &id, "--format", "html", "-o", "page.html"]), 0, &[]);
    }
}
