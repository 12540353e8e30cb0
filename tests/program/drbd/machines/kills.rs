//! The loss of the Primary in the middle of writes, again and again, the sides in turn; a witness watches all the time.

use std::time::{Duration, Instant};

use cutover_engine::event::{Event, EventKind};
use jiff::Timestamp;

use super::FENCED;
use super::lab::{Lab, Ran};

/// How many times; both ways if not set.
const VARIABLE: &str = "CUTOVER_DRBD_KILLS";

const MARKER: &str = "/etc/drbd.d/cke_etcd0.primary";

/// Seconds from the loss until something was so again.
#[derive(Debug, Clone, Copy)]
struct Took {
    promoted: f64,
    mounted: f64,
    served: f64,
}

/// The side that is lost and the other; the inventory in which the first is the active one, and the other way round.
fn sides(round: usize) -> [&'static str; 4] {
    if round % 2 == 1 {
        ["primary", "standby", "inventory", "swapped"]
    } else {
        ["standby", "primary", "swapped", "inventory"]
    }
}

#[test]
#[ignore = "needs the machines of tests/lab/drbd"]
fn every_synced_record_survives_the_loss_of_the_primary() {
    let rounds = std::env::var(VARIABLE).map_or(2, |text| text.parse().expect("a number of rounds"));
    let lab = Lab::prepared();
    let witness = lab.witness();
    let took: Vec<Took> = (1..=rounds).map(|round| lose(&lab, round)).collect();
    witness.saw_one_at_most();
    lab.verify();
    let of = |what: fn(&Took) -> f64| {
        let mut all: Vec<f64> = took.iter().map(what).collect();
        all.sort_by(f64::total_cmp);
        format!("{:.1} s, {:.1} s", all[all.len() / 2], all[all.len() - 1])
    };
    println!(
        "{rounds} rounds, never two Primaries; median and worst: promoted {}; mounted {}; served {}",
        of(|took| took.promoted),
        of(|took| took.mounted),
        of(|took| took.served)
    );
}

/// Loses the Primary while it writes; the other side takes over; the old one comes back and follows.
fn lose(lab: &Lab, round: usize) -> Took {
    let [lost, other, before, after] = sides(round);
    // What makes it Primary again at boot, while it is not Primary elsewhere.
    lab.on(lost, &format!("touch {MARKER}; sync"));
    let writer = lab.writer(lost);
    writer.go_on(50);
    let (killed, at) = (Instant::now(), Timestamp::now());
    lab.machines(&["kill", lost, "worker01"]);
    let synced = writer.synced();
    let ran = lab.run("takeover", before, &[FENCED]).expect(0, &[]);
    let found = lab.records(other, synced);
    let served = killed.elapsed().as_secs_f64();
    let since = |step: &str| (ran.applied(step) - at).total(jiff::Unit::Second).expect("seconds");
    let took = Took { promoted: since("take-over/promote-with-"), mounted: since("take-over/mount"), served };
    println!(
        "round {round}: {lost} lost; {synced} records synced, {found} found; promoted {:.1} s, mounted {:.1} s, served {served:.1} s",
        took.promoted, took.mounted
    );
    drop(writer);

    // It comes back with its marker while the other one writes, finds it Primary, and follows it. A resync beside somebody
    // who writes gets little (`c-min-rate`), so the writer stops then.
    lab.machines(&["start", "--no-wait", lost, "worker01"]);
    let more = lab.writer(other);
    more.go_on(20);
    drop(more);
    lab.machines(&["start", lost, "worker01"]);
    let follows = ["name:etcd0 role:Secondary", "connection:Connected role:Primary", " disk:UpToDate", ":Established"];
    lab.until(lost, &follows, Duration::from_secs(300));
    lab.run("sync", after, &[]).expect(0, &[]);
    assert_eq!(lab.mounted(lost), "");
    let log = lab.log(lost);
    assert!(log.contains("Began resync as SyncTarget") && !log.contains("Began resync as SyncSource"), "{log}");
    lab.records(other, found + 20);
    lab.on(lost, &format!("rm {MARKER}; sync"));
    took
}

impl Ran {
    /// When the last change of a step was made.
    #[track_caller]
    fn applied(&self, step: &str) -> Timestamp {
        let mut events = self.events.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let made = |event: &serde_json::Value| {
            event["kind"] == "applied" && event["task"]["path"].as_str().is_some_and(|name| name.starts_with(step))
        };
        let last = events.rfind(made).unwrap_or_else(|| panic!("{step} changed nothing:\n{}", self.text));
        last["at"].as_str().expect("a time").parse().expect("a time")
    }

    /// The summaries of the changes that were begun.
    pub(crate) fn changes(&self) -> Vec<String> {
        let event = |line: &str| serde_json::from_str::<Event>(line).expect("an event");
        let sentence = |event: Event| match event.kind {
            EventKind::Applying { change, .. } => Some(change.summary.to_string()),
            _ => None,
        };
        self.events.lines().map(event).filter_map(sentence).collect()
    }
}
