//! The DRBD modules, driven against the sandbox's drbdadm and drbdsetup on both ends of a pair: from two blank disks to a
//! planned switch, a failover and a split brain.

use std::sync::Arc;
use std::time::Duration;

use cutover_engine::clock::Clock as _;
use cutover_engine::module::Diff;
use cutover_engine::target::Target;
use cutover_engine::world::{Command, Place, World as _, collect};
use cutover_sandbox::{At, Sandbox, Strike, StrikeKind, WorldSpec};
use cutover_testkit::inventory::two_sites;
use cutover_testkit::lab::{End, Lab, blocked, done};
use serde_json::{Value, json};

const SITES: [&str; 2] = ["primary", "standby"];

fn lab(version: &str) -> Lab {
    Lab::new(WorldSpec { drbd_version: version.to_owned(), disk_bytes: 1 << 30, ..WorldSpec::default() })
}

fn programs(log: &[String]) -> Vec<&str> {
    log.iter().filter_map(|line| line.split_once("$ ")).map(|(_, command)| command).collect()
}

/// Waits for `drbd_sync` as the engine does.
async fn sync(lab: &Lab, site: &str, until: &str) -> Value {
    let mut waits = Vec::new();
    for _ in 0..200 {
        match lab.drive_on(site, "drbd_sync", json!({"until": until})).await {
            End::Failed(words) => waits.push(words),
            other => {
                println!("{waits:#?}");
                return done(other).1;
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("never in sync: {waits:#?}")
}

async fn come_up(lab: &Lab) {
    for site in SITES {
        let (log, result) = done(lab.drive_on(site, "drbd_resource", json!({"create_metadata": true})).await);
        let commands = programs(&log);
        assert!(commands[0].starts_with("cutover-write-file /etc/drbd.d/cke_etcd0.res"), "{commands:?}");
        assert_eq!(commands[1..], ["drbdadm create-md etcd0", "drbdadm up etcd0"]);
        assert_eq!(result["disk"], "Inconsistent");
    }
}

async fn in_sync(version: &str) -> Lab {
    let lab = lab(version);
    come_up(&lab).await;
    sync(&lab, "primary", "connected").await;
    let first = json!({"role": "primary", "initial": true});
    let (log, _) = done(lab.drive("drbd_role", first).await);
    assert_eq!(programs(&log), ["drbdadm primary --force etcd0"]);
    let result = sync(&lab, "primary", "up_to_date").await;
    assert_eq!((&result["disk"], &result["peer_disk"]), (&json!("UpToDate"), &json!("UpToDate")));
    lab
}

#[tokio::test(start_paused = true)]
async fn two_blank_disks_become_a_pair_on_both_generations() {
    for version in ["9.2.14", "8.4.11"] {
        let lab = lab(version);
        assert!(blocked(lab.drive("drbd_resource", json!({})).await).contains("set `create_metadata: true`"));
        come_up(&lab).await;
        for site in SITES {
            assert!(done(lab.drive_on(site, "drbd_resource", json!({"create_metadata": true})).await).0.is_empty());
        }
        sync(&lab, "standby", "connected").await;
        assert!(blocked(lab.drive("drbd_sync", json!({})).await).contains("neither end holds data"));
        assert!(blocked(lab.drive("drbd_role", json!({"role": "primary"})).await).contains("say `initial: true`"));
        let first = json!({"role": "primary", "initial": true});
        assert_eq!(programs(&done(lab.drive("drbd_role", first.clone()).await).0), ["drbdadm primary --force etcd0"]);
        assert!(done(lab.drive("drbd_role", first.clone()).await).0.is_empty());
        assert!(blocked(lab.drive_on("standby", "drbd_role", first).await).contains("is Primary on primary/worker01"));
        let began = lab.sandbox.now();
        sync(&lab, "standby", "up_to_date").await;
        assert!(lab.sandbox.now().duration_since(began).as_secs() >= 5, "1 GiB takes its time");
    }
}

#[tokio::test(start_paused = true)]
async fn settings_change_while_it_is_up_and_go_back() {
    for version in ["9.2.14", "8.4.11"] {
        let lab = in_sync(version).await;
        for params in [json!({"verify_alg": "crc32c", "net": {"ping-timeout": 30}}), json!({})] {
            let (log, _) = done(lab.drive("drbd_resource", params.clone()).await);
            assert_eq!(programs(&log).last(), Some(&"drbdadm adjust etcd0"));
            assert!(done(lab.drive("drbd_resource", params).await).0.is_empty());
        }
        assert!(blocked(lab.drive("drbd_resource", json!({"state": "down"})).await).contains("demote it first"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_planned_switch_goes_by_demotion() {
    let lab = in_sync("9.2.14").await;
    done(lab.drive("filesystem", json!({"device": "/dev/drbd0"})).await);
    lab.run("worker01", "mkdir -p /mnt/x").await;
    done(lab.drive("mount", json!({"device": "/dev/drbd0", "path": "/mnt/x"})).await);
    let secondary = json!({"role": "secondary"});
    assert!(
        blocked(lab.drive("drbd_role", secondary.clone()).await).contains("is mounted on primary/worker01 at /mnt/x")
    );
    done(lab.drive("mount", json!({"device": "/dev/drbd0", "path": "/mnt/x", "state": "unmounted"})).await);
    assert_eq!(programs(&done(lab.drive("drbd_role", secondary).await).0), ["drbdadm secondary etcd0"]);
    let (log, result) = done(lab.drive_on("standby", "drbd_role", json!({"role": "primary"})).await);
    assert_eq!(programs(&log), ["drbdadm primary etcd0"]);
    assert_eq!((&result["role"], &result["peer_role"]), (&json!("Primary"), &json!("Secondary")));
}

#[tokio::test(start_paused = true)]
async fn a_disconnected_end_is_connected_and_a_split_brain_is_not() {
    let lab = in_sync("9.2.14").await;
    done(lab.drive("drbd_role", json!({"role": "secondary"})).await);
    lab.run("worker01", "drbdadm disconnect etcd0").await;
    assert!(blocked(lab.drive("drbd_sync", json!({})).await).contains("connect it with drbd_resource"));
    let (log, _) = done(lab.drive("drbd_resource", json!({})).await);
    assert!(["drbdadm adjust etcd0", "drbdadm connect etcd0"].contains(programs(&log).last().unwrap()), "{log:?}");
    sync(&lab, "primary", "up_to_date").await;
    // Each end goes on alone.
    lab.run("worker01", "drbdadm disconnect etcd0").await;
    let secondary = json!({"role": "secondary"});
    done(lab.drive("drbd_role", json!({"role": "primary"})).await);
    done(lab.drive("drbd_role", secondary.clone()).await);
    let stale = lab.drive_on("standby", "drbd_role", json!({"role": "primary"})).await;
    assert!(blocked(stale).contains("primary/worker01 holds newer data"));
    let loss = json!({"role": "primary", "accept_data_loss": "a test"});
    assert_eq!(programs(&done(lab.drive_on("standby", "drbd_role", loss).await).0), ["drbdadm primary etcd0"]);
    done(lab.drive_on("standby", "drbd_role", secondary).await);
    lab.run("worker01", "drbdadm connect etcd0").await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    for site in SITES {
        for (module, params) in
            [("drbd_resource", json!({})), ("drbd_sync", json!({})), ("drbd_role", json!({"role": "primary"}))]
        {
            let words = blocked(lab.drive_on(site, module, params).await);
            assert!(words.contains("split brain suspected"), "{site} {module}: {words}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_split_brain_is_resolved_on_both_generations() {
    for version in ["9.2.14", "8.4.11"] {
        let lab = in_sync(version).await;
        done(lab.drive("filesystem", json!({"device": "/dev/drbd0"})).await);
        let params = json!({"victim": "active", "backup": "/root/backup"});
        assert!(done(lab.drive("drbd_split_brain", params.clone()).await).0.is_empty(), "nothing to resolve");
        // The Primary loses its link and goes on; so does the other one.
        lab.sandbox.cut_link("172.16.1.1", "172.16.2.1");
        tokio::time::sleep(Duration::from_secs(30)).await;
        lab.run("worker01", "mount /dev/drbd0 /mnt").await;
        lab.run("worker01", "touch /mnt/victim").await;
        let loss = json!({"role": "primary", "accept_data_loss": "a test"});
        lab.run("worker01", "umount /mnt").await;
        done(lab.drive("drbd_role", json!({"role": "secondary"})).await);
        done(lab.drive_on("standby", "drbd_role", loss).await);
        assert!(lab.run("worker01", "drbdadm primary etcd0").await.success(), "nothing but the modules refuses that");
        lab.sandbox.heal_link("172.16.1.1", "172.16.2.1");
        tokio::time::sleep(Duration::from_secs(15)).await;
        let words = blocked(lab.drive("drbd_sync", json!({})).await);
        assert!(words.contains("let the module drbd_split_brain do it"), "{words}");
        let (log, result) = done(lab.drive("drbd_split_brain", params.clone()).await);
        let commands = programs(&log);
        assert_eq!(commands[0], "drbdadm secondary etcd0");
        assert!(
            commands[1].starts_with("cutover-image /dev/sdc ") && commands[1].contains(" /root/backup/etcd0.primary.")
        );
        assert_eq!(commands[2..], ["drbdadm connect etcd0", "drbdadm connect --discard-my-data etcd0"]);
        assert!(log[2].starts_with("standby/worker01$ ") && log[3].starts_with("primary/worker01$ "), "{log:?}");
        let image = result["backup"]["image"].as_str().expect("an image").to_owned();
        assert!(lab.run("worker01", &format!("cat {image}")).await.stdout.contains("/victim "));
        sync(&lab, "primary", "up_to_date").await;
        assert!(done(lab.drive("drbd_split_brain", params).await).0.is_empty(), "{version}: done");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failover_needs_an_attestation_and_the_old_primary_follows() {
    for version in ["9.2.14", "8.4.11"] {
        let lab = in_sync(version).await;
        lab.sandbox.power_off("primary", "worker01");
        let primary = json!({"role": "primary"});
        let words = blocked(lab.drive_on("standby", "drbd_role", primary.clone()).await);
        assert!(words.contains("is Primary on primary/worker01 by the DRBD link"), "{words}");
        // A dead peer looks connected for some seconds.
        let fenced = json!({"role": "primary", "fenced": "a test: the power is off"});
        let Diff::Waiting(waiting) = lab.look_on("standby", "drbd_role", fenced.clone()).await else {
            panic!("the link is not waited for")
        };
        assert!(waiting.why.contains("waiting for it to go down"), "{waiting:?}");
        tokio::time::sleep(Duration::from_secs(30)).await;
        let words = blocked(lab.drive_on("standby", "drbd_role", primary).await);
        assert!(words.contains("cannot be asked whether it is still Primary"), "{words}");
        let (log, result) = done(lab.drive_on("standby", "drbd_role", fenced).await);
        assert_eq!(programs(&log), ["drbdadm primary etcd0"]);
        assert_eq!((&result["role"], &result["peer_reachable"]), (&json!("Primary"), &json!(false)));
        // The old Primary comes back and follows the new one.
        lab.sandbox.power_on("primary", "worker01");
        let stale = lab.drive("drbd_role", json!({"role": "primary"})).await;
        assert!(!matches!(stale, End::Done(..)), "{stale:?}");
        done(lab.drive("drbd_resource", json!({})).await);
        let result = sync(&lab, "primary", "up_to_date").await;
        assert_eq!((&result["role"], &result["peer_role"]), (&json!("Secondary"), &json!("Primary")));
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_is_created_once_even_if_the_connection_is_lost() {
    for kind in [StrikeKind::LostBefore, StrikeKind::LostAfter] {
        let lab = lab("9.2.14");
        let when = vec!["primary/worker01$ drbdadm create-md".to_owned()];
        lab.sandbox.inject(Strike { at: At::Text(when), skip: 0, times: 1, kind: kind.clone() });
        let params = json!({"create_metadata": true});
        assert!(matches!(lab.drive("drbd_resource", params.clone()).await, End::Failed(_)));
        let (log, _) = done(lab.drive("drbd_resource", params).await);
        let again = programs(&log);
        match kind {
            StrikeKind::LostBefore => assert_eq!(again, ["drbdadm create-md etcd0", "drbdadm up etcd0"]),
            _ => assert_eq!(again, ["drbdadm up etcd0"]),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_carries_something_gets_no_metadata() {
    let spare_disks = [("primary/worker01".to_owned(), "LVM2_member".to_owned())].into();
    let lab = Lab::new(WorldSpec { spare_disks, ..WorldSpec::default() });
    let words = blocked(lab.drive("drbd_resource", json!({"create_metadata": true})).await);
    assert!(words.contains("is not blank: it carries LVM2_member"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_contact_is_read_from_the_log_of_both_generations() {
    for version in ["9.2.14", "8.4.11"] {
        let lab = in_sync(version).await;
        let site = || Target::Site { site: "standby".to_owned() };
        // DRBD 9 outdates a standby whose Primary parts from it.
        let params = json!({"accept_stale": "a test"});
        let look =
            async || done(lab.drive_at(site(), "drbd_freshness", params.clone()).await.0).1["replicas"][0].clone();
        let now = look().await;
        assert_eq!((&now["in_contact"], &now["disk"]), (&json!(true), &json!("UpToDate")));
        // As a person parts them, as the network does, as a death does; each once more after they have met again.
        for trouble in ["disconnect", "cut", "death"] {
            let before = lab.sandbox.now();
            match trouble {
                "disconnect" => drop(lab.run("worker01", "drbdadm disconnect etcd0").await),
                "cut" => lab.sandbox.cut_link("172.16.1.1", "172.16.2.1"),
                _ => assert!(lab.sandbox.power_off("primary", "worker01")),
            }
            tokio::time::sleep(Duration::from_secs(600)).await;
            let lost = look().await;
            assert_eq!((&lost["in_contact"], &lost["unknown"]), (&json!(false), &Value::Null), "{trouble}: {lost}");
            let at: jiff::Timestamp = lost["last_contact"].as_str().expect("a time").parse().expect("a time");
            let noticed = at.duration_since(before).as_secs_f64();
            assert!((-1.0..12.0).contains(&noticed), "{version}, {trouble}: noticed after {noticed} s");
            match trouble {
                "disconnect" => drop(lab.run("worker01", "drbdadm connect etcd0").await),
                "cut" => lab.sandbox.heal_link("172.16.1.1", "172.16.2.1"),
                _ => continue,
            }
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(look().await["in_contact"], json!(true), "{version}, {trouble}");
        }
    }
}

/// Replaces a file on a site's node.
async fn write(lab: &Lab, site: &str, path: &str, content: &str) {
    done(lab.drive_on(site, "file", json!({"path": path, "content": content})).await);
}

/// Runs a line on a site's node.
async fn at(lab: &Lab, site: &str, line: &str) -> String {
    let place = Place::node(site, "worker01");
    let transport = lab.sandbox.transport(&place).await.expect("the node is up");
    let output = collect(transport.as_ref(), &Command::new(line.split(' '))).await.expect("it ends");
    assert!(output.success(), "{site}$ {line}: {output:?}");
    output.stdout
}

const COMMON: &str = "/etc/drbd.d/global_common.conf";
const OWN: &str = "/etc/drbd.d/cke_etcd0.res";
const MAJORITY: &str = "common { options { quorum majority; on-no-quorum io-error; } }\n";

#[tokio::test(start_paused = true)]
async fn an_inherited_quorum_does_not_keep_the_standby_from_taking_over() {
    let lab = lab("9.2.14");
    for site in SITES {
        write(&lab, site, COMMON, MAJORITY).await;
    }
    come_up(&lab).await;
    sync(&lab, "primary", "connected").await;
    done(lab.drive("drbd_role", json!({"role": "primary", "initial": true})).await);
    sync(&lab, "primary", "up_to_date").await;
    lab.sandbox.power_off("primary", "worker01");
    tokio::time::sleep(Duration::from_secs(30)).await;
    let fenced = json!({"role": "primary", "fenced": "a test"});
    let (log, result) = done(lab.drive_on("standby", "drbd_role", fenced).await);
    assert_eq!((programs(&log), &result["quorum"]), (vec!["drbdadm primary etcd0"], &json!(true)));
}

#[tokio::test(start_paused = true)]
async fn a_quorum_that_is_asked_for_is_refused_and_given_up_by_force_alone() {
    let lab = in_sync("9.2.14").await;
    // Somebody has written the file, and leaves the quorum to the file for all resources.
    let text = at(&lab, "standby", &format!("cat {OWN}")).await;
    let theirs = text.split_once('\n').expect("lines").1.replace("        quorum off;\n", "");
    write(&lab, "standby", OWN, &theirs.replace("auto-promote no;", "auto-promote no; quorum majority;")).await;
    let words = blocked(lab.drive_on("standby", "drbd_resource", json!({})).await);
    assert!(words.contains("asks for `quorum majority`: of two nodes the one that is left has none"), "{words}");
    write(&lab, "standby", OWN, &theirs).await;
    write(&lab, "standby", COMMON, MAJORITY).await;
    at(&lab, "standby", "drbdadm adjust etcd0").await;
    lab.sandbox.power_off("primary", "worker01");
    tokio::time::sleep(Duration::from_secs(30)).await;
    let fenced = json!({"role": "primary", "fenced": "a test"});
    let words = blocked(lab.drive_on("standby", "drbd_role", fenced).await);
    assert!(words.contains("has no quorum on standby/worker01") && words.contains("say why in `accept_no_quorum`"));
    let forced = json!({"role": "primary", "fenced": "a test", "accept_no_quorum": "ticket 7"});
    let Diff::Change(planned) = lab.look_on("standby", "drbd_role", forced.clone()).await else { panic!("no change") };
    assert!(planned[0].summary.contains("by force, since it has no quorum: ticket 7"), "{}", planned[0].summary);
    let (log, _) = done(lab.drive_on("standby", "drbd_role", forced).await);
    assert_eq!(programs(&log), ["drbdadm primary --force etcd0"]);
}

#[tokio::test(start_paused = true)]
async fn a_text_that_drbdadm_does_not_accept_never_becomes_a_file_and_a_broken_one_is_mended() {
    for version in ["9.2.14", "8.4.11"] {
        let lab = in_sync(version).await;
        let before = at(&lab, "primary", &format!("cat {OWN}")).await;
        let words = blocked(lab.drive("drbd_resource", json!({"net": {"bogus-option": 3}})).await);
        assert!(words.contains("does not accept what /etc/drbd.d/cke_etcd0.res is to hold (line "), "{words}");
        assert!(words.contains("'bogus-option'"), "{words}");
        assert_eq!(at(&lab, "primary", &format!("cat {OWN}")).await, before);
        // As an earlier version has left it.
        write(&lab, "primary", OWN, &before.replace("protocol C;", "bogus-option 3; protocol C;")).await;
        let (log, _) = done(lab.drive("drbd_resource", json!({})).await);
        assert_eq!(programs(&log).last(), Some(&"drbdadm adjust etcd0"), "{log:?}");
        assert_eq!(at(&lab, "primary", &format!("cat {OWN}")).await, before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_primary_whose_disk_was_away_gets_it_back_while_it_serves() {
    let lab = in_sync("9.2.14").await;
    at(&lab, "primary", "drbdadm detach etcd0").await;
    let words = blocked(lab.drive("drbd_sync", json!({})).await);
    assert!(words.contains("etcd0 on primary/worker01 is Diskless"), "{words}");
    let (log, _) = done(lab.drive("drbd_resource", json!({})).await);
    assert_eq!(programs(&log), ["drbdadm adjust etcd0"]);
    for site in SITES {
        let Diff::Waiting(waiting) = lab.look_on(site, "drbd_sync", json!({})).await else { panic!("an alarm") };
        assert!(waiting.why.contains("being Primary it uses the data of standby/worker01 meanwhile"), "{waiting:?}");
    }
    let result = sync(&lab, "primary", "up_to_date").await;
    assert_eq!((&result["role"], &result["disk"]), (&json!("Primary"), &json!("UpToDate")));
}

#[tokio::test(start_paused = true)]
async fn replication_may_have_a_network_of_its_own() {
    let mut inventory = two_sites("/dev/sdc", 2, 1);
    for (site, address) in SITES.into_iter().zip(["10.99.1.1", "10.99.2.1"]) {
        Arc::make_mut(&mut inventory.pairs)[0].members[site].address = address.to_owned();
    }
    let inventory = Arc::new(inventory);
    let mut spec = WorldSpec { disk_bytes: 1 << 30, ..WorldSpec::default() };
    spec.workload.replicas = 1;
    let lab = Lab { sandbox: Sandbox::new(Arc::clone(&inventory), spec, 7).expect("a world"), inventory };
    come_up(&lab).await;
    sync(&lab, "primary", "connected").await;
    // It breaks by itself: the nodes are reached all the same.
    lab.sandbox.cut_link("10.99.1.1", "10.99.2.1");
    tokio::time::sleep(Duration::from_secs(30)).await;
    let Diff::Waiting(waiting) = lab.look_on("primary", "drbd_sync", json!({})).await else { panic!("they talk") };
    assert!(waiting.why.contains("Connecting, to 10.99.2.1 port 7790"), "{waiting:?}");
    lab.sandbox.heal_link("10.99.1.1", "10.99.2.1");
    sync(&lab, "standby", "connected").await;
}
