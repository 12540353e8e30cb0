//! The DRBD stand-in as its hosts call it: output and exit codes without root; with root the whole life of a pair on loop
//! devices, with real file systems.

mod lab;

use std::fs;
use std::path::Path;
use std::process::Command;

use lab::{Lab, SITES, must};

const P: &str = SITES[0];
const S: &str = SITES[1];

/// The record of a real pair of DRBD 9.2.14.
const RECORD: &str = include_str!("../../../sandbox/tests-data/drbd-9.2.14.txt");

/// The commands under the first headings of the record: the heading, the command, what it printed, its exit code.
fn record(headings: usize) -> Vec<(usize, String, Vec<String>, i32)> {
    let mut entries: Vec<(usize, String, Vec<String>, i32)> = Vec::new();
    let mut heading = 0;
    for line in RECORD.lines().skip_while(|line| !line.starts_with("#####")) {
        if line.starts_with("#####") {
            heading += 1;
        } else if let Some(command) = line.strip_prefix("$ ") {
            entries.push((heading, command.to_owned(), Vec::new(), 0));
        } else if let Some(entry) = entries.last_mut() {
            match line.strip_prefix("[rc=") {
                Some(code) => entry.3 = code.trim_end_matches(']').parse().unwrap(),
                None => entry.2.push(line.to_owned()),
            }
        }
        if heading > headings {
            break;
        }
    }
    entries
}

#[test]
fn words_and_codes_are_those_of_the_record() {
    let lab = Lab::without_devices(128 << 20);
    let mut compared = 0;
    for (heading, line, expected, code) in record(2) {
        let site = SITES[heading - 1];
        if let Some(seconds) = line.strip_prefix("sleep ") {
            std::thread::sleep(std::time::Duration::from_secs(seconds.parse().unwrap()));
            continue;
        }
        let output = lab.run(site, &line);
        let mut printed = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        // The hosts have other paths, and the two streams went to one terminal in the record.
        for (index, site) in SITES.iter().enumerate() {
            printed = printed.replace(&lab.disks[index], "/dev/vdb").replace(&lab.device(site), "/dev/drbd0");
        }
        let sorted = |mut lines: Vec<String>| {
            lines.sort();
            lines
        };
        let printed = sorted(printed.lines().map(str::to_owned).collect());
        assert_eq!((printed, output.status.code()), (sorted(expected), Some(code)), "{site}$ {line}");
        compared += 1;
    }
    assert_eq!(compared, 25);
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let lab = Lab::without_devices(16 << 20);
    let file = lab.path(P).join("etc/cke_etcd0.res");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("allow-two-primaries no", "allow-two-primaries yes")).unwrap();
    lab.all_well(P, &["drbdadm create-md etcd0", "drbdadm up etcd0"]);
    let (code, words) = lab.refused(P, "drbdadm primary --force etcd0");
    assert_eq!(code, 20);
    assert_eq!(words, "cutover-drbd-stand-in: etcd0: allow-two-primaries is not possible here: take it out");
    assert_eq!(lab.all_well(P, &["drbdadm role etcd0"]), "Secondary\n", "nothing was stored of it");
    let mut nameless = lab.command(P, "drbdadm role etcd0");
    let output = nameless.env("CUTOVER_STAND_IN_MACHINE", "worker01").output().unwrap();
    assert_eq!(output.status.code(), Some(20));
    assert!(String::from_utf8_lossy(&output.stderr).contains("it must be SITE/NODE"));
}

#[test]
fn metadata_goes_with_the_disk() {
    let lab = Lab::without_devices(16 << 20);
    lab.all_well(P, &["drbdadm create-md etcd0", "drbdadm up etcd0", "drbdadm down etcd0"]);
    lab.all_well(P, &["drbdadm dstate etcd0"]);
    let file = fs::File::options().write(true).open(&lab.disks[0]).unwrap();
    file.set_len(0).and_then(|()| file.set_len(16 << 20)).unwrap();
    assert_eq!(lab.refused(P, "drbdadm dstate etcd0"), (1, "No valid meta data found".to_owned()));
    lab.all_well(P, &["drbdadm create-md etcd0"]);
}

#[test]
fn a_host_without_power_does_not_answer() {
    let lab = Lab::without_devices(16 << 20);
    lab.all_well(P, &["drbdadm create-md etcd0", "drbdadm up etcd0"]);
    lab.stand_in(&["power", "off", "primary/worker01"]);
    assert!(lab.refused(P, "drbdadm role etcd0").1.ends_with("`cutover-drbd-stand-in power on primary/worker01`"));
    lab.stand_in(&["power", "on", "primary/worker01"]);
    assert_eq!(lab.refused(P, "drbdadm role etcd0").1, "etcd0: Unknown resource");
}

#[test]
fn metadata_is_what_drbdmeta_writes() {
    let Some(lab) = Lab::new() else { return };
    let real = Path::new("/usr/sbin/drbdmeta");
    if !real.exists() {
        eprintln!("SKIPPED: drbd-utils is not installed, so there is no drbdmeta to compare with");
        return;
    }
    lab.all_well(P, &["drbdadm create-md etcd0"]);
    assert!(must("blkid", &["-p", &lab.disks[0]]).contains("VERSION=\"v09\" TYPE=\"drbd\""));
    let created =
        Command::new(real).args(["9", "v09", &lab.disks[1], "internal", "create-md", "1", "--force"]).output();
    assert!(created.as_ref().is_ok_and(|output| output.status.success()), "{created:?}");
    must("blockdev", &["--flushbufs", &lab.disks[1]]);
    let [own, theirs] = SITES.map(|site| fs::read(lab.path(site).join("disk")).unwrap());
    assert_eq!(own.len(), theirs.len());
    assert!(own == theirs, "the first difference is at byte {:?}", own.iter().zip(&theirs).position(|(a, b)| a != b));
}

#[test]
fn the_life_of_a_pair_with_real_data() {
    let Some(lab) = Lab::new() else { return };
    lab.synchronise();
    assert!(lab.has_device(P) && !lab.has_device(S));
    must("mkfs.ext4", &["-q", &lab.device(P)]);
    lab.mount(P);
    fs::write(lab.mount_point(P).join("data"), vec![7; 3 << 20]).unwrap();
    // It is in use, and the other end cannot have it.
    let busy = (11, "etcd0: State change failed: (-12) Device is held open by someone".to_owned());
    assert_eq!(lab.refused(P, "drbdadm secondary etcd0"), busy);
    assert_eq!(lab.refused(P, "drbdadm down etcd0"), busy);
    let two = "etcd0: State change failed: (-1) Multiple primaries not allowed by config".to_owned();
    assert_eq!(lab.refused(S, "drbdadm primary etcd0"), (11, two));
    lab.umount(P);
    lab.all_well(P, &["drbdadm secondary etcd0"]);
    assert!(!lab.has_device(P));
    // The other end goes on with the same files.
    lab.all_well(S, &["drbdadm primary etcd0"]);
    must("fsck.ext4", &["-fn", &lab.device(S)]);
    lab.mount(S);
    assert_eq!(fs::read(lab.mount_point(S).join("data")).unwrap(), vec![7; 3 << 20]);
    // It is killed: what it wrote is on the survivor, after the survivor has noticed.
    fs::write(lab.mount_point(S).join("last"), "words").unwrap();
    lab.stand_in(&["replicate", "--once"]);
    lab.stand_in(&["power", "off", "standby/worker01"]);
    lab.umount(S);
    lab.all_well(P, &["drbdadm primary etcd0"]);
    assert_eq!(lab.all_well(P, &["drbdadm cstate etcd0"]), "Connecting\n");
    lab.mount(P);
    assert_eq!(fs::read_to_string(lab.mount_point(P).join("last")).unwrap(), "words");
    fs::write(lab.mount_point(P).join("later"), "more").unwrap();
    // It comes back and follows; the device of its former life is gone.
    lab.stand_in(&["power", "on", "standby/worker01"]);
    lab.all_well(S, &["drbdadm up etcd0"]);
    assert!(!lab.has_device(S));
    lab.until(S, "drbdadm dstate etcd0", "UpToDate/UpToDate");
    lab.umount(P);
    lab.all_well(P, &["drbdadm down etcd0"]);
    lab.all_well(S, &["drbdadm primary etcd0"]);
    must("fsck.ext4", &["-fn", &lab.device(S)]);
    lab.mount(S);
    assert_eq!(fs::read_to_string(lab.mount_point(S).join("later")).unwrap(), "more");
}

#[test]
fn after_a_split_brain_the_victim_gets_the_survivors_data() {
    let Some(lab) = Lab::new() else { return };
    lab.synchronise();
    must("mkfs.ext4", &["-q", &lab.device(P)]);
    lab.all_well(P, &["drbdadm disconnect etcd0"]);
    // The side that was left is Outdated since then.
    for (site, promote, text) in
        [(P, "drbdadm primary etcd0", "survivor"), (S, "drbdadm primary --force etcd0", "victim")]
    {
        lab.all_well(site, &[promote]);
        lab.mount(site);
        fs::write(lab.mount_point(site).join("who"), text).unwrap();
        lab.umount(site);
        lab.all_well(site, &["drbdadm secondary etcd0"]);
    }
    lab.all_well(P, &["drbdadm connect etcd0"]);
    lab.until(S, "drbdadm cstate etcd0", "StandAlone");
    lab.all_well(S, &["drbdadm connect --discard-my-data etcd0"]);
    lab.all_well(P, &["drbdadm connect etcd0"]);
    lab.until(S, "drbdadm dstate etcd0", "UpToDate/UpToDate");
    lab.all_well(S, &["drbdadm primary etcd0"]);
    must("fsck.ext4", &["-fn", &lab.device(S)]);
    lab.mount(S);
    assert_eq!(fs::read_to_string(lab.mount_point(S).join("who")).unwrap(), "survivor");
}

#[test]
fn a_host_with_devices_of_its_own_needs_no_nodes_of_loop_devices() {
    let Some(lab) = Lab::new() else { return };
    lab.synchronise();
    lab.all_well(P, &["drbdadm secondary etcd0"]);
    // As on a host made of namespaces: /dev is empty but for the disk.
    let number = must("stat", &["-c", "0x%t 0x%T", &lab.disks[1]]);
    let script = format!(
        "mount -t tmpfs none /dev && mknod /dev/null c 1 3 && mknod {} b {} && {}/bin/drbdadm primary etcd0 && blkid -p {}; \
         test ! -e /dev/loop-control || ls /dev",
        lab.disks[1],
        number.trim(),
        lab.dir.path().display(),
        lab.device(S)
    );
    let environment = lab.command(S, "drbdadm role etcd0");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]);
    command.envs(environment.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("loop-control"), "{output:?}");
    assert_eq!(lab.all_well(S, &["drbdadm role etcd0"]), "Primary\n");
}

#[test]
fn the_journal_tells_how_connections_end_and_all_else_is_the_hosts_own() {
    let lab = Lab::without_devices(16 << 20);
    lab.synchronise();
    lab.all_well(P, &["drbdadm disconnect etcd0"]);
    for (site, word) in [(P, "Disconnecting"), (S, "TearDown")] {
        let journal = lab.all_well(site, &["journalctl --no-pager -o short-unix _TRANSPORT=kernel"]);
        let parted = format!(": conn( Connected -> {word} ) peer( ");
        assert!(journal.lines().any(|line| line.contains(&parted)), "{site}: no `{parted}` in {journal}");
    }
    let own = lab.run(P, "journalctl --version");
    let printed = [own.stdout, own.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    let there = Path::new("/usr/bin/journalctl").exists();
    assert!(
        printed.starts_with(if there { "systemd " } else { "cutover-drbd-stand-in: /usr/bin/journalctl: " }),
        "{printed}"
    );
}
