//! A run's directory is made by one process, and is whole when it is there.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::support::place::{Place, at_once};
use cutover_testkit::console::{root, seen};

/// Waits for a second to begin, so that all that is started is started within it.
fn next_second() {
    let within = SystemTime::now().duration_since(UNIX_EPOCH).expect("the time").subsec_millis();
    std::thread::sleep(Duration::from_millis(u64::from(1050 - within)));
}

#[test]
fn runs_that_start_within_one_second_have_a_directory_each() {
    let place = Place::new();
    let words_of_runs: Vec<String> = (0..8).map(|number| format!("word=w{number}")).collect();
    for round in 1..=4 {
        next_second();
        let words = |word| vec!["run", "words.yml", "-i", "inventory.yml", "-e", word];
        let outputs = at_once(place.path(), &words_of_runs.iter().map(|word| words(word)).collect::<Vec<_>>());
        for output in &outputs {
            assert!(seen(output).contains("to go on: cutover resume "), "{}", seen(output));
        }
        assert_eq!(place.runs().len(), 8 * round, "{:?}", place.runs());
    }
    for run in place.runs() {
        let (first, manifest) = place.beginning(&run);
        assert_eq!((first["seq"].as_u64(), first["run"].as_str()), (Some(1), Some(run.as_str())));
        assert_eq!(first["params"]["word"], manifest["given"]["word"], "{run}");
        assert!(place.directory(&run).join("files").is_dir());
    }
}

#[test]
fn rehearsals_at_the_same_time_do_not_mix_their_files() {
    let place = Place::new();
    let inventory = root().join("inventories/example.yml").display().to_string();
    let playbook = root().join("playbooks/etcd-cutover.yml").display().to_string();
    let mut owners = BTreeSet::new();
    let words = vec!["rehearse", playbook.as_str(), "-i", inventory.as_str()];
    for output in at_once(place.path(), &[words.clone(), words.clone(), words.clone()]) {
        let printed = seen(&output);
        assert_eq!(output.status.code(), Some(0), "{printed}");
        let own = printed.lines().rev().find_map(|line| line.strip_prefix("journal: ")).expect("a journal");
        let text = fs::read_to_string(place.path().join(own)).expect("the journal that was named");
        let name = own.split('/').rev().nth(1).expect("a name");
        // The number at its end is the directory's, not the run's.
        let name = &name[..name.rfind("-1").expect("the seed") + 2];
        let mut lines = 0;
        for (index, line) in text.lines().enumerate() {
            let event: Value = serde_json::from_str(line).expect("an event");
            assert_eq!((event["seq"].as_u64(), event["run"].as_str()), (Some(index as u64 + 1), Some(name)), "{own}");
            lines += 1;
        }
        assert!(lines > 500, "{own}: {lines}");
        owners.insert(own.to_owned());
    }
    assert!(owners.len() > 1, "all of them say that they wrote {owners:?}");
    let journals: BTreeSet<String> =
        place.runs().into_iter().filter(|run| run.starts_with("rehearsal-etcd-")).collect();
    assert_eq!(journals.len(), place.runs().len(), "nothing else is left: {:?}", place.runs());
}

#[test]
fn a_rehearsal_that_is_repeated_is_the_same_run_in_a_directory_of_its_own() {
    let place = Place::new();
    for names in [&["rehearsal-pause-1"][..], &["rehearsal-pause-1", "rehearsal-pause-1-2"]] {
        place.rehearse();
        assert_eq!(place.runs(), names);
    }
    let bytes = |name: &str| fs::read(place.directory(name).join("events.jsonl")).expect("a journal");
    assert!(bytes("rehearsal-pause-1") == bytes("rehearsal-pause-1-2"), "the same seed makes the same bytes");
    let text = String::from_utf8(bytes("rehearsal-pause-1-2")).expect("text");
    assert!(text.lines().all(|line| line.contains("\"run\":\"rehearsal-pause-1\"")), "{text}");
}

#[test]
fn a_rehearsal_does_not_touch_one_that_is_held() {
    let place = Place::new();
    place.rehearse();
    let journal = fs::File::options().append(true).open(place.directory("rehearsal-pause-1").join("events.jsonl"));
    let journal = journal.expect("a journal");
    journal.lock().expect("the lock");
    place.rehearse();
    assert_eq!(place.runs(), ["rehearsal-pause-1", "rehearsal-pause-1-2"]);
}
