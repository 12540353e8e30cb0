//! The record of a real pair, replayed on the stand-in: what it prints is what the real tools printed, with the state stored
//! and loaded again around every command.

use std::collections::BTreeMap;
use std::time::Duration;

use cutover_engine::world::{Exit, Output};
use jiff::Timestamp;

use super::{DiskProbe, StandIn};
use crate::machine::drbd::tests::transcript::{Played, RECORD, replay};
use crate::machine::drbd::tests::{P, S, resource_file};

/// The disk of both machines.
const DISK: &str = "/dev/vdb";

/// What is real of one machine.
#[derive(Default)]
struct Host {
    /// The identifier in the metadata on the disk.
    metadata: Option<u64>,
    kind: String,
    mounted: bool,
}

/// Two machines, both called worker01.
struct Hosts {
    stored: String,
    now: Timestamp,
    hosts: BTreeMap<String, Host>,
    /// Copies made so far: from which side to which.
    copied: Vec<(String, String)>,
}

fn id(site: &str) -> (String, String) {
    (site.to_owned(), "worker01".to_owned())
}

impl Hosts {
    fn new() -> Self {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let stored = serde_json::to_string(&StandIn::new(now, 20_000_000)).unwrap();
        let hosts = [P, S].map(|site| (site.to_owned(), Host::default())).into();
        Self { stored, now, hosts, copied: Vec::new() }
    }

    /// Works on the state at a side, as a command does.
    fn visit<T>(&mut self, site: &str, work: impl FnOnce(&mut StandIn) -> T) -> T {
        let mut stand_in: StandIn = serde_json::from_str(&self.stored).unwrap();
        let address = if site == P { "172.16.1.1" } else { "172.16.2.1" };
        let files = [("cke_etcd0.res".to_owned(), resource_file(site, false))];
        assert_eq!(super::addresses("worker01", &files), [address]);
        stand_in.see_machine(&id(site), "worker01", address, &files);
        let Some(host) = self.hosts.get_mut(site) else { panic!("{site}") };
        let disks = stand_in.disks_of(&id(site));
        assert_eq!(disks, BTreeMap::from([(DISK.to_owned(), "/dev/drbd0".to_owned())]));
        let probe = DiskProbe { bytes: 128 << 20, kind: host.kind.clone(), metadata: host.metadata };
        stand_in.see_disk(&id(site), DISK, Some(probe));
        let mounts = host.mounted.then(|| ("/dev/drbd0".to_owned(), "/mnt".to_owned()));
        stand_in.see_mounts(&id(site), mounts.as_slice());
        let before = stand_in.versions();
        stand_in.settle(self.now);
        let done = work(&mut stand_in);
        host.metadata = stand_in.metadata(&id(site), DISK);
        let copies = stand_in.copies(&before);
        self.copied.extend(copies.into_iter().map(|copy| (copy.from.0.0, copy.to.0.0)));
        self.stored = serde_json::to_string(&stand_in).unwrap();
        done
    }
}

impl Played for Hosts {
    async fn run(&mut self, site: &str, line: &str) -> Option<Output> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (program, args) = words.split_first().unwrap();
        match program.as_str() {
            "drbdadm" | "drbdsetup" | "journalctl" => {
                let wait = self.visit(site, |stand_in| stand_in.patience(&id(site), program, args));
                self.now += wait.unwrap_or_default();
                let answer = self.visit(site, |stand_in| stand_in.run(&id(site), program, args, b"")).unwrap();
                let [stdout, stderr] = [answer.stdout, answer.stderr].map(|text| String::from_utf8(text).unwrap());
                return Some(Output { exit: Exit::Code(answer.code.into()), stdout, stderr });
            }
            "sleep" => self.now += Duration::from_secs(args[0].parse().unwrap()),
            "mkfs.ext4" | "cp" => self.visit(site, |stand_in| stand_in.wrote(&id(site), "etcd0", 2048)),
            "mount" => {
                let open = self.visit(site, |stand_in| {
                    stand_in.volumes().iter().any(|volume| volume.open && volume.machine == id(site))
                });
                self.hosts.get_mut(site).unwrap().mounted |= open;
            }
            "umount" => self.hosts.get_mut(site).unwrap().mounted = false,
            _ => {}
        }
        None
    }

    async fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    async fn power(&mut self, site: &str, on: bool, service: bool) {
        assert!(self.visit(site, |stand_in| stand_in.power(&id(site), on)));
        self.hosts.get_mut(site).unwrap().mounted = false;
        if on && service {
            self.run(site, "drbdadm adjust all").await;
        }
    }
}

#[tokio::test]
async fn the_stand_in_answers_as_a_real_pair_did() {
    let mut hosts = Hosts::new();
    let commands = RECORD.lines().filter(|line| line.starts_with("$ drbd")).count();
    assert_eq!((replay(&mut hosts, RECORD).await, commands), (70, 70));
    // The first resync, the one after `invalidate`, and in the end what the survivor has.
    let way = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    assert_eq!(hosts.copied, [way(P, S), way(P, S), way(S, P)]);
    // The journal was stored, too.
    let journal = hosts.run(S, "journalctl --no-pager -o short-unix _TRANSPORT=kernel").await.unwrap().stdout;
    for words in ["conn( Connecting -> Connected )", "conn( Connected -> NetworkFailure ) peer( Primary -> Unknown )"] {
        let line = format!(" worker01 kernel: drbd etcd0 remote_172.16.1.1: {words}");
        assert!(journal.contains(&line), "no `{line}` in {journal}");
    }
}
