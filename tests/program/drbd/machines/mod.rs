//! The DRBD modules over real SSH against real DRBD 8.4, in the machines of tests/lab/drbd:
//!
//! ```text
//! tests/lab/run drbd scenarios
//! ```

mod kills;
mod lab;
mod record;

use std::time::{Duration, Instant};

use lab::{Lab, MOUNT};
use serde_json::Value;

const FENCED: &str = "fenced=the test: power is off";

#[test]
#[ignore = "needs the machines of tests/lab/drbd"]
fn two_blank_disks_become_one_file_system_and_move_to_the_other_side() {
    let lab = Lab::blank();
    // A busy machine: drbdadm gives up while drbdsetup still works. The next probe decides.
    lab.slow("standby");
    let ran = lab.run("prepare", "inventory", &[]).expect(0, &[]);
    let events: Vec<Value> = ran.events.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    let of_kind = |kind: &'static str| events.iter().filter(move |event| event["kind"] == kind);
    // An attempt that ended in doubt begins the change again, under another number.
    let begun: Vec<_> = of_kind("applying").filter(|event| event["change"]["key"] == "up").collect();
    let applied = of_kind("applied").filter(|event| {
        begun.iter().any(|begun| (&begun["task"], &begun["number"]) == (&event["task"], &event["number"]))
    });
    assert_eq!((begun.len(), applied.count()), (2, 1), "{}", ran.events);
    let again = lab.run("prepare", "inventory", &[]).expect(0, &["0 changes"]);
    assert!(!again.text.contains("changed"), "{}", again.text);
    lab.verify();
    let witness = lab.witness();
    lab.run("switch", "inventory", &[]).expect(0, &["6 changes"]);
    assert_eq!((lab.mounted("primary"), lab.mounted("standby")), (String::new(), MOUNT.to_owned()));
    witness.saw_one_at_most();
    lab.verify();
}

#[test]
#[ignore = "needs the machines of tests/lab/drbd"]
fn a_rebooted_node_is_primary_again_only_with_its_marker() {
    let lab = Lab::prepared();
    let witness = lab.witness();
    lab.on("primary", &format!("echo kept > {MOUNT}/kept; sync"));
    let began = Instant::now();
    lab.machines(&["reboot", "primary", "worker01"]);
    let up = began.elapsed();
    lab.until("primary", &["name:etcd0 role:Primary"], Duration::from_secs(60));
    let end = Instant::now() + Duration::from_secs(30);
    while lab.mounted("primary") != MOUNT {
        assert!(Instant::now() < end, "{}", lab.on("primary", "systemctl status --no-pager '*hpvolumes*'"));
    }
    println!("SSH {up:?}, mounted again {:?} after the reboot", began.elapsed());
    assert_eq!(lab.on("primary", &format!("cat {MOUNT}/kept")), "kept\n");

    lab.on("primary", "rm /etc/drbd.d/cke_etcd0.primary; sync");
    lab.machines(&["reboot", "--hard", "primary", "worker01"]);
    lab.until("primary", &["connection:Connected", "replication:Established"], Duration::from_secs(120));
    std::thread::sleep(Duration::from_secs(15));
    lab.until("primary", &["name:etcd0 role:Secondary", " disk:UpToDate"], Duration::ZERO);
    assert_eq!(lab.mounted("primary"), "");

    // With the marker, but no peer in sight: it may have taken over, so this end waits.
    lab.on("primary", "touch /etc/drbd.d/cke_etcd0.primary");
    lab.machines(&["cut", "standby", "worker01"]);
    lab.machines(&["reboot", "primary", "worker01"]);
    lab.until("primary", &["connection:Connecting"], Duration::from_secs(60));
    std::thread::sleep(Duration::from_secs(15));
    lab.until("primary", &["name:etcd0 role:Secondary"], Duration::ZERO);
    lab.machines(&["heal"]);
    lab.until("primary", &["name:etcd0 role:Primary"], Duration::from_secs(60));
    witness.saw_one_at_most();
}

#[test]
#[ignore = "needs the machines of tests/lab/drbd"]
fn what_was_written_while_the_link_was_cut_goes_to_the_other_side() {
    let lab = Lab::prepared();
    let witness = lab.witness();
    let writer = lab.writer("primary");
    writer.go_on(20);
    lab.machines(&["cut", "standby", "worker01"]);
    for site in ["primary", "standby"] {
        lab.until(site, &["connection:Connecting role:Unknown"], Duration::from_secs(60));
    }
    writer.go_on(50);
    let synced = writer.synced();
    lab.run("takeover", "inventory", &[]).expect(3, &["is Primary on primary/worker01"]);
    drop(writer);
    lab.machines(&["heal"]);
    lab.run("sync", "inventory", &[]).expect(0, &[]);
    let log = lab.log("primary");
    assert!(log.contains("Began resync as SyncSource") && !log.contains("as SyncTarget"), "{log}");
    lab.run("switch", "inventory", &[]).expect(0, &[]);
    lab.records("standby", synced);
    witness.saw_one_at_most();
    lab.verify();
}

#[test]
#[ignore = "needs the machines of tests/lab/drbd"]
fn the_kernels_log_tells_when_contact_ended() {
    let lab = Lab::prepared();
    lab.run("fresh", "inventory", &["in_contact=true"]).expect(0, &[]);
    lab.machines(&["kill", "primary", "worker01"]);
    lab.until("standby", &["connection:Connecting role:Unknown"], Duration::from_secs(60));
    lab.run("fresh", "inventory", &["in_contact=false"]).expect(0, &[]);
}

#[test]
#[ignore = "needs the machines of tests/lab/drbd"]
fn two_sides_that_both_went_on_are_a_split_brain() {
    let lab = Lab::prepared();
    let witness = lab.witness();
    lab.machines(&["kill", "primary", "worker01"]);
    lab.run("takeover", "inventory", &[]).expect(3, &["say in `fenced` who knows it and how"]);
    lab.run("takeover", "inventory", &[FENCED]).expect(0, &[]);
    lab.on("standby", &format!("echo survivor > {MOUNT}/side; sync"));

    // The old primary comes back, alone, and somebody promotes it.
    lab.machines(&["cut", "primary", "worker01"]);
    lab.machines(&["start", "primary", "worker01"]);
    lab.until(
        "primary",
        &["name:etcd0 role:Secondary", " disk:UpToDate", "connection:Connecting"],
        Duration::from_secs(60),
    );
    lab.on(
        "primary",
        &format!("drbdadm primary etcd0 && mount /dev/drbd0 {MOUNT} && echo victim > {MOUNT}/side && sync"),
    );
    witness.finds_two();
    let both = ["etcd0 is Primary on primary/worker01 and on standby/worker01: stop and demote one of them at once"];
    lab.run("takeover", "swapped", &[]).expect(3, &both);
    lab.machines(&["heal"]);
    for site in ["primary", "standby"] {
        lab.until(site, &["connection:StandAlone"], Duration::from_secs(60));
    }
    let named = ["split brain suspected: both ends have changed since they last met", "connect --discard-my-data"];
    lab.run("sync", "inventory", &[]).expect(3, &named);

    // The victim is in use, and would be Primary again at the next boot.
    lab.on("primary", "touch /etc/drbd.d/cke_etcd0.primary");
    let in_use = [
        "/dev/drbd0 of etcd0 is mounted on primary/worker01 at /data/vmdata/hpvolumes/etcd-0",
        "/etc/drbd.d/cke_etcd0.primary is on primary/worker01 and makes it Primary again",
    ];
    lab.run("resolve", "inventory", &[]).expect(3, &in_use);
    lab.on("primary", &format!("rm -rf /data/backup /etc/drbd.d/cke_etcd0.primary; umount {MOUNT}"));
    lab.on("standby", "dmesg -C");
    let ran = lab.run("resolve", "inventory", &[]).expect(0, &[]);
    let discards = |change: &String| change.contains("give up what was written to etcd0 on primary/worker01");
    assert!(ran.changes().iter().any(discards), "{}", ran.events);
    lab.run("resolve", "inventory", &[]).expect(0, &["0 changes"]);
    let log = lab.log("standby");
    assert!(log.contains("Began resync as SyncSource") && !log.contains("as SyncTarget"), "{log}");

    // The victim's data is in the image, and only there.
    let image = "/data/backup/etcd0.primary.worker01.*.img";
    lab.on(
        "primary",
        &format!("cd /data/backup && sha256sum -c {image}.sha256 && mount -o ro,loop,noload {image} /mnt"),
    );
    assert_eq!(lab.on("primary", "cat /mnt/side; umount /mnt"), "victim\n");
    for (site, side) in [("standby", "survivor\n"), ("primary", "survivor\n")] {
        if site == "primary" {
            lab.on("standby", &format!("umount {MOUNT}; drbdadm secondary etcd0"));
            lab.on(site, &format!("drbdadm primary etcd0; mount /dev/drbd0 {MOUNT}"));
        }
        assert_eq!(lab.on(site, &format!("cat {MOUNT}/side")), side);
    }
    lab.verify();
}

#[test]
#[ignore = "needs the machines of tests/lab/drbd"]
fn a_promotion_is_refused_while_it_would_do_harm() {
    let lab = Lab::blank();
    // Neither end has ever held data.
    lab.run("sync", "inventory", &[]).expect(3, &["has no DRBD metadata for etcd0", "`create_metadata: true`"]);
    lab.run("prepare", "inventory", &[]).expect(0, &[]);
    lab.run("takeover", "inventory", &[]).expect(3, &["etcd0 is Primary on primary/worker01: demote it there first"]);

    // The kernel runs with another rate than its file says; the disk is being overwritten.
    for site in ["primary", "standby"] {
        lab.on(site, "drbdsetup disk-options 0 --c-plan-ahead=0 --resync-rate=512k");
    }
    lab.on("standby", "drbdadm invalidate etcd0");
    lab.until("standby", &[" disk:Inconsistent", "replication:SyncTarget"], Duration::from_secs(30));
    let words = ["is Primary on primary/worker01", "on standby/worker01 is Inconsistent (SyncTarget", "with drbd_sync"];
    lab.run("takeover", "inventory", &[]).expect(3, &words);
    lab.on("primary", &format!("umount {MOUNT} && drbdadm secondary etcd0"));
    lab.run("takeover", "inventory", &[]).expect(3, &words[1..]);
    lab.run("sync", "inventory", &[]).expect(0, &["changed"]);
    for site in ["primary", "standby"] {
        assert!(!lab.on(site, "drbdsetup show etcd0").contains("resync-rate"));
    }
    lab.run("takeover", "inventory", &[]).expect(0, &[]);
    assert_eq!(lab.mounted("standby"), MOUNT);
}
