//! The whole of DRBD in the sandbox, through the commands that a machine answers.

mod config;
mod failover;
mod legacy;
mod life;
mod log;
mod metadata;
mod newer;
pub(crate) mod transcript;

use std::time::Duration;

use cutover_engine::world::{Command, Output, Place};

use crate::Sandbox;
use crate::kernel::WorldSpec;
use crate::machine::{BlockContent, Disk, Meta};
use crate::testing;

/// Two machines, both called worker01, with a blank 128 MiB disk `/dev/vdb` and the resource etcd0.
struct Pair {
    sandbox: Sandbox,
}

/// The two sides, by site.
pub(crate) const P: &str = "primary";
pub(crate) const S: &str = "standby";

/// The resource file of a side, as the runbook has it.
pub(crate) fn resource_file(site: &str, legacy: bool) -> String {
    let [own, peer] = if site == P { [1, 2] } else { [2, 1] };
    let host = |name: &str, net: u8| {
        let last = if legacy { "meta-disk internal".to_owned() } else { format!("node-id {net}") };
        format!(
            "    on {name} {{\n        device /dev/drbd0;\n        disk /dev/vdb;\n        address 172.16.{net}.1:7790;\n        {last};\n    }}\n"
        )
    };
    let options = if legacy { "" } else { "    options {\n        auto-promote no;\n    }\n" };
    let net = "    net {\n        protocol C;\n        allow-two-primaries no;\n    }\n";
    format!(
        "resource etcd0 {{\n{net}{options}{}{}}}\n",
        host("worker01", own),
        host(&format!("remote_172.16.{peer}.1"), peer)
    )
}

impl Pair {
    fn new(version: &str) -> Self {
        // Slow enough for a resync of 128 MiB to be seen at work.
        let spec =
            WorldSpec { drbd_version: version.to_owned(), link_bytes_per_second: 20_000_000, ..WorldSpec::default() };
        let pair = Self { sandbox: Sandbox::new(testing::inventory(), spec, 1).unwrap() };
        for site in [P, S] {
            pair.sandbox.clusters.hosts.with_machine(&Place::node(site, "worker01"), |machine| {
                let disk =
                    Disk { bytes: 128 << 20, serial: "vdb".into(), content: BlockContent::Blank, metadata: None };
                machine.disks.insert("/dev/vdb".to_owned(), disk);
                for (path, text) in [("/etc/services", "ssh 22/tcp\n"), ("/etc/hosts", "127.0.0.1 localhost\n")] {
                    machine.write_file(path, text, Meta::root(7)).unwrap();
                }
            });
            pair.configure(site, &resource_file(site, version.starts_with("8.")));
        }
        pair
    }

    /// A pair that is up, synchronised, with P Primary.
    async fn synchronised(version: &str) -> Self {
        let pair = Self::new(version);
        for site in [P, S] {
            pair.all_well(site, &["drbdadm create-md etcd0", "drbdadm up etcd0"]).await;
        }
        pair.wait(2).await;
        pair.all_well(P, &["drbdadm primary --force etcd0"]).await;
        pair.wait(10).await;
        assert_eq!(pair.ask(P, "drbdadm dstate etcd0").await, "UpToDate/UpToDate\n");
        pair
    }

    /// As [`Self::synchronised`], with an ext4 mounted on P at `/mnt`.
    async fn mounted(version: &str) -> Self {
        let pair = Self::synchronised(version).await;
        pair.all_well(P, &["mkfs.ext4 -q /dev/drbd0", "mount /dev/drbd0 /mnt"]).await;
        pair
    }

    fn configure(&self, site: &str, text: &str) {
        self.sandbox.clusters.hosts.with_machine(&Place::node(site, "worker01"), |machine| {
            machine.write_file("/etc/drbd.d/cke_etcd0.res", text, Meta::root(7)).unwrap();
        });
    }

    async fn run(&self, site: &str, line: &str) -> Output {
        testing::run_at(&self.sandbox, &Place::node(site, "worker01"), &Command::new(line.split(' '))).await
    }

    /// Runs commands that must succeed.
    async fn all_well(&self, site: &str, lines: &[&str]) {
        for line in lines {
            let output = self.run(site, line).await;
            assert!(output.success(), "{site}$ {line}: {output:?}");
        }
    }

    /// What a command that must succeed prints.
    async fn ask(&self, site: &str, line: &str) -> String {
        let output = self.run(site, line).await;
        assert!(output.success(), "{site}$ {line}: {output:?}");
        output.stdout
    }

    /// What a command that must fail prints, and its code.
    async fn refused(&self, site: &str, line: &str) -> String {
        let Output { exit, stdout, stderr } = self.run(site, line).await;
        assert_ne!(exit.to_string(), "exit code 0", "{site}$ {line}: {stdout}");
        format!("{stdout}{stderr}[{exit}]")
    }

    /// Each side's connection, role and disks, as drbdadm says.
    async fn states(&self) -> [String; 2] {
        let mut states = [P, S].map(str::to_owned);
        for (state, site) in states.iter_mut().zip([P, S]) {
            let mut words = Vec::new();
            for verb in ["cstate", "role", "dstate"] {
                words.push(self.ask(site, &format!("drbdadm {verb} etcd0")).await.trim_end().to_owned());
            }
            *state = words.join(" ");
        }
        states
    }

    async fn wait(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        self.sandbox.clusters.settle();
    }
}
