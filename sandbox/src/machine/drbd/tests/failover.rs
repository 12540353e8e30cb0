//! What was written is on the other side: after a planned change of roles, a crash, a cut link, a split brain.

use super::{P, Pair, S};

const DMESG: &str = "dmesg -t --level=alert,err,warn";

#[tokio::test(start_paused = true)]
async fn what_was_written_is_on_the_standby_after_a_planned_change() {
    let pair = Pair::mounted("9.2.14").await;
    pair.all_well(P, &["mkdir /mnt/a", "touch /mnt/a/one"]).await;
    let wrong = pair.refused(S, "mount /dev/drbd0 /mnt").await;
    assert!(wrong.contains("Wrong medium type."), "{wrong}");
    pair.all_well(P, &["umount /mnt", "drbdadm secondary etcd0"]).await;
    pair.all_well(S, &["drbdadm primary etcd0", "mount /dev/drbd0 /mnt"]).await;
    assert_eq!(pair.ask(S, "ls /mnt/a").await, "one\n");
    // And back, the other way round.
    pair.all_well(S, &["touch /mnt/a/two", "umount /mnt", "drbdadm secondary etcd0"]).await;
    pair.all_well(P, &["drbdadm primary etcd0", "mount /dev/drbd0 /mnt"]).await;
    assert_eq!(pair.ask(P, "ls /mnt/a").await, "one\ntwo\n");
    assert_eq!(pair.states().await, ["Connected Primary UpToDate/UpToDate", "Connected Secondary UpToDate/UpToDate"]);
}

#[tokio::test(start_paused = true)]
async fn a_crashed_primary_becomes_the_target_of_the_one_that_took_over() {
    let pair = Pair::mounted("9.2.14").await;
    pair.all_well(P, &["touch /mnt/before"]).await;
    assert!(pair.sandbox.power_off(P, "worker01"));
    assert!(!pair.sandbox.power_off(P, "worker77"), "there is no such machine");
    let place = cutover_engine::world::Place::node(P, "worker01");
    let unreachable =
        cutover_engine::world::World::transport(&pair.sandbox, &place).await.err().map(|fault| fault.to_string());
    assert!(unreachable.is_some_and(|words| words.contains("no route to host")));
    // The dead peer still looks alive; primary waits until it is given up.
    assert_eq!(pair.ask(S, "drbdadm cstate etcd0").await, "Connected\n");
    let began = tokio::time::Instant::now();
    pair.all_well(S, &["drbdadm primary etcd0", "mount /dev/drbd0 /mnt", "touch /mnt/after"]).await;
    assert!(began.elapsed() > std::time::Duration::from_secs(9), "{:?}", began.elapsed());
    assert!(pair.sandbox.power_on(P, "worker01"));
    assert!(!pair.sandbox.power_on(P, "worker01"), "it is on");
    assert!(!pair.ask(P, "findmnt -P").await.contains("/dev/drbd0"), "the mount is gone");
    pair.wait(2).await;
    assert_eq!(
        pair.states().await,
        ["Connected Secondary Inconsistent/UpToDate", "Connected Primary UpToDate/Inconsistent"]
    );
    // The activity log covers all of so small a disk.
    let events = pair.ask(P, "drbdsetup events2 --now --statistics etcd0").await;
    assert!(events.contains(" replication:SyncTarget peer-disk:UpToDate "), "{events}");
    pair.wait(10).await;
    assert_eq!(pair.states().await, ["Connected Secondary UpToDate/UpToDate", "Connected Primary UpToDate/UpToDate"]);
    pair.all_well(S, &["umount /mnt", "drbdadm secondary etcd0"]).await;
    pair.all_well(P, &["drbdadm primary etcd0", "mount /dev/drbd0 /mnt"]).await;
    assert_eq!(pair.ask(P, "ls /mnt").await, "after\nbefore\nlost+found\n");
}

#[tokio::test(start_paused = true)]
async fn a_crashed_primary_that_nobody_replaced_is_the_source_again() {
    let pair = Pair::mounted("9.2.14").await;
    pair.sandbox.power_off(P, "worker01");
    pair.wait(60).await;
    pair.sandbox.power_on(P, "worker01");
    pair.wait(2).await;
    assert_eq!(
        pair.states().await,
        ["Connected Secondary UpToDate/Inconsistent", "Connected Secondary Inconsistent/UpToDate"]
    );
    pair.wait(10).await;
    assert_eq!(pair.states().await, ["Connected Secondary UpToDate/UpToDate", "Connected Secondary UpToDate/UpToDate"]);
}

#[tokio::test(start_paused = true)]
async fn without_its_boot_service_a_machine_comes_back_without_drbd() {
    let pair = Pair::synchronised("9.2.14").await;
    pair.sandbox.clusters.hosts.with_machine(&cutover_engine::world::Place::node(S, "worker01"), |machine| {
        machine.enabled_units.remove("drbd.service");
    });
    pair.sandbox.power_off(S, "worker01");
    pair.sandbox.power_on(S, "worker01");
    assert_eq!(pair.ask(S, "drbdsetup events2 --now").await, "exists -\n");
    // The Primary's kernel knew from the reset connection, without waiting for silence.
    assert_eq!(pair.ask(P, "drbdadm cstate etcd0").await, "Connecting\n");
    pair.all_well(S, &["drbdadm up etcd0"]).await;
    pair.wait(2).await;
    assert_eq!(pair.states().await, ["Connected Primary UpToDate/UpToDate", "Connected Secondary UpToDate/UpToDate"]);
}

#[tokio::test(start_paused = true)]
async fn a_cut_link_is_noticed_late_and_only_what_changed_is_sent_again() {
    let pair = Pair::mounted("9.2.14").await;
    pair.sandbox.cut_link("172.16.1.1", "172.16.2.1");
    pair.all_well(P, &["touch /mnt/alone"]).await;
    assert_eq!(pair.states().await, ["Connected Primary UpToDate/UpToDate", "Connected Secondary UpToDate/UpToDate"]);
    pair.wait(11).await;
    assert_eq!(pair.states().await, ["Connecting Primary UpToDate/DUnknown", "Connecting Secondary UpToDate/DUnknown"]);
    pair.all_well(P, &["touch /mnt/later"]).await;
    let events = pair.ask(P, "drbdsetup events2 --now --statistics").await;
    let out: u64 = events.split("out-of-sync:").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!((1..200).contains(&out), "a few KiB: {events}");
    pair.sandbox.heal_link("172.16.1.1", "172.16.2.1");
    pair.wait(2).await;
    assert_eq!(pair.states().await, ["Connected Primary UpToDate/UpToDate", "Connected Secondary UpToDate/UpToDate"]);
    pair.all_well(P, &["umount /mnt", "drbdadm secondary etcd0"]).await;
    pair.all_well(S, &["drbdadm primary etcd0", "mount /dev/drbd0 /mnt"]).await;
    assert_eq!(pair.ask(S, "ls /mnt").await, "alone\nlater\nlost+found\n");
}

#[tokio::test(start_paused = true)]
async fn a_resync_that_is_cut_off_goes_on_where_it_was() {
    let pair = Pair::new("9.2.14");
    for site in [P, S] {
        pair.all_well(site, &["drbdadm create-md etcd0", "drbdadm up etcd0"]).await;
    }
    pair.wait(2).await;
    pair.all_well(P, &["drbdadm primary --force etcd0"]).await;
    pair.wait(4).await;
    pair.sandbox.cut_link("172.16.1.1", "172.16.2.1");
    pair.wait(30).await;
    assert_eq!(
        pair.states().await,
        ["Connecting Primary UpToDate/DUnknown", "Connecting Secondary Inconsistent/DUnknown"]
    );
    assert!(pair.refused(S, "drbdadm primary etcd0").await.contains("(-2) Need access to UpToDate data"));
    pair.sandbox.heal_link("172.16.1.1", "172.16.2.1");
    // 128 MiB at 20 MB/s are 6.7 s: 4 before the cut, so less than 3 after it.
    pair.wait(2).await;
    assert_eq!(
        pair.states().await,
        ["Connected Primary UpToDate/Inconsistent", "Connected Secondary Inconsistent/UpToDate"]
    );
    pair.wait(2).await;
    assert_eq!(pair.states().await, ["Connected Primary UpToDate/UpToDate", "Connected Secondary UpToDate/UpToDate"]);
}

/// Both sides write `of-SITE` while they do not see each other.
async fn split() -> Pair {
    let pair = Pair::mounted("9.2.14").await;
    pair.sandbox.cut_link("172.16.1.1", "172.16.2.1");
    pair.wait(11).await;
    pair.all_well(P, &["touch /mnt/of-primary"]).await;
    pair.all_well(S, &["drbdadm primary etcd0", "mount /dev/drbd0 /mnt", "touch /mnt/of-standby"]).await;
    pair.sandbox.heal_link("172.16.1.1", "172.16.2.1");
    pair.wait(2).await;
    pair
}

#[tokio::test(start_paused = true)]
async fn a_split_brain_ends_the_connection_on_both_sides_and_the_victim_is_chosen() {
    for victim in [P, S] {
        let pair = split().await;
        let survivor = if victim == P { S } else { P };
        assert_eq!(
            pair.states().await,
            ["StandAlone Primary UpToDate/DUnknown", "StandAlone Primary UpToDate/DUnknown"]
        );
        for (site, peer) in [(P, "172.16.2.1"), (S, "172.16.1.1")] {
            let line = format!(
                "drbd etcd0/0 drbd0 remote_{peer}: Split-Brain detected but unresolved, dropping connection!\n"
            );
            assert_eq!(pair.ask(site, DMESG).await, line);
            assert!(pair.ask(site, "journalctl -k").await.contains(&format!("worker01 kernel: {line}")));
        }
        let refused = pair.refused(victim, "drbdadm connect --discard-my-data etcd0").await;
        assert_eq!(
            refused,
            format!(
                "etcd0: Failure: (123) --discard-my-data not allowed when primary.\nCommand 'drbdsetup connect etcd0 {} --discard-my-data' terminated with exit code 10\n[exit code 10]",
                if victim == P { 2 } else { 1 }
            )
        );
        pair.all_well(victim, &["umount /mnt", "drbdadm secondary etcd0", "drbdadm connect --discard-my-data etcd0"])
            .await;
        pair.all_well(survivor, &["drbdadm connect etcd0"]).await;
        pair.wait(10).await;
        pair.all_well(survivor, &["umount /mnt", "drbdadm secondary etcd0"]).await;
        pair.all_well(victim, &["drbdadm primary etcd0", "mount /dev/drbd0 /mnt"]).await;
        assert_eq!(pair.ask(victim, "ls /mnt").await, format!("lost+found\nof-{survivor}\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_resync_between_two_secondaries_carries_the_data_when_it_is_done() {
    let pair = split().await;
    for site in [P, S] {
        pair.all_well(site, &["umount /mnt", "drbdadm secondary etcd0"]).await;
    }
    pair.all_well(P, &["drbdadm connect --discard-my-data etcd0"]).await;
    pair.all_well(S, &["drbdadm connect etcd0"]).await;
    pair.wait(5).await;
    assert_eq!(pair.states().await, ["Connected Secondary UpToDate/UpToDate", "Connected Secondary UpToDate/UpToDate"]);
    pair.all_well(P, &["drbdadm primary etcd0", "mount /dev/drbd0 /mnt"]).await;
    assert_eq!(pair.ask(P, "ls /mnt").await, "lost+found\nof-standby\n");
}

#[tokio::test(start_paused = true)]
async fn a_split_brain_stays_without_a_victim() {
    let pair = split().await;
    for site in [P, S] {
        pair.all_well(site, &["umount /mnt", "drbdadm secondary etcd0", "drbdadm connect etcd0"]).await;
    }
    pair.wait(3).await;
    assert_eq!(
        pair.states().await,
        ["StandAlone Secondary UpToDate/DUnknown", "StandAlone Secondary UpToDate/DUnknown"]
    );
    // Both giving in is not a decision either.
    for site in [P, S] {
        pair.all_well(site, &["drbdadm connect --discard-my-data etcd0"]).await;
    }
    pair.wait(3).await;
    assert_eq!(pair.states().await[0], "StandAlone Secondary UpToDate/DUnknown");
}
